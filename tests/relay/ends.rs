//! How a relay ends, and what it leaves behind.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use typed_hub::relay::{
    Broker as _, ConnectError, Deliveries as _, Delivery, DropReason, ExportError, MemoryServer,
    Relay, RelayEvent, RelayOptions, RelayStatus,
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

/// The position of a process is stored when its listeners have the events, not when its hub has them.
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
    // Longer than a position waits to be stored.
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

/// What its listeners have had long ago does not come again to a process that is killed.
#[tokio::test]
async fn the_position_of_a_process_is_stored_as_it_goes() {
    let server = MemoryServer::durable();
    let exporter = Process::new(&server, "a").await;
    exporter.relay.export::<Wire>().unwrap();
    for number in 1..20 {
        let importer = Process::new(&server, "b").await;
        let mut cart = importer.hub.receiver::<Wire>();
        importer.relay.import::<Wire>().await.unwrap();
        exporter.hub.publish::<Wire>(added(number));
        let first = counts(&mut cart, 1).await;
        if number > 1 && first == [number] {
            return;
        }
        // A position is stored every quarter of a second, and later on a busy machine.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("what its listeners have had comes again");
}

/// What was dropped behind the last event that is sent is told on both sides, though nothing follows.
#[tokio::test]
async fn close_tells_the_gap_at_its_end() {
    let server = MemoryServer::new();
    let exporter = Process::new(&server, "a").await;
    let mut importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer.hub.receiver::<Wire>();
    let few = room_for(4, Overflow::DropNewest);
    exporter.relay.export_with::<Wire>(few).unwrap();
    // In one go: none of them is taken meanwhile.
    (0..10).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
    let Process {
        relay, mut status, ..
    } = exporter;
    assert_eq!(relay.close().await, Ok(()));
    assert_eq!(counts(&mut cart, 4).await, [0, 1, 2, 3]);
    let dropped = RelayEvent::Dropped {
        channel: "cart",
        missed: 6,
        reason: DropReason::Overflow,
    };
    assert_eq!(*next(&mut status).await, dropped);
    let RelayEvent::Lagged { missed: 6, .. } = importer.told().await else {
        panic!("no gap is told");
    };
}

/// Clients that know messages by their ids know heartbeats too: each has an id of its own.
#[tokio::test]
async fn each_message_has_an_id_of_its_own() {
    let server = MemoryServer::new();
    let reader = server.connect();
    reader.open("shop", "reader").await.unwrap();
    let mut messages = reader.subscribe("shop.cart", "cart").await.unwrap();
    let hub = typed_hub::Hub::new();
    let options = RelayOptions::builder()
        .prefix("shop")
        .origin("a")
        .heartbeat(Duration::from_millis(20));
    let relay = Relay::connect(&hub, server.connect(), options.build()).await;
    let relay = relay.unwrap();
    relay.export::<Wire>().unwrap();
    hub.publish::<Wire>(added(1));
    let (mut ids, mut heartbeats) = (HashSet::new(), 0);
    while heartbeats < 4 {
        let Some(Delivery::Event(event)) = messages.next().await else {
            panic!("no message");
        };
        heartbeats += u32::from(event.kind == "cart.heartbeat");
        assert!(ids.insert(event.id.clone()), "{} comes twice", event.id);
    }
    assert_eq!(ids.len(), 5);
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
