//! Each method that blocks, and its async twin. With the feature `blocks` nothing of this compiles, and the
//! compiler names the twins: `tests/run servers` looks.

use std::time::{Duration, Instant};

use page::Numbers;
use typed_hub::{Hub, LocalWorker, Receiver, Replay, Subscription, SubscriptionSet, Worker};

macro_rules! pairs {
    ($($blocks:block or $waits:block)+) => {$(
        #[cfg(feature = "blocks")]
        let _ = $blocks;
        #[cfg(not(feature = "blocks"))]
        let _ = $waits;
    )+};
}

#[allow(
    unused_variables,
    unused_mut,
    reason = "the pairs differ in what they use"
)]
pub async fn pairs(
    hub: &Hub,
    receiver: &mut Receiver<Numbers>,
    guard: Subscription,
    set: SubscriptionSet,
    (mut worker, local): (Worker, LocalWorker),
    (limit, deadline): (Duration, Instant),
) {
    pairs! {
        { hub.flush() } or { hub.flush_async().await }
        { hub.wait_for::<Numbers>(|_| true, limit) }
            or { hub.wait_for_async::<Numbers>(|_| true).await }
        { hub.wait_for_with::<Numbers>(Replay::All, |_| true, limit) }
            or { hub.wait_for_async_with::<Numbers>(Replay::All, |_| true).await }
        { receiver.recv() } or { receiver.recv_async().await }
        { receiver.recv_timeout(limit) } or { receiver.recv_async().await }
        { receiver.recv_deadline(deadline) } or { receiver.recv_async().await }
        { receiver.iter().count() } or { receiver.drain(|_| {}) }
        { receiver.ready_signal().len() } or { receiver.try_recv() }
        { guard.close() } or { guard.close_async().await }
        { set.close() } or { set.close_async().await }
        { worker.run() } or { while worker.arrived().await { worker.run_pending(); } }
        { local.run() } or { while local.arrived().await { local.run_pending(); } }
    }
}

fn main() {}
