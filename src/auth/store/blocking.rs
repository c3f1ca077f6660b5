//! Work that blocks, on a thread of its own.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// The pause between two attempts to take a lock.
const RETRY: Duration = Duration::from_millis(2);

/// Runs the work on its own thread, so that the executor's thread goes on.
///
/// If the future is dropped, the work still ends, and its result is dropped.
///
/// # Errors
///
/// The kind of the failure if no thread is available, and [`ErrorKind::Other`] if the work panics.
pub(crate) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ErrorKind> {
    let slot = Arc::new(Mutex::new((None, None::<Waker>)));
    {
        let slot = Arc::clone(&slot);
        let thread = thread::Builder::new().name("typed-hub store".to_owned());
        let begun = thread.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| ErrorKind::Other);
            let waker = {
                let mut slot = slot.lock();
                slot.0 = Some(done);
                slot.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        begun.map_err(|error| error.kind())?;
    }
    poll_fn(|context| {
        // User code clones and drops a waker, so neither happens under the lock.
        let waker = context.waker().clone();
        let (done, before) = {
            let mut slot = slot.lock();
            (slot.0.take(), slot.1.replace(waker))
        };
        drop(before);
        done.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Takes a lock on a thread of its own: tries until the attempt returns a guard.
///
/// Dropping the future ends the attempts.
///
/// # Errors
///
/// [`ErrorKind::TimedOut`] if the lock is not free within `limit`, and the error of an attempt.
pub(crate) async fn acquire<G: Send + 'static>(
    limit: Duration,
    attempt: impl FnMut() -> io::Result<Option<G>> + Send + 'static,
) -> Result<G, ErrorKind> {
    let caller = Arc::new(());
    let waiting = Arc::downgrade(&caller);
    let acquired = on_own_thread(move || {
        try_until(limit, || waiting.strong_count() == 0, attempt).map_err(|error| error.kind())
    });
    let acquired = acquired.await?;
    drop(caller);
    acquired
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
