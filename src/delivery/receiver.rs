//! Receivers: events are pulled, by a thread or a task of the user's own.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::listener::Label;
use super::log::{Batch, Log, Nothing, Overflow, ReaderId, Taken};
use super::received::Received;
use super::trace;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::error::{Lagged, RecvError, RecvTimeoutError, TryRecvError};

/// Pulls the events of one channel: on a thread with [`recv`](Self::recv) or in a `for` loop, in
/// an async task with [`recv_async`](Self::recv_async) or, with the feature `stream`, as a
/// `futures_core::Stream`.
///
/// It gets every event that is accepted after [`Hub::receiver`](crate::Hub::receiver) returned,
/// until it is dropped; after its hub's end it still gets what waits, then
/// [`Closed`](RecvError::Closed). It takes what waits for it all at once: its capacity bounds what waits
/// beyond that. Where an [`Overflow`] other than `Block` loses events, it is told how many by
/// [`Lagged`], in their place.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub};
///
/// enum Ticks {}
///
/// impl CustomChannel for Ticks {
///     type Event = u64;
///     const NAME: &'static str = "ticks";
/// }
///
/// let hub = Hub::new();
/// let ticks = hub.receiver::<Custom<Ticks>>();
/// (0..3).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
/// drop(hub);
/// assert_eq!(ticks.into_iter().flatten().map(|tick| *tick).sum::<u64>(), 3);
/// ```
#[must_use = "a receiver that is not pulled holds up its publishers, unless it lets events drop"]
pub struct Receiver<C: Channel> {
    log: Arc<Log<C>>,
    label: Label,
    id: ReaderId,
    bell: crossbeam_channel::Receiver<()>,
    taken: VecDeque<Taken<C>>,
}

impl<C: Channel> Receiver<C> {
    /// Joins the log; `missed` comes before everything else.
    pub(crate) fn new(
        log: &Arc<Log<C>>,
        label: Label,
        capacity: usize,
        overflow: Overflow,
        missed: Vec<Payload<C::Event>>,
    ) -> Self {
        let (ring, bell) = crossbeam_channel::bounded(1);
        let mut taken = VecDeque::new();
        if !missed.is_empty() {
            let whole = 0..missed.len();
            taken.push_back(Taken::Events(Arc::new(Batch::apart(missed)), whole));
        }
        Self {
            log: Arc::clone(log),
            id: log.join(label.clone(), capacity, overflow, ring),
            label,
            bell,
            taken,
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] where events were lost: the next call goes on behind them.
    /// [`RecvError::Closed`] when the hub is gone and everything has been received.
    pub fn recv(&mut self) -> Result<Received<C>, RecvError> {
        loop {
            match self.try_recv() {
                Ok(event) => return Ok(event),
                Err(TryRecvError::Lagged(lagged)) => return Err(RecvError::Lagged(lagged)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                // An error would mean that the log has dropped this reader, which it does not.
                Err(TryRecvError::Empty) => drop(self.bell.recv()),
            }
        }
    }

    /// The next event, if one waits.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where none waits; the others as of [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Received<C>, TryRecvError> {
        self.next_taken(None)
    }

    /// Waits for the next event, at most as long as `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] where none came in time; the others as of
    /// [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received<C>, RecvTimeoutError> {
        // A time beyond the clock's range never comes.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            match self.try_recv() {
                Ok(event) => return Ok(event),
                Err(TryRecvError::Lagged(lagged)) => return Err(RecvTimeoutError::Lagged(lagged)),
                Err(TryRecvError::Closed) => return Err(RecvTimeoutError::Closed),
                Err(TryRecvError::Empty) => {}
            }
            match deadline {
                None => drop(self.bell.recv()),
                Some(deadline) if deadline <= Instant::now() => {
                    return Err(RecvTimeoutError::Timeout);
                }
                Some(deadline) => drop(self.bell.recv_deadline(deadline)),
            }
        }
    }

    /// Waits for each event on this thread; ends at the end of the hub.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// let hub = Hub::new();
    /// let mut ticks = hub.receiver::<Custom<Ticks>>();
    /// (0..9).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    /// let large = ticks.iter().flatten().find(|tick| **tick > 5);
    /// assert_eq!(large.as_deref(), Some(&6));
    /// ```
    pub fn iter(&mut self) -> impl Iterator<Item = Result<Received<C>, Lagged>> {
        std::iter::from_fn(|| ended(self.recv()))
    }

    /// Waits for the next event without blocking the thread. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As of [`recv`](Self::recv).
    pub async fn recv_async(&mut self) -> Result<Received<C>, RecvError> {
        poll_fn(|task| self.poll_recv(task.waker())).await
    }

    pub(crate) fn poll_recv(&mut self, waker: &Waker) -> Poll<Result<Received<C>, RecvError>> {
        match self.next_taken(Some(waker)) {
            Ok(event) => Poll::Ready(Ok(event)),
            Err(TryRecvError::Lagged(lagged)) => Poll::Ready(Err(RecvError::Lagged(lagged))),
            Err(TryRecvError::Closed) => Poll::Ready(Err(RecvError::Closed)),
            Err(TryRecvError::Empty) => Poll::Pending,
        }
    }

    /// Rings once when an event comes, or the end, after [`try_recv`](Self::try_recv) has found
    /// nothing: to wait for several receivers in [`crossbeam_channel::select!`], each of which is
    /// then tried until it is [`Empty`](TryRecvError::Empty). It carries no events and may ring
    /// without need; a clone of it takes rings away from the receiver.
    ///
    /// ```
    /// use crossbeam_channel::select;
    /// use typed_hub::{Custom, CustomChannel, Hub, TryRecvError};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// let hub = Hub::new();
    /// let mut ticks = hub.receiver::<Custom<Ticks>>();
    /// let (_stop, stopped) = crossbeam_channel::bounded::<()>(1);
    /// hub.publish::<Custom<Ticks>>(7);
    ///
    /// select! {
    ///     recv(ticks.bell()) -> _ => loop {
    ///         match ticks.try_recv() {
    ///             Ok(tick) => assert_eq!(*tick, 7),
    ///             Err(TryRecvError::Lagged(lagged)) => println!("{lagged}"),
    ///             Err(TryRecvError::Empty | TryRecvError::Closed) => break,
    ///         }
    ///     },
    ///     recv(stopped) -> _ => unreachable!("nobody stops"),
    /// }
    /// ```
    pub fn bell(&self) -> &crossbeam_channel::Receiver<()> {
        &self.bell
    }

    fn next_taken(&mut self, waker: Option<&Waker>) -> Result<Received<C>, TryRecvError> {
        loop {
            match self.taken.front_mut() {
                Some(Taken::Events(batch, part)) => {
                    if let Some(index) = part.next() {
                        let batch = Arc::clone(batch);
                        trace::delivery(C::NAME, &self.label);
                        return Ok(Received::new(batch, index));
                    }
                    self.taken.pop_front();
                }
                Some(Taken::Lost(missed)) => {
                    let lagged = Lagged { missed: *missed };
                    self.taken.pop_front();
                    trace::loss(C::NAME, &self.label, lagged.missed);
                    return Err(TryRecvError::Lagged(lagged));
                }
                None => {
                    self.taken =
                        self.log
                            .take(self.id, waker)
                            .map_err(|nothing| match nothing {
                                Nothing::Yet => TryRecvError::Empty,
                                Nothing::More => TryRecvError::Closed,
                            })?;
                }
            }
        }
    }
}

/// Waits for each event; ends at the end of the hub.
///
/// A receiver is not an iterator itself: it would be one and a stream at a time, and `next()` of
/// the one would be in the way of the other's.
impl<C: Channel> IntoIterator for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;
    type IntoIter = Events<C>;

    fn into_iter(self) -> Events<C> {
        Events { receiver: self }
    }
}

/// The events of a [`Receiver`], on this thread.
#[derive(Debug)]
pub struct Events<C: Channel> {
    receiver: Receiver<C>,
}

impl<C: Channel> Iterator for Events<C> {
    type Item = Result<Received<C>, Lagged>;

    fn next(&mut self) -> Option<Self::Item> {
        ended(self.receiver.recv())
    }
}

fn ended<T>(received: Result<T, RecvError>) -> Option<Result<T, Lagged>> {
    match received {
        Ok(event) => Some(Ok(event)),
        Err(RecvError::Lagged(lagged)) => Some(Err(lagged)),
        Err(RecvError::Closed) => None,
    }
}

/// Ends at the end of the hub.
#[cfg(feature = "stream")]
impl<C: Channel> futures_core::Stream for Receiver<C> {
    type Item = Result<Received<C>, Lagged>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(task.waker()).map(ended)
    }
}

impl<C: Channel> Drop for Receiver<C> {
    fn drop(&mut self) {
        self.log.leave(self.id);
    }
}

impl<C: Channel> fmt::Debug for Receiver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("channel", &C::NAME)
            .finish_non_exhaustive()
    }
}
