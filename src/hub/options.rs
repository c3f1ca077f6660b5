//! What can be chosen of a hub and of a receiver.

use std::fmt;
use std::sync::Arc;

use typed_builder::{NextFieldDefault, TypedBuilder};

use super::Hub;

use crate::delivery::dispatcher::Worker;
use crate::delivery::history::Replay;
use crate::delivery::log::Overflow;
use crate::delivery::panic_report::{PanicHandler, PanicReport, report_to_stderr};

/// What [`Hub::builder`](super::Hub::builder) sets.
#[derive(TypedBuilder)]
#[builder(
    builder_method(vis = "pub(super)"),
    builder_type(
        name = HubBuilder,
        doc = "Sets up a [`Hub`]: [`Hub::builder`] begins, `build()` or `build_with_worker()` ends."
    ),
    build_method(vis = "pub(super)", name = options)
)]
pub struct HubOptions {
    #[builder(
        default = 1_024,
        setter(
            doc = "How many accepted events may wait for the dispatcher before `publish` waits and `try_publish` refuses. In events; 1,024 unless said. 0, with which nothing could be accepted, counts as 1. Memory is taken as it is needed, so that `usize::MAX` means no bound."
        )
    )]
    pub(super) capacity: usize,

    #[builder(
        default = Arc::new(report_to_stderr),
        setter(
            transform = |handler: impl Fn(&PanicReport) + Send + Sync + 'static| Arc::new(handler) as PanicHandler,
            doc = "Called with every panic that the hub catches (of a listener, of the drop of an event, of a task's waker), on the thread where it panicked. Unless set, writes one line to standard error."
        )
    )]
    pub(super) on_panic: PanicHandler,
}

/// Whatever of the options has been set, the rest has its default.
impl<Capacity, OnPanic> HubBuilder<(Capacity, OnPanic)>
where
    HubOptions: NextFieldDefault<(Capacity,), Output = usize>
        + for<'a> NextFieldDefault<(&'a usize, OnPanic), Output = PanicHandler>,
{
    /// The hub. It has no thread before its first `listen`.
    pub fn build(self) -> Hub {
        Hub::with(self.options())
    }

    /// The hub, and the [`Worker`] that calls its queued listeners: it never has a thread.
    pub fn build_with_worker(self) -> (Hub, Worker) {
        Hub::with_worker(self.options())
    }
}

impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// What can be chosen of a receiver, for [`Hub::receiver_with`].
#[derive(Clone, Debug, TypedBuilder)]
#[builder(doc)]
pub struct ReceiverOptions {
    #[builder(
        default = 1_024,
        setter(
            doc = "How many events may wait for the receiver, beyond those it has taken already, before it overflows. In events; 1,024 unless said. 0, with which nothing could be received, counts as 1. Memory is taken as it is needed."
        )
    )]
    pub(super) capacity: usize,

    #[builder(
        default,
        setter(doc = "What happens then; `publish` waits unless said.")
    )]
    pub(super) overflow: Overflow,

    #[builder(
        default,
        setter(
            doc = "What of the past it receives first. Unless set, nothing. A channel has a past when its [`RETAIN`](super::Channel::RETAIN) says so."
        )
    )]
    pub(super) replay: Replay,

    #[builder(
        default,
        setter(
            into,
            strip_option,
            doc = "What reports call the receiver; unless said, the file and line that made it."
        )
    )]
    pub(super) name: Option<String>,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self::builder().build()
    }
}
