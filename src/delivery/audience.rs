//! Who listens on a channel, as far as its publishers have to know.

use std::sync::Arc;

use super::context::Context;
use crate::sync::atomic::{AtomicBool, Ordering};

/// In which ways a channel has listeners.
pub(crate) struct Audience {
    inline: AtomicBool,
    queued: AtomicBool,
    pulled: AtomicBool,
    pub(crate) context: Arc<Context>,
}

/// A way to be told.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Inline,
    Queued,
    Pulled,
}

/// An audience at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Present {
    pub(crate) inline: bool,
    pub(crate) queued: bool,
    pub(crate) pulled: bool,
}

impl Audience {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            inline: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            pulled: AtomicBool::new(false),
            context,
        }
    }

    /// Whoever has joined before this is in it.
    #[inline]
    pub(crate) fn present(&self) -> Present {
        Present {
            inline: self.inline.load(Ordering::Acquire),
            queued: self.queued.load(Ordering::Acquire),
            pulled: self.pulled.load(Ordering::Acquire),
        }
    }

    /// Under the lock of the listeners that have changed: whether there are any.
    pub(crate) fn changed(&self, way: Way, any: bool) {
        let there = match way {
            Way::Inline => &self.inline,
            Way::Queued => &self.queued,
            Way::Pulled => &self.pulled,
        };
        // Publishers read it all the time: it is written to only where it changes.
        if there.load(Ordering::Relaxed) != any {
            there.store(any, Ordering::Release);
        }
    }
}

impl Present {
    /// Nobody but inline listeners, if anybody.
    #[inline]
    pub(crate) fn inline_at_most(self) -> bool {
        !self.queued && !self.pulled
    }
}
