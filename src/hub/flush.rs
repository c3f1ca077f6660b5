//! The method of [`Hub`] that waits for deliveries without blocking.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Hub;
use crate::delivery::shared::wakers::WakerKey;
use crate::delivery::shared::{HubShared, scope};

impl Hub {
    /// Waits until every event accepted before this call has been delivered, without blocking the
    /// thread. The future does not keep the hub alive.
    ///
    /// When a callback of any hub polls the future, it does not wait. A task on the thread of the
    /// hub's [`Worker`](crate::Worker) does wait, so that the thread can call the worker meanwhile:
    /// do not block that thread on it.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// # pollster::block_on(async {
    /// let hub = Hub::new();
    /// let (seen, heard) = std::sync::mpsc::channel();
    /// let guard = hub.listen::<Custom<Ticks>>(move |tick| drop(seen.send(*tick)));
    /// hub.publish::<Custom<Ticks>>(1);
    /// hub.flush_async().await;
    /// assert_eq!(heard.try_recv(), Ok(1));
    /// # drop(guard);
    /// # });
    /// ```
    pub fn flush_async(&self) -> impl Future<Output = ()> + Send + Sync + Unpin + use<> {
        Flush {
            shared: Arc::clone(&self.inner.shared),
            end: self.inner.queue.end(),
            key: None,
        }
    }
}

/// The future of a flush. A dropped one never wakes its task.
struct Flush {
    shared: Arc<HubShared>,
    /// The sequence number after the last event to wait for.
    end: u64,
    key: Option<WakerKey>,
}

impl Future for Flush {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if scope::is_polled_by_callback() {
            return Poll::Ready(());
        }
        // Cloned here, because cloning runs the executor's code: not under the lock.
        let task = task.waker().clone();
        let progress = &this.shared.progress;
        if progress.poll_delivered(this.end, &mut this.key, task) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.progress.forget_flush(key);
        }
    }
}
