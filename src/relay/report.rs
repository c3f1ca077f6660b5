//! What a relay has carried.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What a relay has carried, and what was lost, from [`Relay::report`](super::Relay::report): for a
/// dashboard or a log.
///
/// Its [`Display`](fmt::Display) is a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RelayReport {
    /// Whether the broker is there.
    pub is_connected: bool,
    /// The channels that are carried, in the order of their names.
    pub channels: Vec<RelayChannelReport>,
}

/// What a relay has carried of one channel, in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RelayChannelReport {
    /// The name of the channel.
    pub channel: &'static str,
    /// Events of this process that the broker's connection has been given or, if the broker stores
    /// them, that are stored.
    pub sent: u64,
    /// Events of this process that were dropped, and not sent.
    pub dropped: u64,
    /// Events of other processes that were published on this hub.
    pub received: u64,
    /// Events of other processes that were lost on their way.
    pub missed: u64,
    /// Messages that could not be read.
    pub unreadable: u64,
}

impl fmt::Display for RelayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_connected { "there" } else { "away" };
        writeln!(f, "the broker is {state}")?;
        let heads = [
            "channel",
            "sent",
            "dropped",
            "received",
            "missed",
            "unreadable",
        ];
        let [channel, numbers @ ..] = heads;
        let names = self.channels.iter().map(|row| row.channel.len());
        let width = names.chain([channel.len()]).max().unwrap_or_default();
        write!(f, "{channel:width$}")?;
        for head in numbers {
            write!(f, "  {head:>10}")?;
        }
        for row in &self.channels {
            let name = row.channel;
            write!(f, "\n{name:width$}")?;
            for number in [
                row.sent,
                row.dropped,
                row.received,
                row.missed,
                row.unreadable,
            ] {
                write!(f, "  {number:>10}")?;
            }
        }
        Ok(())
    }
}

/// The counters of one channel.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    dropped: AtomicU64,
    received: AtomicU64,
    missed: AtomicU64,
    unreadable: AtomicU64,
}

impl Counters {
    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, events: u64) {
        self.dropped.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn missed(&self, events: u64) {
        self.missed.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self, channel: &'static str) -> RelayChannelReport {
        RelayChannelReport {
            channel,
            sent: self.sent.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            unreadable: self.unreadable.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_table() {
        let counters = Counters::default();
        counters.sent();
        counters.dropped(12);
        let report = RelayReport {
            is_connected: true,
            channels: vec![counters.report("cart")],
        };
        let table = "the broker is there\n\
            channel        sent     dropped    received      missed  unreadable\n\
            cart              1          12           0           0           0";
        assert_eq!(report.to_string(), table);
    }
}
