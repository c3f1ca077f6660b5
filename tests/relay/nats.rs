//! The relay on real NATS servers.

use std::process::Command;

use bytes::Bytes;
use typed_hub::relay::conformance::{Testbed, check};
use typed_hub::relay::{
    Broker as _, BrokerError, BrokerEvent, CloudEvent, Deliveries as _, Delivery, JetStreamBroker,
    NatsBroker,
};

use crate::nats_server::NatsServer;
use crate::nats_world::{context, core, jetstream, options};

struct Core(NatsServer);

impl Testbed for Core {
    type Broker = NatsBroker;

    async fn connect(&self) -> NatsBroker {
        core(&self.0.url()).await
    }

    async fn stop(&self) {
        self.0.kill();
    }

    async fn start(&self) {
        self.0.start_again();
    }
}

struct JetStream(NatsServer);

impl Testbed for JetStream {
    type Broker = JetStreamBroker;

    async fn connect(&self) -> JetStreamBroker {
        jetstream(&self.0.url()).await
    }

    async fn stop(&self) {
        self.0.kill();
    }

    async fn start(&self) {
        self.0.start_again();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn conformance_of_core() {
    check(&Core(NatsServer::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn conformance_of_jetstream() {
    check(&JetStream(NatsServer::start())).await;
}

/// A client that other code uses too; its state is told, and its messages are those of the relay.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn conformance_of_clients_that_are_there_already() {
    struct Shared(NatsServer);

    impl Testbed for Shared {
        type Broker = NatsBroker;

        async fn connect(&self) -> NatsBroker {
            let client = options().connect(self.0.url()).await.unwrap();
            NatsBroker::from_client(client)
        }

        async fn stop(&self) {
            self.0.kill();
        }

        async fn start(&self) {
            self.0.start_again();
        }
    }

    check(&Shared(NatsServer::start())).await;
}

fn event(number: u64) -> CloudEvent {
    CloudEvent {
        id: format!("0123456789abcdef-{number}"),
        source: "b".to_owned(),
        kind: "ticks".to_owned(),
        time: None,
        data: Bytes::from_static(b"1"),
    }
}

/// What was given to a connection that is lost may be lost with it, though the next one answers.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_flush_over_a_connection_that_was_lost_is_an_error() {
    let server = NatsServer::start();
    let broker = core(&server.url()).await;
    assert_eq!(broker.next_event().await, BrokerEvent::Connected);
    broker.publish("shop.ticks", event(1)).await.unwrap();
    assert_eq!(broker.flush().await, Ok(()));
    broker.publish("shop.ticks", event(1)).await.unwrap();
    server.kill();
    while broker.next_event().await != BrokerEvent::Disconnected {}
    server.start_again();
    while broker.next_event().await != BrokerEvent::Connected {}
    let flushed = broker.flush().await;
    assert!(
        matches!(flushed, Err(BrokerError::Unreachable { .. })),
        "{flushed:?}"
    );
    broker.publish("shop.ticks", event(1)).await.unwrap();
    assert_eq!(broker.flush().await, Ok(()));
}

/// An event that is sent again, because its answer was lost, is in the stream once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn the_stream_knows_an_event_that_is_sent_again() {
    let server = NatsServer::start();
    let broker = jetstream(&server.url()).await;
    broker.open("shop", "b").await.unwrap();
    for number in [1, 1, 2, 1] {
        broker.publish("shop.ticks", event(number)).await.unwrap();
    }
    let other = CloudEvent {
        source: "c".to_owned(),
        ..event(1)
    };
    broker.publish("shop.ticks", other).await.unwrap();
    let stream = context(&server).await.get_stream("shop").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 3);
    let first = stream.get_raw_message(1).await.unwrap();
    let id = first.headers.get("Nats-Msg-Id").unwrap();
    assert_eq!(id.as_str(), "b:0123456789abcdef-1");
}

/// A connection that is lost for a moment does not put off the storing of a position.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nats: tests/run servers sets it up"]
async fn a_position_waits_for_a_connection_that_is_made_again() {
    let server = NatsServer::start();
    let broker = jetstream(&server.url()).await;
    assert_eq!(broker.next_event().await, BrokerEvent::Connected);
    broker.open("shop", "a").await.unwrap();
    let mut deliveries = broker.subscribe("shop.ticks", "ticks").await.unwrap();
    broker.publish("shop.ticks", event(1)).await.unwrap();
    while !matches!(deliveries.next().await, Some(Delivery::Event(_))) {}
    deliveries.mark();
    server.kill();
    while broker.next_event().await != BrokerEvent::Disconnected {}
    let starts = tokio::task::spawn_blocking(move || {
        server.start_again();
        server
    });
    // On a busy machine the server starts later than a call waits.
    let is_stored = async {
        for _ in 0..20 {
            if deliveries.store().await {
                return true;
            }
        }
        false
    };
    let (is_stored, _server) = tokio::join!(is_stored, starts);
    assert!(is_stored);
}

/// The example `relay`, with the address of a server.
#[test]
#[ignore = "needs nats: tests/run servers sets it up"]
fn the_example_runs_as_two_processes() {
    let server = NatsServer::start();
    let output = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--features",
            "nats",
            "--example",
            "relay",
            "--",
        ])
        .arg(server.url())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    let expected = [
        "billing: 1234 is in a cart",
        "billing: connected",
        "billing: signedIn at shop",
        "shop: billed 30",
    ];
    assert_eq!(lines, expected);
}
