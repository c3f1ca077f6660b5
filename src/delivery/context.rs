//! What all listeners of one hub share: its identity, its panic handler, its dispatcher's progress,
//! the numbers of its lanes.

use std::any::Any;
use std::fmt;
use std::io::Write as _;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use super::progress::Progress;
use super::trace;
use crate::channel::Channel;

/// Tells one hub of this process from another. Never 0.
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

/// What a hub calls when one of its listeners has panicked.
pub(crate) type PanicHandler = Arc<dyn Fn(&ListenerPanic) + Send + Sync>;

pub(crate) struct Context {
    pub(crate) hub: HubId,
    pub(crate) progress: Progress,
    /// How many lanes have been given out.
    lanes: AtomicUsize,
    on_panic: PanicHandler,
}

impl Context {
    pub(crate) fn new(on_panic: PanicHandler) -> Self {
        Self {
            hub: HubId::next(),
            progress: Progress::new(),
            lanes: AtomicUsize::new(0),
            on_panic,
        }
    }

    /// A number for a channel that has queued listeners: of its lane in every batch of the hub.
    pub(crate) fn next_lane(&self) -> usize {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs code of a user's. Its panic ends here: it is reported, and `false` comes back.
    #[inline]
    pub(crate) fn isolate(
        &self,
        channel: &'static str,
        whose: &dyn fmt::Display,
        code: impl FnOnce(),
    ) -> bool {
        match catch_unwind(AssertUnwindSafe(code)) {
            Ok(()) => true,
            Err(payload) => {
                self.report(channel, whose, payload);
                false
            }
        }
    }

    /// Drops an event, in whatever it travelled: a user's code too.
    pub(crate) fn discard_event<C: Channel>(&self, event: impl Sized) {
        if mem::needs_drop::<C::Event>() {
            self.isolate(C::NAME, &"(the drop of an event)", || drop(event));
        }
    }

    /// Wakes tasks: an executor's code.
    #[inline]
    pub(crate) fn wake(&self, channel: &'static str, tasks: Vec<Waker>) {
        for task in tasks {
            self.isolate(channel, &"(a task's waker)", || task.wake());
        }
    }

    #[cold]
    fn report(
        &self,
        channel: &'static str,
        whose: &dyn fmt::Display,
        payload: Box<dyn Any + Send>,
    ) {
        let report = ListenerPanic {
            channel,
            listener: whose.to_string(),
            message: message_of(&*payload).to_owned(),
        };
        // The handler and the payload's own `Drop` are a user's code too. A panic of theirs has
        // nobody left to go to.
        quietly(|| trace::panic(channel, &report.listener, &report.message));
        quietly(|| (self.on_panic)(&report));
        discard_payload(payload);
    }
}

fn quietly(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code)) {
        discard_payload(payload);
    }
}

/// Drops what somebody panicked with. Where that panics too, with something whose drop panics, and
/// so on, it gives up and leaks the last.
fn discard_payload(mut payload: Box<dyn Any + Send>) {
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(again) => payload = again,
        }
    }
    mem::forget(payload);
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "(no message)"
    }
}

/// A panic of a listener, as [`HubBuilder::on_panic`](crate::hub::HubBuilder::on_panic) hears of it.
///
/// The listener goes on: it gets the next event like every other. `Display` is one line.
///
/// ```
/// use typed_hub::{Hub, ListenerPanic};
///
/// let hub = Hub::builder()
///     .on_panic(|panic: &ListenerPanic| eprintln!("{} failed", panic.listener()))
///     .build();
/// # drop(hub);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPanic {
    channel: &'static str,
    listener: String,
    message: String,
}

impl ListenerPanic {
    /// The [`NAME`](crate::Channel::NAME) of the channel it listens to.
    pub fn channel(&self) -> &'static str {
        self.channel
    }

    /// The listener's name or, where it was given none, the file and line that registered it.
    pub fn listener(&self) -> &str {
        &self.listener
    }

    /// What it panicked with, where that is text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ListenerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "listener {} on channel {} panicked: {}",
            self.listener, self.channel, self.message
        )
    }
}

/// The default handler: one line to standard error.
pub(crate) fn report_to_stderr(panic: &ListenerPanic) {
    // `eprintln!` would panic where standard error is closed.
    let _ = writeln!(std::io::stderr(), "typed-hub: {panic}");
}
