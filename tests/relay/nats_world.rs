//! What the tests on real NATS servers share: processes, each a hub and its relay.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self as js, Context};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use typed_hub::relay::{
    Broker, ConnectError, JetStreamBroker, NatsBroker, Relay, RelayEvent, RelayOptions,
    RelayStatus, Remote,
};
use typed_hub::{Custom, CustomChannel, Hub, Received, Receiver, ReceiverOptions};

use crate::nats_server::NatsServer;

pub(crate) enum Ticks {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) number: u64,
    pub(crate) text: String,
}

impl CustomChannel for Ticks {
    type Event = Tick;
    const NAME: &'static str = "ticks";
}

pub(crate) type Wire = Custom<Ticks>;

/// The subject of the channel, with the prefix of [`relay_options`].
pub(crate) const SUBJECT: &str = "shop.ticks";

pub(crate) fn tick(number: u64) -> Tick {
    Tick {
        number,
        text: String::new(),
    }
}

/// A process: a hub, its relay, and what it receives.
pub(crate) struct Peer<B: Broker> {
    pub(crate) hub: Hub,
    pub(crate) relay: Relay<B>,
    pub(crate) events: Receiver<Remote<Wire>>,
    pub(crate) status: Receiver<RelayStatus>,
}

/// Connections that are made again soon.
pub(crate) fn options() -> ConnectOptions {
    ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(50))
}

pub(crate) fn relay_options(origin: &str) -> RelayOptions {
    RelayOptions::builder()
        .prefix("shop")
        .origin(origin)
        .heartbeat(Duration::from_millis(200))
        .build()
}

/// A receiver that holds all events.
pub(crate) fn unbounded() -> ReceiverOptions {
    ReceiverOptions::builder().capacity(usize::MAX).build()
}

pub(crate) async fn core(url: &str) -> NatsBroker {
    NatsBroker::connect(url, options()).await.unwrap()
}

pub(crate) async fn jetstream(url: &str) -> JetStreamBroker {
    JetStreamBroker::connect(url, options()).await.unwrap()
}

/// The server's streams, without a relay.
pub(crate) async fn context(server: &NatsServer) -> Context {
    js::new(async_nats::connect(server.url()).await.unwrap())
}

impl<B: Broker> Peer<B> {
    pub(crate) async fn try_new(
        broker: B,
        options: RelayOptions,
        receiver: ReceiverOptions,
    ) -> Result<Self, ConnectError> {
        let hub = Hub::new();
        let status = hub.receiver_with(unbounded());
        let relay = Relay::connect(&hub, broker, options).await?;
        Ok(Self {
            events: hub.receiver_with(receiver),
            hub,
            relay,
            status,
        })
    }

    /// Connects, and imports the channel.
    pub(crate) async fn importing(broker: B, origin: &str) -> Self {
        let peer = Self::try_new(broker, relay_options(origin), unbounded()).await;
        let peer = peer.expect("the relay connects");
        within("import", peer.relay.import::<Remote<Wire>>())
            .await
            .expect("the channel is imported");
        peer
    }

    /// Connects, and exports the channel.
    pub(crate) async fn exporting(broker: B, origin: &str) -> Self {
        let peer = Self::try_new(broker, relay_options(origin), unbounded()).await;
        let peer = peer.expect("the relay connects");
        peer.relay
            .export_with::<Wire>(unbounded())
            .expect("the channel is exported");
        peer
    }

    pub(crate) fn publish(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.hub.publish::<Wire>(tick(number));
        }
    }

    /// The next event of another process.
    pub(crate) async fn event(&mut self) -> Received<Remote<Wire>> {
        let event = within("an event arrives", self.events.recv_async()).await;
        event.expect("the receiver loses nothing")
    }

    /// Receives these events of this origin, in order, and no others.
    pub(crate) async fn expect(&mut self, origin: &str, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let event = self.event().await;
            let got = (event.origin.as_str(), event.event.number);
            assert_eq!(got, (origin, number), "in order, each once");
        }
    }

    /// The next report that the predicate chooses.
    pub(crate) async fn status(
        &mut self,
        what: &str,
        is_it: impl Fn(&RelayEvent) -> bool,
    ) -> RelayEvent {
        let mut others = Vec::new();
        let found = async {
            loop {
                let event = self.status.recv_async().await.expect("it loses nothing");
                if is_it(&event) {
                    return (*event).clone();
                }
                others.push(event.to_string());
            }
        };
        let found = timeout(LIMIT, found).await;
        found.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}; told were {others:?}"))
    }

    /// The reports that have been told and not been looked at.
    pub(crate) fn told(&mut self) -> Vec<RelayEvent> {
        std::iter::from_fn(|| self.status.try_recv().ok())
            .map(|event| (*event).clone())
            .collect()
    }

    pub(crate) async fn close(self) {
        within("close", self.relay.close())
            .await
            .expect("the relay closes");
    }
}

/// How many lost events these reports tell.
pub(crate) fn lagged(told: &[RelayEvent]) -> u64 {
    let missed = |event: &RelayEvent| match event {
        RelayEvent::Lagged { missed, .. } => *missed,
        _ => 0,
    };
    told.iter().map(missed).sum()
}

/// A time that nothing here should need.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: impl fmt::Display, future: impl Future<Output = T>) -> T {
    let ended = timeout(LIMIT, future).await;
    ended.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}
