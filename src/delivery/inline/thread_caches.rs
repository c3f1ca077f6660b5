//! The caches of a thread, for publishes without a [`Publisher`](crate::Publisher).

use std::any::Any;
use std::cell::RefCell;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::InlineListeners;
use super::cache::SnapshotCache;
use crate::channel::Channel;

/// Indexed by the slots of their channels. Borrowed for a look-up, never while a callback runs.
type Caches = RefCell<Vec<Option<Box<dyn Any>>>>;

// The model checker does not see it: models use caches that they make.
thread_local! {
    static CACHES: Caches = const { RefCell::new(Vec::new()) };
}

/// A thread's cache for one channel. It outlives the channel: it stays until the thread ends, or
/// until a channel with the same slot replaces it.
struct ThreadCache<C: Channel> {
    cache: SnapshotCache<C>,
    /// The listeners that it caches: while this `Weak` exists, no other listeners have their
    /// address.
    listeners: Weak<InlineListeners<C>>,
}

/// Calls `use_it` with this thread's cache for a channel. `None` when the caches are gone, in the
/// destructors of an ending thread, or are in use.
#[inline]
pub(super) fn with_own<C: Channel, R>(
    listeners: &Arc<InlineListeners<C>>,
    use_it: impl Fn(&SnapshotCache<C>) -> R,
) -> Option<R> {
    let result = CACHES.try_with(|caches| {
        let known = caches.borrow();
        if let Some(cache) = find(&known, listeners) {
            return Some(use_it(cache));
        }
        drop(known);
        with_new(caches, listeners, &use_it)
    });
    result.ok().flatten()
}

/// The cache for a channel, if it has been set up.
#[inline]
fn find<'a, C: Channel>(
    caches: &'a [Option<Box<dyn Any>>],
    listeners: &Arc<InlineListeners<C>>,
) -> Option<&'a SnapshotCache<C>> {
    let own = caches.get(listeners.slot.0)?.as_ref()?;
    let own: &ThreadCache<C> = own.downcast_ref()?;
    let is_its = ptr::eq(own.listeners.as_ptr(), Arc::as_ptr(listeners));
    is_its.then_some(&own.cache)
}

#[cold]
fn with_new<C: Channel, R>(
    caches: &Caches,
    listeners: &Arc<InlineListeners<C>>,
    use_it: &dyn Fn(&SnapshotCache<C>) -> R,
) -> Option<R> {
    set_up(caches, listeners);
    find(&caches.borrow(), listeners).map(use_it)
}

fn set_up<C: Channel>(caches: &Caches, listeners: &Arc<InlineListeners<C>>) {
    let own = ThreadCache {
        cache: SnapshotCache::new(),
        listeners: Arc::downgrade(listeners),
    };
    let SlotId(place) = listeners.slot;
    // The caches are in use while an outdated snapshot is dropped, and with it a listener's
    // captures.
    let Ok(mut caches) = caches.try_borrow_mut() else {
        return;
    };
    if caches.len() <= place {
        caches.resize_with(place + 1, || None);
    }
    caches[place] = Some(Box::new(own));
}

/// The index of a channel's caches: small, and unique among the channels that exist at the same
/// time.
pub(super) struct SlotId(usize);

struct Slots {
    next: usize,
    free: Vec<usize>,
}

static SLOTS: Mutex<Slots> = Mutex::new(Slots {
    next: 0,
    free: Vec::new(),
});

impl SlotId {
    pub(super) fn take() -> Self {
        let mut numbers = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.free.pop().unwrap_or(numbers.next);
        numbers.next = numbers.next.max(number + 1);
        Self(number)
    }
}

impl Drop for SlotId {
    fn drop(&mut self) {
        let mut numbers = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.free.push(self.0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::delivery::shared::HubShared;
    use crate::delivery::shared::kinds::ActiveKinds;

    enum Nothing {}

    impl Channel for Nothing {
        type Event = ();
        const NAME: &'static str = "nothing";
    }

    fn listeners() -> Arc<InlineListeners<Nothing>> {
        let shared = Arc::new(HubShared::new(Arc::new(|_| {})));
        Arc::new(InlineListeners::new(Arc::new(ActiveKinds::new(shared))))
    }

    #[test]
    fn caches_of_threads_that_have_ended_are_forgotten_and_their_events_are_not() {
        let listeners = listeners();
        for _ in 0..100 {
            let publishing = Arc::clone(&listeners);
            let publisher = thread::spawn(move || {
                (0..3).for_each(|_| {
                    let Some(snapshot) = publishing.counted_snapshot(None) else {
                        unreachable!("no other kind listens")
                    };
                    publishing.call(snapshot, &(), || {});
                });
            });
            publisher.join().unwrap();
        }
        assert_eq!(listeners.published(), 300);
        let state = listeners.state.lock();
        assert!(state.counters.len() < 10 && state.snapshots.len() < 10);
    }

    #[test]
    #[cfg_attr(miri, ignore = "one thread, and too many channels for an interpreter")]
    fn numbers_stay_small_however_many_channels_come_and_go() {
        let first = listeners();
        let numbers = (0..1_000).map(|_| listeners().slot.0);
        // Other tests take slots meanwhile.
        assert!(numbers.max() < Some(first.slot.0 + 100));
    }
}
