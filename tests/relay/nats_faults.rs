//! What a relay does when a real NATS server, or the network before it, is out of order.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use tokio::time::{sleep, timeout};
use typed_hub::relay::{
    Broker, DropReason, Guarantee, JetStreamBroker, NatsBroker, Relay, RelayEvent, RelayOptions,
    Remote,
};
use typed_hub::{Hub, Overflow, ReceiverOptions};

use crate::nats_proxy::{Fault, Proxy};
use crate::nats_server::{NatsServer, free_port};
use crate::nats_world::*;

/// Connections that notice soon that nothing comes through.
fn impatient() -> async_nats::ConnectOptions {
    options()
        .ping_interval(Duration::from_millis(200))
        .connection_timeout(Duration::from_secs(1))
}

/// Sends before, during and after each fault, and accounts for each event.
async fn behind_faults<B: Broker>(connect: impl AsyncFn(String) -> B) {
    let server = NatsServer::start();
    for fault in Fault::ALL {
        let (near, far) = (Proxy::to(server.port()), Proxy::to(server.port()));
        let importer = connect(far.url()).await;
        let exporter = connect(near.url()).await;
        let guarantee = importer.guarantee();
        let mut importer = Peer::importing(importer, &format!("a-{fault:?}")).await;
        let exporter = Peer::exporting(exporter, &format!("b-{fault:?}")).await;
        exporter.publish(1..=20);
        importer.expect(&format!("b-{fault:?}"), 1..=20).await;

        let mut sent = 20;
        let mut longest = Duration::ZERO;
        let mut publish = |milliseconds: u32| {
            for _ in 0..milliseconds / 2 {
                sent += 1;
                let before = Instant::now();
                exporter.publish([sent]);
                longest = longest.max(before.elapsed());
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        let lasts = if fault == Fault::Silent { 1_000 } else { 300 };
        near.fail(fault);
        tokio::task::block_in_place(|| publish(lasts));
        near.heal();
        tokio::task::block_in_place(|| publish(50));
        far.fail(fault);
        tokio::task::block_in_place(|| publish(lasts));
        far.heal();
        tokio::task::block_in_place(|| publish(50));

        let (mut received, mut told, mut last) = (20, 0, 20);
        let healed = Instant::now();
        while received + told < sent {
            assert!(
                healed.elapsed() < LIMIT,
                "{fault:?}: {received} received and {told} told of {sent}"
            );
            match timeout(Duration::from_millis(50), importer.events.recv_async()).await {
                Ok(event) => {
                    let number = event.unwrap().event.number;
                    assert!(number > last, "{fault:?}: in order, each once");
                    last = number;
                    received += 1;
                }
                Err(_) => told += lagged(&importer.told()),
            }
        }
        println!(
            "{guarantee:?}, {fault:?}: sent {sent}, received {received}, told {told}, longest \
             publish {longest:?}, {:?} after it was well again",
            healed.elapsed()
        );
        assert_eq!(received + told, sent);
        if guarantee == Guarantee::AtLeastOnce {
            assert_eq!(told, 0, "{fault:?}: nothing is lost");
        }
        assert!(longest < Duration::from_millis(500), "publish has waited");
        importer.close().await;
        exporter.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn core_goes_on_after_each_fault_of_the_network() {
    behind_faults(async |url| NatsBroker::connect(url, impatient()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn jetstream_goes_on_after_each_fault_of_the_network() {
    behind_faults(async |url| JetStreamBroker::connect(url, impatient()).await.unwrap()).await;
}

/// Publishes more than a full stream takes, makes room, and accounts for each event.
async fn full(server: &NatsServer, stream: Config) {
    const EVENTS: u64 = 300;
    let connect = async || jetstream(&server.url()).await.stream(stream.clone());
    let mut importer = Peer::importing(connect().await, "a").await;
    let broker = connect().await;
    let mut exporter = Peer::try_new(broker, relay_options("b"), unbounded())
        .await
        .unwrap();
    let waiting = ReceiverOptions::builder()
        .capacity(16)
        .overflow(Overflow::DropOldest);
    exporter.relay.export_with::<Wire>(waiting.build()).unwrap();
    let large = |number| {
        let text = "x".repeat(1_000);
        exporter.hub.publish::<Wire>(Tick { number, text });
    };
    let began = Instant::now();
    for number in 1..=EVENTS {
        large(number);
        if number % 10 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "publish has waited"
    );
    sleep(Duration::from_millis(1_500)).await;
    let mut reports = exporter.told();
    let is_fault = |event: &&RelayEvent| matches!(event, RelayEvent::Fault { .. });
    let faults: Vec<_> = reports.iter().filter(is_fault).collect();
    assert_eq!(faults.len(), 1, "it is told, once: {faults:?}");
    let fault = faults[0].to_string();

    // Room is made again and again, since what waits is more than there is room for.
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let (mut received, mut told) = (0, 0);
    let mut last = 0;
    let end = Instant::now() + LIMIT;
    while received + told < EVENTS {
        assert!(Instant::now() < end, "{received} received, {told} told");
        let event = timeout(Duration::from_millis(300), importer.events.recv_async());
        if let Ok(event) = event.await {
            let number = event.unwrap().event.number;
            assert!(number > last, "in order, each once");
            last = number;
            received += 1;
        } else {
            told += lagged(&importer.told());
            let stream = context.get_stream("shop").await.unwrap();
            stream.purge().await.unwrap();
        }
    }
    reports.extend(exporter.told());
    let dropped: u64 = reports
        .iter()
        .map(|event| match event {
            RelayEvent::Dropped {
                missed,
                reason: DropReason::Overflow,
                ..
            } => *missed,
            _ => 0,
        })
        .sum();
    println!("full: {fault}; published {EVENTS}, received {received}, dropped and told {dropped}");
    assert_eq!((received + told, dropped), (EVENTS, told));
    assert!(dropped > 0, "the receiver has overflowed");
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_stream_that_is_full_is_told_and_waited_for() {
    let stream = Config {
        max_bytes: 50_000,
        discard: DiscardPolicy::New,
        ..Config::default()
    };
    full(&NatsServer::start(), stream).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_disk_that_is_full_is_told_and_waited_for() {
    let server = NatsServer::start_with("jetstream { store_dir: '$FOLDER', max_file: 60000 }");
    full(&server, Config::default()).await;
}

/// A process that does not take its messages in time, with a small buffer.
async fn slow_consumer<B: Broker>(connect: impl AsyncFn(String, usize) -> B) {
    const EVENTS: u64 = 2_000;
    let server = NatsServer::start();
    let broker = connect(server.url(), 8).await;
    let guarantee = broker.guarantee();
    let few = ReceiverOptions::builder().capacity(4).build();
    let mut importer = Peer::try_new(broker, relay_options("a"), few)
        .await
        .unwrap();
    importer.relay.import::<Remote<Wire>>().await.unwrap();
    let exporter = Peer::exporting(connect(server.url(), 1 << 16).await, "b").await;
    exporter.publish(1..=EVENTS);
    sleep(Duration::from_millis(500)).await;

    let (mut received, mut last) = (0, 0);
    let mut told = Vec::new();
    let end = Instant::now() + LIMIT;
    while received + lagged(&told) < EVENTS {
        let lost = lagged(&told);
        assert!(Instant::now() < end, "{received} received, {lost} told");
        match timeout(Duration::from_millis(50), importer.events.recv_async()).await {
            Ok(event) => {
                let number = event.unwrap().event.number;
                assert!(number > last, "in order, each once");
                last = number;
                received += 1;
            }
            Err(_) => told.extend(importer.told()),
        }
    }
    told.extend(importer.told());
    let lost = lagged(&told);
    println!("{guarantee:?}, slow: sent {EVENTS}, received {received}, told {lost}");
    assert_eq!(received + lost, EVENTS);
    if guarantee == Guarantee::AtMostOnce {
        assert!(lost > 0);
        assert!(told.contains(&RelayEvent::SlowConsumer), "{told:?}");
    } else {
        assert_eq!(lost, 0, "nothing is lost");
    }
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_slow_consumer_of_core_is_told_its_gap() {
    slow_consumer(async |url, capacity| {
        let options = options().subscription_capacity(capacity);
        NatsBroker::connect(url, options).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_slow_consumer_of_jetstream_misses_nothing() {
    slow_consumer(async |url, capacity| {
        let options = options().subscription_capacity(capacity);
        JetStreamBroker::connect(url, options).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn without_a_server_connecting_fails_at_once() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let began = Instant::now();
    let error = NatsBroker::connect(&*url, options()).await.unwrap_err();
    println!("core: {error}");
    assert_eq!(error.kind(), async_nats::ConnectErrorKind::Io);
    let error = JetStreamBroker::connect(&*url, options())
        .await
        .unwrap_err();
    println!("durable: {error}");
    assert_eq!(error.kind(), async_nats::ConnectErrorKind::Io);
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// Two processes that are there before the server.
async fn before_the_server<B: Broker>(connect: impl AsyncFn(String) -> B) {
    let server = NatsServer::not_yet("");
    let brokers = (connect(server.url()).await, connect(server.url()).await);
    let peers = async {
        tokio::join!(
            Peer::importing(brokers.0, "a"),
            Peer::exporting(brokers.1, "b"),
        )
    };
    let starts = async {
        sleep(Duration::from_millis(500)).await;
        tokio::task::block_in_place(|| server.start_again());
    };
    let ((mut importer, exporter), ()) = tokio::join!(peers, starts);
    let is_connected = |event: &RelayEvent| *event == RelayEvent::Connected;
    importer.status("the server is there", is_connected).await;
    exporter.publish(1..=100);
    importer.expect("b", 1..=100).await;
    importer.close().await;
    exporter.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn by_choice_a_relay_of_core_waits_for_the_server() {
    let options = || options().retry_on_initial_connect();
    before_the_server(async |url| NatsBroker::connect(url, options()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn by_choice_a_relay_of_jetstream_waits_for_the_server() {
    let options = || options().retry_on_initial_connect();
    before_the_server(async |url| JetStreamBroker::connect(url, options()).await.unwrap()).await;
}

/// With a limit on the attempts, waiting for a server that does not come ends.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_connection_that_has_given_up_is_an_error() {
    let options = options().retry_on_initial_connect().max_reconnects(3);
    let url = format!("nats://127.0.0.1:{}", free_port());
    let broker = JetStreamBroker::connect(url, options).await.unwrap();
    let hub = Hub::new();
    let connected = Relay::connect(&hub, broker, relay_options("a"));
    let error = within("an error", connected).await.unwrap_err();
    println!("{error}");
}

/// A relay that is closed while the server is away says how much it has not sent, and soon.
async fn close_while_away<B: Broker>(connect: impl AsyncFn(String) -> B) {
    let server = NatsServer::start();
    for capacity in [usize::MAX, 16] {
        let options = RelayOptions::builder()
            .prefix("shop")
            .origin("b")
            .close_timeout(Duration::from_millis(700))
            .build();
        let broker = connect(server.url()).await;
        let mut peer = Peer::try_new(broker, options, unbounded()).await.unwrap();
        let waiting = ReceiverOptions::builder()
            .capacity(capacity)
            .overflow(Overflow::DropOldest);
        peer.relay.export_with::<Wire>(waiting.build()).unwrap();
        peer.relay.import::<Remote<Wire>>().await.unwrap();
        server.kill();
        let is_away = |event: &RelayEvent| *event == RelayEvent::Disconnected;
        peer.status("the server is away", is_away).await;
        peer.publish(1..=50);
        sleep(Duration::from_millis(50)).await;

        let began = Instant::now();
        let Peer {
            relay,
            mut status,
            hub,
            ..
        } = peer;
        let error = relay.close().await.unwrap_err();
        let took = began.elapsed();
        let told = std::iter::from_fn(|| status.try_recv().ok());
        let dropped: u64 = told
            .map(|event| match &*event {
                RelayEvent::Dropped { missed, .. } => *missed,
                _ => 0,
            })
            .sum();
        println!("closed in {took:?}: {error}; {dropped} dropped before");
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        assert_eq!(error.unsent + dropped, 50);
        drop(hub);
        server.start_again();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_relay_of_core_that_is_closed_while_away_counts_what_it_has_not_sent() {
    close_while_away(async |url| core(&url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_relay_of_jetstream_that_is_closed_while_away_counts_what_it_has_not_sent() {
    close_while_away(async |url| jetstream(&url).await).await;
}
