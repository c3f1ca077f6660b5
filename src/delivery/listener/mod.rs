//! The part that queued and inline listeners share, and the names of all listeners.
//!
//! A [`set`] holds the listeners of a kind; a [`subscription`] is the guard of one listener, and a
//! [`subscription_set`] of many.

pub(crate) mod set;
pub(crate) mod subscription;
pub(crate) mod subscription_set;

use std::fmt;
use std::sync::atomic::Ordering;

use crate::delivery::shared::HubShared;
use crate::delivery::shared::panic_report::PanicOrigin;
use crate::envelope::Source;
use crate::sync::atomic::AtomicU32;

/// A listener's name for people: the name it was given, or the line that registered it.
#[derive(Clone, Debug)]
pub(crate) struct ListenerName {
    registered: Source,
    /// Seldom set, so that a missing name takes little memory.
    #[expect(
        clippy::box_collection,
        reason = "one word instead of three, in every listener"
    )]
    name: Option<Box<String>>,
}

impl ListenerName {
    pub(crate) fn new(name: Option<String>, registered: Source) -> Self {
        Self {
            registered,
            name: name.map(Box::new),
        }
    }

    /// The file and line that registered it.
    pub(crate) fn registered(&self) -> String {
        format!("{}:{}", self.registered.file(), self.registered.line())
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => f.write_str(&self.registered()),
        }
    }
}

/// The part that queued and inline listeners share. The field that every call reads comes first.
#[repr(C)]
pub(crate) struct Listener {
    /// How many times it has panicked (modulo 2³⁰), with [`ENDED`] and [`CLOSING`].
    state: AtomicU32,
    /// Its index in its listener set, which alone uses it.
    pub(super) index: AtomicU32,
    pub(crate) name: ListenerName,
}

/// Set in [`Listener::state`] when no call begins any more.
const ENDED: u32 = 1;

/// Set in it when `close` waits for the listener's drop.
const CLOSING: u32 = 2;

/// Added to it by each panic.
const PANIC: u32 = 4;

impl Listener {
    pub(crate) fn new(name: ListenerName) -> Self {
        Self {
            state: AtomicU32::new(0),
            index: AtomicU32::new(0),
            name,
        }
    }

    /// Lets no further call begin. A panic that is counted meanwhile may be lost, because no report
    /// shows it any more; [`CLOSING`] is set only afterwards, by the same thread.
    pub(crate) fn deactivate(&self) {
        let state = self.state.load(Ordering::Relaxed);
        self.state.store(state | ENDED, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.state.load(Ordering::Acquire) & ENDED == 0
    }

    /// Notes that `close` will wait for the listener's drop.
    pub(crate) fn set_closing(&self) {
        self.state.fetch_or(CLOSING, Ordering::Relaxed);
    }

    /// Whether `close` waits for the listener's drop. Called in that drop.
    pub(crate) fn is_closing(&self) -> bool {
        // The reference count of its `Arc` orders the drop after everything that its holders did.
        // The model checker does not see that count, and has to be made to read the latest state.
        let state = if cfg!(loom) {
            self.state.fetch_or(0, Ordering::AcqRel)
        } else {
            self.state.load(Ordering::Relaxed)
        };
        state & CLOSING != 0
    }

    /// Runs user code of this listener, on the channel with this name. A panic is counted and
    /// reported.
    #[inline]
    pub(crate) fn isolate(&self, shared: &HubShared, channel: &'static str, code: impl FnOnce()) {
        if !shared.isolate(Some(channel), || self.origin(), code) {
            self.state.fetch_add(PANIC, Ordering::Relaxed);
        }
    }

    #[cold]
    fn origin(&self) -> PanicOrigin {
        PanicOrigin::Listener(self.name.to_string())
    }

    pub(crate) fn panicked(&self) -> u64 {
        u64::from(self.state.load(Ordering::Relaxed) / PANIC)
    }
}
