//! The one place that picks std's synchronisation or, under `--cfg loom`, the model checker's.
//!
//! No code of a user runs under a lock of this crate, so a lock can be poisoned only by a bug of
//! ours that has already panicked; [`Mutex::lock`] then carries on.

#[cfg(loom)]
use loom::sync as imp;
#[cfg(not(loom))]
use std::sync as imp;

use std::fmt;
use std::sync::PoisonError;

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::thread;

pub(crate) use imp::MutexGuard;
pub(crate) use imp::atomic;

/// Looks a few times before its caller sleeps: to be woken takes tens of microseconds, and
/// what one waits for is often there in one. Between two looks the other side is left alone, so that
/// it finds its lines of the cache where it left them.
pub(crate) fn look_out(mut there: impl FnMut() -> bool) -> bool {
    // A model has nothing to gain, and an interpreter no time to lose.
    let looks = if cfg!(any(loom, miri)) { 0 } else { LOOKS };
    (0..looks).any(|_| {
        thread::yield_now();
        there()
    })
}

/// Some microseconds in all where nobody else wants the processor.
const LOOKS: u32 = 16;

/// A mutex without poisoning.
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(imp::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
