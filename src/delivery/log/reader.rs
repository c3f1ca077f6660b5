//! A receiver as the log of its channel sees it.

use std::ops::Range;
use std::task::Waker;

use crossbeam_channel::Sender;

use crate::delivery::listener::Label;

/// What happens where a receiver does not keep up, and so many events wait for it as it lets wait.
///
/// ```
/// use typed_hub::{Overflow, ReceiverOptions};
///
/// let latest_only = ReceiverOptions::builder()
///     .capacity(1)
///     .overflow(Overflow::DropOldest)
///     .build();
/// # drop(latest_only);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// `publish` waits for the receiver, and `try_publish` hands the event back: nothing is lost.
    /// From inside a callback, or a predicate of [`wait_for`](crate::Hub::wait_for), a publish does
    /// not wait, and more events wait for the receiver than its capacity says.
    #[default]
    Block,
    /// The oldest event that waits is lost to this receiver.
    DropOldest,
    /// The event that is published is lost to this receiver.
    DropNewest,
}

pub(crate) struct Reader {
    pub(crate) label: Label,
    pub(crate) overflow: Overflow,
    /// Where somebody listens for it.
    pub(crate) bell: Option<Sender<()>>,
    /// Whether it wants to be told of the next event.
    pub(crate) asleep: bool,
    pub(crate) waker: Option<Waker>,
    /// How many events it has taken, and how many were lost to it before it took.
    pub(crate) received: u64,
    pub(crate) lost: u64,
    capacity: u64,
    /// The number of the first event it has not taken.
    cursor: u64,
}

impl Reader {
    /// A capacity of 0, which could let nothing wait, counts as 1.
    pub(crate) fn new(label: Label, capacity: usize, overflow: Overflow, cursor: u64) -> Self {
        Self {
            label,
            overflow,
            bell: None,
            asleep: false,
            waker: None,
            received: 0,
            lost: 0,
            capacity: capacity.max(1) as u64,
            cursor,
        }
    }

    /// Tells those who listen for its bell. One that has not been heard yet need not ring twice.
    pub(crate) fn ring(&self) {
        if let Some(bell) = &self.bell {
            let _ = bell.try_send(());
        }
    }

    /// Of the events up to `end`, those it has still to take.
    pub(crate) fn wants(&self, end: u64) -> Range<u64> {
        let bounded = (end - self.cursor).min(self.capacity);
        match self.overflow {
            Overflow::Block => self.cursor..end,
            Overflow::DropOldest => end - bounded..end,
            Overflow::DropNewest => self.cursor..self.cursor + bounded,
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    pub(crate) fn waiting(&self, end: u64) -> u64 {
        let wanted = self.wants(end);
        wanted.end - wanted.start
    }

    /// The end of the log at which it lets nothing more in, if it is one that blocks.
    pub(crate) fn full_at(&self) -> Option<u64> {
        match self.overflow {
            Overflow::Block => Some(self.cursor.saturating_add(self.capacity)),
            Overflow::DropOldest | Overflow::DropNewest => None,
        }
    }

    /// Takes everything up to `end`: which events, and how many besides were lost to it.
    pub(crate) fn advance(&mut self, end: u64) -> (Range<u64>, u64) {
        let wanted = self.wants(end);
        let taken = wanted.end - wanted.start;
        let lost = end - self.cursor - taken;
        self.cursor = end;
        self.received += taken;
        self.lost += lost;
        (wanted, lost)
    }
}
