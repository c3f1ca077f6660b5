//! The errors of the hub. Each belongs to one operation and hands back what it was given.

use std::fmt;

/// [`Hub::try_publish`](crate::Hub::try_publish) found no room: the hub's queue is full, or a receiver
/// that loses nothing lets no more in.
///
/// The event was not accepted: no listener of any kind has seen it. It is handed back in `0`.
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
/// let hub = Hub::builder().capacity(1).build();
/// let guard = hub.listen::<Custom<Ticks>>(|_| {});
/// let refused = (0..100).find_map(|tick| hub.try_publish::<Custom<Ticks>>(tick).err());
/// if let Some(refused) = refused {
///     hub.publish::<Custom<Ticks>>(refused.into_event()); // waits
/// }
/// # drop(guard);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no room for the event: publish again later, wait with `publish`, or give the hub or the receiver a larger capacity"
)]
pub struct TryPublishError<E>(pub E);

impl<E> TryPublishError<E> {
    /// The event that was not accepted.
    pub fn into_event(self) -> E {
        self.0
    }
}

/// Says nothing of the event, which need not be `Debug` and may be private.
impl<E> fmt::Debug for TryPublishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryPublishError").finish_non_exhaustive()
    }
}

/// Events were lost to a receiver, because it did not keep up and its
/// [`Overflow`](crate::Overflow) says so. It goes on behind them.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub, Overflow, ReceiverOptions};
///
/// enum Ticks {}
///
/// impl CustomChannel for Ticks {
///     type Event = u64;
///     const NAME: &'static str = "ticks";
/// }
///
/// let hub = Hub::new();
/// let options = ReceiverOptions::builder().capacity(1).overflow(Overflow::DropNewest).build();
/// let ticks = hub.receiver_with::<Custom<Ticks>>(options);
/// (0..3).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
/// drop(hub);
/// let missed = ticks.into_iter().filter_map(|received| Some(received.err()?.missed));
/// assert_eq!(missed.sum::<u64>(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{missed} events were lost to a receiver that did not keep up: pull it more often, or give it a larger capacity"
)]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}

/// [`Receiver::recv`](crate::Receiver::recv) has no event to give.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub, RecvError};
///
/// enum Ticks {}
///
/// impl CustomChannel for Ticks {
///     type Event = u64;
///     const NAME: &'static str = "ticks";
/// }
///
/// let mut ticks = Hub::new().receiver::<Custom<Ticks>>();
/// assert_eq!(ticks.recv().map(|tick| *tick), Err(RecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// Events were lost here; the next call goes on behind them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub is gone, and everything has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Receiver::try_recv`](crate::Receiver::try_recv) has no event to give.
///
/// ```
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
/// assert_eq!(ticks.try_recv().map(|tick| *tick), Err(TryRecvError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// No event waits at the moment.
    #[error("no event waits at the moment")]
    Empty,
    /// Events were lost here; the next call goes on behind them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub is gone, and everything has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Receiver::recv_timeout`](crate::Receiver::recv_timeout) has no event to give.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub, RecvTimeoutError};
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
/// let none = ticks.recv_timeout(std::time::Duration::from_millis(1));
/// assert_eq!(none.map(|tick| *tick), Err(RecvTimeoutError::Timeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvTimeoutError {
    /// No event came in time.
    #[error("no event came in time")]
    Timeout,
    /// Events were lost here; the next call goes on behind them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub is gone, and everything has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Hub::wait_for`](crate::Hub::wait_for) has seen no event of the kind in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such event came in time")]
pub struct WaitTimeout;
