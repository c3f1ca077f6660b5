//! Which kinds of listeners a channel has: all that a publisher needs to know before it takes a
//! lock.

use std::sync::Arc;

use super::HubShared;
use crate::sync::atomic::{AtomicU8, Ordering};

/// The kinds of listeners that a channel has at present.
///
/// A kind is set before the `listen` of its first listener returns. A publisher reads the kinds,
/// takes the locks of those it has found, and reads again while it holds them. The locks decide the
/// order of events: an event that comes after one published after that `listen` finds the kind set.
/// A kind that stays set for a moment too long costs a look, and nothing else.
pub(crate) struct ActiveKinds {
    kinds: AtomicU8,
    pub(crate) shared: Arc<HubShared>,
}

/// A set of kinds: a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KindSet(u8);

impl KindSet {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const INLINE: Self = Self(1);
    pub(crate) const QUEUED: Self = Self(2);
    pub(crate) const RECEIVERS: Self = Self(4);
    /// Not a kind of its own: receivers that want the envelopes of their events.
    pub(crate) const ENVELOPES: Self = Self(8);

    /// Whether all kinds of `other` are among these.
    #[inline]
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl ActiveKinds {
    pub(crate) fn new(shared: Arc<HubShared>) -> Self {
        Self {
            kinds: AtomicU8::new(0),
            shared,
        }
    }

    #[inline]
    pub(crate) fn load(&self) -> KindSet {
        KindSet(self.kinds.load(Ordering::Acquire))
    }

    /// Notes whether there are listeners of this kind. Called under the lock of their set.
    ///
    /// Publishers read the kinds all the time, so they are written only when they change.
    pub(crate) fn set(&self, kind: KindSet, any: bool) {
        // The lock orders the writers of this one bit.
        let before = KindSet(self.kinds.load(Ordering::Relaxed));
        if any && !before.contains(kind) {
            self.kinds.fetch_or(kind.0, Ordering::Release);
        } else if !any && before.contains(kind) {
            self.kinds.fetch_and(!kind.0, Ordering::Release);
        }
    }
}
