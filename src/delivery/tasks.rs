//! Async publishers that wait for room.

use std::mem;
use std::task::Waker;

/// The wakers of waiting tasks, each once. Whatever comes out of it, to wake or to drop, is an
/// executor's code and wants no lock held.
#[derive(Default)]
pub(crate) struct Tasks {
    wakers: Vec<Waker>,
}

impl Tasks {
    /// Hands the waker back where its task waits already.
    #[must_use]
    pub(crate) fn add(&mut self, waker: Waker) -> Option<Waker> {
        if self.wakers.iter().any(|other| other.will_wake(&waker)) {
            return Some(waker);
        }
        self.wakers.push(waker);
        None
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers)
    }
}
