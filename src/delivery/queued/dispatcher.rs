//! The loop that takes a hub's pending events and has them delivered, on the hub's thread or, by a
//! [`Worker`], on a thread of user code.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::queue::{Queue, Taken};
use super::queue_buffer::QueueBuffer;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::scope;

/// Starts a thread that delivers what the queue accepts until the queue is closed and empty.
pub(crate) fn spawn(queue: Arc<Queue>, shared: Arc<HubShared>) -> io::Result<JoinHandle<()>> {
    // The worker is made on its thread: dropping a worker because no thread could start would
    // disconnect the queue.
    thread::Builder::new()
        .name("typed-hub".to_owned())
        .spawn(move || Worker::new(queue, shared).run())
}

/// Delivers a hub's events to its queued listeners on a thread of your own.
/// [`build_with_worker`](crate::HubBuilder::build_with_worker) makes the hub and the worker;
/// such a hub has no thread.
///
/// The thread that called the worker last cannot wait for it: there, `publish` exceeds the capacity
/// instead of blocking, and `flush` returns at once. Before the first call, this holds for the
/// thread that made the worker. After a worker has moved to another thread, it must be called there
/// once before the thread that made it can wait for it with `flush`.
///
/// Dropping the worker drops the events that wait for queued listeners, and those published for
/// them from then on.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub};
///
/// enum Clicks {}
///
/// impl CustomChannel for Clicks {
///     type Event = (i32, i32);
///     const NAME: &'static str = "clicks";
/// }
///
/// let (hub, mut worker) = Hub::builder().build_with_worker();
/// let clicks = hub.listen::<Custom<Clicks>>(|(x, y)| println!("clicked at {x}, {y}"));
/// hub.publish::<Custom<Clicks>>((1, 2));
///
/// // In the frame loop of a user interface:
/// let delivered = worker.run_pending();
/// assert_eq!(delivered, 1);
/// # drop(clicks);
/// ```
#[must_use = "without its worker a hub calls no queued listener"]
pub struct Worker {
    queue: Arc<Queue>,
    shared: Arc<HubShared>,
    buffer: QueueBuffer,
}

impl Worker {
    pub(crate) fn new(queue: Arc<Queue>, shared: Arc<HubShared>) -> Self {
        Self {
            queue,
            shared,
            buffer: QueueBuffer::default(),
        }
    }

    /// Delivers events as they are accepted, until the hub's last handle has been dropped and
    /// everything is delivered. Inside a callback of this hub it returns at once.
    ///
    /// ```
    /// use std::thread;
    /// use typed_hub::{Auth, Hub};
    ///
    /// let (hub, mut worker) = Hub::builder().build_with_worker();
    /// let thread = thread::Builder::new()
    ///     .stack_size(4 << 20)
    ///     .spawn(move || worker.run())?;
    /// hub.listen::<Auth>(|event| println!("{}", event.kind()))
    ///     .detach();
    /// drop(hub);
    /// assert!(thread.join().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn run(&mut self) {
        if !scope::callback_of(self.shared.hub) {
            self.queue.consume_here();
            // `take` wakes publishers, whose wakers are user code too.
            scope::dispatch(self.shared.hub, || {
                while self.queue.take(&mut self.buffer) == Taken::Events {
                    self.buffer.deliver(&self.shared);
                }
            });
        }
    }

    /// Delivers the events accepted so far and returns their number, replayed ones included. Events
    /// that the callbacks publish wait for the next call, so that each call ends. Inside a callback
    /// of this hub it delivers nothing and returns 0.
    pub fn run_pending(&mut self) -> usize {
        if scope::callback_of(self.shared.hub) {
            return 0;
        }
        self.queue.consume_here();
        scope::dispatch(self.shared.hub, || {
            match self.queue.try_take(&mut self.buffer) {
                Taken::Events => self.buffer.deliver(&self.shared),
                Taken::Nothing | Taken::Closed => 0,
            }
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Wakers and drops of events are user code: a `flush` inside one would wait for this drop.
        scope::dispatch(self.shared.hub, || {
            let (mut rest, end) = self.queue.disconnect();
            rest.discard();
            self.shared.idle(end);
        });
    }
}

/// Shows the number of its hub, and how many events wait for it.
impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("hub", &self.shared.hub.get())
            .field("waiting", &self.queue.depth().waiting)
            .finish_non_exhaustive()
    }
}
