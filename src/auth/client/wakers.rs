//! The tasks that wait for something.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::{any::Any, mem};

use crate::sync::Mutex;

/// Wakes those who sit by it.
///
/// It is a waker itself: what it is handed to wakes everyone, and whoever is woken looks for
/// themselves.
pub(super) struct Bell(Mutex<Waiting>);

struct Waiting {
    wakers: BTreeMap<SeatNumber, Waker>,
    /// How many seats there have been.
    seats: u64,
}

/// What a task waits for, and the task's own number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeatNumber(u64, u64);

impl Bell {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiting {
            wakers: BTreeMap::new(),
            seats: 0,
        })))
    }

    /// A place for a task that waits for the thing of this number.
    pub(super) fn seat(&self, thing: u64) -> Seat<'_> {
        let mut waiting = self.0.lock();
        waiting.seats += 1;
        Seat {
            bell: self,
            number: SeatNumber(thing, waiting.seats),
        }
    }

    /// Wakes everyone.
    pub(super) fn ring(&self) {
        let woken = mem::take(&mut self.0.lock().wakers);
        wake(woken.into_values());
    }

    /// Wakes those who wait for this.
    pub(super) fn ring_for(&self, thing: u64) {
        let woken = {
            let wakers = &mut self.0.lock().wakers;
            let mut woken = wakers.split_off(&SeatNumber(thing, 0));
            wakers.append(&mut woken.split_off(&SeatNumber(thing + 1, 0)));
            woken
        };
        wake(woken.into_values());
    }

    /// Wakes those in these seats.
    pub(super) fn ring_at(&self, seats: &BTreeSet<SeatNumber>) {
        if seats.is_empty() {
            return;
        }
        let woken: Vec<_> = {
            let wakers = &mut self.0.lock().wakers;
            seats
                .iter()
                .filter_map(|seat| wakers.remove(seat))
                .collect()
        };
        wake(woken);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// A place by the bell. Whoever leaves it is not woken any more.
pub(super) struct Seat<'a> {
    bell: &'a Bell,
    pub(super) number: SeatNumber,
}

impl Seat<'_> {
    /// Wakes this task, once, when it is its turn.
    pub(super) fn take(&self, waker: &Waker) {
        // Cloning and dropping a waker is somebody else's code, so not under the lock.
        let waker = waker.clone();
        let replaced = self.bell.0.lock().wakers.insert(self.number, waker);
        drop(replaced);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let left = self.bell.0.lock().wakers.remove(&self.number);
        drop(left);
    }
}

/// A waker that panics leaves no other task asleep.
fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        isolated(|| waker.wake());
    }
}

/// Runs somebody else's code. Its panic ends here: then there is no result.
pub(super) fn isolated<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).map_err(discard).ok()
}

/// Dropping what a panic left behind is somebody else's code too.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}
