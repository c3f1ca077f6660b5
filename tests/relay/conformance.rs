//! The brokers in memory do what a broker has to.

use typed_hub::relay::conformance::{Testbed, check};
use typed_hub::relay::{MemoryBroker, MemoryServer};

struct Memory(MemoryServer);

impl Testbed for Memory {
    type Broker = MemoryBroker;

    async fn connect(&self) -> MemoryBroker {
        self.0.connect()
    }

    async fn stop(&self) {
        self.0.stop();
    }

    async fn start(&self) {
        self.0.start();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_once() {
    check(&Memory(MemoryServer::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_once() {
    check(&Memory(MemoryServer::durable())).await;
}
