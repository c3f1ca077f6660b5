//! Events that wait for the broker are bounded, and what is lost is told on both sides.

use std::time::{Duration, Instant};

use typed_hub::relay::{CloseError, DropReason, MemoryServer, RelayEvent};
use typed_hub::{Custom, Overflow};

use crate::common::{Cart, Process, added, counts, room_for};

type Wire = Custom<Cart>;

fn dropped(missed: u64) -> RelayEvent {
    RelayEvent::Dropped {
        channel: "cart",
        missed,
        reason: DropReason::Overflow,
    }
}

/// An exporter whose server goes away before it publishes `0..10`, and what the importer gets. A loss at the
/// end is told without another event.
async fn away(overflow: Overflow, expected: &[u32]) {
    let server = MemoryServer::new();
    let mut exporter = Process::new(&server, "a").await;
    let mut importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer.hub.receiver::<Wire>();
    exporter
        .relay
        .export_with::<Wire>(room_for(4, overflow))
        .unwrap();
    exporter.hub.publish::<Wire>(added(100));
    assert_eq!(counts(&mut cart, 1).await, [100]);
    // The heartbeats of the beginning have been sent.
    tokio::time::sleep(Duration::from_millis(50)).await;

    server.stop();
    exporter.until(&RelayEvent::Disconnected).await;
    // One is taken by the export, which waits with it.
    exporter.hub.publish::<Wire>(added(0));
    tokio::time::sleep(Duration::from_millis(50)).await;
    for count in 1..10 {
        exporter.hub.publish::<Wire>(added(count));
    }
    server.start();
    assert_eq!(counts(&mut cart, expected.len()).await, expected);

    assert_eq!(exporter.told().await, dropped(5));
    let RelayEvent::Lagged {
        channel,
        origin,
        missed,
    } = importer.told().await
    else {
        panic!("no gap is told");
    };
    assert_eq!((channel, origin.as_str(), missed), ("cart", "a", 5));
    exporter.hub.publish::<Wire>(added(10));
    assert_eq!(counts(&mut cart, 1).await, [10]);

    let sent = exporter.relay.report().channels[0];
    assert_eq!((sent.channel, sent.sent, sent.dropped), ("cart", 7, 5));
    let received = importer.relay.report().channels[0];
    assert_eq!((received.received, received.missed), (7, 5));
    assert!(importer.relay.is_connected());
    server.stop();
    importer.until(&RelayEvent::Disconnected).await;
    assert!(!importer.relay.report().is_connected);
}

#[tokio::test]
async fn the_oldest_are_dropped() {
    away(Overflow::DropOldest, &[0, 6, 7, 8, 9]).await;
}

#[tokio::test]
async fn the_newest_are_dropped() {
    away(Overflow::DropNewest, &[0, 1, 2, 3, 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_waits_for_the_broker_only_if_that_is_chosen() {
    let server = MemoryServer::new();
    let mut exporter = Process::new(&server, "a").await;
    let importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer.hub.receiver::<Wire>();
    exporter
        .relay
        .export_with::<Wire>(room_for(2, Overflow::Block))
        .unwrap();
    server.stop();
    exporter.until(&RelayEvent::Disconnected).await;

    let hub = exporter.hub.clone();
    let publishing = tokio::task::spawn_blocking(move || {
        let since = Instant::now();
        (0..10).for_each(|count| hub.publish::<Wire>(added(count)));
        since.elapsed()
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!publishing.is_finished(), "`publish` waits");
    server.start();
    assert!(publishing.await.unwrap() > Duration::from_millis(50));
    assert_eq!(counts(&mut cart, 10).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn close_ends_in_time_and_says_how_many_events_were_not_sent() {
    let server = MemoryServer::new();
    let mut exporter = Process::new(&server, "a").await;
    exporter.relay.export::<Wire>().unwrap();
    server.stop();
    exporter.until(&RelayEvent::Disconnected).await;
    (0..7).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
    let since = Instant::now();
    let closed = exporter.relay.close().await;
    assert_eq!(closed, Err(CloseError { unsent: 7 }));
    assert!(
        since.elapsed() < Duration::from_secs(2),
        "{:?}",
        since.elapsed()
    );
}

/// Events that were dropped and not told are among those that were not sent.
#[tokio::test]
async fn close_counts_what_was_dropped_while_the_broker_was_away() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let server = MemoryServer::new();
        let mut exporter = Process::new(&server, "a").await;
        let few = room_for(4, overflow);
        exporter.relay.export_with::<Wire>(few).unwrap();
        server.stop();
        exporter.until(&RelayEvent::Disconnected).await;
        (0..10).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
        let Process {
            relay, mut status, ..
        } = exporter;
        let Err(CloseError { unsent }) = relay.close().await else {
            panic!("the broker is away");
        };
        let told = std::iter::from_fn(|| status.try_recv().ok());
        let is_told = told.filter(|event| **event == dropped(6)).count() as u64 * 6;
        assert_eq!(unsent + is_told, 10, "{overflow:?}");
    }
}

/// Without options 65,536 events wait, and then the oldest are dropped.
#[tokio::test]
async fn the_room_of_an_export_is_bounded_by_default() {
    const ROOM: u32 = 1 << 16;
    let server = MemoryServer::new();
    let mut exporter = Process::new(&server, "a").await;
    let mut importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let all = room_for(usize::MAX, Overflow::Block);
    let mut cart = importer.hub.receiver_with::<Wire>(all);
    exporter.relay.export::<Wire>().unwrap();
    exporter.hub.publish::<Wire>(added(0));
    assert_eq!(counts(&mut cart, 1).await, [0]);
    server.stop();
    exporter.until(&RelayEvent::Disconnected).await;
    // In one go: none of them is taken meanwhile.
    (1..=ROOM + 5).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
    server.start();
    assert_eq!(counts(&mut cart, 1).await, [6]);
    assert_eq!(exporter.told().await, dropped(5));
    let RelayEvent::Lagged { missed: 5, .. } = importer.told().await else {
        panic!("no gap is told");
    };
}

#[tokio::test]
async fn a_relay_that_is_dropped_ends_and_frees_its_hub() {
    let server = MemoryServer::new();
    let process = Process::new(&server, "a").await;
    process.relay.export::<Wire>().unwrap();
    process.relay.import::<Wire>().await.unwrap();
    let weak = process.hub.downgrade();
    drop(process);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(weak.upgrade().is_none(), "no task keeps the hub alive");
}

/// A listener that does not keep up holds up the import, and loses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_room_in_the_hub() {
    let server = MemoryServer::new();
    let exporter = Process::new(&server, "a").await;
    let importer = Process::new(&server, "b").await;
    importer.relay.import::<Wire>().await.unwrap();
    let mut cart = importer
        .hub
        .receiver_with::<Wire>(room_for(1, Overflow::Block));
    exporter.relay.export::<Wire>().unwrap();
    (0..100).for_each(|count| exporter.hub.publish::<Wire>(added(count)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(cart.len() <= 2, "{}", cart.len());
    assert_eq!(counts(&mut cart, 100).await, (0..100).collect::<Vec<_>>());
}
