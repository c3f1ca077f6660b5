//! What the feature `tracing` logs. Without it, nothing.

use std::fmt;

/// A listener is called, or an event is received.
#[inline]
pub(crate) fn delivery(channel: &'static str, listener: &dyn fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::trace!(channel, %listener, "event delivered");
    #[cfg(not(feature = "tracing"))]
    let _ = (channel, listener);
}

/// A user's code has panicked.
pub(crate) fn panic(channel: &'static str, listener: &str, message: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(channel, listener, message, "listener panicked");
    #[cfg(not(feature = "tracing"))]
    let _ = (channel, listener, message);
}

/// Events were lost to a receiver.
pub(crate) fn loss(channel: &'static str, listener: &dyn fmt::Display, lost: u64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(channel, %listener, lost, "events lost");
    #[cfg(not(feature = "tracing"))]
    let _ = (channel, listener, lost);
}
