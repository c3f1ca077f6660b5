//! Which kinds of listeners a channel has: all that a publisher has to know before it takes a lock.

use std::sync::Arc;

use super::context::Context;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The kinds of listeners that a channel has at present.
///
/// A kind is set before the `listen` of its first listener returns. A publisher reads the kinds, takes
/// the locks of those it has found, and reads again while it holds them: the locks decide the order of
/// events, so that an event which comes after one that was published after that `listen` finds the
/// kind set. A kind that is set for a moment too long costs a look, and nothing else.
pub(crate) struct ActiveKinds {
    inline: AtomicBool,
    queued: AtomicBool,
    receivers: AtomicBool,
    pub(crate) context: Arc<Context>,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KindSet {
    pub(crate) inline: bool,
    pub(crate) queued: bool,
    pub(crate) receivers: bool,
}

impl KindSet {
    pub(crate) const QUEUED: Self = Self::new(false, true, false);
    pub(crate) const RECEIVERS: Self = Self::new(false, false, true);

    const fn new(inline: bool, queued: bool, receivers: bool) -> Self {
        Self {
            inline,
            queued,
            receivers,
        }
    }

    /// Whether all kinds of `other` are among these.
    #[inline]
    pub(crate) fn contains(self, other: Self) -> bool {
        (self.inline || !other.inline)
            && (self.queued || !other.queued)
            && (self.receivers || !other.receivers)
    }
}

impl ActiveKinds {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            inline: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            receivers: AtomicBool::new(false),
            context,
        }
    }

    /// The kinds as they are when the first of the three is read: a kind that is found missing later
    /// was missing then, unless its last listener has left meanwhile, which needs the event no more.
    #[inline]
    pub(crate) fn load(&self) -> KindSet {
        KindSet {
            inline: self.inline.load(Ordering::Acquire),
            queued: self.queued.load(Ordering::Acquire),
            receivers: self.receivers.load(Ordering::Acquire),
        }
    }

    /// Whether there are neither queued listeners nor receivers.
    #[inline]
    pub(crate) fn has_only_inline(&self) -> bool {
        !self.queued.load(Ordering::Acquire) && !self.receivers.load(Ordering::Acquire)
    }

    /// Notes whether there are inline listeners; under the lock of their list, as the other two.
    pub(crate) fn set_inline(&self, any: bool) {
        set(&self.inline, any);
    }

    pub(crate) fn set_queued(&self, any: bool) {
        set(&self.queued, any);
    }

    pub(crate) fn set_receivers(&self, any: bool) {
        set(&self.receivers, any);
    }
}

/// Publishers read it all the time, so it is written only when it changes.
fn set(is_active: &AtomicBool, any: bool) {
    if is_active.load(Ordering::Relaxed) != any {
        is_active.store(any, Ordering::Release);
    }
}
