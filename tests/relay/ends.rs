//! How a relay ends, and what it leaves behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use typed_hub::relay::{
    Broker, BrokerError, BrokerEvent, CloseError, CloudEvent, ConnectError, ExportError, Guarantee,
    ImportError, MemoryBroker, MemoryDeliveries, MemoryServer, PublishError, Relay, RelayEvent,
    RelayOptions, RelayStatus, Remote,
};
use typed_hub::{Custom, Overflow};

use crate::common::{Cart, Process, added, counts, next, room_for};

type Wire = Custom<Cart>;

fn options(origin: &str) -> RelayOptions {
    let options = RelayOptions::builder().prefix("shop").origin(origin);
    options.build()
}

#[tokio::test]
async fn a_hub_has_one_relay_at_a_time() {
    let server = MemoryServer::new();
    let process = Process::new(&server, "a").await;
    let second = Relay::connect(&process.hub, server.connect(), options("b")).await;
    assert_eq!(second.err(), Some(ConnectError::HubTaken));
    process.relay.close().await.unwrap();
    assert!(
        Relay::connect(&process.hub, server.connect(), options("b"))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_relays_own_channel_is_not_exported() {
    let process = Process::new(&MemoryServer::new(), "a").await;
    assert_eq!(
        process.relay.export::<RelayStatus>(),
        Err(ExportError::Status)
    );
}

/// A publisher that does not stop does not keep the relay from ending.
#[tokio::test(flavor = "multi_thread")]
async fn close_sends_what_was_published_before_and_no_more() {
    let server = MemoryServer::new();
    let exporter = Process::new(&server, "a").await;
    let importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer.hub.receiver::<Wire>();
    exporter
        .relay
        .export_with::<Wire>(room_for(1_000, Overflow::DropNewest))
        .unwrap();
    for count in 0..100 {
        exporter.hub.publish::<Wire>(added(count));
    }
    let hub = exporter.hub.clone();
    let publisher = tokio::spawn(async move {
        loop {
            hub.publish::<Wire>(added(1_000));
            tokio::task::yield_now().await;
        }
    });
    let closed = exporter.relay.close().await;
    publisher.abort();
    assert_eq!(closed, Ok(()));
    assert_eq!(counts(&mut cart, 100).await, (0..100).collect::<Vec<_>>());
}

/// The place of a process is stored when its listeners have the events, not when its hub has them.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_gets_again_what_its_listeners_have_not_had() {
    const EVENTS: u32 = 100;
    let server = MemoryServer::durable();
    let exporter = Process::new(&server, "a").await;
    let seen = Arc::new(AtomicU32::new(0));
    let importer = Process::new(&server, "b").await;
    let last = Arc::clone(&seen);
    let slow = importer.hub.listen::<Wire>(move |event| {
        thread::sleep(Duration::from_millis(20));
        last.store(event.count, Ordering::Relaxed);
    });
    importer.relay.import::<Wire>().await.unwrap();
    exporter.relay.export::<Wire>().unwrap();
    (1..=EVENTS).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
    // Longer than a place waits to be stored.
    tokio::time::sleep(Duration::from_millis(600)).await;
    // As if it were killed: its listener has no further event.
    drop((slow, importer.relay));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let seen = seen.load(Ordering::Relaxed);
    assert!(0 < seen && seen < EVENTS, "{seen}");

    let again = Process::new(&server, "b").await;
    let mut cart = again.hub.receiver::<Wire>();
    again.relay.import::<Wire>().await.unwrap();
    let first = next(&mut cart).await.count;
    assert!(
        first <= seen + 1,
        "{first} comes after {seen}: what is between is lost"
    );
    let rest: Vec<_> = (first + 1..=EVENTS).collect();
    assert_eq!(counts(&mut cart, rest.len()).await, rest);
}

#[tokio::test]
async fn a_channel_is_exported_from_any_thread() {
    let server = MemoryServer::new();
    let exporter = Process::new(&server, "a").await;
    let importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer.hub.receiver::<Wire>();
    thread::scope(|scope| {
        scope.spawn(|| exporter.relay.export::<Wire>().unwrap());
    });
    exporter.hub.publish::<Wire>(added(1));
    assert_eq!(*next(&mut cart).await, added(1));
}

#[tokio::test]
async fn durations_without_end_are_taken() {
    let server = MemoryServer::new();
    let options = RelayOptions::builder()
        .prefix("shop")
        .origin("a")
        .heartbeat(Duration::MAX)
        .close_timeout(Duration::MAX)
        .build();
    let hub = typed_hub::Hub::new();
    let relay = Relay::connect(&hub, server.connect(), options)
        .await
        .unwrap();
    relay.export::<Wire>().unwrap();
    hub.publish::<Wire>(added(1));
    assert_eq!(relay.close().await, Ok(()));
}

/// A broker that waits for ever with a subscription, and panics with a message.
struct Broken(MemoryBroker);

impl Broker for Broken {
    type Deliveries = MemoryDeliveries;

    fn guarantee(&self) -> Guarantee {
        self.0.guarantee()
    }

    async fn open(&self, prefix: &str, origin: &str) -> Result<(), BrokerError> {
        self.0.open(prefix, origin).await
    }

    async fn publish(&self, _subject: &str, event: CloudEvent) -> Result<(), PublishError> {
        assert_ne!(event.kind, "cart", "the broker panics");
        Ok(())
    }

    async fn subscribe(&self, _: &str, _: &str) -> Result<MemoryDeliveries, BrokerError> {
        std::future::pending().await
    }

    async fn flush(&self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn next_event(&self) -> BrokerEvent {
        self.0.next_event().await
    }
}

#[tokio::test]
async fn an_import_that_is_dropped_is_none() {
    let broker = Broken(MemoryServer::new().connect());
    let hub = typed_hub::Hub::new();
    let relay = Relay::connect(&hub, broker, options("a")).await.unwrap();
    for _ in 0..2 {
        let import = relay.import::<Remote<Wire>>();
        let waited = tokio::time::timeout(Duration::from_millis(20), import).await;
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
async fn a_task_that_panics_is_told_and_fails_the_close() {
    let broker = Broken(MemoryServer::new().connect());
    let hub = typed_hub::Hub::new();
    let mut status = hub.receiver::<RelayStatus>();
    let relay = Relay::connect(&hub, broker, options("a")).await.unwrap();
    relay.export::<Wire>().unwrap();
    hub.publish::<Wire>(added(1));
    let stopped = RelayEvent::Stopped { channel: "cart" };
    while *next(&mut status).await != stopped {}
    assert_eq!(relay.close().await, Err(CloseError { unsent: 0 }));
}
