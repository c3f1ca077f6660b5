//! A hub's task on the microtask queue of a page, which calls its queued listeners.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Worker;
use super::queue::Queue;
use crate::delivery::shared::HubShared;
use crate::sync::{Instant, page};

/// How long the task delivers before it leaves the thread to the page: half a frame.
const SLICE: Duration = Duration::from_millis(8);

pub(crate) struct Dispatcher;

impl Dispatcher {
    /// In the words of a hub's `Debug` output.
    pub(crate) const KIND: &str = "task";

    /// Starts a task that delivers what the queue accepts until the queue is closed and empty.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "a thread may not start, a task always does"
    )]
    pub(crate) fn spawn(queue: Arc<Queue>, shared: Arc<HubShared>) -> io::Result<Self> {
        page::spawn(deliver(Worker::new(queue, shared)));
        Ok(Self)
    }

    /// The task ends by itself. There is no waiting for it.
    #[expect(clippy::unused_self, reason = "a thread is waited for")]
    pub(crate) fn join(self) {}
}

async fn deliver(mut worker: Worker) {
    // Across arrivals: two hubs that answer each other would otherwise keep the thread for ever.
    let mut left = SLICE;
    while worker.arrived().await {
        let begun = Instant::now();
        loop {
            let rest = left.saturating_sub(begun.elapsed());
            if rest.is_zero() || worker.run_pending_for(rest) == 0 {
                break;
            }
        }
        left = left.saturating_sub(begun.elapsed());
        if left.is_zero() {
            page::next_task().await;
            left = SLICE;
        }
    }
}
