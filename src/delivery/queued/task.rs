//! A hub's task on the microtask queue of a page, which calls its queued listeners.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
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
    let (mut left, mut next_task) = (SLICE, None);
    while worker.arrived().await {
        if let Some(next) = &mut next_task
            && is_over(next).await
        {
            (left, next_task) = (SLICE, None);
        }
        let begun = Instant::now();
        loop {
            let rest = left.saturating_sub(begun.elapsed());
            if rest.is_zero() || worker.run_pending_for(rest) == 0 {
                break;
            }
        }
        left = left.saturating_sub(begun.elapsed());
        if left < SLICE / 2 {
            let next = next_task.get_or_insert_with(|| Box::pin(page::next_task()));
            if left.is_zero() {
                next.await;
                (left, next_task) = (SLICE, None);
            }
        }
    }
}

/// Whether a future has ended, without waiting for its end.
async fn is_over(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_ready())).await
}
