//! The errors of the hub, one for each operation that can fail.

use std::fmt;

/// [`Hub::try_publish`](crate::Hub::try_publish) found no room: the hub's queue, or the buffer of a
/// receiver with [`Overflow::Block`](crate::Overflow::Block), is full.
///
/// The event was not accepted, and no listener has seen it. Field `0` hands it back.
///
/// ```
/// use typed_hub::{Custom, Hub};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
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

/// Does not show the event, which need not be `Debug` and may be private.
impl<E> fmt::Debug for TryPublishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryPublishError").finish_non_exhaustive()
    }
}

/// A receiver did not keep up, and events were lost to it, as its [`Overflow`](crate::Overflow)
/// allows. The receiver continues after them.
///
/// ```
/// use typed_hub::{Custom, Hub, Overflow, ReceiverOptions};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
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
    /// How many events were lost.
    pub missed: u64,
}

/// [`Receiver::recv`](crate::Receiver::recv) returned no event.
///
/// ```
/// use typed_hub::{Custom, Hub, RecvError};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let mut ticks = Hub::new().receiver::<Custom<Ticks>>();
/// assert_eq!(ticks.recv().map(|tick| *tick), Err(RecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// Events were lost here; the next call continues after them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub has ended, and every event has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Receiver::try_recv`](crate::Receiver::try_recv) returned no event.
///
/// ```
/// use typed_hub::{Custom, Hub, TryRecvError};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let hub = Hub::new();
/// let mut ticks = hub.receiver::<Custom<Ticks>>();
/// assert_eq!(ticks.try_recv().map(|tick| *tick), Err(TryRecvError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// No event waits.
    #[error("no event waits at the moment")]
    Empty,
    /// Events were lost here; the next call continues after them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub has ended, and every event has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Receiver::recv_timeout`](crate::Receiver::recv_timeout) returned no event.
///
/// ```
/// use typed_hub::{Custom, Hub, RecvTimeoutError};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let hub = Hub::new();
/// let mut ticks = hub.receiver::<Custom<Ticks>>();
/// let none = ticks.recv_timeout(std::time::Duration::from_millis(1));
/// assert_eq!(none.map(|tick| *tick), Err(RecvTimeoutError::Timeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvTimeoutError {
    /// No event came within the timeout.
    #[error("no event came in time")]
    Timeout,
    /// Events were lost here; the next call continues after them.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The hub has ended, and every event has been received.
    #[error("the hub is gone, and everything has been received")]
    Closed,
}

/// [`Hub::wait_for`](crate::Hub::wait_for) saw no matching event within its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such event came in time")]
pub struct WaitTimeout;
