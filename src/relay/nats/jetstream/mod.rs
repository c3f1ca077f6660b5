//! NATS with JetStream: at least once.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::jetstream::context::{CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{ConnectOptions, ToServerAddrs};
use tokio::time::sleep;

use super::connection::Connection;
use super::headers;
use crate::relay::broker::{Broker, BrokerError, BrokerEvent, Guarantee, PublishError};
use crate::relay::cloud_event::CloudEvent;

mod deliveries;
mod positions;

pub use deliveries::JetStreamDeliveries;
use positions::Positions;

/// A connection to a NATS server with JetStream, which stores the messages in a stream: messages are
/// delivered at least once, and a process that was away gets what it missed.
///
/// The stream is made when it does not exist. Its name is the prefix, with `_` for characters that the name
/// of a stream cannot have, and its subjects are `prefix.>`. Beside it a stream, of that name and `_positions`,
/// has the position of each importing process: it is written every quarter of a second, so that
/// a process that is killed may get the events of that time again when it runs again.
///
/// An export waits until each event is stored before it sends the next, which keeps their order over a
/// reconnection: it sends one event in each round trip to the server.
///
/// ```no_run
/// use std::time::Duration;
///
/// use async_nats::ConnectOptions;
/// use async_nats::jetstream::stream::Config;
/// use typed_hub::Hub;
/// use typed_hub::relay::{JetStreamBroker, Relay, RelayOptions};
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new();
/// let week = Config {
///     max_age: Duration::from_secs(7 * 24 * 60 * 60),
///     ..Config::default()
/// };
/// let nats = JetStreamBroker::connect("nats://127.0.0.1:4222", ConnectOptions::new()).await?;
/// let options = RelayOptions::builder().prefix("shop").origin("checkout-7").build();
/// let relay = Relay::connect(&hub, nats.stream(week), options).await?;
/// # relay.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct JetStreamBroker {
    server: Arc<Server>,
    stream: Config,
    opened: OnceLock<Opened>,
}

struct Server {
    connection: Connection,
    context: Context,
}

/// What [`Broker::open`] has prepared.
#[derive(Clone)]
struct Opened {
    origin: String,
    stream: Config,
    positions: Positions,
}

/// How long to wait before the next attempt: at first, and at most.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);

impl JetStreamBroker {
    /// Connects to a server, as [`NatsBroker::connect`](super::NatsBroker::connect) does. With
    /// [`retry_on_initial_connect`](ConnectOptions::retry_on_initial_connect), `Relay::connect` waits for
    /// the server.
    ///
    /// # Errors
    ///
    /// The error of `async-nats`.
    pub async fn connect(
        servers: impl ToServerAddrs,
        options: ConnectOptions,
    ) -> Result<Self, async_nats::ConnectError> {
        let connection = Connection::new(servers, options).await?;
        let context = jetstream::new(connection.client.clone());
        Ok(Self {
            server: Arc::new(Server {
                connection,
                context,
            }),
            stream: Config::default(),
            opened: OnceLock::new(),
        })
    }

    /// Sets what the stream is made with: how much it keeps, and for how long. Its name and its subjects
    /// may be left empty. A stream that exists is used as it is, when its subjects and its retention serve.
    #[must_use]
    pub fn stream(self, config: Config) -> Self {
        Self {
            stream: config,
            ..self
        }
    }

    /// The stream for the subjects of this prefix.
    fn config(&self, prefix: &str) -> Config {
        let mut config = self.stream.clone();
        if config.name.is_empty() {
            config.name = plain(prefix);
        }
        if config.subjects.is_empty() {
            config.subjects = vec![format!("{prefix}.>")];
        }
        config
    }
}

impl Broker for JetStreamBroker {
    type Deliveries = JetStreamDeliveries;

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    async fn open(&self, prefix: &str, origin: &str) -> Result<(), BrokerError> {
        self.server.connection.connected().await;
        let stream = self.config(prefix);
        self.server.make_stream(&stream).await?;
        let opened = Opened {
            positions: Positions::open(&self.server.context, &stream).await?,
            origin: origin.to_owned(),
            stream,
        };
        let _ = self.opened.set(opened);
        Ok(())
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        let server = &self.server;
        let id = format!("{}:{}", event.source, event.id);
        let (headers, payload) = headers::write(event);
        let mut retry = Retry::new();
        loop {
            server.connection.connected().await;
            let message = PublishMessage::build()
                .headers(headers.clone())
                .message_id(&id)
                .payload(payload.clone());
            let error = match server
                .context
                .send_publish(subject.to_owned(), message)
                .await
            {
                Ok(stored) => match stored.await {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if error.kind() == PublishErrorKind::MaxPayloadExceeded || is_too_large(&error) {
                return Err(PublishError::TooLarge);
            }
            // The stream has the event, or it may have: it is sent again with the same id, which the stream
            // and the importers know.
            if retry.is_first() && server.connection.is_connected() {
                server.connection.report_fault(describe(&error));
            }
            retry.wait().await;
            if error.kind() == PublishErrorKind::StreamNotFound
                && let Some(opened) = self.opened.get()
            {
                let _ = server.make_stream(&opened.stream).await;
            }
        }
    }

    async fn subscribe(&self, subject: &str) -> Result<JetStreamDeliveries, BrokerError> {
        let opened = self.opened.get().cloned();
        let opened = opened.ok_or(BrokerError::Refused {
            message: "it has not been opened".to_owned(),
        })?;
        self.server.connection.connected().await;
        JetStreamDeliveries::new(Arc::clone(&self.server), opened, subject).await
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        // `publish` returns when the message is stored.
        Ok(())
    }

    async fn next_event(&self) -> BrokerEvent {
        self.server.connection.next_event().await
    }
}

impl Server {
    async fn make_stream(&self, config: &Config) -> Result<(), BrokerError> {
        let made = self.context.get_or_create_stream(config.clone()).await;
        let stream = made.map_err(|error| match error.kind() {
            CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::JetStreamUnavailable => {
                BrokerError::Unreachable {
                    message: describe(&error),
                }
            }
            _ => refused(&error),
        })?;
        let found = &stream.cached_info().config;
        let setting = if !config
            .subjects
            .iter()
            .all(|subject| found.subjects.contains(subject))
        {
            "its subjects should include the prefix and `.>`"
        } else if found.retention != RetentionPolicy::Limits {
            "its retention should be by limits, so that each process gets each message"
        } else if found.no_ack {
            "it should acknowledge what it has stored"
        } else if found.sealed {
            "it should not be sealed"
        } else {
            return Ok(());
        };
        Err(BrokerError::OtherSettings {
            stream: found.name.clone(),
            setting,
        })
    }
}

/// Waits longer and longer.
struct Retry(Duration);

impl Retry {
    fn new() -> Self {
        Self(FIRST_RETRY)
    }

    fn is_first(&self) -> bool {
        self.0 == FIRST_RETRY
    }

    async fn wait(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(LAST_RETRY);
    }
}

/// A text with `_` for the characters that the name of a stream or of a bucket cannot have.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    text.chars().map(plain).collect()
}

fn is_too_large(error: &jetstream::context::PublishError) -> bool {
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>());
    source.is_some_and(|error| {
        matches!(
            error.error_code(),
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM
        )
    })
}

fn refused(error: &impl std::error::Error) -> BrokerError {
    BrokerError::Refused {
        message: describe(error),
    }
}

/// An error's words, and those of its causes that it does not say itself.
fn describe(error: &impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

impl fmt::Debug for JetStreamBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStreamBroker")
            .field("connection", &self.server.connection)
            .field("stream", &self.stream.name)
            .finish_non_exhaustive()
    }
}
