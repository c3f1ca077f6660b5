//! Work that blocks, on a thread of its own, and waiting for a lock.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// The pause between two attempts to take a lock.
const RETRY: Duration = Duration::from_millis(2);

/// How long a lock that was taken waits for a caller that does not poll: 5 s.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Runs the work on its own thread, so that the executor's thread goes on.
///
/// If the future is dropped, the work still ends, and its result is dropped.
///
/// # Errors
///
/// The kind of the failure if no thread is available, and [`ErrorKind::Other`] if the work panics.
#[cfg(any(feature = "file-store", feature = "keyring"))]
pub(crate) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ErrorKind> {
    let slot = Arc::new(Slot::new());
    spawn(&slot, work, |_| {})?;
    slot.taken().await
}

/// Takes a lock, on a thread of its own: tries until the attempt returns a guard.
///
/// Dropping the future ends the attempts. A guard that the caller does not poll for is dropped.
///
/// # Errors
///
/// [`ErrorKind::TimedOut`] if the lock is not free within `limit`, or is not polled for; and the
/// error of an attempt.
pub(crate) async fn acquire<G: Send + 'static>(
    limit: Duration,
    attempt: impl FnMut() -> io::Result<Option<G>> + Send + 'static,
) -> Result<G, ErrorKind> {
    let slot = Arc::new(Slot::new());
    let _caller = Caller(&slot);
    let work = {
        let slot = Arc::clone(&slot);
        move || {
            let acquired = try_until(limit, || slot.0.lock().is_abandoned, attempt);
            acquired.map_err(|error| error.kind())
        }
    };
    spawn(&slot, work, |slot| {
        slot.withdraw_after(HAND_OVER_LIMIT, Err(ErrorKind::TimedOut));
    })?;
    slot.taken().await?
}

/// The future that waits for the result. If it is dropped, the result is dropped at once.
struct Caller<'a, T>(&'a Slot<T>);

impl<T> Drop for Caller<'_, T> {
    fn drop(&mut self) {
        let (done, waits) = {
            let mut slot = self.0.0.lock();
            slot.is_abandoned = true;
            (slot.done.take(), slot.waits.take())
        };
        drop(done);
        if let Some(thread) = waits {
            thread.unpark();
        }
    }
}

/// Hands the result of a thread over to a future.
struct Slot<T>(Mutex<Handover<T>>);

struct Handover<T> {
    done: Option<Result<T, ErrorKind>>,
    waker: Option<Waker>,
    is_abandoned: bool,
    /// The thread that waits until its result is taken.
    waits: Option<Thread>,
}

fn spawn<T: Send + 'static>(
    slot: &Arc<Slot<T>>,
    work: impl FnOnce() -> T + Send + 'static,
    after: impl FnOnce(&Slot<T>) + Send + 'static,
) -> Result<(), ErrorKind> {
    let slot = Arc::clone(slot);
    let thread = thread::Builder::new().name("typed-hub store".to_owned());
    let begun = thread.spawn(move || {
        let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| ErrorKind::Other);
        let waker = {
            let mut slot = slot.0.lock();
            slot.done = Some(done);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        after(&slot);
    });
    begun.map(drop).map_err(|error| error.kind())
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self(Mutex::new(Handover {
            done: None,
            waker: None,
            is_abandoned: false,
            waits: None,
        }))
    }

    /// Waits for the result.
    async fn taken(&self) -> Result<T, ErrorKind> {
        poll_fn(|context| {
            // User code clones and drops a waker, so neither happens under the lock.
            let waker = context.waker().clone();
            let (done, before, waits) = {
                let mut slot = self.0.lock();
                let done = slot.done.take();
                let waits = slot.waits.take_if(|_| done.is_some());
                (done, slot.waker.replace(waker), waits)
            };
            drop(before);
            if let Some(thread) = waits {
                thread.unpark();
            }
            done.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Puts another result in the place of one that is not taken in time.
    fn withdraw_after(&self, limit: Duration, instead: T) {
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            {
                let mut slot = self.0.lock();
                if slot.done.is_none() {
                    return;
                }
                if left.is_zero() || slot.is_abandoned {
                    let withdrawn = slot.done.replace(Ok(instead));
                    drop(slot);
                    return drop(withdrawn);
                }
                slot.waits = Some(thread::current());
            }
            thread::park_timeout(left);
        }
    }
}

/// Tries until the attempt returns a guard, the caller is gone, or the limit is over.
pub(crate) fn try_until<G>(
    limit: Duration,
    is_abandoned: impl Fn() -> bool,
    mut attempt: impl FnMut() -> io::Result<Option<G>>,
) -> io::Result<G> {
    let begun = Instant::now();
    loop {
        if let Some(guard) = attempt()? {
            return Ok(guard);
        }
        if is_abandoned() || begun.elapsed() >= limit {
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(RETRY);
    }
}
