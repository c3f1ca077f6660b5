//! The task that tells what happens to the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch::Sender;

use super::broker::{Broker, BrokerEvent};
use super::status::{RelayEvent, tell};
use super::task::isolated_task;
use crate::hub::WeakHub;
use crate::text::sanitize;

/// Publishes what happens to the connection, as long as the relay lives.
pub(super) async fn watch<B: Broker>(
    broker: Arc<B>,
    hub: WeakHub,
    connects: Sender<u64>,
    is_connected: Arc<AtomicBool>,
) {
    let watching = publish_all(broker, hub.clone(), connects, &is_connected);
    if isolated_task(watching).await.is_some() {
        return;
    }
    is_connected.store(false, Ordering::Relaxed);
    if let Some(hub) = hub.upgrade() {
        let message = "the broker's `next_event` panicked: its connection is watched no longer";
        let message = message.to_owned();
        tell(&hub, RelayEvent::Fault { message }).await;
    }
}

async fn publish_all<B: Broker>(
    broker: Arc<B>,
    hub: WeakHub,
    connects: Sender<u64>,
    is_connected: &AtomicBool,
) {
    loop {
        let event = match broker.next_event().await {
            BrokerEvent::Connected => {
                is_connected.store(true, Ordering::Relaxed);
                connects.send_modify(|connects| *connects += 1);
                RelayEvent::Connected
            }
            BrokerEvent::Disconnected => {
                is_connected.store(false, Ordering::Relaxed);
                RelayEvent::Disconnected
            }
            BrokerEvent::SlowConsumer => RelayEvent::SlowConsumer,
            BrokerEvent::Fault(message) => RelayEvent::Fault {
                message: sanitize(&message),
            },
        };
        let Some(hub) = hub.upgrade() else { break };
        tell(&hub, event).await;
    }
}
