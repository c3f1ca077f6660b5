//! Brokers that fail: what a relay tells of it, and what it keeps.

use std::future::pending;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use typed_hub::relay::{
    Broker, BrokerError, BrokerEvent, CloseError, CloudEvent, ConnectError, Deliveries, Delivery,
    Guarantee, ImportError, MemoryBroker, MemoryDeliveries, MemoryServer, PublishError, Relay,
    RelayEvent, RelayOptions, RelayStatus, Remote,
};
use typed_hub::{Custom, Hub, Overflow, ReceiverOptions, Replay};

use crate::common::{Cart, added, counts, next, room_for};

type Wire = Custom<Cart>;

/// What a broker fails at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It refuses to open, in words that deceive.
    Open,
    /// It refuses a subscription, in words that deceive.
    Subscribe,
    /// It waits for ever with a subscription.
    SubscribeWaits,
    /// It panics with an event to send.
    Publish,
    /// It panics after the first message.
    Next,
    /// It does not store a position at the first attempt.
    Store,
    /// It panics after the first event of the connection.
    Event,
}

struct Broken {
    broker: MemoryBroker,
    fault: Fault,
}

struct BrokenDeliveries {
    deliveries: MemoryDeliveries,
    fault: Fault,
    has_failed: bool,
}

impl Broken {
    fn refusal() -> BrokerError {
        let message = "no\r\n\u{1b}[2J\u{202e}".to_owned();
        BrokerError::Refused { message }
    }
}

impl Broker for Broken {
    type Deliveries = BrokenDeliveries;

    fn guarantee(&self) -> Guarantee {
        self.broker.guarantee()
    }

    async fn open(&self, prefix: &str, origin: &str) -> Result<(), BrokerError> {
        match self.fault {
            Fault::Open => Err(Self::refusal()),
            _ => self.broker.open(prefix, origin).await,
        }
    }

    async fn publish(&self, subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        let panics = self.fault == Fault::Publish && event.kind == "cart";
        assert!(!panics, "the broker panics");
        self.broker.publish(subject, event).await
    }

    async fn subscribe(&self, subject: &str, name: &str) -> Result<BrokenDeliveries, BrokerError> {
        match self.fault {
            Fault::Subscribe => return Err(Self::refusal()),
            Fault::SubscribeWaits => pending().await,
            _ => {}
        }
        Ok(BrokenDeliveries {
            deliveries: self.broker.subscribe(subject, name).await?,
            fault: self.fault,
            has_failed: false,
        })
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        self.broker.flush().await
    }

    async fn next_event(&self) -> BrokerEvent {
        let event = timeout(Duration::from_millis(50), self.broker.next_event()).await;
        assert!(
            self.fault != Fault::Event || event.is_ok(),
            "the broker panics"
        );
        match event {
            Ok(event) => event,
            Err(_) => self.broker.next_event().await,
        }
    }
}

impl Deliveries for BrokenDeliveries {
    async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.next().await;
        if self.fault == Fault::Next && matches!(delivery, Some(Delivery::Event(_))) {
            assert!(!self.has_failed, "the broker panics");
            self.has_failed = true;
        }
        delivery
    }

    fn mark(&mut self) {
        self.deliveries.mark();
    }

    async fn store(&mut self) -> bool {
        if self.fault == Fault::Store && !self.has_failed {
            self.has_failed = true;
            return false;
        }
        self.deliveries.store().await
    }

    async fn close(self) {
        self.deliveries.close().await;
    }
}

async fn connect(
    hub: &Hub,
    server: &MemoryServer,
    fault: Fault,
) -> Result<Relay<Broken>, ConnectError> {
    let broker = server.connect();
    let options = RelayOptions::builder().prefix("shop").origin("a");
    Relay::connect(hub, Broken { broker, fault }, options.build()).await
}

async fn until(hub: &Hub, is_it: impl Fn(&RelayEvent) -> bool) {
    let all = ReceiverOptions::builder().replay(Replay::All).build();
    let mut status = hub.receiver_with::<RelayStatus>(all);
    while !is_it(&*next(&mut status).await) {}
}

#[tokio::test]
async fn an_import_that_is_dropped_is_none() {
    let (hub, server) = (Hub::new(), MemoryServer::new());
    let relay = connect(&hub, &server, Fault::SubscribeWaits).await.unwrap();
    for _ in 0..2 {
        let import = relay.import::<Remote<Wire>>();
        let waited = timeout(Duration::from_millis(20), import).await;
        assert!(waited.is_err(), "{waited:?}");
    }
    let (first, second) = (relay.import::<Wire>(), relay.import::<Wire>());
    let twice = async {
        tokio::task::yield_now().await;
        second.await
    };
    tokio::select! {
        _ = first => panic!("it waits"),
        second = twice => assert_eq!(second, Err(ImportError::Twice)),
    }
}

#[tokio::test]
async fn the_words_of_a_refusal_are_cleaned() {
    let cleaned = BrokerError::Refused {
        message: "no   [2J ".to_owned(),
    };
    let (hub, server) = (Hub::new(), MemoryServer::new());
    let error = connect(&hub, &server, Fault::Open).await.err();
    assert_eq!(error, Some(ConnectError::Broker(cleaned.clone())));
    let relay = connect(&hub, &server, Fault::Subscribe).await.unwrap();
    let error = relay.import::<Wire>().await;
    assert_eq!(error, Err(ImportError::Broker(cleaned)));
}

fn is_stopped(event: &RelayEvent) -> bool {
    matches!(event, RelayEvent::Stopped { channel: "cart" })
}

#[tokio::test]
async fn an_export_that_panics_is_told_and_fails_the_close() {
    let (hub, server) = (Hub::new(), MemoryServer::new());
    let relay = connect(&hub, &server, Fault::Publish).await.unwrap();
    relay.export::<Wire>().unwrap();
    hub.publish::<Wire>(added(1));
    until(&hub, is_stopped).await;
    assert_eq!(relay.close().await, Err(CloseError { unsent: 0 }));
}

/// A listener that lets the relay wait does not let publishers wait for an export that has ended.
#[tokio::test(flavor = "multi_thread")]
async fn publish_does_not_wait_for_an_export_that_has_panicked() {
    let (hub, server) = (Hub::new(), MemoryServer::new());
    let full = hub.receiver_with::<RelayStatus>(room_for(1, Overflow::Block));
    let relay = connect(&hub, &server, Fault::Publish).await.unwrap();
    while full.is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    let blocks = room_for(1, Overflow::Block);
    relay.export_with::<Wire>(blocks).unwrap();
    let publisher = hub.clone();
    let publishing = spawn_blocking(move || {
        (0..5).for_each(|count| publisher.publish::<Wire>(added(count)));
    });
    let published = timeout(Duration::from_secs(5), publishing).await;
    // Ends the wait of a publisher, so that a failure is told.
    drop((relay, full));
    assert!(published.is_ok(), "`publish` waits");
}

/// What an import that has panicked has told may come again: `close` does not say otherwise.
#[tokio::test]
async fn an_import_that_panics_is_told_and_fails_the_close() {
    for server in [MemoryServer::new(), MemoryServer::durable()] {
        let hub = Hub::new();
        let other = Hub::new();
        let relay = connect(&hub, &server, Fault::Next).await.unwrap();
        relay.import::<Wire>().await.unwrap();
        let options = RelayOptions::builder().prefix("shop").origin("b");
        let exporter = Relay::connect(&other, server.connect(), options.build()).await;
        let exporter = exporter.unwrap();
        exporter.export::<Wire>().unwrap();
        (0..2).for_each(|count| other.publish::<Wire>(added(count)));
        until(&hub, is_stopped).await;
        assert_eq!(relay.close().await, Err(CloseError { unsent: 0 }));
    }
}

#[tokio::test]
async fn a_position_that_is_not_stored_at_the_end_is_stored_again() {
    let (hub, server) = (Hub::new(), MemoryServer::durable());
    let relay = connect(&hub, &server, Fault::Store).await.unwrap();
    let mut cart = hub.receiver::<Wire>();
    relay.import::<Wire>().await.unwrap();
    let other = Hub::new();
    let options = RelayOptions::builder().prefix("shop").origin("b");
    let exporter = Relay::connect(&other, server.connect(), options.build()).await;
    let exporter = exporter.unwrap();
    exporter.export::<Wire>().unwrap();
    other.publish::<Wire>(added(1));
    assert_eq!(counts(&mut cart, 1).await, [1]);
    assert_eq!(relay.close().await, Ok(()));
}

#[tokio::test]
async fn a_connection_that_is_watched_no_longer_is_none() {
    let (hub, server) = (Hub::new(), MemoryServer::new());
    let relay = connect(&hub, &server, Fault::Event).await.unwrap();
    until(&hub, |event| *event == RelayEvent::Connected).await;
    until(&hub, |event| matches!(event, RelayEvent::Fault { .. })).await;
    assert!(!relay.is_connected());
}
