//! The position of each subscription of each process: the last message for each key of a stream of their own.

use std::fmt;
use std::str::FromStr;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Info, LastRawMessageErrorKind, Stream};
use bytes::Bytes;

use super::{check_settings, describe, make_stream, other_settings, plain};
use crate::relay::broker::BrokerError;

/// How far a subscription has come in the stream of messages. A stream that is deleted and made anew
/// numbers its messages from 1 again, and the time at which it was made tells it from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// When the stream was made, in nanoseconds since 1970.
    pub(super) stream: i128,
    /// The sequence of the last message before it.
    pub(super) sequence: u64,
}

impl Position {
    /// Behind the last message.
    pub(super) fn end(info: &Info) -> Self {
        Self {
            stream: info.created.unix_timestamp_nanos(),
            sequence: info.state.last_sequence,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sequence, self.stream)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (sequence, stream) = text.split_once(' ').ok_or(())?;
        Ok(Self {
            stream: stream.parse().map_err(|_| ())?,
            sequence: sequence.parse().map_err(|_| ())?,
        })
    }
}

#[derive(Clone)]
pub(super) struct Positions {
    context: Context,
    config: Config,
    stream: Stream,
}

impl Positions {
    /// Makes the stream beside that of the messages, unless it exists.
    pub(super) async fn open(context: &Context, messages: &Config) -> Result<Self, BrokerError> {
        let name = format!("{}_positions", plain(&messages.name));
        let config = Config {
            subjects: vec![format!("{name}.>")],
            name,
            description: Some(
                "the positions of the processes in the stream of messages".to_owned(),
            ),
            max_messages_per_subject: 1,
            storage: messages.storage,
            num_replicas: messages.num_replicas,
            ..Config::default()
        };
        let stream = make_stream(context, &config).await?;
        let found = &stream.cached_info().config;
        check_settings(found, &config.subjects[0])?;
        if !found.max_age.is_zero() {
            let setting = "its messages should have no age at which they are removed";
            return Err(other_settings(found, setting));
        }
        Ok(Self {
            context: context.clone(),
            config,
            stream,
        })
    }

    /// Makes the stream again, if it is gone.
    pub(super) async fn make(&self) -> Result<(), String> {
        let made = make_stream(&self.context, &self.config).await;
        made.map(drop).map_err(|error| error.to_string())
    }

    /// The position of the subscription that this key names; `None` when it has none.
    pub(super) async fn load(&self, key: &str) -> Result<Option<Position>, String> {
        let last = self
            .stream
            .get_last_raw_message_by_subject(&self.subject(key))
            .await;
        match last {
            // To begin anywhere else would leave messages out, and say nothing.
            Ok(message) => str::from_utf8(&message.payload)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or_else(|| format!("{} is not a position", self.subject(key))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(describe(&error)),
        }
    }

    pub(super) async fn store(&self, key: &str, position: Position) -> Result<(), String> {
        let payload = Bytes::from(position.to_string());
        let stored = self.context.publish(self.subject(key), payload).await;
        stored
            .map_err(|error| describe(&error))?
            .await
            .map_err(|error| describe(&error))?;
        Ok(())
    }

    fn subject(&self, key: &str) -> String {
        format!("{}.{key}", self.config.name)
    }
}

/// The key of the position of a process's subscription. Characters that a part of a subject cannot have are
/// written as `=` and their code.
pub(super) fn key(origin: &str, subject: &str, name: &str) -> String {
    let part = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let each = |c| {
            if plain(c) {
                String::from(c)
            } else {
                format!("={:02x}", u32::from(c))
            }
        };
        text.chars().map(each).collect::<String>()
    };
    format!("{}.{}.{}", part(origin), part(subject), part(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_subscription_has_a_key_of_its_own() {
        let of = key("checkout-7", "shop.cart", "remote.cart");
        assert_eq!(of, "checkout-7.shop=2ecart.remote=2ecart");
        let keys = [
            key("a", "shop.b", "c"),
            key("a", "shop", "b.c"),
            key("a.shop", "b", "c"),
            key("a=2eshop", "b", "c"),
        ];
        assert_eq!(BTreeSet::from(keys).len(), 4);
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let position = Position {
            stream: 1_764_267_962_123_456_789,
            sequence: u64::MAX,
        };
        assert_eq!(position.to_string().parse(), Ok(position));
        for none in ["", "7", "7 ", " 7", "x 7", "7 x"] {
            assert_eq!(none.parse::<Position>(), Err(()), "{none:?}");
        }
    }
}
