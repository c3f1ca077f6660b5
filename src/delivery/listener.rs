//! What every listener is, however it is told.

use std::fmt;
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::atomic::{AtomicU64 as StdAtomicU64, Ordering};

use super::context::Context;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// Tells one listener of this process from another; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(NonZeroU64);

impl ListenerId {
    fn next() -> Self {
        static NEXT: StdAtomicU64 = StdAtomicU64::new(1);
        Self(NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("2⁶⁴ listeners"))
    }

    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }
}

/// What people call a listener: the name it was given, or where it was registered.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    name: Option<Box<str>>,
    registered: &'static Location<'static>,
}

impl Label {
    pub(crate) fn new(name: Option<String>, registered: &'static Location<'static>) -> Self {
        Self {
            name: name.map(String::into_boxed_str),
            registered,
        }
    }

    /// The file and line that registered it.
    pub(crate) fn registered(&self) -> String {
        format!("{}:{}", self.registered.file(), self.registered.line())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => f.write_str(&self.registered()),
        }
    }
}

/// The part that all kinds of listeners share.
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    pub(crate) label: Label,
    /// Where its roster has it; the roster's alone to use.
    pub(super) place: AtomicUsize,
    active: AtomicBool,
    panicked: AtomicU64,
}

impl Listener {
    pub(crate) fn new(label: Label) -> Self {
        Self {
            id: ListenerId::next(),
            label,
            place: AtomicUsize::new(0),
            active: AtomicBool::new(true),
            panicked: AtomicU64::new(0),
        }
    }

    /// From here on no call begins.
    pub(crate) fn deactivate(&self) {
        self.active.store(false, Ordering::Release);
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Runs code of its owner's, on the channel of this name. A panic is counted and reported.
    pub(crate) fn isolate(&self, context: &Context, channel: &'static str, code: impl FnOnce()) {
        if !context.isolate(channel, &self.label, code) {
            self.panicked.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Ordering::Relaxed)
    }
}
