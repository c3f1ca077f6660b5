//! The relay's own channel: what happens to the connection, and to the events on their way.

use std::fmt;

use serde::Serialize;

use super::origin::Origin;
use crate::channel::{Channel, Protected};
use crate::hub::Hub;

/// The protected channel on which a [`Relay`](super::Relay) tells what happens to its connection, and to
/// the events on their way.
///
/// A relay waits for room in the hub's queue and in the receivers of this channel, as other publishers do.
/// Meanwhile it carries nothing, so read a receiver of this channel, or let it drop events. A relay does not
/// export this channel.
///
/// It retains its last 16 events for late listeners.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::relay::{RelayEvent, RelayStatus};
///
/// let hub = Hub::new();
/// let log = hub.listen::<RelayStatus>(|event| match event {
///     RelayEvent::Connected | RelayEvent::Disconnected | RelayEvent::CaughtUp { .. } => {
///         println!("{event}");
///     }
///     lost_or_wrong => eprintln!("{lost_or_wrong}"),
/// });
/// # drop(log);
/// ```
#[derive(Debug)]
pub enum RelayStatus {}

impl Channel for RelayStatus {
    type Event = RelayEvent;
    const NAME: &'static str = "relay";
    const RETAIN: usize = 16;
    const SOURCE: Option<&'static str> = Some("Relay");
}

impl Protected for RelayStatus {
    type Key = RelayKey;
}

/// The proof that an event on [`RelayStatus`] or on a [`Remote`](super::Remote) channel comes from a
/// relay. Only this module can make it.
#[derive(Debug)]
pub struct RelayKey(());

/// The only place where a key is made.
pub(super) const KEY: RelayKey = RelayKey(());

/// What happens to a relay's connection, and to the events on their way.
///
/// Its [`Display`](fmt::Display) is one line for a log. It serialises as `{"event":"…","data":{…}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", content = "data", rename_all = "camelCase")]
pub enum RelayEvent {
    /// The broker is there: events leave and arrive.
    Connected,
    /// The broker is away. Events to export wait, in a receiver with a capacity.
    Disconnected,
    /// An import has delivered what the broker had stored for this process when it began.
    CaughtUp {
        /// The name of the channel.
        channel: &'static str,
    },
    /// Events of another process were lost on their way here.
    Lagged {
        /// The name of their channel.
        channel: &'static str,
        /// The process that published them.
        origin: Origin,
        /// How many they are. If that process imports the channel too and its export overflows, imported events
        /// are counted among them.
        missed: u64,
    },
    /// A message could not be read, and was left out.
    Unreadable {
        /// The name of the channel.
        channel: &'static str,
        /// Who sent it, if it says so.
        origin: Option<Origin>,
        /// Why.
        reason: Unreadable,
    },
    /// Events of this process were dropped, and not sent.
    Dropped {
        /// The name of their channel.
        channel: &'static str,
        /// How many they are.
        missed: u64,
        /// Why.
        reason: DropReason,
    },
    /// Another process exports this channel with the same origin, so that neither gets the events of the
    /// other. Give each process an origin of its own.
    OriginInUse {
        /// The name of the channel.
        channel: &'static str,
    },
    /// The relay carries a channel no longer: the subscription has ended, or the task has panicked. To carry it
    /// again, close the relay and connect another.
    Stopped {
        /// The name of the channel.
        channel: &'static str,
    },
    /// The client of the broker has dropped messages that this process did not take in time. What was
    /// lost is told as [`Lagged`](Self::Lagged).
    SlowConsumer,
    /// The broker, or its client, reports an error.
    Fault {
        /// Its words, cleaned.
        message: String,
    },
}

impl fmt::Display for RelayEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Disconnected => f.write_str("disconnected: events to export wait"),
            Self::CaughtUp { channel } => write!(f, "caught up with `{channel}`"),
            Self::Lagged {
                channel,
                origin,
                missed,
            } => write!(f, "{missed} events of {origin} on `{channel}` were lost"),
            Self::Unreadable {
                channel,
                origin: Some(origin),
                reason,
            } => write!(f, "a message of {origin} on `{channel}`: {reason}"),
            Self::Unreadable {
                channel,
                origin: None,
                reason,
            } => write!(f, "a message on `{channel}`: {reason}"),
            Self::Dropped {
                channel,
                missed,
                reason,
            } => write!(f, "{missed} events on `{channel}` were not sent: {reason}"),
            Self::OriginInUse { channel } => write!(
                f,
                "another process exports `{channel}` with the origin of this one: give each its own"
            ),
            Self::Stopped { channel } => write!(f, "`{channel}` is carried no longer"),
            Self::SlowConsumer => f.write_str("messages were not taken in time, and dropped"),
            Self::Fault { message } => write!(f, "the broker reports: {message}"),
        }
    }
}

/// Why a message could not be read. It has no word of the message's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Unreadable {
    /// It is not a CloudEvent of version 1.0: an attribute is missing or wrong.
    #[error("it is not a CloudEvent of version 1.0")]
    NotACloudEvent,
    /// Its `type` is not the name of the channel.
    #[error("its type is not the name of the channel")]
    OtherType,
    /// Its data are said not to be JSON.
    #[error("its data are not JSON")]
    NotJson,
    /// Its data are larger than the relay's option `max_bytes`.
    #[error("its data are {bytes} bytes, more than `max_bytes`")]
    TooLarge {
        /// The size of its data, in bytes.
        bytes: usize,
    },
    /// Its data are not the JSON of the channel's event: not JSON, nested deeper than 128 levels, or of
    /// another schema.
    #[error("its data do not fit the event, at line {line}, column {column}")]
    OtherSchema {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The event's `Deserialize` panicked.
    #[error("the `Deserialize` of the event panicked")]
    Panicked,
}

/// Why events of this process were not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum DropReason {
    /// They waited for the broker, and their receiver overflowed. If the channel is imported too, imported
    /// events are counted among them.
    #[error("too many waited for the broker")]
    Overflow,
    /// The message was larger than the broker takes.
    #[error("the message is larger than the broker takes")]
    TooLarge,
    /// The event's `Serialize` failed.
    #[error("the event could not be serialised")]
    NotSerialised,
    /// The event's `Serialize` panicked.
    #[error("the `Serialize` of the event panicked")]
    Panicked,
    /// The broker refused the message.
    #[error("the broker refused it: {message}")]
    Refused {
        /// Its words, cleaned.
        message: String,
    },
}

/// Publishes on the relay's channel.
pub(super) async fn tell(hub: &Hub, event: RelayEvent) {
    hub.publish_async_protected::<RelayStatus>(&KEY, event)
        .await;
}
