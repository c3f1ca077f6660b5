//! Promise 12: callbacks, and the drops of what they captured, run under no lock of the hub's.
//!
//! Whatever runs here uses the hub in every way there is. Under a lock of the hub's, one of them
//! would dead-lock.

use std::sync::{Arc, Mutex};

use crate::common::{Log, Numbers, Words, in_time};
use typed_hub::{Hub, WeakHub};

/// Everything one can do with a hub.
fn use_everything(hub: &WeakHub) {
    let Some(hub) = hub.upgrade() else { return };
    hub.publish::<Words>("nested");
    hub.try_publish::<Words>("nested").unwrap();
    hub.publisher::<Words>().publish("nested");
    let inline = hub.listen_inline::<Numbers>(|_| {});
    let queued = hub.listen::<Numbers>(|_| {});
    let other = hub.listen_inline::<Words>(|_| {});
    hub.inspect();
    hub.flush();
    drop(inline);
    queued.close();
    other.close();
}

/// A capture whose drop uses the hub.
struct Busy {
    hub: WeakHub,
    drops: Log<&'static str>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        use_everything(&self.hub);
        self.drops.push("dropped");
    }
}

#[test]
fn callbacks_may_use_the_hub_in_every_way() {
    in_time(|| {
        let hub = Hub::new();
        let (queued, inline) = (hub.downgrade(), hub.downgrade());
        let _queued = hub.listen::<Numbers>(move |_| use_everything(&queued));
        let _inline = hub.listen_inline::<Numbers>(move |_| use_everything(&inline));
        let _words = hub.listen::<Words>(|_| {});
        hub.publish::<Numbers>(1);
        hub.publisher::<Numbers>().publish(2);
        hub.flush();
    });
}

#[test]
fn a_capture_whose_drop_publishes_may_be_dropped_by_its_guard() {
    in_time(|| {
        let hub = Hub::new();
        let drops = Log::new();
        let _words = (
            hub.listen::<Words>(|_| {}),
            hub.listen_inline::<Words>(|_| {}),
        );
        let busy = || Busy {
            hub: hub.downgrade(),
            drops: drops.clone(),
        };
        let (first, second) = (busy(), busy());
        let queued = hub.listen::<Numbers>(move |_| drop(first.drops.clone()));
        let inline = hub.listen_inline::<Numbers>(move |_| drop(second.drops.clone()));
        hub.publish::<Numbers>(1); // makes the snapshot that holds the inline one
        hub.flush();
        queued.close();
        drop(inline);
        while drops.len() < 2 {
            hub.flush(); // the dispatcher may be giving the queued one back
        }
    });
}

#[test]
fn it_may_be_dropped_by_the_publisher_that_was_calling_it() {
    in_time(|| {
        let hub = Hub::new();
        let drops = Log::new();
        let own = Arc::new(Mutex::new(None));
        let (slot, busy) = (
            Arc::clone(&own),
            Busy {
                hub: hub.downgrade(),
                drops: drops.clone(),
            },
        );
        *own.lock().unwrap() = Some(hub.listen_inline::<Numbers>(move |_| {
            let _captured = &busy;
            drop(slot.lock().unwrap().take());
        }));
        hub.publish::<Numbers>(1);
        assert_eq!(drops.len(), 1);
    });
}

#[test]
fn it_may_be_dropped_by_the_dispatcher_and_at_the_end_of_the_hub() {
    in_time(|| {
        let hub = Hub::new();
        let drops = Log::new();
        let own = Arc::new(Mutex::new(None));
        let busy = || Busy {
            hub: hub.downgrade(),
            drops: drops.clone(),
        };
        let (slot, first, second, third) = (Arc::clone(&own), busy(), busy(), busy());
        *own.lock().unwrap() = Some(hub.listen::<Numbers>(move |_| {
            let _captured = &first;
            drop(slot.lock().unwrap().take());
        }));
        hub.listen::<Numbers>(move |_| drop(second.drops.clone()))
            .detach();
        hub.listen_inline::<Numbers>(move |_| drop(third.drops.clone()))
            .detach();
        hub.publish::<Numbers>(1);
        hub.publish::<Numbers>(2);
        hub.flush();
        drop(hub);
        assert_eq!(drops.len(), 3);
    });
}

#[test]
fn an_event_whose_drop_uses_the_hub_may_be_dropped_anywhere() {
    use typed_hub::{Custom, CustomChannel};

    enum BusyEvents {}

    impl CustomChannel for BusyEvents {
        type Event = Busy;
        const NAME: &'static str = "busy";
    }

    in_time(|| {
        let hub = Hub::new();
        let drops = Log::new();
        let publish = || {
            hub.publish::<Custom<BusyEvents>>(Busy {
                hub: hub.downgrade(),
                drops: drops.clone(),
            });
        };
        publish(); // nobody listens
        let inline = hub.listen_inline::<Custom<BusyEvents>>(|_| {});
        publish();
        let _queued = hub.listen::<Custom<BusyEvents>>(|_| {});
        publish();
        drop(inline);
        publish();
        while drops.len() < 4 {
            hub.flush();
        }
    });
}
