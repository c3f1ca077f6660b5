//! Where each subscription of each process is: the last message for each key of a stream of their own.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, LastRawMessageErrorKind, Stream};
use bytes::Bytes;

use super::{describe, plain, refused};
use crate::relay::broker::BrokerError;

#[derive(Clone)]
pub(super) struct Positions {
    context: Context,
    stream: Stream,
}

impl Positions {
    /// Makes the stream beside that of the messages, unless it exists.
    pub(super) async fn open(context: &Context, messages: &Config) -> Result<Self, BrokerError> {
        let name = format!("{}_positions", plain(&messages.name));
        let config = Config {
            subjects: vec![format!("{name}.>")],
            name,
            description: Some("where the processes are in the stream of messages".to_owned()),
            max_messages_per_subject: 1,
            storage: messages.storage,
            num_replicas: messages.num_replicas,
            ..Config::default()
        };
        let made = context.get_or_create_stream(config).await;
        Ok(Self {
            context: context.clone(),
            stream: made.map_err(|error| refused(&error))?,
        })
    }

    /// The position of the subscription that this key names; `None` when it has none.
    pub(super) async fn load(&self, key: &str) -> Result<Option<u64>, String> {
        let last = self
            .stream
            .get_last_raw_message_by_subject(&self.subject(key))
            .await;
        match last {
            Ok(message) => Ok(str::from_utf8(&message.payload)
                .ok()
                .and_then(|text| text.parse().ok())),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(describe(&error)),
        }
    }

    pub(super) async fn store(&self, key: &str, position: u64) -> Result<(), String> {
        let payload = Bytes::from(position.to_string());
        let stored = self.context.publish(self.subject(key), payload).await;
        stored
            .map_err(|error| describe(&error))?
            .await
            .map_err(|error| describe(&error))?;
        Ok(())
    }

    fn subject(&self, key: &str) -> String {
        format!("{}.{key}", self.stream.cached_info().config.name)
    }
}

/// The key of the position of a process's subscription. Characters that a part of a subject cannot have are written
/// as `=` and their code.
pub(super) fn key(origin: &str, name: &str) -> String {
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
    format!("{}.{}", part(origin), part(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subscription_has_a_key_of_its_own() {
        assert_eq!(key("checkout-7", "remote.cart"), "checkout-7.remote=2ecart");
        assert_ne!(key("a.b", "c"), key("a", "b.c"));
        assert_ne!(key("a=2eb", "c"), key("a.b", "c"));
    }
}
