//! The bounded queue between publishers and the dispatcher.

use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, ThreadId};

use super::QueuedListeners;
use super::queue_buffer::QueueBuffer;
use crate::channel::Channel;
use crate::delivery::room::{Bounded, Limit, Room, Waiting};
use crate::delivery::shared::HubShared;
use crate::delivery::shared::wakers::WakerKey;
use crate::envelope::Envelope;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, MutexGuard, spin_wait};

/// A lock around the pending buffer. The dispatcher takes the whole buffer at once, so that the two
/// sides do not contend for each event.
pub(crate) struct Queue {
    shared: Arc<HubShared>,
    state: Room<State>,
    /// The dispatcher waits here while no event is pending.
    not_empty: Condvar,
    /// Hints for threads that spin before they park; the state under the lock decides. Whether an
    /// event is pending, and whether a push has been refused since the dispatcher last took.
    has_pending: AtomicBool,
    is_full: AtomicBool,
    /// Whether the dispatcher took more than one event last time: then more will come soon. Only
    /// the dispatcher reads it. A dispatcher that waits for a single event parks at once, and wakes
    /// the sooner.
    is_busy: AtomicBool,
}

#[derive(Default)]
struct State {
    capacity: usize,
    pending: QueueBuffer,
    /// The next sequence number to give out: everything accepted so far has a smaller one.
    next: u64,
    /// Everything pushed so far has a smaller sequence number.
    end: u64,
    /// The largest number of events that have waited at once.
    peak: usize,
    dispatcher_sleeps: bool,
    waiting: Waiting,
    /// The thread that took last or, before the first take, the thread that made the worker.
    consumer: Option<ThreadId>,
    closed: bool,
    disconnected: bool,
}

/// The queue, locked by a publisher.
pub(crate) struct QueueGuard<'a> {
    queue: &'a Queue,
    state: MutexGuard<'a, State>,
}

impl QueueGuard<'_> {
    /// Whether there is a consumer for pushed events.
    #[inline]
    pub(crate) fn is_consumed(&self) -> bool {
        !self.state.disconnected
    }

    #[inline]
    pub(crate) fn is_full(&self, limit: Limit) -> bool {
        let full = limit == Limit::Capacity && self.state.is_full();
        if full {
            self.queue.is_full.store(true, Ordering::Relaxed);
        }
        full
    }

    /// Gives out a sequence number without a push.
    pub(crate) fn number(mut self) -> u64 {
        self.state.number()
    }

    /// Accepts an event, unlocks, and returns the event's sequence number.
    #[expect(
        clippy::inline_always,
        reason = "two places call it, and a call costs as much as it does"
    )]
    #[inline(always)]
    pub(crate) fn push<C: Channel>(
        mut self,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
    ) -> u64 {
        let state = &mut *self.state;
        if state.pending.is_empty() {
            self.queue.has_pending.store(true, Ordering::Relaxed);
        }
        let sequence = state.number();
        state.end = state.next;
        state.pending.push(listeners, envelope.accepted(sequence));
        state.peak = state.peak.max(state.pending.len());
        self.queue.wake_dispatcher(self.state);
        sequence
    }
}

/// The result of a take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Events,
    /// No event is pending.
    Nothing,
    /// No event is pending, and none will come.
    Closed,
}

/// How full the queue is, and has been.
pub(crate) struct Depth {
    pub(crate) waiting: usize,
    pub(crate) peak: usize,
    pub(crate) capacity: usize,
}

impl Queue {
    /// A capacity of 0 counts as 1.
    pub(crate) fn new(capacity: usize, shared: Arc<HubShared>) -> Self {
        Self {
            shared,
            state: Room::new(State {
                capacity: capacity.max(1),
                ..State::default()
            }),
            not_empty: Condvar::new(),
            has_pending: AtomicBool::new(false),
            is_full: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
        }
    }

    /// Locks the queue, to number an event or to push it.
    #[inline]
    pub(crate) fn lock(&self) -> QueueGuard<'_> {
        QueueGuard {
            queue: self,
            state: self.state.lock(),
        }
    }

    /// Lets the dispatcher deliver the replays of a channel's new listeners, without an event.
    pub(crate) fn request_replay<C: Channel>(&self, listeners: &Arc<QueuedListeners<C>>) {
        let mut state = self.state.lock();
        if state.disconnected {
            return;
        }
        let sequence = state.number();
        state.end = state.next;
        self.has_pending.store(true, Ordering::Relaxed);
        state.pending.request_replay(listeners, sequence);
        self.wake_dispatcher(state);
    }

    #[inline]
    fn wake_dispatcher(&self, mut state: MutexGuard<'_, State>) {
        let asleep = mem::take(&mut state.dispatcher_sleeps);
        drop(state);
        if asleep {
            self.not_empty.notify_one();
        }
    }

    /// Blocks until the queue is not full. It may be full again by then.
    pub(crate) fn wait_for_room(&self) {
        if spin_wait(|| !self.is_full.load(Ordering::Relaxed)) {
            return;
        }
        self.state.wait();
    }

    /// Registers the waker `task`, to be woken when the queue may have room. `false` when it has
    /// room already.
    pub(crate) fn wake_at_room(&self, key: &mut Option<WakerKey>, task: Waker) -> bool {
        self.state.wake_at_room(key, task)
    }

    /// Removes the waker of a task that no longer waits.
    pub(crate) fn forget(&self, key: WakerKey) {
        self.state.forget(key);
    }

    /// Swaps the empty buffer for the pending one; blocks while no event is pending.
    pub(crate) fn take(&self, empty: &mut QueueBuffer) -> Taken {
        if self.is_busy.load(Ordering::Relaxed) {
            spin_wait(|| self.has_pending.load(Ordering::Relaxed));
        }
        let mut state = self.state.lock();
        if state.pending.is_empty() {
            state.shrink(empty);
        }
        while state.pending.is_empty() && !state.closed {
            state.dispatcher_sleeps = true;
            state = self.not_empty.wait(state);
        }
        state.dispatcher_sleeps = false;
        self.swap(state, empty)
    }

    /// Swaps the empty buffer for the pending one, without blocking.
    pub(crate) fn try_take(&self, empty: &mut QueueBuffer) -> Taken {
        self.swap(self.state.lock(), empty)
    }

    fn swap(&self, mut state: MutexGuard<'_, State>, empty: &mut QueueBuffer) -> Taken {
        if state.pending.is_empty() {
            state.shrink(empty);
            return if state.closed {
                Taken::Closed
            } else {
                Taken::Nothing
            };
        }
        mem::swap(&mut state.pending, empty);
        self.is_busy.store(empty.len() > 1, Ordering::Relaxed);
        self.has_pending.store(false, Ordering::Relaxed);
        self.is_full.store(false, Ordering::Relaxed);
        self.state.wake_publishers(state, &self.shared, None);
        Taken::Events
    }

    /// Makes this thread the consumer, which must not wait for itself.
    pub(crate) fn consume_here(&self) {
        self.state.lock().consumer = Some(thread::current().id());
    }

    /// Whether this thread, if it waited for the queue, would wait for itself.
    pub(crate) fn is_consumed_here(&self) -> bool {
        self.state.lock().consumer == Some(thread::current().id())
    }

    /// Removes the consumer. Returns the pending events, and the sequence number after the last
    /// accepted one; events pushed from now on are dropped.
    pub(crate) fn disconnect(&self) -> (QueueBuffer, u64) {
        let mut state = self.state.lock();
        state.disconnected = true;
        state.consumer = None;
        let rest = mem::take(&mut state.pending);
        let end = state.end;
        self.state.wake_publishers(state, &self.shared, None);
        (rest, end)
    }

    /// Ends the queue: no event will be accepted any more, and the dispatcher ends when it has
    /// taken the rest.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.not_empty.notify_one();
    }

    /// Everything accepted from now on has this sequence number or a greater one.
    pub(crate) fn next(&self) -> u64 {
        self.state.lock().next
    }

    /// The sequence number that the dispatcher reaches when it has delivered everything accepted so
    /// far.
    pub(crate) fn end(&self) -> u64 {
        self.state.lock().end
    }

    pub(crate) fn depth(&self) -> Depth {
        let state = self.state.lock();
        Depth {
            waiting: state.pending.len(),
            peak: state.peak,
            capacity: state.capacity,
        }
    }
}

impl Bounded for State {
    #[inline]
    fn is_full(&self) -> bool {
        self.pending.len() >= self.capacity
    }

    fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }
}

impl State {
    /// Releases the memory that a burst has taken. Called while no event is pending.
    fn shrink(&mut self, empty: &mut QueueBuffer) {
        self.pending.shrink();
        empty.shrink();
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
