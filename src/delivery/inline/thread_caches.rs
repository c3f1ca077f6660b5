//! The caches of a thread, for what it publishes without a publisher.

use std::any::Any;
use std::cell::RefCell;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::InlineListeners;
use super::cache::SnapshotCache;
use crate::channel::Channel;

/// By the numbers of their channels. Borrowed for a look, never while a callback runs.
type Caches = RefCell<Vec<Option<Box<dyn Any>>>>;

// The model checker does not see it: models use caches that they make.
thread_local! {
    static CACHES: Caches = const { RefCell::new(Vec::new()) };
}

/// A thread's cache at one channel. It stays, also when the channel is gone, until the thread ends or
/// meets another channel of the same number.
struct ThreadCache<C: Channel> {
    cache: SnapshotCache<C>,
    /// Whose it is: no other listeners have the address as long as this is there.
    listeners: Weak<InlineListeners<C>>,
}

/// Uses this thread's cache at a channel. `None` in the destructors of an ending thread, where its caches
/// are gone.
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

/// The cache at a channel, if it has been set up.
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
    // In use while an outdated snapshot is dropped, and with it the captures of a listener.
    let Ok(mut caches) = caches.try_borrow_mut() else {
        return;
    };
    if caches.len() <= place {
        caches.resize_with(place + 1, || None);
    }
    caches[place] = Some(Box::new(own));
}

/// The number of a channel, which no other has at the same time: small, to find its caches by.
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
    use crate::delivery::kinds::ActiveKinds;
    use crate::delivery::shared::HubShared;

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
    fn desks_of_threads_that_have_ended_are_forgotten_and_their_events_are_not() {
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
        // Other tests take some meanwhile.
        assert!(numbers.max() < Some(first.slot.0 + 100));
    }
}
