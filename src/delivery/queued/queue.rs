//! The bounded queue between publishers and the dispatcher.

use std::mem;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

use super::QueuedListeners;
use super::arrival::{Arrival, Arrived, Hook, discard_hook};
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
    /// The largest depth until it last fell.
    peak: usize,
    /// Whether the next arrival has to wake the consumer: a dispatcher that sleeps, or a worker that
    /// has not been woken since its last call began.
    consumer_waits: bool,
    arrival: Arrival,
    /// How many events a worker has taken but not delivered, if a bounded call has left anything.
    left: Option<usize>,
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

    /// Accepts an event, unlocks, and returns the event's sequence number, and what to wake when the
    /// caller holds no other lock.
    #[expect(
        clippy::inline_always,
        reason = "two places call it, and a call costs as much as it does"
    )]
    #[inline(always)]
    pub(crate) fn push<C: Channel>(
        mut self,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
    ) -> (u64, Wake) {
        let state = &mut *self.state;
        if state.pending.is_empty() {
            self.queue.has_pending.store(true, Ordering::Relaxed);
        }
        let sequence = state.number();
        state.end = state.next;
        state.pending.push(listeners, envelope.accepted(sequence));
        (sequence, state.take_wake())
    }
}

/// What an arrival has to wake, under no lock: [`Queue::wake`] does.
#[must_use]
#[derive(Clone, Copy)]
pub(crate) enum Wake {
    Nothing,
    /// A dispatcher that sleeps.
    Dispatcher,
    /// A dispatcher or a worker, by user code.
    Worker,
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

    /// Lets the dispatcher deliver the replays of a channel's new listeners, without an event. Returns
    /// what to wake when the caller holds no other lock.
    pub(crate) fn request_replay<C: Channel>(&self, listeners: &Arc<QueuedListeners<C>>) -> Wake {
        let mut state = self.state.lock();
        if state.disconnected {
            return Wake::Nothing;
        }
        let sequence = state.number();
        state.end = state.next;
        self.has_pending.store(true, Ordering::Relaxed);
        state.pending.request_replay(listeners, sequence);
        state.take_wake()
    }

    /// Wakes the consumer. Runs user code: called under no lock.
    #[inline]
    pub(crate) fn wake(&self, wake: Wake) {
        match wake {
            Wake::Nothing => {}
            Wake::Dispatcher => self.not_empty.notify_one(),
            Wake::Worker => self.wake_worker(),
        }
    }

    #[cold]
    fn wake_worker(&self) {
        let wake_up = self.state.lock().arrival.take();
        self.not_empty.notify_one();
        wake_up.run(&self.shared);
    }

    /// Calls `hook` at each arrival that has to wake the worker, and at once if something is waiting.
    pub(crate) fn on_arrival(&self, hook: Hook) {
        let mut state = self.state.lock();
        let replaced = state.arrival.hook.replace(hook);
        state.consumer_waits = true;
        let wake = if state.has_work() {
            state.take_wake()
        } else {
            Wake::Nothing
        };
        drop(state);
        self.wake(wake);
        discard_hook(replaced, &self.shared);
    }

    /// Waits for [`poll_arrival`](Self::poll_arrival).
    pub(crate) fn arrived(
        self: &Arc<Self>,
    ) -> impl Future<Output = bool> + Send + Sync + Unpin + use<> {
        Arrived::new(self)
    }

    /// Whether there is something to deliver; not when the hub has ended and everything is
    /// delivered. While it may come, the task is woken when it does.
    pub(super) fn poll_arrival(&self, key: &mut Option<WakerKey>, task: Waker) -> Poll<bool> {
        let mut state = self.state.lock();
        let ready = if state.has_work() {
            Poll::Ready(true)
        } else if state.closed || state.disconnected {
            Poll::Ready(false)
        } else {
            state.consumer_waits = true;
            Poll::Pending
        };
        let unneeded = state.arrival.tasks.update(ready.is_pending(), key, task);
        drop(state);
        drop(unneeded);
        ready
    }

    /// Removes the waker of a task that no longer waits for an arrival.
    pub(super) fn forget_arrival(&self, key: WakerKey) {
        let forgotten = self.state.lock().arrival.tasks.remove(key);
        drop(forgotten);
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
            state.consumer_waits = true;
            state = self.not_empty.wait(state);
        }
        state.consumer_waits = false;
        self.swap(state, empty)
    }

    /// Swaps the empty buffer for the pending one, without blocking.
    pub(crate) fn try_take(&self, empty: &mut QueueBuffer) -> Taken {
        self.swap(self.state.lock(), empty)
    }

    /// Begins a call of a worker on this thread: swaps its buffer for the pending one, unless an
    /// earlier call has left something in it. Returns the sequence number after the last event
    /// accepted so far. What arrives from here on wakes the worker again.
    pub(crate) fn begin_pump(&self, buffer: &mut QueueBuffer) -> u64 {
        let mut state = self.state.lock();
        state.consume_here();
        state.consumer_waits = true;
        let end = state.end;
        if buffer.is_empty() {
            self.swap(state, buffer);
        }
        end
    }

    /// Ends a call of a worker that has left so many events, or replays, in its buffer, and wakes the
    /// worker unless what has arrived meanwhile has done so.
    pub(crate) fn end_pump(&self, left: usize) {
        let mut state = self.state.lock();
        state.left = Some(left);
        let wake = state.take_wake();
        drop(state);
        self.wake(wake);
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
        state.peak = state.peak();
        mem::swap(&mut state.pending, empty);
        self.is_busy.store(empty.len() > 1, Ordering::Relaxed);
        self.has_pending.store(false, Ordering::Relaxed);
        self.is_full.store(false, Ordering::Relaxed);
        self.state.wake_publishers(state, &self.shared, None);
        Taken::Events
    }

    /// Makes this thread the consumer, which must not wait for itself.
    pub(crate) fn consume_here(&self) {
        self.state.lock().consume_here();
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
        state.peak = state.peak();
        state.left = None;
        let rest = mem::take(&mut state.pending);
        let end = state.end;
        let hook = state.arrival.hook.take();
        let tasks = state.arrival.take();
        self.state.wake_publishers(state, &self.shared, None);
        tasks.run(&self.shared);
        discard_hook(hook, &self.shared);
        (rest, end)
    }

    /// Ends the queue: no event will be accepted any more, and the dispatcher ends when it has
    /// taken the rest.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let tasks = state.arrival.tasks.take();
        drop(state);
        self.not_empty.notify_one();
        self.shared.wake(None, tasks);
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
            waiting: state.depth(),
            peak: state.peak(),
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
    /// How many events wait, those that a bounded call of the worker has left included.
    fn depth(&self) -> usize {
        self.pending.len() + self.left.unwrap_or(0)
    }

    /// The largest depth so far.
    fn peak(&self) -> usize {
        self.peak.max(self.depth())
    }

    /// Releases the memory that a burst has taken. Called while no event is pending.
    fn shrink(&mut self, empty: &mut QueueBuffer) {
        self.pending.shrink();
        empty.shrink();
    }

    /// Makes this thread the consumer. What has been left to it is in delivery.
    fn consume_here(&mut self) {
        self.consumer = Some(thread::current().id());
        self.peak = self.peak();
        self.left = None;
    }

    /// Something has arrived: whether that wakes the consumer.
    #[inline]
    fn take_wake(&mut self) -> Wake {
        if !mem::take(&mut self.consumer_waits) {
            Wake::Nothing
        } else if self.arrival.is_empty() {
            Wake::Dispatcher
        } else {
            Wake::Worker
        }
    }

    /// Whether there is something for a worker to deliver.
    fn has_work(&self) -> bool {
        !self.pending.is_empty() || self.left.is_some()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}
