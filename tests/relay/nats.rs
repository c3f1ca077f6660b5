//! The relay on real NATS servers.

use std::time::Duration;

use async_nats::ConnectOptions;
use typed_hub::relay::conformance::{Testbed, check};
use typed_hub::relay::{JetStreamBroker, NatsBroker};

use crate::nats_server::NatsServer;

/// Connections that are made again soon.
fn options() -> ConnectOptions {
    ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50))
}

struct Core(NatsServer);

impl Testbed for Core {
    type Broker = NatsBroker;

    async fn connect(&self) -> NatsBroker {
        NatsBroker::connect(self.0.url(), options()).await.unwrap()
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
        JetStreamBroker::connect(self.0.url(), options())
            .await
            .unwrap()
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
