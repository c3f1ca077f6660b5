//! Async publishers that wait for room.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// The wakers of waiting tasks. Whatever comes out of it, to wake or to drop, is an executor's code
/// and wants no lock held.
#[derive(Default)]
pub(crate) struct Tasks {
    wakers: BTreeMap<Place, Waker>,
    next: Place,
}

/// Where a task waits.
pub(crate) type Place = u64;

impl Tasks {
    /// Lets a task wait at its place, or at a new one, where it is `full`. What is not wanted comes
    /// back: this waker where there is room, or what the task has left at its place before.
    #[must_use]
    pub(crate) fn wait(
        &mut self,
        full: bool,
        place: &mut Option<Place>,
        waker: Waker,
    ) -> Option<Waker> {
        if !full {
            return Some(waker);
        }
        let place = *place.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.wakers.insert(place, waker)
    }

    #[must_use]
    pub(crate) fn remove(&mut self, place: Place) -> Option<Waker> {
        self.wakers.remove(&place)
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers).into_values().collect()
    }
}
