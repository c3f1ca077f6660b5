//! Where inline listeners are called from.

use std::cell::{OnceCell, RefCell};
use std::sync::{Arc, Weak};

use super::{InlineListeners, Members};
use crate::channel::Channel;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A [`Publisher`](crate::Publisher)'s own, or a thread's: it remembers who listens, so that a
/// publish takes no lock, and writes to nothing that is written to from another cache. One thread at
/// a time uses it.
///
/// It remembers weakly. Whoever changes the listeners takes the snapshots of all caches away, so that a
/// cache which still finds its own has the right one, and one which happens not to be published at
/// keeps nobody alive. That is what the two atomic writes of a publish are for: a cache holds its
/// snapshot while it calls.
pub(crate) struct SnapshotCache<C: Channel> {
    /// There from the first event on: the cache is open.
    counter: OnceCell<Arc<LocalCounter>>,
    snapshot: RefCell<Weak<CachedSnapshot<C>>>,
}

/// The list of one cache. Caches share the list itself, but not the count of its holders.
///
/// Two lines of a cache, as processors fetch them.
#[repr(align(128))]
pub(crate) struct CachedSnapshot<C: Channel> {
    pub(super) listeners: Members<C>,
}

/// How many events have been accepted at a cache. Whoever uses it alone writes.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct LocalCounter(AtomicU64);

impl<C: Channel> SnapshotCache<C> {
    /// For one channel.
    pub(crate) fn new() -> Self {
        Self {
            counter: OnceCell::new(),
            snapshot: RefCell::new(Weak::new()),
        }
    }

    /// Counts an event; the first one opens it at its channel's `listeners`.
    #[inline]
    pub(crate) fn count<'a>(&self, listeners: impl FnOnce() -> &'a InlineListeners<C>) {
        let counter = self.counter.get();
        let LocalCounter(published) = &**counter.unwrap_or_else(|| self.open(listeners()));
        let before = published.load(Ordering::Relaxed);
        published.store(before + 1, Ordering::Relaxed);
    }

    #[cold]
    fn open(&self, listeners: &InlineListeners<C>) -> &Arc<LocalCounter> {
        self.counter.get_or_init(|| listeners.new_counter())
    }

    /// Its snapshot, unless that has been taken away.
    #[inline]
    pub(super) fn snapshot(&self) -> Option<Arc<CachedSnapshot<C>>> {
        self.snapshot.borrow().upgrade()
    }

    pub(super) fn store(&self, snapshot: &Arc<CachedSnapshot<C>>) {
        self.snapshot.replace(Arc::downgrade(snapshot));
    }
}

impl LocalCounter {
    pub(super) fn published(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
