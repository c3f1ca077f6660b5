//! Room in a bounded buffer, and the publishers that wait for it: threads and tasks.

use std::task::Waker;

use crate::delivery::shared::HubShared;
use crate::delivery::shared::wakers::{WakerKey, WakerSet};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A bounded buffer behind a lock.
pub(crate) struct Room<B> {
    buffer: Mutex<B>,
    /// Publishers wait here while the buffer is full.
    not_full: Condvar,
}

/// A buffer that can be full.
pub(crate) trait Bounded {
    fn is_full(&self) -> bool;

    /// The publishers that wait for room. The buffer only stores them.
    fn waiting(&mut self) -> &mut Waiting;
}

/// The publishers that wait for room in one buffer.
#[derive(Default)]
pub(crate) struct Waiting {
    threads: usize,
    tasks: WakerSet,
}

/// How far a publisher may fill a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Capacity,
    /// Exceeds the capacity: inside a callback or a predicate, on the consumer's thread, and in a page,
    /// where waiting for room might never end; and for the auth category, which waits for no listener.
    None,
}

impl<B: Bounded> Room<B> {
    pub(crate) fn new(buffer: B) -> Self {
        Self {
            buffer: Mutex::new(buffer),
            not_full: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, B> {
        self.buffer.lock()
    }

    /// Blocks until there is room. The buffer may be full again by then.
    pub(crate) fn wait(&self) {
        let mut buffer = self.lock();
        buffer.waiting().threads += 1;
        while buffer.is_full() {
            buffer = self.not_full.wait(buffer);
        }
        buffer.waiting().threads -= 1;
    }

    /// Registers the waker `task`, to be woken when there may be room. `false` when there is room
    /// already.
    pub(crate) fn wake_at_room(&self, key: &mut Option<WakerKey>, task: Waker) -> bool {
        let mut buffer = self.lock();
        let full = buffer.is_full();
        let unneeded = buffer.waiting().tasks.update(full, key, task);
        drop(buffer);
        drop(unneeded);
        full
    }

    /// Removes the waker of a task that no longer waits.
    pub(crate) fn forget(&self, key: WakerKey) {
        let forgotten = self.lock().waiting().tasks.remove(key);
        drop(forgotten);
    }

    /// Unlocks the buffer and, unless it is full, wakes the waiting publishers.
    pub(crate) fn wake_publishers(
        &self,
        mut buffer: MutexGuard<'_, B>,
        shared: &HubShared,
        channel: Option<&'static str>,
    ) {
        if buffer.is_full() {
            return;
        }
        let waiting = buffer.waiting();
        let threads = waiting.threads != 0;
        let tasks = waiting.tasks.take();
        drop(buffer);
        if threads {
            self.not_full.notify_all();
        }
        shared.wake(channel, tasks);
    }
}
