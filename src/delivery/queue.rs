//! The bounded queue between publishers and the dispatcher.

use std::sync::Arc;

use super::batch::Batch;
use super::inside;
use super::queued::QueuedListeners;
use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// A lock around the batch that fills. The dispatcher takes it whole, so that neither side pays
/// for the other at each event.
pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// The dispatcher sleeps here while nothing has been accepted.
    arrival: Condvar,
    /// Publishers wait here while the batch is full.
    room: Condvar,
}

#[derive(Default)]
struct State {
    filling: Batch,
    /// How many events have been accepted; the next one's sequence number.
    accepted: u64,
    /// The largest number of events that have waited at once.
    peak: usize,
    dispatcher_sleeps: bool,
    waiting_publishers: usize,
    ended: bool,
}

/// What a publisher does where the queue is full.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Waits for room; from inside a callback, where that might be for ever, goes beyond the
    /// capacity.
    Wait,
    /// Gets its event back.
    Try,
}

/// How full the queue is, and has been.
pub(crate) struct Depth {
    pub(crate) waiting: usize,
    pub(crate) peak: usize,
    pub(crate) capacity: usize,
}

impl Queue {
    /// A capacity of 0, which could accept nothing, counts as 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            state: Mutex::new(State::default()),
            arrival: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Accepts an event, or hands it back where `admission` is [`Admission::Try`].
    pub(crate) fn push<C: Channel>(
        &self,
        listeners: &Arc<QueuedListeners<C>>,
        mut envelope: Envelope<C>,
        admission: Admission,
    ) -> Result<(), Envelope<C>> {
        if listeners.wants_time() {
            envelope.stamp();
        }
        let mut state = self.state.lock();
        if state.filling.len() >= self.capacity {
            match admission {
                Admission::Try => return Err(envelope),
                Admission::Wait if inside::any_callback() => {}
                Admission::Wait => state = self.wait_for_room(state),
            }
        }
        envelope.accept(state.accepted);
        state.accepted += 1;
        state.filling.push(listeners, envelope);
        state.peak = state.peak.max(state.filling.len());
        let asleep = std::mem::take(&mut state.dispatcher_sleeps);
        drop(state);
        if asleep {
            self.arrival.notify_one();
        }
        Ok(())
    }

    fn wait_for_room<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting_publishers += 1;
        while state.filling.len() >= self.capacity {
            state = self.room.wait(state);
        }
        state.waiting_publishers -= 1;
        state
    }

    /// Swaps the empty batch for one with all that has been accepted; waits for the first event.
    /// `false` when the queue has ended and everything has been taken.
    pub(crate) fn take(&self, empty: &mut Batch) -> bool {
        let mut state = self.state.lock();
        while state.filling.len() == 0 {
            if state.ended {
                return false;
            }
            state.dispatcher_sleeps = true;
            state = self.arrival.wait(state);
        }
        state.dispatcher_sleeps = false;
        std::mem::swap(&mut state.filling, empty);
        let publishers_wait = state.waiting_publishers != 0;
        drop(state);
        if publishers_wait {
            self.room.notify_all();
        }
        true
    }

    /// Nothing will be accepted any more: the dispatcher ends when it has taken the rest.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.arrival.notify_one();
    }

    /// How many events have been accepted so far: the next one's sequence number.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.lock().accepted
    }

    pub(crate) fn depth(&self) -> Depth {
        let state = self.state.lock();
        Depth {
            waiting: state.filling.len(),
            peak: state.peak,
            capacity: self.capacity,
        }
    }
}
