//! The seam: what a relay needs of a broker.

use std::future::Future;

use super::cloud_event::CloudEvent;
use super::status::Unreadable;
use crate::text::sanitize;

/// A connection to a message broker. A [`Relay`](super::Relay) publishes and subscribes through it.
///
/// [`conformance::check`](super::conformance::check) checks an implementation. An error's words must hold
/// no secret: the relay publishes them.
pub trait Broker: Send + Sync + 'static {
    /// The messages of a subscription.
    type Deliveries: Deliveries;

    /// What the broker promises of a message that it has accepted.
    fn guarantee(&self) -> Guarantee;

    /// Prepares for the subjects that begin with the prefix, on behalf of the process that this origin
    /// names. The relay calls it once, before all else but [`next_event`](Self::next_event).
    ///
    /// # Errors
    ///
    /// [`BrokerError`] when the broker is not there, if the connection is not made to wait for it, or when
    /// it cannot serve these subjects.
    fn open(
        &self,
        prefix: &str,
        origin: &str,
    ) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Sends a message, and returns when the broker has stored it, or, if it promises delivery at most
    /// once, when it has been handed to the connection.
    ///
    /// It waits while the broker is away, or has no room. Messages of consecutive calls arrive in that
    /// order. The relay drops the future when it ends.
    ///
    /// # Errors
    ///
    /// [`PublishError`] when this message can never be sent.
    fn publish(
        &self,
        subject: &str,
        event: CloudEvent,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;

    /// Subscribes to a subject: to the messages that the broker accepts after this has returned. A broker
    /// that promises delivery at least once resumes at the position of the subscription of this name; each
    /// process, known by its origin, has names of its own.
    ///
    /// # Errors
    ///
    /// [`BrokerError`] when the broker does not permit it.
    fn subscribe(
        &self,
        subject: &str,
        name: &str,
    ) -> impl Future<Output = Result<Self::Deliveries, BrokerError>> + Send;

    /// Returns when the broker has the messages for which [`publish`](Self::publish) has returned. If it promises
    /// delivery at most once, those before the last one on each subject may be lost.
    ///
    /// # Errors
    ///
    /// [`BrokerError`] when the broker does not answer, or may not have them.
    fn flush(&self) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Waits for the next thing that happens to the connection. The first is
    /// [`Connected`](BrokerEvent::Connected), at once if the broker is there. Dropping the future loses no
    /// event.
    fn next_event(&self) -> impl Future<Output = BrokerEvent> + Send;
}

/// The messages of a subscription, in the order of the broker.
pub trait Deliveries: Send + 'static {
    /// Waits for the next message; `None` when none will come. Dropping the future loses no message.
    ///
    /// A broker that promises delivery at least once may send up to 1,024 messages of an origin again: the
    /// relay knows them by their numbers.
    fn next(&mut self) -> impl Future<Output = Option<Delivery>> + Send;

    /// Marks the position behind the messages that [`next`](Self::next) has returned. A broker that promises
    /// delivery at most once has nothing to do.
    fn mark(&mut self);

    /// Stores the marked position: the messages before it have reached the listeners, and are not sent to this
    /// subscription again. Returns whether it is stored; if it is not, the relay calls this again, and the
    /// error is an event of [`Broker::next_event`]. Dropping the future leaves the position that was stored
    /// before, or this one.
    fn store(&mut self) -> impl Future<Output = bool> + Send;

    /// Ends the subscription.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What a subscription gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message.
    Event(CloudEvent),
    /// A message that is not a CloudEvent.
    Unreadable {
        /// Who sent it, if it says so.
        source: Option<String>,
        /// Why it cannot be read.
        reason: Unreadable,
    },
    /// What the broker had stored when the subscription began has been delivered. Only a broker that
    /// promises delivery at least once says so, once.
    CaughtUp,
}

/// What a broker promises of a message that it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// It reaches each subscriber once or not at all. The relay then tells importers by heartbeats how far
    /// it has come, so that a loss at the end is seen too.
    AtMostOnce,
    /// It reaches each subscriber, even one that was away, perhaps more than once.
    AtLeastOnce,
}

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The broker is there.
    Connected,
    /// The broker is away.
    Disconnected,
    /// Messages were dropped because this process did not take them in time.
    SlowConsumer,
    /// The broker, or its client, reports an error, in these words.
    Fault(String),
}

/// A broker does not serve a relay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The broker is not there.
    #[error("the broker is not there: {message}")]
    Unreachable {
        /// What the attempt to reach it ended with.
        message: String,
    },
    /// The broker does not permit it.
    #[error("the broker refuses: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
    /// What is stored under the prefix has settings that break the relay's promises: change them, or choose
    /// another prefix or stream.
    #[error("the stream {stream} exists with other settings: {setting}")]
    OtherSettings {
        /// The name of the stream.
        stream: String,
        /// The setting, and what it should be.
        setting: &'static str,
    },
}

impl BrokerError {
    /// The same error, with the words of the broker cleaned.
    pub(super) fn cleaned(self) -> Self {
        match self {
            Self::Unreachable { message } => Self::Unreachable {
                message: sanitize(&message),
            },
            Self::Refused { message } => Self::Refused {
                message: sanitize(&message),
            },
            Self::OtherSettings { stream, setting } => Self::OtherSettings {
                stream: sanitize(&stream),
                setting,
            },
        }
    }
}

/// A message can never be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It is larger than the broker takes.
    #[error("the message is larger than the broker takes")]
    TooLarge,
    /// The broker refuses it.
    #[error("the broker refuses the message: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
}
