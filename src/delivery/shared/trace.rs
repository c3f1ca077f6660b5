//! The log messages of the feature `tracing`. Without it, these functions do nothing.

use std::fmt;

#[cfg(feature = "tracing")]
use super::panic_report::PanicOrigin;
use super::panic_report::PanicReport;

/// Logs that a listener is called, or that an event is received.
#[inline]
pub(crate) fn delivery(channel: &'static str, listener: &dyn fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::trace!(channel, %listener, "event delivered");
    #[cfg(not(feature = "tracing"))]
    let _ = (channel, listener);
}

/// Logs that user code has panicked.
pub(super) fn panic(report: &PanicReport) {
    #[cfg(feature = "tracing")]
    {
        let (channel, panic) = (report.channel(), report.message());
        match report.origin() {
            PanicOrigin::Listener(listener) => {
                tracing::error!(channel, listener, panic, "listener panicked");
            }
            PanicOrigin::EventDrop => tracing::error!(channel, panic, "drop of an event panicked"),
            PanicOrigin::Waker => tracing::error!(channel, panic, "waker of a task panicked"),
            PanicOrigin::Arrival => tracing::error!(panic, "function of on_arrival panicked"),
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = report;
}

/// Logs that a receiver has lost events.
pub(crate) fn loss(channel: &'static str, listener: &dyn fmt::Display, lost: u64) {
    #[cfg(feature = "tracing")]
    tracing::warn!(channel, %listener, lost, "events lost");
    #[cfg(not(feature = "tracing"))]
    let _ = (channel, listener, lost);
}
