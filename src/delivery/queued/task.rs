//! A hub's task on the microtask queue of a page, which calls its queued listeners.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
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
    let mut slice = Slice::default();
    while slice.arrived(&worker).await {
        let begun = Instant::now();
        loop {
            let rest = slice.left.saturating_sub(begun.elapsed());
            if rest.is_zero() || worker.run_pending_for(rest) == 0 {
                break;
            }
        }
        slice.spend(begun.elapsed()).await;
    }
}

/// The time that is left of a slice, and the next task of the page, which begins another slice. It is
/// waited for when half of the slice has been spent.
struct Slice {
    left: Duration,
    next_task: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Default for Slice {
    fn default() -> Self {
        Self {
            left: SLICE,
            next_task: None,
        }
    }
}

impl Slice {
    /// Waits as [`Worker::arrived`] does, and notices the next task of the page.
    async fn arrived(&mut self, worker: &Worker) -> bool {
        let mut arrived = worker.arrived();
        poll_fn(|context| {
            if let Some(next_task) = &mut self.next_task
                && next_task.as_mut().poll(context).is_ready()
            {
                *self = Self::default();
            }
            Pin::new(&mut arrived).poll(context)
        })
        .await
    }

    async fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
        if self.left >= SLICE / 2 {
            return;
        }
        let next_task = self
            .next_task
            .get_or_insert_with(|| Box::pin(page::next_task()));
        if self.left.is_zero() {
            next_task.await;
            *self = Self::default();
        }
    }
}
