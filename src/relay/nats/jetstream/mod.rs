//! NATS with JetStream: at least once.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::jetstream::context::{
    CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, PublishErrorKind,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RetentionPolicy, Stream};
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
/// has the position of each import: it is written every quarter of a second, when the listeners have had
/// the events before it, so that a process that is killed may get the events since then again.
///
/// A stream that is deleted while relays run is made again after a second, and what it had is gone: this is
/// told as [`RelayEvent::Fault`](crate::relay::RelayEvent::Fault), and so are a stream that is full and each
/// other error of the server that an export waits for.
///
/// A user of the server with limited permissions may publish on `prefix.>`, on the positions as in
/// `shop_positions.>`, and on `$JS.API.>`, and subscribe to `_INBOX.>`.
///
/// An export waits until each event is stored before it sends the next, which keeps their order over a
/// reconnection: it sends one event in each round trip to the server.
///
/// ```no_run
/// use std::time::Duration;
///
/// use typed_hub::Hub;
/// use typed_hub::relay::async_nats::ConnectOptions;
/// use typed_hub::relay::async_nats::jetstream::stream::Config;
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
    /// The subjects of the prefix.
    subjects: String,
    positions: Positions,
}

/// How long to wait before the next attempt: at first, and at most.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// How long after it was missed a stream is made again: a server that is deleting it would delete files of
/// the new one as well.
const MAKE_AGAIN: Duration = Duration::from_secs(1);

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
        Ok(Self::with(connection))
    }

    /// Takes a client that is there already, as [`NatsBroker::from_client`](super::NatsBroker::from_client)
    /// does.
    #[must_use]
    pub fn from_client(client: async_nats::Client) -> Self {
        Self::with(Connection::of(client))
    }

    fn with(connection: Connection) -> Self {
        Self {
            server: Arc::new(Server {
                context: jetstream::new(connection.client.clone()),
                connection,
            }),
            stream: Config::default(),
            opened: OnceLock::new(),
        }
    }

    /// Sets what the stream is made with: how much it keeps, and for how long. Without this it has no limit, and
    /// one replica. The first process makes the stream, and later settings do not change it. Its name and its subjects
    /// may be left empty; subjects that are given include `prefix.>`. A stream that exists is used as it is,
    /// when its subjects and its retention serve.
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
            config.subjects = vec![subjects(prefix)];
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
        self.server.connected().await?;
        let (stream, subjects) = (self.config(prefix), subjects(prefix));
        // What is rarely done need not make the futures of all else large.
        Box::pin(self.server.make_stream(&stream, &subjects)).await?;
        let positions = Box::pin(Positions::open(&self.server.context, &stream)).await?;
        let opened = Opened {
            positions,
            origin: origin.to_owned(),
            stream,
            subjects,
        };
        let _ = self.opened.set(opened);
        Ok(())
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        let server = &self.server;
        let id = format!("{}:{}", event.source, event.id);
        let (headers, payload) = headers::write(event);
        let mut retry = Retry::new();
        let mut told = None;
        loop {
            let connected = server.connection.connected().await;
            connected.map_err(|message| PublishError::Refused { message })?;
            let seen = server.connection.seen();
            let message = PublishMessage::build()
                .headers(headers.clone())
                .message_id(&id)
                .payload(payload.clone());
            let stored = async {
                let sent = server.context.send_publish(subject.to_owned(), message);
                sent.await?.await
            };
            // The stream has the event, or it may have: it is sent again with the same id, which the stream
            // and the importers know.
            let error = tokio::select! {
                stored = stored => match stored {
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                },
                // The answer is lost with the connection.
                () = server.connection.lost(seen) => continue,
            };
            if error.kind() == PublishErrorKind::MaxPayloadExceeded || is_too_large(&error) {
                return Err(PublishError::TooLarge);
            }
            server.tell_once(&mut told, describe(&error));
            retry.wait().await;
            if error.kind() == PublishErrorKind::StreamNotFound
                && let Some(opened) = self.opened.get()
                && let Err(error) = Box::pin(server.stream(opened)).await
            {
                server.tell_once(&mut told, error.to_string());
            }
        }
    }

    async fn subscribe(
        &self,
        subject: &str,
        name: &str,
    ) -> Result<JetStreamDeliveries, BrokerError> {
        let opened = self.opened.get().cloned();
        let opened = opened.ok_or(BrokerError::Refused {
            message: "it has not been opened".to_owned(),
        })?;
        loop {
            self.server.connected().await?;
            let seen = self.server.connection.seen();
            let (server, opened) = (Arc::clone(&self.server), opened.clone());
            let made = Box::pin(JetStreamDeliveries::new(server, opened, subject, name)).await;
            // What a lost connection has failed is done again on the next one.
            if made.is_ok() || !self.server.connection.is_lost(seen) {
                return made;
            }
        }
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
    async fn connected(&self) -> Result<(), BrokerError> {
        let connected = self.connection.connected().await;
        connected.map_err(|message| BrokerError::Unreachable { message })
    }

    /// The stream with these subjects of a prefix, made if it does not exist.
    async fn make_stream(&self, config: &Config, subjects: &str) -> Result<Stream, BrokerError> {
        let stream = make_stream(&self.context, config).await?;
        check_messages(&stream.cached_info().config, subjects)?;
        Ok(stream)
    }

    /// The stream, which existed; made again if it has been deleted.
    async fn stream(&self, opened: &Opened) -> Result<Stream, BrokerError> {
        let found = self.context.get_stream(&opened.stream.name).await;
        match found {
            Ok(stream) => {
                check_messages(&stream.cached_info().config, &opened.subjects)?;
                Ok(stream)
            }
            Err(error) if is_not_found(&error) => {
                sleep(MAKE_AGAIN).await;
                self.make_stream(&opened.stream, &opened.subjects).await
            }
            Err(error) => Err(refused(&error)),
        }
    }

    /// Tells an error that goes on, unless it has been told.
    fn tell_once(&self, told: &mut Option<String>, message: String) {
        if self.connection.is_connected() && told.as_ref() != Some(&message) {
            self.connection.report_fault(message.clone());
            *told = Some(message);
        }
    }
}

async fn make_stream(context: &Context, config: &Config) -> Result<Stream, BrokerError> {
    let made = context.get_or_create_stream(config.clone()).await;
    made.map_err(|error| match error.kind() {
        CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::JetStreamUnavailable => {
            BrokerError::Unreachable {
                message: describe(&error),
            }
        }
        _ => refused(&error),
    })
}

/// Whether a stream of messages that exists keeps the relay's promises for these subjects.
fn check_messages(found: &Config, subjects: &str) -> Result<(), BrokerError> {
    check_settings(found, subjects)?;
    if found.max_messages_per_subject > 0 {
        let setting = "it should have no limit of messages per subject, or a process that is away misses some, untold";
        return Err(other_settings(found, setting));
    }
    Ok(())
}

/// Whether a stream that exists takes what is published on these subjects, and keeps it.
fn check_settings(found: &Config, subjects: &str) -> Result<(), BrokerError> {
    let setting = if !found.subjects.iter().any(|found| includes(found, subjects)) {
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
    Err(other_settings(found, setting))
}

fn other_settings(found: &Config, setting: &'static str) -> BrokerError {
    BrokerError::OtherSettings {
        stream: found.name.clone(),
        setting,
    }
}

/// All subjects that begin with the prefix.
fn subjects(prefix: &str) -> String {
    format!("{prefix}.>")
}

/// Whether each of the subjects that `narrow` stands for is one that `wide` stands for.
fn includes(wide: &str, narrow: &str) -> bool {
    let mut wide = wide.split('.');
    for narrow in narrow.split('.') {
        match wide.next() {
            Some(">") => return true,
            Some("*") if narrow != ">" => {}
            Some(part) if part == narrow => {}
            _ => return false,
        }
    }
    wide.next().is_none()
}

/// Waits longer and longer.
struct Retry(Duration);

impl Retry {
    fn new() -> Self {
        Self(FIRST_RETRY)
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

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.code() == 404)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_include_others() {
        for wide in ["shop.eu.>", "shop.>", ">", "*.*.>", "shop.*.>", "*.eu.>"] {
            assert!(includes(wide, "shop.eu.>"), "{wide}");
        }
        for narrow in [
            "shop.eu",
            "shop.eu.*",
            "shop.eu.cart",
            "shop.us.>",
            "shop",
            "*",
            "",
        ] {
            assert!(!includes(narrow, "shop.eu.>"), "{narrow}");
        }
    }
}
