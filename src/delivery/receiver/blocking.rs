//! The methods of a receiver that block its thread. There is none of them in a page.

use std::fmt;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Receiver;
use super::received::Received;
use super::taking::ended;
use crate::channel::Channel;
use crate::error::{Lagged, RecvError, RecvTimeoutError, TryRecvError};
use crate::sync::backoff;

impl<C: Channel> Receiver<C> {
    /// Blocks until the next event.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] when events were lost: the next call continues after them.
    /// [`RecvError::Closed`] when the hub has ended and every event has been received.
    pub fn recv(&mut self) -> Result<Received<C>, RecvError> {
        self.backoff_if_busy();
        let mut this_thread = None;
        loop {
            match self.next_taken(this_thread.as_ref()) {
                Ok(event) => return Ok(event),
                Err(TryRecvError::Lagged(lagged)) => return Err(RecvError::Lagged(lagged)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Empty) if this_thread.is_some() => thread::park(),
                Err(TryRecvError::Empty) => this_thread = Some(unpark_this_thread()),
            }
        }
    }

    /// Blocks until the next event, at most for `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] when no event came in time, [`RecvTimeoutError::Lagged`] when
    /// events were lost, [`RecvTimeoutError::Closed`] when the hub has ended and every event has
    /// been received.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received<C>, RecvTimeoutError> {
        // A time beyond the clock's range never comes.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// Blocks until the next event, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] when no event came in time, [`RecvTimeoutError::Lagged`] when
    /// events were lost, [`RecvTimeoutError::Closed`] when the hub has ended and every event has
    /// been received.
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Received<C>, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<Received<C>, RecvTimeoutError> {
        self.backoff_if_busy();
        let mut this_thread = None;
        loop {
            match self.next_taken(this_thread.as_ref()) {
                Ok(event) => return Ok(event),
                Err(TryRecvError::Lagged(lagged)) => return Err(RecvTimeoutError::Lagged(lagged)),
                Err(TryRecvError::Closed) => return Err(RecvTimeoutError::Closed),
                Err(TryRecvError::Empty) => {}
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => return Err(RecvTimeoutError::Timeout),
                _ if this_thread.is_none() => this_thread = Some(unpark_this_thread()),
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
    }

    /// An iterator that blocks for each event, and ends when the hub has ended.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let mut ticks = hub.receiver::<Custom<Ticks>>();
    /// (0..9).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    /// let large = ticks.iter().flatten().find(|tick| **tick > 5);
    /// assert_eq!(large.as_deref(), Some(&6));
    /// ```
    pub fn iter(&mut self) -> EventsMut<'_, C> {
        EventsMut { receiver: self }
    }

    /// A channel that gets one message when an event or the end comes after
    /// [`try_recv`](Self::try_recv) has found none. Use it to wait for several receivers in
    /// [`crossbeam_channel::select!`], then try each until it is [`Empty`](TryRecvError::Empty). It
    /// carries no events and may signal without need. A clone of it competes for the signals; the
    /// receiver itself does not wait for them.
    ///
    /// ```
    /// use crossbeam_channel::select;
    /// use typed_hub::{Custom, Hub, TryRecvError};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let mut ticks = hub.receiver::<Custom<Ticks>>();
    /// let (_stop, stopped) = crossbeam_channel::bounded::<()>(1);
    /// hub.publish::<Custom<Ticks>>(7);
    ///
    /// select! {
    ///     recv(ticks.ready_signal()) -> _ => loop {
    ///         match ticks.try_recv() {
    ///             Ok(tick) => assert_eq!(*tick, 7),
    ///             Err(TryRecvError::Lagged(lagged)) => println!("{lagged}"),
    ///             Err(TryRecvError::Empty | TryRecvError::Closed) => break,
    ///         }
    ///     },
    ///     recv(stopped) -> _ => unreachable!("`_stop` sends nothing"),
    /// }
    /// ```
    pub fn ready_signal(&self) -> &crossbeam_channel::Receiver<()> {
        self.ready_signal.get_or_init(|| {
            let (ring, ready_signal) = crossbeam_channel::bounded(1);
            self.log.set_ready_signal(self.id, ring);
            ready_signal
        })
    }

    /// Before a wait, when events stream in and all taken ones have been handed out: lets several
    /// events come, to take them at once.
    fn backoff_if_busy(&mut self) {
        if self.is_busy && self.is_through() {
            backoff();
        }
    }
}

/// The waker that unparks this thread. It is registered at the second look only: at the first, a
/// task's waker may be dropped, which runs the executor's code and might park too.
fn unpark_this_thread() -> Waker {
    thread_local! {
        static WAKER: Waker = Parked::this_thread();
    }
    let known = WAKER.try_with(Waker::clone);
    // The thread-local is gone in the destructors of an ending thread.
    known.unwrap_or_else(|_| Parked::this_thread())
}

struct Parked(Thread);

impl Parked {
    fn this_thread() -> Waker {
        Arc::new(Self(thread::current())).into()
    }
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks for each event, and ends when the hub has ended.
///
/// A receiver is not an iterator itself: it is a stream, and the two `next()` methods would
/// conflict.
impl<C: Channel> IntoIterator for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;
    type IntoIter = Events<C>;

    fn into_iter(self) -> Events<C> {
        Events { receiver: self }
    }
}

/// Blocks for each event, and ends when the hub has ended. The receiver can be used after the loop.
#[expect(
    clippy::into_iter_without_iter,
    reason = "the method is `iter`, as of every receiver of a channel"
)]
impl<'a, C: Channel> IntoIterator for &'a mut Receiver<C> {
    type Item = Result<Received<C>, Lagged>;
    type IntoIter = EventsMut<'a, C>;

    fn into_iter(self) -> EventsMut<'a, C> {
        EventsMut { receiver: self }
    }
}

/// The events of a borrowed [`Receiver`], on this thread: see [`Receiver::iter`].
pub struct EventsMut<'a, C: Channel> {
    pub(super) receiver: &'a mut Receiver<C>,
}

impl<C: Channel> Iterator for EventsMut<'_, C> {
    type Item = Result<Received<C>, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        ended(self.receiver.recv())
    }
}

/// The events of a [`Receiver`], on this thread.
pub struct Events<C: Channel> {
    pub(super) receiver: Receiver<C>,
}

impl<C: Channel> Iterator for Events<C> {
    type Item = Result<Received<C>, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        ended(self.receiver.recv())
    }
}

impl<C: Channel> fmt::Debug for Events<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("receiver", &self.receiver)
            .finish()
    }
}

impl<C: Channel> fmt::Debug for EventsMut<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsMut")
            .field("receiver", &self.receiver)
            .finish()
    }
}
