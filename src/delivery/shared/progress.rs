//! How far a hub's dispatcher has come, and which listener it calls: what `flush` and `close` wait
//! for.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64 as StdAtomicU64, Ordering};

use crate::sync::{Condvar, Mutex, atomic::AtomicU64};

/// Set in [`Progress::current_call`] by a thread that waits for the dispatcher.
const AWAITED: u64 = 1;

/// The value of [`Progress::flush_target`] while no thread flushes.
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
    /// The smallest sequence number that a thread waits for.
    flush_target: AtomicU64,
    /// How many threads wait for a listener to end.
    closing: Mutex<usize>,
    progressed: Condvar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            current_call: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            flush_target: AtomicU64::new(NO_TARGET),
            closing: Mutex::new(0),
            progressed: Condvar::new(),
        }
    }

    /// Called by the dispatcher: from here on, a call of this listener may be under way, with the
    /// event of this sequence number.
    pub(crate) fn begin_call(&self, listener: ListenerId, sequence: u64) {
        if self.current_call.swap(word(listener), Ordering::AcqRel) & AWAITED != 0 {
            self.notify(sequence);
        }
    }

    /// Called by the dispatcher before it runs user code other than a callback, such as the drop of
    /// an event: no call is under way, although not every event before `sequence` is delivered.
    pub(crate) fn end_call(&self, sequence: u64) {
        if self.current_call.swap(0, Ordering::AcqRel) & AWAITED != 0 {
            self.notify(sequence);
        }
    }

    /// Called by the dispatcher: every event before `sequence` is delivered. Notifies the threads
    /// that wait for that.
    pub(crate) fn event_done(&self, sequence: u64) {
        self.delivered.store(sequence, Ordering::Release);
        if sequence >= self.flush_target.load(Ordering::Relaxed) {
            self.notify(sequence);
        }
    }

    /// Called by the dispatcher: no call is under way, and every event before `sequence` is
    /// delivered.
    pub(crate) fn idle(&self, sequence: u64) {
        self.delivered.store(sequence, Ordering::Release);
        self.current_call.swap(0, Ordering::AcqRel);
        self.notify(sequence);
    }

    fn notify(&self, sequence: u64) {
        let closing = self.closing.lock();
        let flushed = sequence >= self.flush_target.load(Ordering::Relaxed);
        if flushed {
            // Threads that wait for more set it again.
            self.flush_target.store(NO_TARGET, Ordering::Relaxed);
        }
        let awaited = flushed || *closing != 0;
        drop(closing);
        if awaited {
            self.progressed.notify_all();
        }
    }

    /// Waits until every event before `sequence` has been delivered.
    pub(crate) fn wait_for(&self, sequence: u64) {
        let mut closing = self.closing.lock();
        loop {
            self.flush_target.fetch_min(sequence, Ordering::Relaxed);
            self.current_call.fetch_or(AWAITED, Ordering::AcqRel);
            // Read after that: this thread sees what the dispatcher had delivered at its last
            // modification, and at its next one the dispatcher sees that a thread waits.
            if self.delivered.load(Ordering::Acquire) >= sequence {
                return;
            }
            closing = self.progressed.wait(closing);
        }
    }

    /// Waits for the call of this listener that is under way, if one is.
    ///
    /// The listener has been deactivated before, so that no further call begins.
    pub(crate) fn wait_idle(&self, listener: ListenerId) {
        self.wait_while(|| {
            self.current_call.fetch_or(AWAITED, Ordering::AcqRel) & !AWAITED == word(listener)
        });
    }

    /// Waits while `there` returns `true`; [`notify_closing`](Self::notify_closing) has it called
    /// again. It is called under a lock, and must do nothing but look.
    pub(crate) fn wait_while(&self, there: impl Fn() -> bool) {
        let mut closing = self.closing.lock();
        *closing += 1;
        while there() {
            closing = self.progressed.wait(closing);
        }
        *closing -= 1;
    }

    /// Lets the threads that wait for a listener to end look again.
    pub(crate) fn notify_closing(&self) {
        let awaited = *self.closing.lock() != 0;
        if awaited {
            self.progressed.notify_all();
        }
    }
}

fn word(listener: ListenerId) -> u64 {
    listener.get() << 1
}
