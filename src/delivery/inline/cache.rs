//! The snapshot of a channel's inline listeners that one publisher or thread remembers, and the
//! number of events that it has published.

use std::cell::{OnceCell, RefCell};
use std::sync::{Arc, Weak};

use super::{InlineListeners, Members};
use crate::channel::Channel;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The cache of a [`Publisher`](crate::Publisher) or of a thread. It remembers the channel's
/// listeners, so that a publish takes no lock and writes to no memory that another cache writes to.
/// One thread at a time uses it.
///
/// It holds a `Weak`: a change of the listeners drops the snapshots of all caches, so that a
/// successful upgrade proves that the snapshot is current, and an unused cache keeps no listener
/// alive. The price is two atomic read-modify-writes a publish, which holds its snapshot while it
/// calls.
pub(crate) struct SnapshotCache<C: Channel> {
    /// Set by the first event, which opens the cache.
    counter: OnceCell<Arc<LocalCounter>>,
    snapshot: RefCell<Weak<CachedSnapshot<C>>>,
}

/// The snapshot of one cache. Caches share the list itself, but not its reference count.
///
/// Two cache lines, which processors fetch together.
#[repr(align(128))]
pub(crate) struct CachedSnapshot<C: Channel> {
    pub(super) listeners: Members<C>,
}

/// How many events have been accepted through a cache. Only the thread that uses the cache writes.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct LocalCounter(AtomicU64);

impl<C: Channel> SnapshotCache<C> {
    /// An empty cache for one channel.
    pub(crate) fn new() -> Self {
        Self {
            counter: OnceCell::new(),
            snapshot: RefCell::new(Weak::new()),
        }
    }

    /// Counts an event; the first event opens the cache at its channel's `listeners`.
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

    /// The snapshot, unless a change of the listeners has dropped it.
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
