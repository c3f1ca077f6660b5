//! Async publishers that wait for room.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// The wakers of waiting tasks. Whatever comes out of it, to wake or to drop, is an executor's code
/// and wants no lock held.
#[derive(Default)]
pub(crate) struct WakerSet {
    wakers: BTreeMap<WakerKey, Waker>,
    next: WakerKey,
}

/// Where a task waits.
pub(crate) type WakerKey = u64;

impl WakerSet {
    /// Lets a task wait at its key, or at a new one, where it is `full`. What is not wanted comes
    /// back: this waker where there is room, or what the task has left at its key before.
    #[must_use]
    pub(crate) fn wait(
        &mut self,
        full: bool,
        key: &mut Option<WakerKey>,
        waker: Waker,
    ) -> Option<Waker> {
        if !full {
            return Some(waker);
        }
        let key = *key.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.wakers.insert(key, waker)
    }

    #[must_use]
    pub(crate) fn remove(&mut self, key: WakerKey) -> Option<Waker> {
        self.wakers.remove(&key)
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers).into_values().collect()
    }
}
