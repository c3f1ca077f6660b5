//! The tasks that wait for something.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::{any::Any, mem};

use crate::sync::Mutex;

/// The wakers of the tasks that wait.
///
/// The set is a waker itself, which wakes every task in it. A woken task checks its own condition.
pub(super) struct WakerSet(Mutex<Waiters>);

struct Waiters {
    wakers: BTreeMap<WaiterId, Waker>,
    /// How many waiters there have been.
    created: u64,
}

/// What a task waits for, and the task's own number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaiterId {
    topic: u64,
    number: u64,
}

impl WakerSet {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiters {
            wakers: BTreeMap::new(),
            created: 0,
        })))
    }

    /// A waiter for this topic.
    pub(super) fn waiter(&self, topic: u64) -> Waiter<'_> {
        let mut waiters = self.0.lock();
        waiters.created += 1;
        let number = waiters.created;
        Waiter {
            set: self,
            id: WaiterId { topic, number },
        }
    }

    /// Wakes all tasks.
    pub(super) fn notify_all(&self) {
        let woken = mem::take(&mut self.0.lock().wakers);
        wake(woken.into_values());
    }

    /// Wakes the tasks that wait for this topic.
    pub(super) fn notify(&self, topic: u64) {
        let first = |topic| WaiterId { topic, number: 0 };
        let woken = {
            let wakers = &mut self.0.lock().wakers;
            let mut woken = wakers.split_off(&first(topic));
            wakers.append(&mut woken.split_off(&first(topic + 1)));
            woken
        };
        wake(woken.into_values());
    }

    /// Wakes these waiters.
    pub(super) fn notify_each(&self, waiters: &BTreeSet<WaiterId>) {
        if waiters.is_empty() {
            return;
        }
        let woken: Vec<_> = {
            let wakers = &mut self.0.lock().wakers;
            waiters
                .iter()
                .filter_map(|waiter| wakers.remove(waiter))
                .collect()
        };
        wake(woken);
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.notify_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify_all();
    }
}

/// A task's entry in the set. A dropped waiter is not woken any more.
pub(super) struct Waiter<'a> {
    set: &'a WakerSet,
    pub(super) id: WaiterId,
}

impl Waiter<'_> {
    /// Wakes this task at the next notification, once.
    pub(super) fn register(&self, waker: &Waker) {
        // User code clones and drops a waker, so neither happens under the lock.
        let waker = waker.clone();
        let replaced = self.set.0.lock().wakers.insert(self.id, waker);
        drop(replaced);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let removed = self.set.0.lock().wakers.remove(&self.id);
        drop(removed);
    }
}

/// Wakes all of them, even if one panics.
fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        isolated(|| waker.wake());
    }
}

/// Runs user code and catches its panic: then there is no result.
pub(super) fn isolated<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).map_err(discard).ok()
}

/// Drops the payload of a panic, whose destructor may panic again.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
