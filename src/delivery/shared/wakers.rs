//! The wakers of tasks that wait.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// The wakers of waiting tasks. Waking or dropping a waker runs the executor's code, so no lock may
/// be held then.
#[derive(Default)]
pub(crate) struct WakerSet {
    wakers: BTreeMap<WakerKey, Waker>,
    next: WakerKey,
}

/// The key of a waiting task.
pub(crate) type WakerKey = u64;

impl WakerSet {
    /// If the task `waits`, stores its waker under its key, or under a new one. Returns the waker
    /// that is not needed: this one, or the one stored under the key before.
    #[must_use = "dropping a waker runs the executor's code"]
    pub(crate) fn update(
        &mut self,
        waits: bool,
        key: &mut Option<WakerKey>,
        waker: Waker,
    ) -> Option<Waker> {
        if !waits {
            return Some(waker);
        }
        let key = *key.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.wakers.insert(key, waker)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    #[must_use = "dropping a waker runs the executor's code"]
    pub(crate) fn remove(&mut self, key: WakerKey) -> Option<Waker> {
        self.wakers.remove(&key)
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers).into_values().collect()
    }
}
