//! Who listens on a channel, as far as its publishers have to know.

use std::sync::Arc;

use super::context::Context;
use crate::sync::atomic::{AtomicU8, Ordering};

/// The ways in which a channel has listeners, in one word: a publisher reads it once.
pub(crate) struct Audience {
    ways: AtomicU8,
    pub(crate) context: Arc<Context>,
}

/// A way to be told.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Inline = 1,
    Queued = 2,
    Pulled = 4,
}

/// An audience at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Present(u8);

impl Audience {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            ways: AtomicU8::new(0),
            context,
        }
    }

    /// Whoever has joined before this is in it.
    #[inline]
    pub(crate) fn present(&self) -> Present {
        Present(self.ways.load(Ordering::Acquire))
    }

    /// Under the lock of the listeners that have changed: whether there are any.
    pub(crate) fn changed(&self, way: Way, any: bool) {
        if self.present().has(way) == any {
            return;
        }
        if any {
            self.ways.fetch_or(way as u8, Ordering::Release);
        } else {
            self.ways.fetch_and(!(way as u8), Ordering::Release);
        }
    }
}

impl Present {
    #[inline]
    pub(crate) fn has(self, way: Way) -> bool {
        self.0 & way as u8 != 0
    }

    /// The one way there is, if there is just one.
    #[inline]
    pub(crate) fn only(self) -> Option<Way> {
        let ways = [Way::Inline, Way::Queued, Way::Pulled];
        ways.into_iter().find(|way| self.0 == *way as u8)
    }

    /// Nobody but inline listeners, if anybody.
    #[inline]
    pub(crate) fn inline_at_most(self) -> bool {
        !self.has(Way::Queued) && !self.has(Way::Pulled)
    }
}
