//! Promise 9: the queue has a capacity; when it is full `publish` waits and `try_publish` hands the
//! event back; from inside a callback nothing waits; nothing is lost.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common::{Log, Numbers, Words, gate, in_time, rounds};
use typed_hub::{Custom, CustomChannel, Hub, TryPublishError};

#[test]
fn the_capacity_is_1024_unless_said() {
    assert_eq!(Hub::new().inspect().queue.capacity, 1_024);
    assert_eq!(
        Hub::builder().capacity(7).build().inspect().queue.capacity,
        7
    );
}

#[test]
fn try_publish_hands_the_event_back_when_the_queue_is_full_and_no_listener_has_seen_it() {
    let hub = Hub::builder().capacity(2).build();
    let (gate, keeper) = gate();
    let log = Log::new();
    let (queued, inline) = (log.clone(), log.clone());
    let _held = hub.listen::<Words>(move |_| keeper.pass());
    let _queued = hub.listen::<Numbers>(move |n| queued.push(("queued", *n)));
    hub.publish::<Words>("hold");
    gate.wait();

    assert_eq!(hub.try_publish::<Numbers>(1), Ok(()));
    let _inline = hub.listen_inline::<Numbers>(move |n| inline.push(("inline", *n)));
    assert_eq!(hub.try_publish::<Numbers>(2), Ok(()));
    assert_eq!(hub.try_publish::<Numbers>(3), Err(TryPublishError(3)));
    let publisher = hub.publisher::<Numbers>();
    let refused = publisher.try_publish(4).unwrap_err();
    assert!(refused.to_string().contains("no room"));
    assert_eq!(refused.into_event(), 4);
    let queue = hub.inspect().queue;
    assert_eq!((queue.depth, queue.peak, queue.capacity), (2, 2, 2));

    gate.open();
    hub.flush();
    assert_eq!(log.take(), [("inline", 2), ("queued", 1), ("queued", 2)]);
    assert_eq!(hub.try_publish::<Numbers>(5), Ok(()));
}

#[test]
fn the_error_says_nothing_of_the_event() {
    let error = TryPublishError("hunter2");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[test]
fn publish_waits_until_there_is_room() {
    let hub = Hub::builder().capacity(1).build();
    let (gate, keeper) = gate();
    let log = Log::new();
    let numbers = log.clone();
    let _held = hub.listen::<Numbers>(move |n| {
        keeper.pass();
        numbers.push(*n);
    });
    hub.publish::<Numbers>(1);
    gate.wait();
    hub.publish::<Numbers>(2); // the queue is full now
    let (done, published) = mpsc::channel();
    let publisher = {
        let hub = hub.clone();
        thread::spawn(move || {
            hub.publish::<Numbers>(3);
            done.send(()).unwrap();
        })
    };
    let waits = published.recv_timeout(Duration::from_millis(50));
    assert!(waits.is_err(), "accepted beyond the capacity");
    for _ in 1..=3 {
        gate.open();
    }
    publisher.join().unwrap();
    drop(gate);
    hub.flush();
    assert_eq!(log.take(), [1, 2, 3]);
}

#[test]
fn a_publisher_on_every_core_into_a_full_queue_loses_nothing() {
    in_time(|| {
        let hub = Hub::builder().capacity(3).build();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        let events = rounds(2_000);
        let publishers = thread::available_parallelism().map_or(4, |n| n.get() as u64 + 2);
        thread::scope(|scope| {
            for publisher in 0..publishers {
                let hub = &hub;
                scope.spawn(move || {
                    for n in 0..events {
                        hub.publish::<Numbers>(publisher * events + n);
                    }
                });
            }
        });
        hub.flush();
        let mut seen = log.take();
        seen.sort_unstable();
        assert_eq!(seen, (0..publishers * events).collect::<Vec<_>>());
        assert!(hub.inspect().queue.peak <= 3);
    });
}

#[test]
fn publishing_from_inside_a_callback_neither_waits_nor_dead_locks() {
    in_time(|| {
        let hub = Hub::builder().capacity(2).build();
        let log = Log::new();
        let weak = hub.downgrade();
        let _fan_out = hub.listen::<Words>(move |_| {
            let hub = weak.upgrade().unwrap();
            (0..100).for_each(|n| hub.publish::<Numbers>(n));
        });
        let numbers = log.clone();
        let _numbers = hub.listen::<Numbers>(move |n| numbers.push(*n));
        hub.publish::<Words>("go");
        hub.flush();
        hub.flush();
        assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn two_hubs_whose_callbacks_publish_on_each_other_do_not_dead_lock() {
    in_time(|| {
        let [left, right] = [(); 2].map(|()| Hub::builder().capacity(1).build());
        let log = Log::new();
        let mut guards = Vec::new();
        for (here, there) in [(&left, &right), (&right, &left)] {
            let (there, log) = (there.downgrade(), log.clone());
            guards.push(here.listen::<Numbers>(move |n| {
                log.push(*n);
                if *n > 0
                    && let Some(there) = there.upgrade()
                {
                    there.publish::<Numbers>(n - 1);
                    there.publish::<Numbers>(n - 1);
                }
            }));
        }
        let depth = if cfg!(miri) { 4 } else { 8 };
        left.publish::<Numbers>(depth);
        while log.len() < (2 << depth) - 1 {
            left.flush();
            right.flush();
        }
    });
}

#[test]
fn from_an_inline_callback_publishing_into_a_full_queue_does_not_wait_either() {
    in_time(|| {
        let hub = Hub::builder().capacity(1).build();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let _held = hub.listen::<Numbers>(move |n| {
            keeper.pass();
            numbers.push(*n);
        });
        let weak = hub.downgrade();
        let _inline = hub.listen_inline::<Words>(move |_| {
            let hub = weak.upgrade().unwrap();
            (10..15).for_each(|n| hub.publish::<Numbers>(n));
        });
        hub.publish::<Numbers>(1);
        gate.wait();
        hub.publish::<Words>("go");
        drop(gate);
        hub.flush();
        assert_eq!(log.take(), [1, 10, 11, 12, 13, 14]);
    });
}

#[test]
fn a_capacity_of_0_counts_as_1_and_the_largest_takes_no_memory() {
    in_time(|| {
        for capacity in [0, 1, usize::MAX] {
            let hub = Hub::builder().capacity(capacity).build();
            let log = Log::new();
            let numbers = log.clone();
            let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
            (0..10).for_each(|n| hub.publish::<Numbers>(n));
            hub.flush();
            assert_eq!(log.take(), (0..10).collect::<Vec<_>>());
            assert_eq!(hub.inspect().queue.capacity, capacity.max(1));
        }
    });
}

#[test]
fn a_publisher_neither_hangs_nor_fails_when_nobody_listens() {
    in_time(|| {
        let hub = Hub::builder().capacity(1).build();
        (0..rounds(10_000)).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(hub.try_publish::<Numbers>(0), Ok(()));
        let guard = hub.listen::<Numbers>(|_| {});
        drop(guard);
        (0..rounds(10_000)).for_each(|n| hub.publish::<Numbers>(n));
        hub.flush();
        assert_eq!(hub.inspect().channels[0].published, 2 * rounds(10_000) + 1);
    });
}

#[test]
fn an_event_that_is_neither_clone_nor_debug_comes_back_whole() {
    enum Parcels {}

    struct Parcel(String);

    impl CustomChannel for Parcels {
        type Event = Parcel;
        const NAME: &'static str = "parcels";
    }

    let hub = Hub::builder().capacity(1).build();
    let (gate, keeper) = gate();
    let _held = hub.listen::<Custom<Parcels>>(move |_| keeper.pass());
    let _inline = hub.listen_inline::<Custom<Parcels>>(|_| {});
    hub.publish::<Custom<Parcels>>(Parcel("first".into()));
    gate.wait();
    hub.publish::<Custom<Parcels>>(Parcel("second".into()));
    let refused = hub.try_publish::<Custom<Parcels>>(Parcel("third".into()));
    assert_eq!(refused.map_err(|e| e.into_event().0), Err("third".into()));
}
