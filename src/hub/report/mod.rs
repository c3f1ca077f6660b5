//! A report of a hub: as a value here, as text in [`table`], as a picture in [`dot`].

mod dot;
mod table;

use serde::Serialize;

use crate::channel::Channel;
use crate::delivery::listener::Listener;
use crate::delivery::queued::queue::Depth;
use crate::delivery::receiver::log::Reader;

/// A hub's channels, listeners and counts, from [`Hub::inspect`](crate::Hub::inspect). `Display`
/// writes a table.
///
/// The figures are read one after the other while the hub runs: they need not belong to one moment.
///
/// ```
/// use typed_hub::{Auth, Hub};
///
/// let hub = Hub::new();
/// let guard = hub.listen::<Auth>(|event| println!("{}", event.kind()));
/// for channel in &hub.inspect().channels {
///     for listener in &channel.listeners {
///         println!("{} {}: {}", channel.name, listener.name, listener.delivered);
///     }
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HubReport {
    /// The queue between publishers and queued listeners.
    pub queue: QueueReport,
    /// Every channel used so far, sorted by name.
    pub channels: Vec<ChannelReport>,
}

/// How full a hub's queue is, in events.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct QueueReport {
    /// How many accepted events the dispatcher has not taken yet, or a bounded call of a worker has
    /// left.
    pub depth: usize,
    /// The largest depth so far.
    pub peak: usize,
    /// How many events may wait, beyond those that a bounded call has left, before `publish` blocks.
    pub capacity: usize,
}

/// One channel of a hub.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ChannelReport {
    /// Its [`NAME`](crate::Channel::NAME).
    pub name: &'static str,
    /// The path of its type, which tells two channels of one name apart.
    pub type_name: &'static str,
    /// How many events have been accepted on it.
    pub published: u64,
    /// How many past events it retains at the moment.
    pub retained: usize,
    /// The lines that have published on it, as file and line, in the order of their first event; at
    /// most eight are remembered. Of the auth category it is `Auth`.
    pub publishers: Vec<String>,
    /// Its listeners: the inline ones, then the queued ones, then the receivers, each in the order
    /// of registration.
    pub listeners: Vec<ListenerReport>,
}

/// One listener of a channel.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListenerReport {
    /// The name it was given or, without one, the file and line that registered it.
    pub name: String,
    /// The file and line that registered it.
    pub registered: String,
    /// How it gets its events.
    pub kind: DeliveryKind,
    /// How many events it was called with. For an inline listener, the number may be off by one for
    /// each thread that was publishing while it joined.
    pub delivered: u64,
    /// How many times its code has panicked.
    pub panicked: u64,
    /// How many events wait for it, beyond those it has taken already. 0 unless it is a receiver.
    pub waiting: u64,
    /// How many events were lost to it. 0 unless it is a receiver whose
    /// [`Overflow`](crate::Overflow) drops events.
    pub lost: u64,
}

/// How a listener gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
#[non_exhaustive]
pub enum DeliveryKind {
    /// On the publisher's thread, before `publish` returns.
    Inline,
    /// On the hub's dispatcher thread, in the order of acceptance.
    Queued,
    /// Pulled by a thread or task of user code.
    Receiver,
}

impl HubReport {
    pub(super) fn new(depth: &Depth, mut channels: Vec<ChannelReport>) -> Self {
        channels.sort_by_key(|channel| (channel.name, channel.type_name));
        Self {
            queue: QueueReport {
                depth: depth.waiting,
                peak: depth.peak,
                capacity: depth.capacity,
            },
            channels,
        }
    }
}

impl ListenerReport {
    pub(super) fn new(listener: &Listener, kind: DeliveryKind, delivered: u64) -> Self {
        Self {
            name: listener.name.to_string(),
            registered: listener.name.registered(),
            kind,
            delivered,
            panicked: listener.panicked(),
            waiting: 0,
            lost: 0,
        }
    }

    /// The report of a receiver whose log ends at `end`.
    pub(super) fn of_reader<C: Channel>(reader: &Reader<C>, end: u64) -> Self {
        Self {
            name: reader.name.to_string(),
            registered: reader.name.registered(),
            kind: DeliveryKind::Receiver,
            delivered: reader.received,
            panicked: 0,
            waiting: reader.waiting(end),
            lost: reader.lost(end),
        }
    }
}
