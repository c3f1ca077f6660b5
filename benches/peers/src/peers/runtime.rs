//! What the buses for tokio need.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::harness::event::Event;

/// With as many threads as the machine has.
pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime can be had")
}

/// Completes what a publisher awaits, on its own thread: at the first poll where nothing is to be
/// waited for, which costs less than `block_on`.
#[inline]
pub(crate) fn complete<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    let _context = runtime.enter();
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => pollster::block_on(future),
    }
}

/// A listener for a bus that wants an `Fn`: with a lock, which nobody contends.
pub(crate) fn unlocked<L: FnMut(&Event) + Send>(listener: L) -> impl Fn(&Event) + Send + Sync {
    let listener = Mutex::new(listener);
    move |event| {
        let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
        (*listener)(event);
    }
}
