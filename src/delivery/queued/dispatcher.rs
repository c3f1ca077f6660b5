//! The loop that takes a hub's pending events and has them delivered: a [`Worker`], on the hub's thread
//! or on one of user code.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::queue::Queue;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use super::queue::Taken;
use super::queue_buffer::QueueBuffer;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::scope;

/// Delivers a hub's events to its queued listeners on a thread of your own.
/// [`build_with_worker`](crate::HubBuilder::build_with_worker) makes the hub and the worker;
/// such a hub has no thread.
///
/// The thread that called the worker last cannot wait for it: there, `publish` exceeds the capacity
/// instead of blocking, and `flush` returns at once. Before the first call, this holds for the
/// thread that made the worker. After a worker has moved to another thread, it must be called there
/// once before the thread that made it can wait for it with `flush`.
///
/// A thread that sleeps between two calls is woken by [`on_arrival`](Self::on_arrival), a task by
/// [`arrived`](Self::arrived). [`run_pending_for`](Self::run_pending_for) and
/// [`run_pending_at_most`](Self::run_pending_at_most) bound a call by time and by number.
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
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn run(&mut self) {
        if !scope::callback_of(self.shared.hub) {
            self.queue.consume_here();
            // `take` wakes publishers, whose wakers are user code too.
            scope::dispatch(self.shared.hub, || {
                if !self.buffer.is_empty() {
                    self.buffer.deliver(&self.shared);
                }
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
        self.pump(Budget::unbounded())
    }

    /// Delivers as [`run_pending`](Self::run_pending) does, but begins no event after `limit` has
    /// passed. It delivers at least one event if any waits, so that repeated calls get on. The rest
    /// waits for the next call, in the same order.
    ///
    /// An event is delivered to all its listeners or to none: one that has begun may exceed the limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let (hub, mut worker) = Hub::builder().build_with_worker();
    /// let guard = hub.listen::<Custom<Ticks>>(|_| std::thread::sleep(Duration::from_millis(4)));
    /// (0..100).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    ///
    /// let delivered = worker.run_pending_for(Duration::from_millis(8)); // begins no event after 8 ms
    /// assert!(delivered <= 3);
    /// # drop(guard);
    /// ```
    pub fn run_pending_for(&mut self, limit: Duration) -> usize {
        self.pump(Budget::time(limit))
    }

    /// Delivers as [`run_pending`](Self::run_pending) does, but at most `limit` events, replayed ones
    /// included. The rest waits for the next call, in the same order.
    ///
    /// While events wait that a worker has taken already, the queue has room for its capacity again.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let (hub, mut worker) = Hub::builder().build_with_worker();
    /// let guard = hub.listen::<Custom<Ticks>>(|tick| println!("{tick}"));
    /// (0..5).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    ///
    /// assert_eq!(worker.run_pending_at_most(3), 3);
    /// assert_eq!(worker.run_pending_at_most(3), 2);
    /// # drop(guard);
    /// ```
    pub fn run_pending_at_most(&mut self, limit: usize) -> usize {
        self.pump(Budget::events(limit))
    }

    fn pump(&mut self, budget: Budget) -> usize {
        if scope::callback_of(self.shared.hub) {
            return 0;
        }
        // Wakers of publishers and the function of `on_arrival` are user code too.
        scope::dispatch(self.shared.hub, || self.deliver(budget))
    }

    /// Delivers what has been accepted by now, as far as the budget goes.
    pub(crate) fn deliver(&mut self, mut budget: Budget) -> usize {
        let end = self.queue.begin_pump(&mut self.buffer);
        let mut delivered = 0;
        while !self.buffer.is_empty() {
            delivered += self.buffer.deliver_within(&self.shared, &mut budget, end);
            if !self.buffer.is_empty() {
                self.queue.end_pump(self.buffer.len());
                break;
            }
            // An earlier call had left something, and more had been accepted when this one began.
            if self.buffer.end() < end {
                self.queue.try_take(&mut self.buffer);
            }
        }
        delivered
    }

    /// Calls `wake` when something arrives for the worker to deliver, on the thread that publishes or
    /// listens: to wake the thread that pumps, as by a repaint of a user interface. It replaces the
    /// function of an earlier call.
    ///
    /// `wake` is called once for everything that [`run_pending`](Self::run_pending) would deliver
    /// (events of every channel and replays), and again only when more arrives after a call of the
    /// worker has begun. If something waits already, it is called at once; if a bounded call leaves
    /// something, it is called at the end of that. No lock of the hub is held. `wake` may publish,
    /// which never waits there; the worker delivers nothing inside it. A panic is reported to
    /// [`on_panic`](crate::HubBuilder::on_panic) as
    /// [`PanicOrigin::Arrival`](crate::PanicOrigin::Arrival).
    ///
    /// ```
    /// use typed_hub::{Auth, Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let (hub, mut worker) = Hub::builder().build_with_worker();
    /// let (repaint, frames) = std::sync::mpsc::channel();
    /// // In egui: `move || ctx.request_repaint_of(ViewportId::ROOT)`.
    /// worker.on_arrival(move || drop(repaint.send(())));
    ///
    /// let guard = hub.listen::<Custom<Ticks>>(|tick| println!("{tick}"));
    /// hub.publish::<Custom<Ticks>>(1);
    /// hub.publish::<Custom<Ticks>>(2);
    /// assert_eq!(frames.try_iter().count(), 1, "once for both");
    /// assert_eq!(worker.run_pending(), 2);
    /// # drop(guard);
    /// ```
    pub fn on_arrival(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.queue.on_arrival(Arc::new(wake));
    }

    /// Waits until there is something to deliver, without blocking the thread, for a worker that a
    /// task pumps. The result is `false` when nothing will come: the hub's last handle is gone and
    /// everything is delivered, or the worker has been dropped meanwhile. It is ready at once while
    /// something waits, so a task whose listeners publish for ever must yield between two calls.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// # pollster::block_on(async {
    /// let (hub, mut worker) = Hub::builder().build_with_worker();
    /// hub.listen::<Auth>(|event| println!("{}", event.kind())).detach();
    /// drop(hub); // in a program, the last handle goes later
    ///
    /// while worker.arrived().await {
    ///     worker.run_pending();
    /// }
    /// # });
    /// ```
    #[must_use = "nothing is waited for until the future is awaited"]
    pub fn arrived(&self) -> impl Future<Output = bool> + Send + Sync + Unpin + use<> {
        self.queue.arrived()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Wakers and drops of events are user code: a `flush` inside one would wait for this drop.
        scope::dispatch(self.shared.hub, || {
            let (mut rest, end) = self.queue.disconnect();
            self.buffer.discard();
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
