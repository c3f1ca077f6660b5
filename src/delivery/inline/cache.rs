//! Where inline listeners are called from.

use std::cell::{OnceCell, RefCell};
use std::sync::{Arc, Weak};

use super::{InlineListeners, Members};
use crate::channel::Channel;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A [`Publisher`](crate::Publisher)'s own, or a thread's: it remembers who listens, so that a
/// publish takes no lock, and writes to nothing that is written to from another desk. One thread at
/// a time uses it.
///
/// It remembers weakly. Whoever changes the listeners takes the sheets of all desks away, so that a
/// desk which still finds its own has the right one, and one which happens not to be published at
/// keeps nobody alive. That is what the two atomic writes of a publish are for: a desk holds its
/// sheet while it calls.
pub(crate) struct Desk<C: Channel> {
    /// There from the first event on: the desk is open.
    tally: OnceCell<Arc<Tally>>,
    sheet: RefCell<Weak<Sheet<C>>>,
}

/// The list of one desk. Desks share the list itself, but not the count of its holders.
///
/// Two lines of a cache, as processors fetch them.
#[repr(align(128))]
pub(crate) struct Sheet<C: Channel> {
    pub(super) listeners: Members<C>,
}

/// How many events have been accepted at a desk. Whoever uses it alone writes.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Tally(AtomicU64);

impl<C: Channel> Desk<C> {
    /// For one channel.
    pub(crate) fn new() -> Self {
        Self {
            tally: OnceCell::new(),
            sheet: RefCell::new(Weak::new()),
        }
    }

    /// Counts an event; the first one opens it at its channel's `listeners`.
    #[inline]
    pub(crate) fn count<'a>(&self, listeners: impl FnOnce() -> &'a InlineListeners<C>) {
        let tally = self.tally.get();
        let Tally(published) = &**tally.unwrap_or_else(|| self.open(listeners()));
        let before = published.load(Ordering::Relaxed);
        published.store(before + 1, Ordering::Relaxed);
    }

    #[cold]
    fn open(&self, listeners: &InlineListeners<C>) -> &Arc<Tally> {
        self.tally.get_or_init(|| listeners.new_tally())
    }

    /// Its sheet, unless that has been taken away.
    #[inline]
    pub(super) fn sheet(&self) -> Option<Arc<Sheet<C>>> {
        self.sheet.borrow().upgrade()
    }

    pub(super) fn learn(&self, sheet: &Arc<Sheet<C>>) {
        self.sheet.replace(Arc::downgrade(sheet));
    }
}

impl Tally {
    pub(super) fn published(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
