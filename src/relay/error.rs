//! The errors of a relay, one for each operation.

use super::broker::BrokerError;
use super::name::NameError;

/// [`Relay::connect`](super::Relay::connect) failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The prefix cannot be a part of a subject.
    #[error("the prefix: {0}")]
    Prefix(NameError),
    /// The origin cannot be the name of a process.
    #[error("the origin: {0}")]
    Origin(NameError),
    /// The hub has a relay already: close that one, or use another hub.
    #[error("the hub has a relay already: close that one, or use another hub")]
    HubTaken,
    /// The broker does not serve the relay.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// [`Relay::export`](super::Relay::export) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The channel's name cannot be a part of a subject.
    #[error("the channel's name: {0}")]
    Name(#[from] NameError),
    /// The channel is [`RelayStatus`](super::RelayStatus), which tells of this process alone.
    #[error("the relay's own channel tells of this process alone")]
    Status,
    /// The relay exports this channel already.
    #[error("the relay exports this channel already")]
    Twice,
    /// The relay carries another channel of the same name: give one of them another name.
    #[error("the relay carries another channel of the same name: give one of them another `NAME`")]
    NameTaken,
}

/// [`Relay::import`](super::Relay::import) failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The channel's name cannot be a part of a subject.
    #[error("the channel's name: {0}")]
    Name(#[from] NameError),
    /// The relay imports this channel already.
    #[error("the relay imports this channel already")]
    Twice,
    /// The relay carries another channel of the same name: give one of them another name.
    #[error("the relay carries another channel of the same name: give one of them another `NAME`")]
    NameTaken,
    /// The broker does not permit the subscription.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// [`Relay::close`](super::Relay::close) did not send every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{unsent} events were not sent before the timeout, or may not have arrived: the broker is away or slow, or a task of the relay has panicked"
)]
pub struct CloseError {
    /// How many events are known not to have been sent, with those that were dropped because too many waited
    /// and were not told. It may be 0 when the broker has not confirmed those that were sent.
    pub unsent: u64,
}
