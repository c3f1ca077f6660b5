//! The part that every kind of listener needs. This file has the state that the listeners of one hub
//! share: its identity, its panic handler, its dispatcher's progress, the indices of its buffers.
//!
//! - [`kinds`]: which kinds of listeners a channel has, for its publishers;
//! - [`panic_report`]: the report of a panic of user code;
//! - [`progress`]: how far the dispatcher has come, and which listener it calls, for `flush` and
//!   `close`;
//! - [`scope`]: which callbacks the current thread is inside;
//! - [`trace`]: the log messages of the feature `tracing`;
//! - [`wakers`]: the wakers of tasks that wait.

pub(crate) mod kinds;
pub(crate) mod panic_report;
pub(crate) mod progress;
pub(crate) mod scope;
pub(crate) mod trace;
pub(crate) mod wakers;

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use crate::channel::Channel;
use panic_report::{PanicHandler, PanicOrigin, PanicReport, discard_payload};
use progress::Progress;

/// Identifies a hub in this process. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubId(u64);

impl HubId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

pub(crate) struct HubShared {
    pub(crate) hub: HubId,
    pub(crate) progress: Progress,
    /// How many buffer indices have been given out.
    buffers: AtomicUsize,
    /// Set when the hub has ended.
    closed: AtomicBool,
    on_panic: PanicHandler,
}

impl HubShared {
    pub(crate) fn new(on_panic: PanicHandler) -> Self {
        Self {
            hub: HubId::next(),
            progress: Progress::new(),
            buffers: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            on_panic,
        }
    }

    /// A new index for a channel that has queued listeners: that of its buffer in both queue
    /// buffers.
    pub(crate) fn next_buffer(&self) -> usize {
        self.buffers.fetch_add(1, Ordering::Relaxed)
    }

    /// Marks the hub as ended: its listeners get no more events.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Runs user code. A panic is caught and reported, and the result is `false`.
    #[inline]
    pub(crate) fn isolate(
        &self,
        channel: Option<&'static str>,
        origin: impl FnOnce() -> PanicOrigin,
        code: impl FnOnce(),
    ) -> bool {
        match catch_unwind(AssertUnwindSafe(code)) {
            Ok(()) => true,
            Err(payload) => {
                self.report(channel, origin(), payload);
                false
            }
        }
    }

    /// Drops an event, or a container of it: user code too.
    pub(crate) fn discard_event<C: Channel>(&self, event: impl Sized) {
        if mem::needs_drop::<C::Event>() {
            let origin = || PanicOrigin::EventDrop;
            self.isolate(Some(C::NAME), origin, || drop(event));
        }
    }

    /// Wakes tasks that wait on a channel or, without one, on the hub: for room in its queue, or for
    /// its dispatcher. The wakers run the executor's code.
    #[inline]
    pub(crate) fn wake(&self, channel: Option<&'static str>, tasks: Vec<Waker>) {
        for task in tasks {
            let wake = || scope::waker(|| task.wake());
            self.isolate(channel, || PanicOrigin::Waker, wake);
        }
    }

    #[cold]
    fn report(
        &self,
        channel: Option<&'static str>,
        origin: PanicOrigin,
        payload: Box<dyn Any + Send>,
    ) {
        let report = PanicReport::new(channel, origin, &*payload);
        // The logger, the handler and the payload's `Drop` are user code too. Their panics are
        // reported to no handler.
        quietly(|| trace::panic(&report));
        quietly(|| (self.on_panic)(&report));
        discard_payload(payload);
    }
}

fn quietly(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        discard_payload(payload);
    }
}
