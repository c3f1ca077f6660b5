//! Receivers: a thread or task of user code pulls events.

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod blocking;
mod debug;
pub(crate) mod log;
pub(crate) mod received;
#[cfg(feature = "stream")]
mod stream;
mod taking;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use crate::channel::Channel;
use crate::delivery::listener::ListenerName;
use crate::delivery::shared::trace;
use crate::envelope::Envelope;
use crate::error::{RecvError, TryRecvError};
use log::{Empty, Log, Overflow, ReaderId, Segment};
use received::Received;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use blocking::{Events, EventsMut};

/// Pulls the events of one channel: on a thread with [`recv`](Self::recv) or in a `for` loop, in
/// an async task with [`recv_async`](Self::recv_async) or, with the feature `stream`, as a
/// `futures_core::Stream`.
///
/// It gets every event that is accepted after [`Hub::receiver`](crate::Hub::receiver) returned,
/// until it is dropped. After the hub has ended it gets the events that wait, then
/// [`Closed`](RecvError::Closed). It takes all waiting events at once: its capacity bounds those
/// that wait beyond them. When an [`Overflow`] other than `Block` drops events,
/// [`Lagged`](crate::Lagged) reports their number in their place.
///
/// ```
/// use typed_hub::{Custom, Hub};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
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
    name: ListenerName,
    id: ReaderId,
    /// Created on first use.
    ready_signal: OnceLock<crossbeam_channel::Receiver<()>>,
    /// The events that it has taken and not handed out, in order; the first segment may be empty.
    taken: VecDeque<Segment<C>>,
    /// Whether it took more than one event last time: then more will come soon.
    is_busy: bool,
    /// Whether it has reported the end.
    is_closed: bool,
}

/// The options of a new receiver.
pub(crate) struct NewReceiver {
    pub(crate) name: ListenerName,
    /// In events; 0 counts as 1.
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    /// Whether it wants the envelopes of its events.
    pub(crate) envelopes: bool,
}

impl<C: Channel> Receiver<C> {
    /// Joins the log; the events in `missed` come before all others.
    pub(crate) fn new(log: &Arc<Log<C>>, new: NewReceiver, missed: Vec<Envelope<C>>) -> Self {
        let mut taken = VecDeque::new();
        if !missed.is_empty() {
            let whole = 0..missed.len();
            taken.push_back(Segment::Events(Arc::new(log.chunk(missed)), whole));
        }
        Self {
            log: Arc::clone(log),
            name: new.name.clone(),
            id: log.join(new),
            ready_signal: OnceLock::new(),
            taken,
            is_busy: false,
            is_closed: false,
        }
    }

    /// Returns the next event if one waits, without blocking.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when no event waits, [`TryRecvError::Lagged`] when events were lost,
    /// [`TryRecvError::Closed`] when the hub has ended and every event has been received.
    pub fn try_recv(&mut self) -> Result<Received<C>, TryRecvError> {
        self.next_taken(None)
    }

    /// The number of events that wait for the receiver, replayed ones included.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let ticks = hub.receiver::<Custom<Ticks>>();
    /// (0..3).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    /// assert_eq!(ticks.len(), 3);
    /// ```
    pub fn len(&self) -> usize {
        let in_log = self.log.reader(self.id, |_, waiting| waiting);
        let waiting = self.taken_events() + in_log.unwrap_or_default();
        usize::try_from(waiting).unwrap_or(usize::MAX)
    }

    /// Whether no event waits for the receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `look` with the waiting events and returns their number: the fast path, which hands
    /// out no event.
    ///
    /// It does not block. Events published meanwhile are for the next call, so that each call ends.
    /// If events are left from an earlier take, a call delivers only those. When it returns 0, no
    /// event waits, and the next one sends the [`ready_signal`](Self::ready_signal).
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let mut ticks = hub.receiver::<Custom<Ticks>>();
    /// (1..=3).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    /// let mut sum = 0;
    /// assert_eq!(ticks.drain(|tick| sum += tick), Ok(3));
    /// assert_eq!(sum, 6);
    /// assert_eq!(ticks.drain(|_| {}), Ok(0));
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] when events were lost before the first waiting one; a later loss ends
    /// the call, and the next call returns it. [`RecvError::Closed`] when the hub has ended and
    /// every event has been received.
    pub fn drain(&mut self, mut look: impl FnMut(&C::Event)) -> Result<usize, RecvError> {
        let mut count = 0;
        if self.is_through() {
            match self.refill(None) {
                Err(Empty::ForNow) => return Ok(0),
                Err(Empty::Closed) => return Err(RecvError::Closed),
                Ok(()) => {}
            }
        }
        while let Some(taken) = self.taken.front_mut() {
            match taken {
                Segment::Events(chunk, part) => {
                    for index in part {
                        trace::delivery(C::NAME, &self.name);
                        count += 1;
                        look(chunk.events[index].payload());
                    }
                    self.taken.pop_front();
                }
                Segment::Gap(_) if count > 0 => break,
                Segment::Gap(missed) => {
                    let missed = *missed;
                    return Err(RecvError::Lagged(self.lagged(missed)));
                }
            }
        }
        Ok(count)
    }

    /// Waits for the next event without blocking the thread. Dropping the future loses no event.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] when events were lost: the next call continues after them.
    /// [`RecvError::Closed`] when the hub has ended and every event has been received.
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
}

impl<C: Channel> Drop for Receiver<C> {
    fn drop(&mut self) {
        self.log.leave(self.id);
    }
}
