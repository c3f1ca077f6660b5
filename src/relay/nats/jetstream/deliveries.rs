//! A subscription to a stream, and the position of this process in it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::RawMessage;
use futures_core::Stream as _;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::positions::{Position, key};
use super::{Opened, Retry, Server, describe, headers, refused};
use crate::relay::broker::{BrokerError, Deliveries, Delivery};
use crate::relay::nats::connection::Seen;
use crate::relay::status::Unreadable;

/// A subscription of a [`JetStreamBroker`](super::JetStreamBroker).
pub struct JetStreamDeliveries {
    server: Arc<Server>,
    opened: Opened,
    subject: String,
    /// The key of its position.
    key: String,
    /// The messages from the stream, in its order; `None` when they have to be asked for anew.
    messages: Option<Messages>,
    /// The name of the last consumer.
    consumer: Option<String>,
    /// How often they were asked for since a message was handed out.
    asked: u32,
    /// Behind the last message that was handed out.
    handed_out: Position,
    /// Behind the last message that has been delivered.
    delivered: Position,
    /// What is stored.
    stored: Position,
    /// The last message that was stored when it began, until all until there have been delivered.
    behind: Option<u64>,
    /// Whether it has to be told that all has been delivered.
    has_caught_up: bool,
    /// The errors that were told last, each until it is over.
    told: Told,
}

/// The messages of a consumer on the server, which keeps nothing of this process. What the connection
/// loses of them is asked for anew, by another consumer that begins behind the last one handed out.
///
/// The ordered consumer of `async-nats` does the same, but keeps its errors to itself: it would go on
/// behind the last message of a stream that has been deleted and made anew, and would ask again without
/// end for a message that the client cannot read.
struct Messages {
    pull: pull::Stream,
    /// The number of the last message, among those of the consumer.
    last: u64,
    /// What had happened to the connection before.
    seen: Seen,
}

#[derive(Default)]
struct Told {
    asking: Option<String>,
    storing: Option<String>,
}

/// How long storing it may hold up the messages.
const STORE_LIMIT: Duration = Duration::from_secs(1);

/// How often the server says that it has no message. Without it for twice as long, messages are asked for
/// anew.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// After how many attempts without a message the next one is fetched by itself.
const FRUITLESS: u32 = 2;

impl JetStreamDeliveries {
    pub(super) async fn new(
        server: Arc<Server>,
        opened: Opened,
        subject: &str,
        name: &str,
    ) -> Result<Self, BrokerError> {
        let stream = server.context.get_stream(&opened.stream.name).await;
        let stream = stream.map_err(|error| refused(&error))?;
        let end = Position::end(stream.cached_info());
        let key = key(&opened.origin, subject, name);
        let refused = |message| BrokerError::Refused { message };
        let position = opened.positions.load(&key).await.map_err(refused)?;
        let begin = position.unwrap_or(end);
        let first = stream.cached_info().state.first_sequence;
        if begin.stream == end.stream && first.saturating_sub(1) > begin.sequence {
            server.connection.report_fault(format!(
                "the stream {} has removed messages since this process had it: they may be of its channels",
                opened.stream.name
            ));
        }
        let mut deliveries = Self {
            server,
            opened,
            subject: subject.to_owned(),
            key,
            messages: None,
            consumer: None,
            asked: 0,
            handed_out: begin,
            delivered: begin,
            stored: begin,
            behind: Some(end.sequence),
            has_caught_up: false,
            told: Told::default(),
        };
        if position.is_none() {
            // From now on, even if this process is killed before its first message.
            deliveries.put().await.map_err(refused)?;
        }
        deliveries.ask().await.map_err(refused)?;
        Ok(deliveries)
    }

    /// Asks for the messages after those that were handed out.
    async fn ask(&mut self) -> Result<(), String> {
        let seen = self.server.connection.seen();
        let stream = self.server.stream(&self.opened).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let end = Position::end(stream.cached_info());
        if self.handed_out.stream != end.stream {
            self.server.connection.report_fault(format!(
                "the stream {} has been made anew: what it had is gone",
                self.opened.stream.name
            ));
            self.handed_out = Position { sequence: 0, ..end };
            self.delivered = self.handed_out;
            // The positions may be gone as well. What fails is told when it is stored next.
            let _ = self.put_anew().await;
        }
        // A server that has crashed may have lost the last messages.
        self.handed_out.sequence = self.handed_out.sequence.min(end.sequence);

        if let Some(consumer) = self.consumer.take() {
            // If it is still there. Otherwise the server removes it after its time.
            let _ = stream.delete_consumer(&consumer).await;
        }
        let config = pull::Config {
            filter_subject: self.subject.clone(),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.handed_out.sequence + 1,
            },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(30),
            ..pull::Config::default()
        };
        let made = stream.create_consumer(config).await;
        let consumer = made.map_err(|error| describe(&error))?;
        if consumer.cached_info().num_pending == 0 {
            self.caught_up();
        }
        self.consumer = Some(consumer.cached_info().name.clone());
        let pull = consumer.stream().heartbeat(HEARTBEAT).messages().await;
        self.messages = Some(Messages {
            pull: pull.map_err(|error| describe(&error))?,
            last: 0,
            seen,
        });
        self.asked += 1;
        Ok(())
    }

    /// Fetches the next message by itself, and hands it out even if it is none: its headers may be such that
    /// the client ends the connection on which they come, or takes them for words of the server.
    async fn fetch(&mut self) -> Result<Option<Delivery>, String> {
        #[derive(Deserialize)]
        struct Found {
            message: RawMessage,
        }

        let stream = &self.opened.stream.name;
        let next = json!({
            "seq": self.handed_out.sequence + 1,
            "next_by_subj": self.subject,
        });
        let request = format!("STREAM.MSG.GET.{stream}");
        let response = self.server.context.request(request, &next).await;
        let found: Found = match response.map_err(|error| describe(&error))? {
            Response::Ok(found) => found,
            // There is none.
            Response::Err { error } if error.code() == 404 => return Ok(None),
            Response::Err { error } => return Err(describe(&error)),
        };
        self.handed_out(found.message.sequence);
        Ok(Some(match StreamMessage::try_from(found.message) {
            Ok(message) => headers::read(Some(&message.headers), message.payload),
            Err(_) => Delivery::Unreadable {
                source: None,
                reason: Unreadable::NotACloudEvent,
            },
        }))
    }

    fn caught_up(&mut self) {
        self.has_caught_up |= self.behind.take().is_some();
    }

    /// The next message, from a stream that is asked for anew when it fails; `None` when the connection is
    /// closed for good.
    async fn next_message(&mut self) -> Option<Delivery> {
        let mut retry = Retry::new();
        loop {
            let Some(messages) = &mut self.messages else {
                self.server.connection.connected().await.ok()?;
                match Box::pin(self.ask_or_fetch()).await {
                    Ok(None) => self.told.asking = None,
                    Ok(Some(delivery)) => return Some(delivery),
                    Err(message) => {
                        self.server.tell_once(&mut self.told.asking, message);
                        retry.wait().await;
                    }
                }
                continue;
            };
            let pull = &mut messages.pull;
            let next = poll_fn(|task| Pin::new(&mut *pull).poll_next(task));
            let message = tokio::select! {
                biased;
                message = next => message,
                () = self.server.connection.changed(messages.seen) => None,
            };
            if let Some(Ok(message)) = message
                && let Some(delivery) = self.hand_out(message)
            {
                return Some(delivery);
            }
            self.messages = None;
        }
    }

    async fn ask_or_fetch(&mut self) -> Result<Option<Delivery>, String> {
        if self.asked >= FRUITLESS {
            self.asked = 0;
            if let Some(delivery) = self.fetch().await? {
                return Ok(Some(delivery));
            }
        }
        self.ask().await.map(|()| None)
    }

    /// `None` when messages before it are missing.
    fn hand_out(&mut self, message: Message) -> Option<Delivery> {
        let messages = self.messages.as_mut()?;
        let info = message.info().ok()?;
        if info.consumer_sequence != messages.last + 1 {
            return None;
        }
        messages.last = info.consumer_sequence;
        let (sequence, is_last) = (info.stream_sequence, info.pending == 0);
        self.handed_out(sequence);
        if is_last {
            self.caught_up();
        }
        let async_nats::Message {
            headers, payload, ..
        } = message.message;
        Some(headers::read(headers.as_ref(), payload))
    }

    fn handed_out(&mut self, sequence: u64) {
        self.handed_out.sequence = sequence;
        self.asked = 0;
        if self.behind.is_some_and(|end| sequence >= end) {
            self.caught_up();
        }
    }

    async fn put_anew(&mut self) -> Result<(), String> {
        self.opened.positions.make().await?;
        self.put().await
    }

    async fn put(&mut self) -> Result<(), String> {
        let delivered = self.delivered;
        self.opened.positions.store(&self.key, delivered).await?;
        self.stored = delivered;
        Ok(())
    }
}

impl Deliveries for JetStreamDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        if std::mem::take(&mut self.has_caught_up) {
            return Some(Delivery::CaughtUp);
        }
        self.next_message().await
    }

    fn mark(&mut self) {
        self.delivered = self.handed_out;
    }

    async fn store(&mut self) -> bool {
        if self.delivered == self.stored {
            return true;
        }
        // What has failed before may have failed because the positions are gone.
        let is_anew = self.told.storing.is_some();
        let storing = Box::pin(async {
            self.server.connection.connected().await?;
            if is_anew {
                self.put_anew().await
            } else {
                self.put().await
            }
        });
        match timeout(STORE_LIMIT, storing).await {
            Ok(Ok(())) => self.told.storing = None,
            Ok(Err(message)) => self.server.tell_once(&mut self.told.storing, message),
            // The server is away, or slow.
            Err(_) => {}
        }
        self.delivered == self.stored
    }

    async fn close(self) {}
}

impl fmt::Debug for JetStreamDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamDeliveries")
            .field("subject", &self.subject)
            .field("delivered", &self.delivered.sequence)
            .finish_non_exhaustive()
    }
}
