//! The floor of inline listeners: a snapshot of the list, which a publisher upgrades for the time
//! of a publish.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::isolated;
use crate::harness::callbacks::Callbacks;
use crate::harness::delivery::lock;
use crate::harness::event::Event;

pub(crate) struct Inline {
    publisher: Publisher,
}

/// A publisher on one thread. Its snapshot is its own, so that a successful upgrade proves that the
/// listeners have not changed. It is weak, so that an idle publisher keeps no listener alive.
struct Publisher {
    channel: Arc<Channel>,
    snapshot: RefCell<Weak<Snapshot>>,
}

#[derive(Default)]
struct Channel {
    /// Whether there is a listener: an event without one goes no further.
    heard: AtomicBool,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    slots: Slots,
    /// The snapshots of all publishers, until the listeners change.
    snapshots: Vec<Arc<Snapshot>>,
}

type Slots = Arc<Vec<Arc<Slot>>>;

/// With cache lines of its own: a publisher writes its counters at each publish, and those of
/// another publisher may be its neighbours.
#[repr(align(128))]
struct Snapshot {
    slots: Slots,
}

/// A listener, which is its guard as well.
pub(crate) struct Slot {
    active: AtomicBool,
    callback: Box<dyn Fn(&Event) + Send + Sync>,
}

thread_local! {
    /// Whether this thread is inside an inline listener.
    static CALLING: Cell<bool> = const { Cell::new(false) };
    /// How many events the listeners that are called have published.
    static DEFERRED: Cell<usize> = const { Cell::new(0) };
}

impl Callbacks for Inline {
    const NAME: &'static str = "floor: promises kept, a snapshot of the listeners";
    const IS_LIMIT: bool = true;

    type Guard = Arc<Slot>;

    fn new() -> Self {
        let publisher = Publisher::on(Arc::default());
        Self { publisher }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            active: AtomicBool::new(true),
            callback: Box::new(listener),
        });
        let newcomer = Arc::clone(&slot);
        self.publisher.channel.change(|slots| slots.push(newcomer));
        slot
    }

    fn end(&mut self, guard: Arc<Slot>) {
        guard.active.store(false, Ordering::Release);
        // From the end, since the latest listener is the likeliest to go.
        let ended = self.publisher.channel.change(|slots| {
            let place = slots.iter().rposition(|slot| Arc::ptr_eq(slot, &guard));
            place.map(|place| slots.remove(place))
        });
        drop(ended);
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.publisher.publish(&event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        let publisher = Publisher::on(Arc::clone(&self.publisher.channel));
        Some(move |event| publisher.publish(&event))
    }
}

impl Publisher {
    fn on(channel: Arc<Channel>) -> Self {
        let snapshot = RefCell::default();
        Self { channel, snapshot }
    }

    #[inline]
    fn publish(&self, event: &Event) {
        assert!(!CALLING.get(), "no listener of these workloads publishes");
        if !self.channel.heard.load(Ordering::Acquire) {
            return;
        }
        let current = self.snapshot.borrow().upgrade();
        let snapshot = current.unwrap_or_else(|| self.renew());
        CALLING.set(true);
        for slot in snapshot.slots.iter() {
            if slot.active.load(Ordering::Acquire) {
                isolated(|| (slot.callback)(event));
            }
        }
        CALLING.set(false);
        assert_eq!(
            DEFERRED.get(),
            0,
            "no listener of these workloads publishes"
        );
    }

    #[cold]
    fn renew(&self) -> Arc<Snapshot> {
        let mut listeners = lock(&self.channel.listeners);
        let slots = Arc::clone(&listeners.slots);
        let snapshot = Arc::new(Snapshot { slots });
        listeners.snapshots.push(Arc::clone(&snapshot));
        self.snapshot.replace(Arc::downgrade(&snapshot));
        snapshot
    }
}

impl Channel {
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Slot>>) -> T) -> T {
        let mut listeners = lock(&self.listeners);
        // Runs no code of a listener under the lock: `slots` still holds what the snapshots hold.
        listeners.snapshots.clear();
        // Copies the list only if it is in use: if another thread calls it.
        let changed = change(Arc::make_mut(&mut listeners.slots));
        self.heard
            .store(!listeners.slots.is_empty(), Ordering::Release);
        changed
    }
}
