//! The events of one channel that wait for its receivers.
//!
//! [`Log`] is the lock and what happens outside it; [`state`] is what happens under it; a
//! [`reader`] is what the log knows of a receiver, and the [`index`] what it knows of all of them.

mod index;
mod reader;
mod state;

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::kinds::{ActiveKinds, KindSet};
use super::listener::ListenerName;
use super::panic_report::PanicOrigin;
use super::queue::Limit;
use super::wakers::WakerKey;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::sync::{Condvar, Mutex, MutexGuard};
use state::{Garbage, State};

pub use reader::Overflow;
pub(crate) use reader::Reader;
pub(crate) use state::{Chunk, ReaderId, Segment};

/// One log for all receivers of a channel, however many there are: an event is stored once, and a
/// receiver is a number in the log, its cursor.
///
/// Publishers fill a vector, the tail. A receiver seals it into a chunk, which all receivers share, and
/// takes everything that waits for it at once: its cursor is then at the end of the log. What was
/// lost to it is plain from the distance of the two, so that publishers need not keep count.
pub(crate) struct Log<C: Channel> {
    kinds: Arc<ActiveKinds>,
    state: Mutex<State<C>>,
    /// Publishers wait here for a receiver that lets nothing more in.
    not_full: Condvar,
}

/// Why a receiver took nothing.
pub(crate) enum Empty {
    /// There is nothing at the moment; its ready signal, and its waker if there is one, will tell.
    ForNow,
    /// There will be nothing: the hub is gone.
    Closed,
}

impl<C: Channel> Log<C> {
    pub(crate) fn new(kinds: Arc<ActiveKinds>) -> Self {
        let shared = Arc::clone(&kinds.shared);
        Self {
            kinds,
            state: Mutex::new(State::new(shared)),
            not_full: Condvar::new(),
        }
    }

    /// Registers a receiver for what is pushed from now on.
    pub(crate) fn join(&self, name: ListenerName, capacity: usize, overflow: Overflow) -> ReaderId {
        let mut state = self.state.lock();
        let reader = Reader::new(name, capacity, overflow, state.end());
        let id = state.join(reader);
        self.changed(&state);
        id
    }

    /// Sets the signal that tells of an event that the reader waits for, or of the end.
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
        let any = !state.readers.is_empty();
        self.kinds.set(KindSet::RECEIVERS, any);
    }

    /// Everything that waits for the reader.
    pub(crate) fn take(
        &self,
        id: ReaderId,
        waker: Option<&Waker>,
    ) -> Result<VecDeque<Segment<C>>, Empty> {
        // Cloned here: under the lock it would be an executor's code.
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
        // An executor's code: a panic would lose what has been taken.
        let origin = || PanicOrigin::Waker;
        self.kinds
            .shared
            .isolate(Some(C::NAME), origin, || drop(waker));
        Ok(taken)
    }

    fn make_room(&self, mut state: MutexGuard<'_, State<C>>) {
        if state.is_full() {
            return;
        }
        let publishers = state.waiting_publishers != 0;
        let tasks = state.wakers.take();
        drop(state);
        if publishers {
            self.not_full.notify_all();
        }
        self.kinds.shared.wake(Some(C::NAME), tasks);
    }

    /// The log, to push into together with something else.
    pub(crate) fn lock(&self) -> LogGuard<'_, C> {
        LogGuard {
            state: self.state.lock(),
        }
    }

    /// Wakes the tasks that have parked: an executor's code.
    #[cold]
    pub(crate) fn wake(&self, pushed: &mut AfterPush<C>) {
        let wakers = mem::take(&mut pushed.wakers);
        self.kinds.shared.wake(Some(C::NAME), wakers);
    }

    /// Waits until no receiver refuses the next event. One may refuse it again.
    pub(crate) fn wait_for_room(&self) {
        let mut state = self.state.lock();
        state.waiting_publishers += 1;
        while state.is_full() {
            state = self.not_full.wait(state);
        }
        state.waiting_publishers -= 1;
    }

    /// Has the waker woken when there may be room. `false` where there is room already.
    pub(crate) fn wake_at_room(&self, key: &mut Option<WakerKey>, task: Waker) -> bool {
        let mut state = self.state.lock();
        let full = state.is_full();
        let unwanted = state.wakers.wait(full, key, task);
        drop(state);
        drop(unwanted);
        full
    }

    /// Forgets a task that does not wait any more.
    pub(crate) fn forget(&self, key: WakerKey) {
        let forgotten = self.state.lock().wakers.remove(key);
        drop(forgotten);
    }

    /// The hub is gone: receivers get what waits, then the end.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let wakers = state.notify();
        drop(state);
        self.kinds.shared.wake(Some(C::NAME), wakers);
    }

    /// A chunk of events that are not in the log.
    pub(super) fn chunk(&self, events: Vec<Payload<C::Event>>) -> Chunk<C> {
        Chunk::new(events, 0, &self.kinds.shared)
    }

    /// Each receiver in the order of registration, looked at by `look` under the lock, with the
    /// number of events that wait for it.
    pub(crate) fn readers<R>(&self, look: impl Fn(&Reader<C>, u64) -> R) -> Vec<R> {
        let state = self.state.lock();
        let end = state.end();
        let readers = state.readers.values();
        readers
            .map(|reader| look(reader, reader.waiting(end)))
            .collect()
    }

    /// One receiver, looked at by `look` under the lock, with the number of events that wait for it.
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

/// The locked log of a publisher.
pub(crate) struct LogGuard<'a, C: Channel> {
    state: MutexGuard<'a, State<C>>,
}

impl<C: Channel> LogGuard<'_, C> {
    pub(crate) fn is_full(&self, limit: Limit) -> bool {
        limit == Limit::Capacity && self.state.is_full()
    }

    /// Adds an event and unlocks. What is left to do then is for the caller, when no other lock is held
    /// either: nothing, while events stream in.
    #[inline]
    #[must_use]
    pub(crate) fn push(mut self, event: Payload<C::Event>) -> Option<Box<AfterPush<C>>> {
        let garbage = self.state.push(event);
        if garbage.is_empty() && !self.state.has_parked() {
            return None;
        }
        let wakers = self.state.notify();
        Some(Box::new(AfterPush { wakers, garbage }))
    }
}

/// What a push leaves to do under no lock: receivers to [wake](Log::wake), and events to drop that no
/// receiver needs any more.
pub(crate) struct AfterPush<C: Channel> {
    wakers: Vec<Waker>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    garbage: Garbage<C>,
}
