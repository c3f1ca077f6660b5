//! Receivers: pulled, each with its own bound and its own choice of what happens when it overflows.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::common::{Log, Numbers, PATIENCE, Words, in_time, rounds};
use typed_hub::{
    Custom, CustomChannel, Hub, Lagged, Overflow, Receiver, ReceiverOptions, RecvError,
    RecvTimeoutError, Replay, TryPublishError, TryRecvError,
};

fn bounded(capacity: usize, overflow: Overflow) -> ReceiverOptions {
    ReceiverOptions::builder()
        .capacity(capacity)
        .overflow(overflow)
        .build()
}

/// What waits, as numbers, with losses as negative ones.
fn drain(receiver: &mut Receiver<Numbers>) -> Vec<i64> {
    let mut drained = Vec::new();
    loop {
        match receiver.try_recv() {
            Ok(n) => drained.push(i64::try_from(*n).unwrap()),
            Err(TryRecvError::Lagged(Lagged { missed })) => {
                drained.push(-i64::try_from(missed).unwrap());
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => return drained,
        }
    }
}

#[test]
fn a_receiver_gets_exactly_what_is_accepted_while_it_lives_and_needs_no_thread() {
    let hub = Hub::new();
    hub.publish::<Numbers>(1);
    let mut receiver = hub.receiver::<Numbers>();
    assert_eq!(receiver.try_recv().map(|n| *n), Err(TryRecvError::Empty));
    (2..=200).for_each(|n| hub.publish::<Numbers>(n));
    let mut late = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(201);
    assert_eq!(drain(&mut receiver), (2..=201).collect::<Vec<_>>());
    assert_eq!(drain(&mut late), [201]);
}

#[test]
fn drain_looks_at_what_waits_and_ends_though_more_is_published() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    (0..200).for_each(|n| hub.publish::<Numbers>(n));
    let mut seen = Vec::new();
    let more = |n: &u64| {
        seen.push(*n);
        hub.publish::<Numbers>(1_000 + n);
    };
    assert_eq!(receiver.drain(more), Ok(200));
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
    assert_eq!(receiver.try_recv().map(|n| *n), Ok(1_000));
    assert_eq!(receiver.drain(|_| {}), Ok(199), "what is left of it");
    assert_eq!(receiver.drain(|_| {}), Ok(0));
    hub.publish::<Numbers>(1);
    drop(hub);
    assert_eq!(receiver.drain(|_| {}), Ok(1));
    assert_eq!(receiver.drain(|_| {}), Err(RecvError::Closed));
}

#[test]
fn drain_goes_on_where_single_events_ended() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(1);
    assert_eq!(receiver.try_recv().map(|n| *n), Ok(1));
    hub.publish::<Numbers>(2);
    assert_eq!(receiver.drain(|n| assert_eq!(*n, 2)), Ok(1));
    assert_eq!(receiver.drain(|_| {}), Ok(0));
    while receiver.ready_signal().try_recv().is_ok() {}
    hub.publish::<Numbers>(3);
    assert!(
        receiver.ready_signal().try_recv().is_ok(),
        "it rings after 0"
    );
    assert_eq!(receiver.try_recv().map(|n| *n), Ok(3));
    drop(hub);
    assert_eq!(receiver.drain(|_| {}), Err(RecvError::Closed));
}

#[test]
fn drain_tells_what_was_lost_in_its_place() {
    let hub = Hub::new();
    let lagged = |missed| Err(RecvError::Lagged(Lagged { missed }));
    let oldest = bounded(2, Overflow::DropOldest);
    let mut oldest = hub.receiver_with::<Numbers>(oldest);
    let newest = bounded(2, Overflow::DropNewest);
    let mut newest = hub.receiver_with::<Numbers>(newest);
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(oldest.drain(|_| {}), lagged(3));
    assert_eq!(oldest.drain(|n| assert!(*n >= 3)), Ok(2));
    assert_eq!(newest.drain(|n| assert!(*n < 2)), Ok(2));
    assert_eq!(newest.drain(|_| {}), lagged(3));
    assert_eq!(newest.drain(|_| {}), Ok(0));
}

#[test]
fn receivers_share_the_event_and_it_is_dropped_with_the_last_of_them() {
    enum Shared {}

    impl CustomChannel for Shared {
        type Event = Arc<()>;
        const NAME: &'static str = "shared";
    }

    let hub = Hub::new();
    let event = Arc::new(());
    let mut receivers = [(); 3].map(|()| hub.receiver::<Custom<Shared>>());
    let idle = hub.receiver::<Custom<Shared>>();
    hub.publish::<Custom<Shared>>(Arc::clone(&event));
    let received = receivers.each_mut().map(|r| r.recv().unwrap());
    assert_eq!(Arc::strong_count(&event), 2, "shared, not cloned");
    drop((received, receivers));
    assert_eq!(
        Arc::strong_count(&event),
        2,
        "one receiver has still to take it"
    );
    drop(idle);
    assert_eq!(Arc::strong_count(&event), 1);
}

#[test]
fn overflow_drops_the_oldest_or_the_newest_and_says_how_many() {
    for (overflow, expected) in [
        (Overflow::DropOldest, vec![-7, 8, 9, 10]),
        (Overflow::DropNewest, vec![1, 2, 3, -7]),
    ] {
        let hub = Hub::new();
        let mut receiver = hub.receiver_with::<Numbers>(bounded(3, overflow));
        (1..=10).for_each(|n| hub.publish::<Numbers>(n));
        let report = &hub.inspect().channels[0].listeners[0];
        let counts = (report.waiting, report.delivered, report.lost);
        assert_eq!(counts, (3, 0, 7), "{overflow:?}, before it is read");
        assert_eq!(drain(&mut receiver), expected, "{overflow:?}");
        (11..=13).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(drain(&mut receiver), [11, 12, 13], "{overflow:?}");
        let report = &hub.inspect().channels[0].listeners[0];
        assert_eq!((report.waiting, report.delivered, report.lost), (0, 6, 7));
    }
}

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn one_receiver_that_drops_costs_another_nothing() {
    let hub = Hub::new();
    let mut all = hub.receiver_with::<Numbers>(bounded(10_000, Overflow::Block));
    let mut newest = hub.receiver_with::<Numbers>(bounded(10, Overflow::DropNewest));
    let mut oldest = hub.receiver_with::<Numbers>(bounded(10, Overflow::DropOldest));
    (1..=1_000).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(drain(&mut all), (1..=1_000).collect::<Vec<_>>());
    (1_001..=2_000).for_each(|n| hub.publish::<Numbers>(n));
    let mut expected: Vec<_> = (1..=10).collect();
    expected.push(-1_990);
    assert_eq!(drain(&mut newest), expected);
    let mut expected = vec![-1_990];
    expected.extend(1_991..=2_000);
    assert_eq!(drain(&mut oldest), expected);
    assert_eq!(drain(&mut all), (1_001..=2_000).collect::<Vec<_>>());
}

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn what_a_receiver_that_is_never_pulled_lets_drop_is_freed() {
    let hub = Hub::new();
    let event = Arc::new(());
    let _idle = [Overflow::DropOldest, Overflow::DropNewest]
        .map(|overflow| hub.receiver_with::<Custom<Counted>>(bounded(10, overflow)));
    let mut busy = hub.receiver::<Custom<Counted>>();
    for _ in 0..rounds(100) {
        (0..100).for_each(|_| hub.publish::<Custom<Counted>>(Arc::clone(&event)));
        while busy.try_recv().is_ok() {}
    }
    let alive = Arc::strong_count(&event) - 1;
    assert!(
        alive <= 10 + 10 + KEPT_BESIDES,
        "{alive} of 10,000 events are kept for two receivers of ten each"
    );
}

#[test]
fn a_full_receiver_makes_publish_wait_and_try_publish_refuse() {
    let hub = Hub::new();
    let mut receiver = hub.receiver_with::<Numbers>(bounded(2, Overflow::Block));
    let log = Log::new();
    let (queued, inline) = (log.clone(), log.clone());
    let _queued = hub.listen::<Numbers>(move |n| queued.push(*n));
    let _inline = hub.listen_inline::<Numbers>(move |n| inline.push(*n));
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    assert_eq!(
        hub.try_publish::<Numbers>(9)
            .map_err(TryPublishError::into_event),
        Err(9)
    );

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
    assert_eq!(receiver.recv().map(|n| *n), Ok(1));
    publisher.join().unwrap();
    assert_eq!(drain(&mut receiver), [2, 3]);
    hub.flush();
    let mut seen = log.take();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [1, 1, 2, 2, 3, 3],
        "nobody has seen the one that was refused"
    );
}

#[test]
fn a_receiver_that_is_dropped_frees_the_publisher_that_waits_for_it() {
    in_time(|| {
        let hub = Hub::new();
        let receiver = hub.receiver_with::<Numbers>(bounded(1, Overflow::Block));
        hub.publish::<Numbers>(1);
        let publisher = {
            let hub = hub.clone();
            thread::spawn(move || hub.publish::<Numbers>(2))
        };
        thread::sleep(Duration::from_millis(20));
        drop(receiver);
        publisher.join().unwrap();
    });
}

#[test]
fn recv_blocks_until_an_event_comes_and_ends_with_the_hub() {
    in_time(|| {
        let hub = Hub::new();
        let mut receiver = hub.receiver::<Numbers>();
        let pulling = thread::spawn(move || {
            let first = receiver.recv().map(|n| *n);
            (
                first,
                receiver.recv().map(|n| *n),
                receiver.recv().map(|n| *n),
            )
        });
        thread::sleep(Duration::from_millis(10));
        hub.publish::<Numbers>(1);
        thread::sleep(Duration::from_millis(10));
        drop(hub);
        let closed = Err(RecvError::Closed);
        assert_eq!(pulling.join().unwrap(), (Ok(1), closed, closed));
    });
}

#[test]
fn a_receiver_gets_what_waits_after_its_hub_is_gone() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    let mut timed = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(1);
    drop(hub);
    assert_eq!(receiver.try_recv().map(|n| *n), Ok(1));
    assert_eq!(receiver.try_recv().map(|n| *n), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv().map(|n| *n), Err(RecvError::Closed));
    assert_eq!(timed.recv_timeout(PATIENCE).map(|n| *n), Ok(1));
    let closed = Err(RecvTimeoutError::Closed);
    assert_eq!(timed.recv_timeout(PATIENCE).map(|n| *n), closed);
}

#[test]
fn recv_timeout_gives_up_in_time_and_zero_is_a_try() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    let timeout = Err(RecvTimeoutError::Timeout);
    assert_eq!(receiver.recv_timeout(Duration::ZERO).map(|n| *n), timeout);
    assert_eq!(
        receiver.recv_timeout(Duration::from_millis(5)).map(|n| *n),
        timeout
    );
    hub.publish::<Numbers>(1);
    assert_eq!(receiver.recv_timeout(Duration::ZERO).map(|n| *n), Ok(1));
    hub.publish::<Numbers>(2);
    assert_eq!(receiver.recv_timeout(Duration::MAX).map(|n| *n), Ok(2));
}

#[test]
fn as_an_iterator_it_ends_with_the_hub() {
    let hub = Hub::new();
    let receiver = hub.receiver_with::<Numbers>(bounded(2, Overflow::DropOldest));
    (1..=5).for_each(|n| hub.publish::<Numbers>(n));
    drop(hub);
    let received: Vec<_> = receiver
        .into_iter()
        .map(|received| received.map(|n| *n))
        .collect();
    assert_eq!(received, [Err(Lagged { missed: 3 }), Ok(4), Ok(5)]);
}

#[test]
fn it_may_be_pulled_by_reference() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    (1..=3).for_each(|n| hub.publish::<Numbers>(n));
    let pulled: Vec<_> = receiver.iter().take(2).map(|n| *n.unwrap()).collect();
    assert_eq!(pulled, [1, 2]);
    assert_eq!(receiver.recv().map(|n| *n), Ok(3));
}

#[test]
fn several_threads_pull_the_same_events_in_the_same_order() {
    in_time(|| {
        let hub = Hub::new();
        let events = rounds(5_000);
        let pulling: Vec<_> = (0..4)
            .map(|_| hub.receiver_with::<Numbers>(bounded(16, Overflow::Block)))
            .map(|receiver| {
                thread::spawn(move || {
                    receiver
                        .into_iter()
                        .flatten()
                        .map(|n| *n)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let publishing: Vec<_> = (0..2)
            .map(|publisher| {
                let hub = hub.clone();
                thread::spawn(move || {
                    (0..events).for_each(|n| hub.publish::<Numbers>(publisher * events + n));
                })
            })
            .collect();
        drop(hub);
        for thread in publishing {
            thread.join().unwrap();
        }
        let mut pulled = pulling.into_iter().map(|thread| thread.join().unwrap());
        let first = pulled.next().unwrap();
        assert_eq!(first.len() as u64, 2 * events);
        assert!(pulled.all(|other| other == first));
    });
}

#[test]
fn capacities_of_0_and_of_the_largest_size_work() {
    for overflow in [Overflow::Block, Overflow::DropOldest, Overflow::DropNewest] {
        let hub = Hub::new();
        let mut least = hub.receiver_with::<Numbers>(bounded(0, overflow));
        let mut most = hub.receiver_with::<Numbers>(bounded(usize::MAX, overflow));
        hub.publish::<Numbers>(1);
        assert_eq!(drain(&mut least), [1]);
        hub.publish::<Numbers>(2);
        assert_eq!(drain(&mut least), [2]);
        assert_eq!(drain(&mut most), [1, 2]);
    }
}

#[test]
fn a_receiver_may_ask_for_the_past() {
    enum Kept {}

    impl CustomChannel for Kept {
        type Event = u64;
        const NAME: &'static str = "kept";
        const RETAIN: usize = 2;
    }

    let hub = Hub::new();
    (1..=3).for_each(|n| hub.publish::<Custom<Kept>>(n));
    let replay = |replay| ReceiverOptions::builder().replay(replay).build();
    let all = hub.receiver_with::<Custom<Kept>>(replay(Replay::All));
    let latest = hub.receiver_with::<Custom<Kept>>(replay(Replay::Latest));
    hub.publish::<Custom<Kept>>(4);
    drop(hub);
    assert_eq!(
        all.into_iter().flatten().map(|n| *n).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert_eq!(
        latest.into_iter().flatten().map(|n| *n).collect::<Vec<_>>(),
        [3, 4]
    );
}

#[test]
fn the_ready_signal_wakes_a_select_and_misses_nothing() {
    in_time(|| {
        let hub = Hub::new();
        let events = rounds(1_000);
        let mut numbers = hub.receiver::<Numbers>();
        let mut words = hub.receiver::<Words>();
        let publishers = [0, 1].map(|publisher| {
            let hub = hub.clone();
            thread::spawn(move || {
                for n in 0..events {
                    if publisher == 0 {
                        hub.publish::<Numbers>(n);
                    } else {
                        hub.publish::<Words>("w");
                    }
                }
            })
        });
        let (mut seen_numbers, mut seen_words) = (0, 0);
        while seen_numbers < events || seen_words < events {
            crossbeam_channel::select! {
                recv(numbers.ready_signal()) -> _ => while numbers.try_recv().is_ok() {
                    seen_numbers += 1;
                },
                recv(words.ready_signal()) -> _ => while words.try_recv().is_ok() {
                    seen_words += 1;
                },
            }
        }
        for publisher in publishers {
            publisher.join().unwrap();
        }
    });
}

#[test]
fn a_ready_signal_that_is_asked_for_late_tells_of_what_came_before() {
    let hub = Hub::new();
    let mut told = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(1);
    assert!(told.ready_signal().try_recv().is_ok());
    assert!(told.ready_signal().try_recv().is_err(), "once");

    let mut through = hub.receiver::<Numbers>();
    hub.publish::<Numbers>(2);
    assert_eq!(through.drain(|_| {}), Ok(1));
    assert_eq!(through.drain(|_| {}), Ok(0));
    assert!(through.ready_signal().try_recv().is_err(), "nothing waits");
    hub.publish::<Numbers>(3);
    assert!(through.ready_signal().try_recv().is_ok());

    let mut ended = hub.receiver::<Numbers>();
    drop(hub);
    assert_eq!(ended.drain(|_| {}), Err(RecvError::Closed));
    assert!(ended.ready_signal().try_recv().is_ok(), "the end");
    assert_eq!(told.drain(|_| {}), Ok(3));
}

#[test]
fn a_callback_goes_beyond_a_full_receivers_capacity_instead_of_waiting() {
    in_time(|| {
        let hub = Hub::new();
        let mut receiver = hub.receiver_with::<Numbers>(bounded(1, Overflow::Block));
        let weak = hub.downgrade();
        let _fan_out = hub.listen::<Words>(move |_| {
            let hub = weak.upgrade().unwrap();
            (0..10).for_each(|n| hub.publish::<Numbers>(n));
        });
        hub.publish::<Words>("go");
        hub.flush();
        assert_eq!(drain(&mut receiver), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn ten_thousand_idle_receivers_come_and_go() {
    let hub = Hub::new();
    let receivers: Vec<_> = (0..rounds(10_000))
        .map(|_| hub.receiver::<Numbers>())
        .collect();
    drop(receivers);
    hub.publish::<Numbers>(1);
    assert!(hub.inspect().channels[0].listeners.is_empty());
}

#[test]
fn nothing_is_kept_after_the_last_receiver() {
    let hub = Hub::new();
    let event = Arc::new(());
    let receivers = [(); 2].map(|()| hub.receiver::<Custom<Counted>>());
    (0..100).for_each(|_| hub.publish::<Custom<Counted>>(Arc::clone(&event)));
    drop(receivers);
    assert_eq!(Arc::strong_count(&event), 1);
}

/// How many events a log keeps at the most beyond those that its receivers let wait.
const KEPT_BESIDES: usize = 128;

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn a_lossy_receiver_keeps_no_more_events_alive_than_its_capacity_and_a_constant() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        for capacity in [1, 10, 64, 100, 1_000] {
            let hub = Hub::new();
            let event = Arc::new(());
            let receiver = hub.receiver_with::<Custom<Counted>>(bounded(capacity, overflow));
            for _ in 0..rounds(5_000) {
                hub.publish::<Custom<Counted>>(Arc::clone(&event));
                let alive = Arc::strong_count(&event) - 1;
                assert!(
                    alive <= capacity + KEPT_BESIDES,
                    "{overflow:?}: {alive} events are alive for one that lets {capacity} wait"
                );
            }
            drop(receiver);
            assert_eq!(Arc::strong_count(&event), 1);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn many_lossy_receivers_keep_no_more_than_the_largest_lets_wait() {
    let hub = Hub::new();
    let event = Arc::new(());
    let mut receivers: Vec<_> = (0..20)
        .flat_map(|n| [(Overflow::DropOldest, n), (Overflow::DropNewest, n)])
        .map(|(overflow, n)| hub.receiver_with::<Custom<Counted>>(bounded(n, overflow)))
        .collect();
    let mut most = 0;
    for n in 0..usize::try_from(rounds(5_000)).unwrap() {
        hub.publish::<Custom<Counted>>(Arc::clone(&event));
        // Every now and then one takes what waits for it.
        if n % 7 == 0 {
            let receiver = &mut receivers[n % 40];
            while !matches!(receiver.try_recv(), Err(TryRecvError::Empty)) {}
        }
        most = most.max(Arc::strong_count(&event) - 1);
    }
    // Of those that keep the oldest, each has a time of its own to keep.
    let held: usize = (0..20_usize).map(|n| n.max(1) + 64).sum();
    assert!(most <= 20 + held + KEPT_BESIDES, "{most}");
}

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn a_small_receiver_that_is_never_pulled_keeps_no_more_beside_a_large_one_that_always_is() {
    let hub = Hub::new();
    let event = Arc::new(());
    let _idle = hub.receiver_with::<Custom<Counted>>(bounded(1, Overflow::DropOldest));
    let mut busy = hub.receiver_with::<Custom<Counted>>(bounded(1_000, Overflow::DropOldest));
    for _ in 0..rounds(5_000) {
        hub.publish::<Custom<Counted>>(Arc::clone(&event));
        while busy.try_recv().is_ok() {}
        let alive = Arc::strong_count(&event) - 1;
        assert!(alive <= 1 + KEPT_BESIDES, "{alive} events are alive");
    }
}

#[test]
fn what_nobody_receives_any_more_is_not_kept() {
    let hub = Hub::new();
    let event = Arc::new(());
    let full = hub.receiver_with::<Custom<Counted>>(bounded(3, Overflow::DropNewest));
    (0..100).for_each(|_| hub.publish::<Custom<Counted>>(Arc::clone(&event)));
    assert_eq!(Arc::strong_count(&event), 1 + 3);
    drop(full);
    assert_eq!(Arc::strong_count(&event), 1);
}

/// Events that can be counted.
enum Counted {}

impl CustomChannel for Counted {
    type Event = Arc<()>;
    const NAME: &'static str = "counted";
}

#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn a_receiver_that_is_never_pulled_keeps_no_more_beside_one_that_always_is() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let hub = Hub::new();
        let event = Arc::new(());
        let _idle = hub.receiver_with::<Custom<Counted>>(bounded(1, overflow));
        let mut keen = hub.receiver::<Custom<Counted>>();
        for _ in 0..rounds(5_000) {
            hub.publish::<Custom<Counted>>(Arc::clone(&event));
            assert!(keen.try_recv().is_ok());
        }
        let alive = Arc::strong_count(&event) - 1;
        assert!(
            alive < 100,
            "{overflow:?}: {alive} events are alive for one that may wait"
        );
    }
}

#[test]
fn a_receiver_that_leaves_takes_along_what_waited_for_it_alone() {
    let hub = Hub::new();
    let event = Arc::new(());
    let _idle = hub.receiver_with::<Custom<Counted>>(bounded(1, Overflow::DropOldest));
    let leaving = hub.receiver_with::<Custom<Counted>>(bounded(usize::MAX, Overflow::Block));
    (0..rounds(5_000)).for_each(|_| hub.publish::<Custom<Counted>>(Arc::clone(&event)));
    drop(leaving);
    let alive = Arc::strong_count(&event) - 1;
    assert!(
        alive < 100,
        "{alive} events are alive for one that may wait"
    );
}

#[test]
fn events_that_panic_when_dropped_together_end_nothing() {
    enum Grudges {}

    struct Grudge;

    impl Drop for Grudge {
        fn drop(&mut self) {
            assert!(thread::panicking(), "not like this");
        }
    }

    impl CustomChannel for Grudges {
        type Event = Grudge;
        const NAME: &'static str = "grudges";
    }

    let log = Log::new();
    let panics = log.clone();
    let hub = Hub::builder()
        .on_panic(move |p| panics.push(p.message().to_owned()))
        .build();
    let receiver = hub.receiver::<Custom<Grudges>>();
    (0..3).for_each(|_| hub.publish::<Custom<Grudges>>(Grudge));
    drop(receiver);
    assert_eq!(log.take(), ["not like this"; 3]);
}
