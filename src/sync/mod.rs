//! The one place that picks std's synchronisation, under `--cfg loom` the model checker's, and in a page
//! the browser's clock and tasks.
//!
//! No user code runs under a lock of this crate, so only a bug of this crate that has already
//! panicked can poison a lock; [`Mutex::lock`] then carries on.

#[cfg(loom)]
use loom::sync as imp;
#[cfg(not(loom))]
use std::sync as imp;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) mod page;

use std::fmt;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use std::time::Instant;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use web_time::Instant;

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::thread;

pub(crate) use imp::MutexGuard;
pub(crate) use imp::atomic;

/// Whether this thread may wait for another one: not the only thread of a page.
pub(crate) const CAN_BLOCK: bool = cfg!(not(all(target_family = "wasm", target_os = "unknown")));

/// The present time.
#[inline]
pub(crate) fn now() -> SystemTime {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    return SystemTime::now();
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    return web_time::web::SystemTimeExt::to_std(web_time::SystemTime::now());
}

/// Writes a line to standard error, in a page to the console.
pub(crate) fn log_error(line: fmt::Arguments<'_>) {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    {
        // `eprintln!` panics when standard error is closed.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
    }
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    page::log_error(&line.to_string());
}

/// Checks `there` a few times before its caller parks: waking a parked thread takes tens of
/// microseconds, and the awaited change often comes within a few.
pub(crate) fn spin_wait(mut there: impl FnMut() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        backoff();
        there()
    })
}

/// Leaves the other thread alone for some microseconds, so that its cache lines stay with it, and
/// there is more to take at once.
pub(crate) fn backoff() {
    if BACKOFF.is_zero() {
        return;
    }
    let begun = Instant::now();
    while begun.elapsed() < BACKOFF {
        (0..32).for_each(|_| std::hint::spin_loop());
    }
    thread::yield_now();
}

// In a model, spinning gains nothing; under an interpreter, it takes too long.
const LOOKS: u32 = if cfg!(any(loom, miri)) { 0 } else { 4 };
const BACKOFF: Duration = Duration::from_micros(if cfg!(any(loom, miri)) { 0 } else { 3 });

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
