//! A process that takes part in a check, and messages without one.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Testbed;
use crate::channel::{Custom, CustomChannel};
use crate::delivery::receiver::Receiver;
use crate::delivery::receiver::received::Received;
use crate::hub::{Hub, ReceiverOptions};
use crate::relay::broker::Broker;
use crate::relay::cloud_event::CloudEvent;
use crate::relay::relay::{Relay, RelayOptions};
use crate::relay::remote::Remote;
use crate::relay::sequence::Run;
use crate::relay::status::{RelayEvent, RelayStatus};

pub(super) enum Ticks {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tick {
    pub(super) from: String,
    pub(super) number: u32,
    pub(super) text: String,
}

impl CustomChannel for Ticks {
    type Event = Tick;
    const NAME: &'static str = "ticks";
}

pub(super) type Wire = Custom<Ticks>;

/// A process: a hub, its relay, and what it receives.
pub(super) struct Process<B: Broker> {
    pub(super) name: String,
    pub(super) hub: Hub,
    pub(super) relay: Relay<B>,
    pub(super) remote: Receiver<Remote<Wire>>,
    pub(super) status: Receiver<RelayStatus>,
}

impl<B: Broker> Process<B> {
    pub(super) async fn start(broker: B, prefix: &str, name: &str) -> Self {
        let hub = Hub::new();
        let status = hub.receiver_with(ReceiverOptions::builder().capacity(usize::MAX).build());
        let options = RelayOptions::builder()
            .prefix(format!("conformance.{prefix}"))
            .origin(name)
            .heartbeat(Duration::from_millis(200))
            .build();
        let relay = Relay::connect(&hub, broker, options)
            .await
            .expect("the relay connects");
        let remote = hub.receiver_with(ReceiverOptions::builder().capacity(usize::MAX).build());
        let mut process = Self {
            name: name.to_owned(),
            hub,
            relay,
            remote,
            status,
        };
        let is_there = |event: &RelayEvent| *event == RelayEvent::Connected;
        process.status("the server is there", is_there).await;
        let imported = process.relay.import::<Remote<Wire>>().await;
        imported.expect("the channel is imported");
        process
    }

    pub(super) async fn exporting(broker: B, prefix: &str, name: &str) -> Self {
        let process = Self::start(broker, prefix, name).await;
        process
            .relay
            .export::<Wire>()
            .expect("the channel is exported");
        process
    }

    /// Exports without loss: `publish` waits when the broker is slower.
    pub(super) async fn exporting_all(broker: B, prefix: &str, name: &str) -> Self {
        let process = Self::start(broker, prefix, name).await;
        let exported = process
            .relay
            .export_with::<Wire>(ReceiverOptions::default());
        exported.expect("the channel is exported");
        process
    }

    pub(super) fn tick(&self, number: u32) -> Tick {
        Tick {
            from: self.name.clone(),
            number,
            text: "x".repeat(100),
        }
    }

    pub(super) async fn publish(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            self.hub.publish_async::<Wire>(self.tick(number)).await;
        }
    }

    /// The next event of another process.
    pub(super) async fn remote(&mut self) -> Tick {
        let event = within("an event arrives", self.remote.recv_async()).await;
        let event = event.expect("the receiver loses nothing");
        assert_eq!(
            event.origin.as_str(),
            event.event.from,
            "the origin is that of the event"
        );
        event.event.clone()
    }

    pub(super) async fn expect(&mut self, from: &str, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let event = self.remote().await;
            assert_eq!(
                (&*event.from, event.number),
                (from, number),
                "in order, each once"
            );
        }
    }

    /// The next report of the relay that the predicate chooses.
    pub(super) async fn status(
        &mut self,
        what: &str,
        is_it: impl Fn(&RelayEvent) -> bool,
    ) -> Received<RelayStatus> {
        let found = async {
            loop {
                let event = self
                    .status
                    .recv_async()
                    .await
                    .expect("the receiver loses nothing");
                if is_it(&event) {
                    return event;
                }
            }
        };
        within(what, found).await
    }

    pub(super) async fn close(self) {
        self.relay.close().await.expect("the relay closes");
    }
}

/// A time that no broker should need.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = timeout(LIMIT, future).await;
    ended.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// A message as a relay would send it.
pub(super) fn message(run: Run, number: u64) -> CloudEvent {
    let event = Tick {
        from: "raw".to_owned(),
        number: u32::try_from(number).unwrap_or_default(),
        text: String::new(),
    };
    CloudEvent {
        id: run.id(number),
        source: "raw".to_owned(),
        kind: "ticks".to_owned(),
        time: None,
        data: Bytes::from(serde_json::to_vec(&event).expect("a tick is serialised")),
    }
}

/// A connection without a relay, and the subject of the channel.
pub(super) async fn raw<T: Testbed>(testbed: &T, prefix: &str) -> (T::Broker, String) {
    let broker = testbed.connect().await;
    let prefix = format!("conformance.{prefix}");
    broker.open(&prefix, "raw").await.expect("the broker opens");
    (broker, format!("{prefix}.ticks"))
}
