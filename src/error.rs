//! The errors of the hub. Each belongs to one operation and hands back what it was given.

use std::fmt;

/// [`Hub::try_publish`](crate::Hub::try_publish) found the hub's queue full.
///
/// The event was not accepted: no listener of any kind has seen it. It is handed back in `0`.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hub's queue is full: publish again later, wait with `publish`, or give the hub a larger capacity"
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
