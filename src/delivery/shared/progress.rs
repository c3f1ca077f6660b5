//! How far a hub's dispatcher has come, and which listener it calls: what `flush` and `close` wait
//! for.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64 as StdAtomicU64, Ordering};
use std::task::Waker;

use super::HubShared;
use super::wakers::{WakerKey, WakerSet};
use crate::sync::{Condvar, Mutex, atomic::AtomicU64};

/// Set in [`Progress::current_call`] by a thread or task that waits for the dispatcher.
const AWAITED: u64 = 1;

/// The value of [`Progress::flush_target`] while no thread or task flushes.
const NO_TARGET: u64 = u64::MAX;

/// Identifies a listener in this process; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(NonZeroU64);

impl ListenerId {
    pub(crate) fn next() -> Self {
        static NEXT: StdAtomicU64 = StdAtomicU64::new(1);
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("2⁶⁴ listeners"))
    }

    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }
}

/// One read-modify-write for each call tells waiting threads the dispatcher's place, and the
/// dispatcher that threads wait. Both sides only ever *modify* `current_call`, so one of the two
/// comes first in its modification order:
///
/// - the dispatcher's: the waiter finds the listener there, and waits;
/// - the waiter's: the dispatcher's own modification acquires what the waiter did before it, so it
///   sees that the listener has been deactivated and does not call it, or sees the new target.
pub(crate) struct Progress {
    /// The listener being called, or none, and [`AWAITED`].
    current_call: AtomicU64,
    /// Every event with a smaller sequence number has been delivered. The dispatcher alone writes.
    delivered: AtomicU64,
    /// The smallest sequence number that a thread or task waits for.
    flush_target: AtomicU64,
    waiting: Mutex<Waiting>,
    progressed: Condvar,
}

/// The threads and tasks that wait for the dispatcher, or for the end of an inline listener.
#[derive(Default)]
struct Waiting {
    /// How many threads wait for a listener's call to end.
    closing: usize,
    closing_tasks: WakerSet,
    flushing_tasks: WakerSet,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            current_call: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            flush_target: AtomicU64::new(NO_TARGET),
            waiting: Mutex::new(Waiting::default()),
            progressed: Condvar::new(),
        }
    }

    /// Notifies the waiting threads, and returns the wakers of waiting tasks.
    #[must_use]
    fn notify(&self, sequence: u64) -> Vec<Waker> {
        let mut waiting = self.waiting.lock();
        let flushed = sequence >= self.flush_target.load(Ordering::Relaxed);
        let mut tasks = waiting.closing_tasks.take();
        if flushed {
            // Threads and tasks that wait for more set it again.
            self.flush_target.store(NO_TARGET, Ordering::Relaxed);
            tasks.extend(waiting.flushing_tasks.take());
        }
        let awaited = flushed || waiting.closing != 0;
        drop(waiting);
        if awaited {
            self.progressed.notify_all();
        }
        tasks
    }

    /// Waits until every event before `sequence` has been delivered.
    pub(crate) fn wait_for(&self, sequence: u64) {
        let mut waiting = self.waiting.lock();
        while !self.has_delivered(sequence) {
            waiting = self.progressed.wait(waiting);
        }
    }

    /// Whether every event before `sequence` has been delivered. If not, the task is woken when it
    /// may be so.
    pub(crate) fn poll_delivered(
        &self,
        sequence: u64,
        key: &mut Option<WakerKey>,
        task: Waker,
    ) -> bool {
        let mut waiting = self.waiting.lock();
        let delivered = self.has_delivered(sequence);
        let unneeded = waiting.flushing_tasks.update(!delivered, key, task);
        drop(waiting);
        drop(unneeded);
        delivered
    }

    /// Called under the lock, by a thread that waits until it is so.
    fn has_delivered(&self, sequence: u64) -> bool {
        self.flush_target.fetch_min(sequence, Ordering::Relaxed);
        self.current_call.fetch_or(AWAITED, Ordering::AcqRel);
        // Read after that: this thread sees what the dispatcher had delivered at its last
        // modification, and at its next one the dispatcher sees that a thread waits.
        self.delivered.load(Ordering::Acquire) >= sequence
    }

    /// Removes the waker of a task that no longer waits for a delivery.
    pub(crate) fn forget_flush(&self, key: WakerKey) {
        let forgotten = self.waiting.lock().flushing_tasks.remove(key);
        drop(forgotten);
    }

    /// Whether a call of this listener is under way: looked at under the lock by a thread that
    /// waits for its end.
    ///
    /// The listener has been deactivated before, so that no further call begins.
    pub(crate) fn is_calling(&self, listener: ListenerId) -> bool {
        self.current_call.fetch_or(AWAITED, Ordering::AcqRel) & !AWAITED == word(listener)
    }

    /// Waits while `busy` returns `true`. It is called under a lock, again whenever the dispatcher
    /// or an inline listener has ended a call, and must do nothing but look.
    pub(crate) fn wait_while(&self, busy: impl Fn(&Self) -> bool) {
        let mut waiting = self.waiting.lock();
        waiting.closing += 1;
        while busy(self) {
            waiting = self.progressed.wait(waiting);
        }
        waiting.closing -= 1;
    }

    /// Whether `busy` returns `true`. If so, the task is woken when that may have changed. It is
    /// called under a lock, and must do nothing but look.
    pub(crate) fn poll_busy(
        &self,
        busy: impl Fn(&Self) -> bool,
        key: &mut Option<WakerKey>,
        task: Waker,
    ) -> bool {
        let mut waiting = self.waiting.lock();
        let busy = busy(self);
        let unneeded = waiting.closing_tasks.update(busy, key, task);
        drop(waiting);
        drop(unneeded);
        busy
    }

    /// Removes the waker of a task that no longer waits for the end of a call.
    pub(crate) fn forget_close(&self, key: WakerKey) {
        let forgotten = self.waiting.lock().closing_tasks.remove(key);
        drop(forgotten);
    }

    /// Notifies the threads that wait for a listener's call to end, and returns the wakers of such
    /// tasks.
    #[must_use]
    fn notify_closing(&self) -> Vec<Waker> {
        let mut waiting = self.waiting.lock();
        let tasks = waiting.closing_tasks.take();
        let awaited = waiting.closing != 0;
        drop(waiting);
        if awaited {
            self.progressed.notify_all();
        }
        tasks
    }
}

/// Notifications of the dispatcher and of inline listeners. The wakers of waiting tasks are user
/// code: no call is under way while they run, so that `close` does not wait for them.
impl HubShared {
    /// From here on, a call of this listener may be under way, with the event of this sequence
    /// number.
    #[inline]
    pub(crate) fn begin_call(&self, listener: ListenerId, sequence: u64) {
        let current_call = &self.progress.current_call;
        while current_call.swap(word(listener), Ordering::AcqRel) & AWAITED != 0
            && self.notify(sequence)
        {}
    }

    /// Called before the dispatcher runs user code other than a callback, such as the drop of an
    /// event: no call is under way, although not every event before `sequence` is delivered.
    pub(crate) fn end_call(&self, sequence: u64) {
        if self.progress.current_call.swap(0, Ordering::AcqRel) & AWAITED != 0 {
            self.notify(sequence);
        }
    }

    /// Every event before `sequence` is delivered.
    #[inline]
    pub(crate) fn event_done(&self, sequence: u64) {
        self.progress.delivered.store(sequence, Ordering::Release);
        if sequence >= self.progress.flush_target.load(Ordering::Relaxed) {
            self.notify(sequence);
        }
    }

    /// No call is under way, and every event before `sequence` is delivered.
    pub(crate) fn idle(&self, sequence: u64) {
        self.progress.delivered.store(sequence, Ordering::Release);
        self.progress.current_call.swap(0, Ordering::AcqRel);
        self.notify(sequence);
    }

    /// Returns whether it has woken tasks; then no call is under way.
    #[cold]
    #[inline(never)]
    fn notify(&self, sequence: u64) -> bool {
        let tasks = self.progress.notify(sequence);
        let any = !tasks.is_empty();
        if any {
            self.end_call(sequence);
            self.wake(None, tasks);
        }
        any
    }

    /// An inline listener has ended: lets the threads and tasks that wait for its end look again.
    pub(crate) fn listener_ended(&self) {
        let tasks = self.progress.notify_closing();
        self.wake(None, tasks);
    }
}

fn word(listener: ListenerId) -> u64 {
    listener.get() << 1
}
