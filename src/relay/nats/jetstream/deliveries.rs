//! A subscription to a stream, and the position of this process in it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream as JetStream;
use futures_core::Stream as _;
use tokio::time::timeout;

use super::positions::key;
use super::{Opened, Retry, Server, describe, headers, refused};
use crate::relay::broker::{BrokerError, Deliveries, Delivery};

/// A subscription of a [`JetStreamBroker`](super::JetStreamBroker).
pub struct JetStreamDeliveries {
    server: Arc<Server>,
    opened: Opened,
    subject: String,
    /// The key of its position.
    key: String,
    /// The messages from the stream, in its order; `None` when they have to be asked for anew.
    messages: Option<Ordered>,
    /// The sequence in the stream of the last message that was handed out.
    handed_out: u64,
    /// The sequence of the last message that has been delivered.
    delivered: u64,
    /// The sequence that is stored.
    stored: u64,
    /// Whether what was stored when it began has not all been delivered.
    is_behind: bool,
    /// Whether it has to be told that all has been delivered.
    has_caught_up: bool,
}

/// How long storing it may hold up the messages.
const STORE_LIMIT: Duration = Duration::from_secs(1);

impl JetStreamDeliveries {
    pub(super) async fn new(
        server: Arc<Server>,
        opened: Opened,
        subject: &str,
        name: &str,
    ) -> Result<Self, BrokerError> {
        let stream = server.context.get_stream(&opened.stream.name).await;
        let end = stream
            .map_err(|error| refused(&error))?
            .cached_info()
            .state
            .last_sequence;
        let key = key(&opened.origin, name);
        let loaded = opened.positions.load(&key).await;
        let position = loaded.map_err(|message| BrokerError::Refused { message })?;
        let mut deliveries = Self {
            server,
            opened,
            subject: subject.to_owned(),
            key,
            messages: None,
            handed_out: position.unwrap_or(end),
            delivered: position.unwrap_or(end),
            stored: position.unwrap_or(end),
            is_behind: true,
            has_caught_up: false,
        };
        if position.is_none() {
            // From now on, even if this process is killed before its first message.
            deliveries
                .put()
                .await
                .map_err(|message| BrokerError::Refused { message })?;
        }
        let asked = deliveries.ask().await;
        asked.map_err(|message| BrokerError::Refused { message })?;
        Ok(deliveries)
    }

    /// Asks for the messages after those that were handed out.
    async fn ask(&mut self) -> Result<(), String> {
        let stream: JetStream = self
            .server
            .context
            .get_stream(&self.opened.stream.name)
            .await
            .map_err(|error| describe(&error))?;
        if self.handed_out > stream.cached_info().state.last_sequence {
            // The stream has been made anew, and all of it is new.
            self.handed_out = 0;
        }
        let config = OrderedConfig {
            filter_subject: self.subject.clone(),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.handed_out + 1,
            },
            ..OrderedConfig::default()
        };
        let made = stream.create_consumer(config).await;
        let consumer = made.map_err(|error| describe(&error))?;
        if self.is_behind && consumer.cached_info().num_pending == 0 {
            self.caught_up();
        }
        let messages = consumer.messages().await;
        self.messages = Some(messages.map_err(|error| describe(&error))?);
        Ok(())
    }

    fn caught_up(&mut self) {
        self.is_behind = false;
        self.has_caught_up = true;
    }

    /// The next message, from a stream that is asked for anew when it fails.
    async fn next_message(&mut self) -> Message {
        let mut retry = Retry::new();
        loop {
            let Some(messages) = &mut self.messages else {
                self.server.connection.connected().await;
                if let Err(message) = self.ask().await {
                    if retry.is_first() && self.server.connection.is_connected() {
                        self.server.connection.report_fault(message);
                    }
                    retry.wait().await;
                }
                continue;
            };
            match poll_fn(|task| Pin::new(&mut *messages).poll_next(task)).await {
                Some(Ok(message)) => return message,
                Some(Err(_)) | None => self.messages = None,
            }
        }
    }

    fn hand_out(&mut self, message: Message) -> Delivery {
        if let Ok(info) = message.info() {
            self.handed_out = info.stream_sequence;
            if self.is_behind && info.pending == 0 {
                self.caught_up();
            }
        }
        let async_nats::Message {
            headers, payload, ..
        } = message.message;
        headers::read(headers.as_ref(), payload)
    }

    async fn put(&mut self) -> Result<(), String> {
        self.opened
            .positions
            .store(&self.key, self.delivered)
            .await?;
        self.stored = self.delivered;
        Ok(())
    }
}

impl Deliveries for JetStreamDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        if std::mem::take(&mut self.has_caught_up) {
            return Some(Delivery::CaughtUp);
        }
        let message = self.next_message().await;
        Some(self.hand_out(message))
    }

    fn mark(&mut self) {
        self.delivered = self.handed_out;
    }

    async fn store(&mut self) {
        if self.delivered != self.stored && self.server.connection.is_connected() {
            let _ = timeout(STORE_LIMIT, self.put()).await;
        }
    }

    async fn close(self) {}
}

impl fmt::Debug for JetStreamDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamDeliveries")
            .field("subject", &self.subject)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}
