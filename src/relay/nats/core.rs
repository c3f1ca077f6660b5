//! NATS without JetStream: at most once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::{ConnectOptions, Subscriber, ToServerAddrs};
use futures_core::Stream;
use tokio::time::sleep;

use super::connection::{Connection, SUBSCRIBE};
use super::headers;
use crate::relay::broker::{
    Broker, BrokerError, BrokerEvent, Deliveries, Delivery, Guarantee, PublishError,
};
use crate::relay::cloud_event::CloudEvent;

/// A connection to a NATS server, without JetStream: messages are delivered at most once.
///
/// A user of the server with limited permissions may publish on `prefix.>` and subscribe to it. An event that
/// the server does not permit is lost, and told as [`RelayEvent::Fault`](crate::relay::RelayEvent::Fault).
///
/// ```no_run
/// use typed_hub::Hub;
/// use typed_hub::relay::async_nats::ConnectOptions;
/// use typed_hub::relay::{NatsBroker, Relay, RelayOptions};
///
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new();
/// let options = ConnectOptions::new().name("checkout-7");
/// let nats = NatsBroker::connect("nats://127.0.0.1:4222", options).await?;
/// let options = RelayOptions::builder().prefix("shop").origin("checkout-7").build();
/// let relay = Relay::connect(&hub, nats, options).await?;
/// # relay.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsBroker {
    connection: Connection,
    /// For each subject, the connection that got its last message. Importers see by the number of that message
    /// whether earlier ones are missing.
    given_to: Mutex<HashMap<String, u64>>,
}

/// How long after the server's answer its refusal of a subscription may be noticed.
const REFUSAL_GRACE: Duration = Duration::from_millis(10);

impl NatsBroker {
    /// Connects to a server, or to one of several when it gets a `Vec` of addresses. TLS
    /// ([`require_tls`](ConnectOptions::require_tls)), credentials
    /// ([`with_credentials_file`](ConnectOptions::with_credentials_file)) and the capacity of a subscription are
    /// options of `async-nats`; its event callback is the relay's, which publishes what it hears on
    /// [`RelayStatus`](crate::relay::RelayStatus).
    ///
    /// When no server is there this fails, or, with the option
    /// [`retry_on_initial_connect`](ConnectOptions::retry_on_initial_connect), it returns at once, and the
    /// client goes on trying. A connection that is lost later is always made again.
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

    /// Takes a client that is there already, and shared with other code.
    ///
    /// Then only the state of its connection is told. The server's refusals and slow consumers are not, since its
    /// event callback is not the relay's: what a slow consumer loses is told by its number, and an import or an
    /// export that is not permitted carries nothing, unseen. Use [`connect`](Self::connect) when permissions
    /// are limited. A client that gives up, or is drained, is waited for without end.
    #[must_use]
    pub fn from_client(client: async_nats::Client) -> Self {
        Self::with(Connection::of(client))
    }

    /// Notes that a message on this subject is given to the connection.
    fn give(&self, subject: &str) {
        let connection = self.connection.connects();
        let mut given_to = self.given_to();
        match given_to.get_mut(subject) {
            Some(last) => *last = connection,
            None => drop(given_to.insert(subject.to_owned(), connection)),
        }
    }

    fn given_to(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.given_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(connection: Connection) -> Self {
        Self {
            connection,
            given_to: Mutex::default(),
        }
    }
}

impl Broker for NatsBroker {
    type Deliveries = NatsDeliveries;

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    async fn open(&self, _prefix: &str, _origin: &str) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        // What is given to the client while the server is away waits there, outside of the receiver with
        // the user's capacity.
        if !self.connection.is_connected() {
            let connected = self.connection.connected().await;
            connected.map_err(|message| PublishError::Refused { message })?;
        }
        self.give(subject);
        let (headers, payload) = headers::write(event);
        let client = &self.connection.client;
        let sent = client.publish_with_headers(subject.to_owned(), headers, payload);
        sent.await.map_err(|error| match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
            PublishErrorKind::InvalidSubject | PublishErrorKind::Send => PublishError::Refused {
                message: error.to_string(),
            },
        })
    }

    async fn subscribe(&self, subject: &str, _name: &str) -> Result<NatsDeliveries, BrokerError> {
        let unreachable = |message| BrokerError::Unreachable { message };
        self.connection.connected().await.map_err(unreachable)?;
        let subscribed = self.connection.client.subscribe(subject.to_owned()).await;
        let subscriber = subscribed.map_err(|error| BrokerError::Refused {
            message: error.to_string(),
        })?;
        // The server has the subscription when it has answered what came after it, or when it has answered
        // on the next connection, which begins with the subscriptions.
        loop {
            let seen = self.connection.seen();
            tokio::select! {
                answered = self.connection.round_trip() => break answered.map_err(unreachable)?,
                () = self.connection.lost(seen) => {}
            }
            self.connection.connected().await.map_err(unreachable)?;
        }
        // The client tells of refusals beside the answers.
        sleep(REFUSAL_GRACE).await;
        match self.connection.refusal(SUBSCRIBE, subject) {
            Some(message) => Err(BrokerError::Refused { message }),
            None => Ok(NatsDeliveries { subscriber }),
        }
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        let unreachable = |message| BrokerError::Unreachable { message };
        let flushed = self.connection.round_trip().await;
        flushed.map_err(unreachable)?;
        let connection = self.connection.connects();
        if self
            .given_to()
            .values()
            .all(|given_to| *given_to == connection)
        {
            Ok(())
        } else {
            let message = "the connection was lost meanwhile, and the last messages may be with it";
            Err(unreachable(message.to_owned()))
        }
    }

    async fn next_event(&self) -> BrokerEvent {
        self.connection.next_event().await
    }
}

/// A subscription of a [`NatsBroker`].
#[derive(Debug)]
pub struct NatsDeliveries {
    subscriber: Subscriber,
}

impl Deliveries for NatsDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        let subscriber = &mut self.subscriber;
        let next =
            std::future::poll_fn(|task| std::pin::Pin::new(&mut *subscriber).poll_next(task));
        let message = next.await?;
        Some(headers::read(message.headers.as_ref(), message.payload))
    }

    fn mark(&mut self) {}

    async fn store(&mut self) -> bool {
        true
    }

    async fn close(mut self) {
        // The connection may be gone, and the subscription with it.
        let _ = self.subscriber.unsubscribe().await;
    }
}
