//! The wake-up of the thread or task that pumps a worker.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::queue::Queue;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::panic_report::PanicOrigin;
use crate::delivery::shared::scope;
use crate::delivery::shared::wakers::{WakerKey, WakerSet};

/// The function that wakes the thread that pumps.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// What to wake when something arrives for a queue that a worker pumps. Empty on other queues.
#[derive(Default)]
pub(super) struct Arrival {
    pub(super) hook: Option<Hook>,
    pub(super) tasks: WakerSet,
}

impl Arrival {
    pub(super) fn is_empty(&self) -> bool {
        self.hook.is_none() && self.tasks.is_empty()
    }

    /// What to wake now. Tasks wait anew if they wait for more.
    pub(super) fn take(&mut self) -> WakeUp {
        WakeUp {
            hook: self.hook.clone(),
            tasks: self.tasks.take(),
        }
    }
}

/// A wake-up that is due: user code, to be run under no lock.
#[must_use]
pub(super) struct WakeUp {
    hook: Option<Hook>,
    tasks: Vec<Waker>,
}

impl WakeUp {
    /// Wakes the tasks and calls the hook. What the hook publishes must not wait, because the thread
    /// that makes room may not be awake yet: the hook runs as a callback of the hub.
    pub(super) fn run(self, shared: &HubShared) {
        shared.wake(None, self.tasks);
        if let Some(hook) = self.hook {
            let call = || scope::dispatch(shared.hub, || hook());
            shared.isolate(None, || PanicOrigin::Arrival, call);
            discard_hook(Some(hook), shared);
        }
    }
}

/// Drops what may be the last handle of a hook: then its captures, which are user code.
pub(super) fn discard_hook(hook: Option<Hook>, shared: &HubShared) {
    if let Some(hook) = hook {
        let discard = || scope::dispatch(shared.hub, || drop(hook));
        shared.isolate(None, || PanicOrigin::Arrival, discard);
    }
}

/// The future of [`Queue::arrived`]. A dropped one never wakes its task.
pub(super) struct Arrived {
    queue: Arc<Queue>,
    key: Option<WakerKey>,
}

impl Arrived {
    pub(super) fn new(queue: &Arc<Queue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            key: None,
        }
    }
}

impl Future for Arrived {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<bool> {
        let this = self.get_mut();
        // Cloned here, because cloning runs the executor's code: not under the lock.
        let task = task.waker().clone();
        this.queue.poll_arrival(&mut this.key, task)
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.queue.forget_arrival(key);
        }
    }
}
