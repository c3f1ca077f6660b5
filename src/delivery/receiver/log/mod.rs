//! The events of one channel that wait for its receivers.
//!
//! [`Log`] is the lock, and [`state`] the data under it. A [`reader`] is the log's entry of a
//! receiver, and the [`index`] sorts all readers.

mod index;
mod reader;
mod state;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::NewReceiver;
use crate::channel::Channel;
use crate::delivery::room::{Bounded as _, Limit, Room};
use crate::delivery::shared::kinds::{ActiveKinds, KindSet};
use crate::delivery::shared::panic_report::PanicOrigin;
use crate::delivery::shared::wakers::WakerKey;
use crate::envelope::Envelope;
use crate::sync::MutexGuard;
use state::{Garbage, State};

pub use reader::Overflow;
pub(crate) use reader::Reader;
pub(crate) use state::{Chunk, ReaderId, Segment};

/// One log serves all receivers of a channel: an event is stored once, and a receiver is a number
/// in the log, its cursor.
///
/// Publishers fill a vector, the tail. A receiver seals it into a chunk, which all receivers share,
/// and takes all events that wait for it at once: its cursor is then at the end of the log. How
/// many events it lost follows from the distance between the two, so that publishers need not count
/// them.
pub(crate) struct Log<C: Channel> {
    kinds: Arc<ActiveKinds>,
    state: Room<State<C>>,
}

/// Why a receiver took nothing.
pub(crate) enum Empty {
    /// No event waits; the next one sends the ready signal, and wakes the waker if there is one.
    ForNow,
    /// No event waits and none will come: the hub has ended.
    Closed,
}

impl<C: Channel> Log<C> {
    pub(crate) fn new(kinds: Arc<ActiveKinds>) -> Self {
        let shared = Arc::clone(&kinds.shared);
        Self {
            kinds,
            state: Room::new(State::new(shared)),
        }
    }

    /// Registers a receiver for the events that are pushed from now on.
    pub(crate) fn join(&self, new: NewReceiver) -> ReaderId {
        let mut state = self.state.lock();
        let reader = Reader::new(new, state.end());
        let id = state.join(reader);
        self.changed(&state);
        id
    }

    /// Sets the reader's ready signal, which is sent for the next event and for the end.
    pub(crate) fn set_ready_signal(&self, id: ReaderId, ready_signal: Sender<()>) {
        self.state.lock().set_ready_signal(id, ready_signal);
    }

    pub(crate) fn leave(&self, id: ReaderId) {
        let mut state = self.state.lock();
        let left = state.leave(id);
        self.changed(&state);
        let chunks = state.trim();
        self.make_room(state);
        drop((chunks, left));
    }

    fn changed(&self, state: &State<C>) {
        // First: a publisher that finds receivers finds whether one wants envelopes, too.
        self.kinds.set(KindSet::ENVELOPES, state.enveloped != 0);
        let any = !state.readers.is_empty();
        self.kinds.set(KindSet::RECEIVERS, any);
    }

    /// Takes all events that wait for the reader. If there are none, parks the reader with the
    /// waker.
    pub(crate) fn take(
        &self,
        id: ReaderId,
        waker: Option<&Waker>,
    ) -> Result<VecDeque<Segment<C>>, Empty> {
        // Cloned here, because cloning runs the executor's code: not under the lock.
        let waker = waker.cloned();
        let mut state = self.state.lock();
        let taken = state.take(id);
        if taken.is_empty() {
            let closed = state.closed;
            let before = state.park(id, waker);
            drop(state);
            drop(before);
            return Err(if closed { Empty::Closed } else { Empty::ForNow });
        }
        let chunks = state.trim();
        self.make_room(state);
        drop(chunks);
        // Dropping it runs the executor's code: a panic would lose the taken events.
        let origin = || PanicOrigin::Waker;
        self.kinds
            .shared
            .isolate(Some(C::NAME), origin, || drop(waker));
        Ok(taken)
    }

    /// Unlocks, and wakes the publishers if no receiver refuses the next event.
    fn make_room(&self, state: MutexGuard<'_, State<C>>) {
        let shared = &self.kinds.shared;
        self.state.wake_publishers(state, shared, Some(C::NAME));
    }

    /// Locks the log for a push.
    pub(crate) fn lock(&self) -> LogGuard<'_, C> {
        LogGuard {
            state: self.state.lock(),
        }
    }

    /// Wakes the parked tasks, which runs the executor's code.
    #[cold]
    pub(crate) fn wake(&self, pushed: &mut AfterPush<C>) {
        let wakers = mem::take(&mut pushed.wakers);
        self.kinds.shared.wake(Some(C::NAME), wakers);
    }

    /// Blocks until no receiver refuses the next event. A receiver may refuse it again by then.
    pub(crate) fn wait_for_room(&self) {
        self.state.wait();
    }

    /// Registers the waker `task`, to be woken when there may be room. `false` when there is room
    /// already.
    pub(crate) fn wake_at_room(&self, key: &mut Option<WakerKey>, task: Waker) -> bool {
        self.state.wake_at_room(key, task)
    }

    /// Removes the waker of a task that no longer waits.
    pub(crate) fn forget(&self, key: WakerKey) {
        self.state.forget(key);
    }

    /// Ends the log: receivers get the waiting events, then the end.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let wakers = state.notify();
        drop(state);
        self.kinds.shared.wake(Some(C::NAME), wakers);
    }

    /// A chunk of events that are not in the log.
    pub(super) fn chunk(&self, events: Vec<Envelope<C>>) -> Chunk<C> {
        Chunk::new(events, 0, &self.kinds.shared)
    }

    /// Calls `look` under the lock with each receiver, in the order of registration, and the end of
    /// the log.
    pub(crate) fn readers<R>(&self, look: impl Fn(&Reader<C>, u64) -> R) -> Vec<R> {
        let state = self.state.lock();
        let end = state.end();
        let readers = state.readers.values();
        readers.map(|reader| look(reader, end)).collect()
    }

    /// Calls `look` under the lock with one receiver and the number of events that wait for it.
    pub(super) fn reader<R>(
        &self,
        id: ReaderId,
        look: impl FnOnce(&Reader<C>, u64) -> R,
    ) -> Option<R> {
        let state = self.state.lock();
        let reader = state.readers.get(&id)?;
        Some(look(reader, reader.waiting(state.end())))
    }

    pub(crate) fn reader_count(&self) -> usize {
        self.state.lock().readers.len()
    }
}

/// The log, locked by a publisher.
pub(crate) struct LogGuard<'a, C: Channel> {
    state: MutexGuard<'a, State<C>>,
}

impl<C: Channel> LogGuard<'_, C> {
    pub(crate) fn is_full(&self, limit: Limit) -> bool {
        limit == Limit::Capacity && self.state.is_full()
    }

    /// Adds an event and unlocks. Returns the work to do when the caller holds no lock: none, while
    /// events stream in.
    #[inline]
    #[must_use]
    pub(crate) fn push(mut self, event: Envelope<C>) -> Option<Box<AfterPush<C>>> {
        let unneeded = self.state.push(event);
        if unneeded.is_none() && !self.state.is_settling_due() {
            return None;
        }
        Some(Box::new(self.settle(unneeded)))
    }

    #[cold]
    #[inline(never)]
    fn settle(mut self, unneeded: Option<Envelope<C>>) -> AfterPush<C> {
        let garbage = self.state.settle(unneeded);
        let wakers = self.state.notify();
        AfterPush { wakers, garbage }
    }
}

/// The work that a push leaves for when no lock is held: receivers to [wake](Log::wake), and events
/// to drop.
pub(crate) struct AfterPush<C: Channel> {
    wakers: Vec<Waker>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    garbage: Garbage<C>,
}
