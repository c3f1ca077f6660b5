//! Processes of a test: a hub each, with a relay to one server.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use typed_hub::relay::{MemoryBroker, MemoryServer, Relay, RelayEvent, RelayOptions, RelayStatus};
use typed_hub::{
    Channel, Custom, CustomChannel, Hub, Overflow, Received, Receiver, ReceiverOptions,
};

/// No test here takes this long.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) enum Cart {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Added {
    pub(crate) sku: String,
    pub(crate) count: u32,
}

impl CustomChannel for Cart {
    type Event = Added;
    const NAME: &'static str = "cart";
}

pub(crate) fn added(count: u32) -> Added {
    let sku = "1234".to_owned();
    Added { sku, count }
}

pub(crate) struct Process {
    pub(crate) hub: Hub,
    pub(crate) relay: Relay<MemoryBroker>,
    pub(crate) status: Receiver<RelayStatus>,
}

impl Process {
    pub(crate) async fn new(server: &MemoryServer, origin: &str) -> Self {
        let hub = Hub::new();
        let status = hub.receiver::<RelayStatus>();
        let options = RelayOptions::builder()
            .prefix("shop")
            .origin(origin)
            .heartbeat(Duration::from_secs(600))
            .close_timeout(Duration::from_millis(300))
            .max_bytes(1_000)
            .build();
        let relay = Relay::connect(&hub, server.connect(), options).await;
        let mut process = Self {
            hub,
            relay: relay.unwrap(),
            status,
        };
        process.until(&RelayEvent::Connected).await;
        process
    }

    /// The next report but for those of the connection.
    pub(crate) async fn told(&mut self) -> RelayEvent {
        loop {
            let event = next(&mut self.status).await;
            if !matches!(*event, RelayEvent::Connected | RelayEvent::Disconnected) {
                return (*event).clone();
            }
        }
    }

    pub(crate) async fn until(&mut self, event: &RelayEvent) {
        while *next(&mut self.status).await != *event {}
    }
}

pub(crate) async fn next<C: Channel>(receiver: &mut Receiver<C>) -> Received<C> {
    let received = timeout(LIMIT, receiver.recv_async()).await;
    let received = received.unwrap_or_else(|_| panic!("no event of `{}`", C::NAME));
    received.unwrap_or_else(|error| panic!("{}: {error}", C::NAME))
}

pub(crate) async fn counts(receiver: &mut Receiver<Custom<Cart>>, n: usize) -> Vec<u32> {
    let mut counts = Vec::new();
    for _ in 0..n {
        counts.push(next(receiver).await.count);
    }
    counts
}

pub(crate) fn room_for(capacity: usize, overflow: Overflow) -> ReceiverOptions {
    let options = ReceiverOptions::builder().capacity(capacity);
    options.overflow(overflow).build()
}
