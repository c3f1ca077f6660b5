//! Reports of panics in user code.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::sync::log_error;

/// The function that a hub calls when user code has panicked.
pub(crate) type PanicHandler = Arc<dyn Fn(&PanicReport) + Send + Sync>;

/// A panic that a hub has caught, as passed to
/// [`HubBuilder::on_panic`](crate::HubBuilder::on_panic).
///
/// The hub continues: a listener that has panicked gets the next event like every other listener.
/// `Display` writes one line. If panics do not unwind, as by default in a page, there is no report.
///
/// ```
/// use typed_hub::{Hub, PanicOrigin, PanicReport};
///
/// let hub = Hub::builder()
///     .on_panic(|panic: &PanicReport| match panic.origin() {
///         PanicOrigin::Listener(name) => eprintln!("{name} failed: {}", panic.message()),
///         _ => eprintln!("{panic}"),
///     })
///     .build();
/// # drop(hub);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicReport {
    channel: Option<&'static str>,
    origin: PanicOrigin,
    message: String,
}

/// The code that panicked, of a [`PanicReport`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanicOrigin {
    /// A listener: its callback, or the drop of what the callback captured. The text is the
    /// listener's name or, without one, the file and line that registered it.
    Listener(String),
    /// The drop of an event.
    EventDrop,
    /// The waker of an async task that waits for an event, for room to publish one, for a flush, for
    /// a close or for an arrival.
    Waker,
    /// The function given to [`Worker::on_arrival`](crate::Worker::on_arrival): a call of it, or the
    /// drop of what it captured.
    Arrival,
}

impl PanicReport {
    pub(super) fn new(
        channel: Option<&'static str>,
        origin: PanicOrigin,
        payload: &(dyn Any + Send),
    ) -> Self {
        Self {
            channel,
            origin,
            message: message_of(payload).to_owned(),
        }
    }

    /// The code that panicked.
    pub fn origin(&self) -> &PanicOrigin {
        &self.origin
    }

    /// The [`NAME`](crate::Channel::NAME) of the channel that the listener, the event or the task
    /// belongs to. `None` for a listener of every channel, for the function given to `on_arrival`, and
    /// for the waker of a task that waits for room in the hub's queue, for a flush, for a close or for
    /// an arrival.
    pub fn channel(&self) -> Option<&'static str> {
        self.channel
    }

    /// The panic's message; `(no message)` if the panic's payload is not text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            PanicOrigin::Listener(name) => write!(f, "listener {name}")?,
            PanicOrigin::EventDrop => write!(f, "the drop of an event")?,
            PanicOrigin::Waker => write!(f, "the waker of a task")?,
            PanicOrigin::Arrival => write!(f, "the function given to `on_arrival`")?,
        }
        match (self.channel, &self.origin) {
            (Some(channel), PanicOrigin::EventDrop) => write!(f, " of channel {channel}")?,
            (Some(channel), _) => write!(f, " on channel {channel}")?,
            (None, _) => {}
        }
        write!(f, " panicked: {}", self.message)
    }
}

/// The default handler: one line to standard error, in a page to the console.
pub(crate) fn report_to_stderr(panic: &PanicReport) {
    log_error(format_args!("typed-hub: {panic}"));
}

/// Drops the payload of a panic. The drop is user code: it may panic with a payload whose drop
/// panics again. After eight such panics the last payload is leaked.
pub(crate) fn discard_payload(mut payload: Box<dyn Any + Send>) {
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
