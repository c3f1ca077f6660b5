//! The options of a hub and of a receiver.

use std::fmt;
use std::sync::Arc;

use typed_builder::{NextFieldDefault, TypedBuilder};

use super::{Hub, LocalWorker};

use crate::delivery::history::Replay;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::receiver::log::Overflow;
use crate::delivery::shared::panic_report::{PanicHandler, PanicReport, report_to_stderr};

/// The options of a hub, which [`Hub::builder`](super::Hub::builder) sets.
#[derive(TypedBuilder)]
#[builder(
    builder_method(vis = "pub(super)"),
    builder_type(
        name = HubBuilder,
        doc = "Sets up a [`Hub`]: [`Hub::builder`] begins, `build()`, `build_with_worker()` or `build_with_local_worker()` ends."
    ),
    build_method(vis = "pub(super)", name = options)
)]
pub struct HubOptions {
    #[builder(
        default = 1_024,
        setter(
            doc = "How many accepted events may wait for the dispatcher before `publish` blocks and `try_publish` fails, in events. The default is 1,024; 0 counts as 1. Memory is allocated as needed, so that `usize::MAX` means no bound."
        )
    )]
    pub(super) capacity: usize,

    #[builder(
        default = Arc::new(report_to_stderr),
        setter(
            transform = |handler: impl Fn(&PanicReport) + Send + Sync + 'static| Arc::new(handler) as PanicHandler,
            doc = "The function that gets every panic that the hub catches (of a listener, of the drop of an event, of a task's waker, of the function of `on_arrival`), on the thread that panicked. The default writes one line to standard error, in a page to the console. If panics do not unwind, as by default in a page, the function is not called."
        )
    )]
    pub(super) on_panic: PanicHandler,
}

/// Unset options take their defaults.
impl<Capacity, OnPanic> HubBuilder<(Capacity, OnPanic)>
where
    HubOptions: NextFieldDefault<(Capacity,), Output = usize>
        + for<'a> NextFieldDefault<(&'a usize, OnPanic), Output = PanicHandler>,
{
    /// Makes the hub. Its first `listen` starts its thread, in a page a task on the microtask queue.
    pub fn build(self) -> Hub {
        Hub::with(self.options())
    }

    /// Makes a hub without a thread, and the [`Worker`] that calls its queued listeners on the thread
    /// that calls the worker.
    pub fn build_with_worker(self) -> (Hub, Worker) {
        Hub::with_worker(self.options())
    }

    /// Makes a hub without a thread, and the worker that calls its queued listeners on this thread.
    /// Callbacks of [`LocalWorker::listen_local`] need not be `Send`, those of [`Hub::listen`] must be.
    pub fn build_with_local_worker(self) -> (Hub, LocalWorker) {
        Hub::with_local_worker(self.options())
    }
}

impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The options of a receiver, for [`Hub::receiver_with`].
#[derive(Clone, Debug, TypedBuilder)]
#[builder(doc)]
pub struct ReceiverOptions {
    #[builder(
        default = 1_024,
        setter(
            doc = "How many events may wait for the receiver, beyond those it has taken already, before its buffer is full, in events. The default is 1,024; 0 counts as 1. Memory is allocated as needed."
        )
    )]
    pub(super) capacity: usize,

    #[builder(
        default,
        setter(
            doc = "What happens when the receiver's buffer is full. By default `publish` blocks; in a page, which cannot block, the buffer grows."
        )
    )]
    pub(super) overflow: Overflow,

    #[builder(
        default,
        setter(
            doc = "Which retained events the receiver gets before live ones. The default is none. A channel retains events if its [`RETAIN`](super::Channel::RETAIN) is above 0."
        )
    )]
    pub(super) replay: Replay,

    #[builder(
        default,
        setter(
            doc = "Whether the receiver gets the envelope of each event, by `Received::envelope`. The default is `false`: a channel then spends no time on them."
        )
    )]
    pub(super) envelopes: bool,

    #[builder(
        default,
        setter(
            into,
            strip_option,
            doc = "The receiver's name in reports. The default is the file and line that made it."
        )
    )]
    pub(super) name: Option<String>,
}

#[cfg(feature = "relay")]
impl ReceiverOptions {
    pub(crate) fn with_envelopes(self) -> Self {
        Self {
            envelopes: true,
            ..self
        }
    }
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::builder().build()
    }
}
