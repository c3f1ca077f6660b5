//! A call of a worker can be bounded by number and by time: what it leaves comes later, in the same
//! order, to the same listeners, each event once.

use std::cell::Cell;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Log, Numbers, Words, counting, in_time};
use typed_hub::{Custom, CustomChannel, Hub, Replay, Subscription};

/// A channel that keeps its last events, which have a drop.
enum Kept {}

impl CustomChannel for Kept {
    type Event = String;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 4;
}

/// Listeners of three channels that come at different times, and what they get.
fn scene(hub: &Hub) -> (Log<String>, Vec<Subscription>) {
    let log = Log::new();
    let mut guards = Vec::new();
    for name in ["a", "b"] {
        let (numbers, words, kept) = (log.clone(), log.clone(), log.clone());
        guards.push(hub.listen::<Numbers>(move |n| numbers.push(format!("{name}{n}"))));
        guards.push(hub.listen::<Words>(move |w| words.push(format!("{name}{w}"))));
        let late = hub.listener::<Custom<Kept>>().replay(Replay::All);
        guards.push(late.listen(move |k| kept.push(format!("{name}{k}"))));
        for n in 0..3 {
            hub.publish::<Custom<Kept>>(format!("k{n}"));
            hub.publish::<Numbers>(n);
            hub.publish::<Numbers>(n + 10);
            hub.publish::<Words>("w");
        }
    }
    (log, guards)
}

#[test]
fn bounded_calls_deliver_what_an_unbounded_one_does_in_the_same_order() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let (log, _guards) = scene(&hub);
    let all = worker.run_pending();
    let expected = log.take();
    for limit in (1..=all + 1).rev() {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let (log, guards) = scene(&hub);
        let mut left = all;
        while left > 0 {
            assert_eq!(hub.inspect().queue.depth == 0, left == 0);
            let delivered = worker.run_pending_at_most(limit);
            assert_eq!(delivered, limit.min(left));
            left -= delivered;
        }
        assert_eq!(worker.run_pending_at_most(limit), 0);
        assert_eq!(hub.inspect().queue.depth, 0);
        assert_eq!(log.take(), expected, "at most {limit}");
        drop(guards);
    }
    // Each call delivers one event.
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let (log, _guards) = scene(&hub);
    for _ in 0..all {
        assert_eq!(worker.run_pending_for(Duration::ZERO), 1);
    }
    assert_eq!(worker.run_pending_for(Duration::ZERO), 0);
    assert_eq!(log.take(), expected);
}

#[test]
fn a_bound_of_nothing_delivers_nothing() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let (log, _guards) = scene(&hub);
    let depth = hub.inspect().queue.depth;
    assert_eq!(worker.run_pending_at_most(0), 0);
    assert_eq!(log.len(), 0);
    assert_eq!(hub.inspect().queue.depth, depth);
    assert!(worker.run_pending() > depth, "and the replays");
}

#[test]
fn a_long_time_is_no_bound() {
    for time in [Duration::from_secs(3_600), Duration::MAX] {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let (log, _guards) = scene(&hub);
        worker.run_pending_for(time);
        let told = log.take();
        assert_eq!(worker.run_pending(), 0);

        let (hub, mut worker) = Hub::builder().build_with_worker();
        let (log, _guards) = scene(&hub);
        worker.run_pending();
        assert_eq!(told, log.take());
    }
}

#[test]
fn a_bound_of_time_begins_no_event_after_it_has_passed() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let slow = Duration::from_millis(10);
    let _guard = hub.listen::<Numbers>(move |_| thread::sleep(slow));
    (0..50).for_each(|n| hub.publish::<Numbers>(n));
    let began = Instant::now();
    let delivered = worker.run_pending_for(3 * slow);
    assert!((1..=3).contains(&delivered), "{delivered}");
    assert!(began.elapsed() < 50 * slow);
    assert_eq!(worker.run_pending_at_most(2), 2);
}

#[test]
fn what_callbacks_publish_waits_for_the_next_call_however_much_is_left() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let (weak, numbers) = (hub.downgrade(), log.clone());
    let _endless = hub.listen::<Numbers>(move |n| {
        numbers.push(*n);
        weak.upgrade().unwrap().publish::<Numbers>(n + 10);
    });
    (0..4).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(worker.run_pending_at_most(3), 3);
    // One is left of the first batch, and three wait behind it.
    assert_eq!(worker.run_pending(), 4);
    assert_eq!(log.take(), [0, 1, 2, 3, 10, 11, 12]);
    assert_eq!(worker.run_pending_for(Duration::from_secs(60)), 4);
    assert_eq!(log.take(), [13, 20, 21, 22]);
    assert_eq!(worker.run_pending_at_most(3), 3);
    assert_eq!(worker.run_pending_at_most(100), 4);
    assert_eq!(log.take(), [23, 30, 31, 32, 33, 40, 41]);
}

#[test]
fn what_a_bounded_call_leaves_wakes_again_once() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let (wake, count) = counting();
    worker.on_arrival(move || wake.wake_by_ref());
    let calls = || count.swap(0, Ordering::SeqCst);
    let _guard = hub.listen::<Numbers>(|_| {});
    (0..5).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(calls(), 1);
    assert_eq!((worker.run_pending_at_most(2), calls()), (2, 1));
    hub.publish::<Numbers>(5);
    assert_eq!(calls(), 0, "it is to call the worker already");
    assert!(pollster::block_on(worker.arrived()));
    assert_eq!((worker.run_pending_at_most(2), calls()), (2, 1));
    assert_eq!((worker.run_pending_at_most(2), calls()), (2, 0));
    hub.publish::<Numbers>(6);
    assert_eq!(calls(), 1);
}

#[test]
fn what_is_left_of_replays_alone_wakes_too() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    (0..3).for_each(|n| hub.publish::<Custom<Kept>>(n.to_string()));
    let late = hub.listener::<Custom<Kept>>().replay(Replay::All);
    let _guard = late.listen(|_| {});
    let (wake, count) = counting();
    worker.on_arrival(move || wake.wake_by_ref());
    assert_eq!(worker.run_pending_at_most(2), 2);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert!(pollster::block_on(worker.arrived()));
    assert_eq!(worker.run_pending_at_most(2), 1);
}

#[test]
fn a_listener_that_ends_between_two_calls_gets_no_more_and_lets_its_captures_go() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let (first, second) = (log.clone(), log.clone());
    let capture = Arc::new(());
    let captured = Arc::clone(&capture);
    (0..3).for_each(|n| hub.publish::<Custom<Kept>>(n.to_string()));
    let late = hub.listener::<Custom<Kept>>().replay(Replay::All);
    let leaving = late.listen(move |k| {
        let held = Arc::strong_count(&captured);
        first.push(format!("leaving {k}, held by {held}"));
    });
    let late = hub.listener::<Custom<Kept>>().replay(Replay::Latest);
    let _stays = late.listen(move |k| second.push(format!("stays {k}")));
    hub.publish::<Custom<Kept>>("3".to_owned());
    assert_eq!(worker.run_pending_at_most(2), 2);
    leaving.close();
    assert_eq!(Arc::strong_count(&capture), 1);
    assert_eq!(worker.run_pending(), 2);
    let told = [
        "leaving 0, held by 2",
        "leaving 1, held by 2",
        "stays 2",
        "stays 3",
    ];
    assert_eq!(log.take(), told);
}

#[test]
fn a_listener_that_joins_between_two_calls_gets_only_what_comes_after() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let (first, second) = (log.clone(), log.clone());
    let _first = hub.listen::<Numbers>(move |n| first.push(("first", *n)));
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(worker.run_pending_at_most(1), 1);
    let _second = hub.listen::<Numbers>(move |n| second.push(("second", *n)));
    hub.publish::<Numbers>(3);
    assert_eq!(worker.run_pending(), 3);
    let told = [0, 1, 2, 3].map(|n| ("first", n)).into_iter();
    let told: Vec<_> = told.chain([("second", 3)]).collect();
    assert_eq!(log.take(), told);
}

#[test]
fn a_replay_does_not_wait_for_one_that_a_callback_of_the_same_call_asks_for() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    hub.publish::<Custom<Kept>>("k".to_owned());
    let log = Log::new();
    let listen = |name: &'static str| {
        let (weak, log) = (hub.downgrade(), log.clone());
        move || {
            let hub = weak.upgrade().unwrap();
            let late = hub.listener::<Custom<Kept>>().replay(Replay::All);
            let kept = log.clone();
            late.listen(move |k| kept.push(format!("{name}{k}")))
                .detach();
        }
    };
    let (first, second) = (listen("a"), listen("b"));
    let _guard = hub.listen::<Numbers>(move |n| {
        if *n == 1 {
            second();
        }
    });
    (0..2).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(worker.run_pending_at_most(1), 1);
    first();
    assert_eq!((worker.run_pending(), log.take()), (2, vec!["ak".into()]));
    assert_eq!((worker.run_pending(), log.take()), (1, vec!["bk".into()]));
}

#[test]
fn flush_waits_for_what_a_bounded_call_has_left() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        (0..3).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(worker.run_pending_at_most(1), 1);
        let flushing = {
            let (hub, log) = (hub.clone(), log.clone());
            thread::spawn(move || {
                hub.flush();
                log.len()
            })
        };
        while !flushing.is_finished() {
            thread::sleep(Duration::from_millis(5));
            worker.run_pending_at_most(1);
        }
        assert_eq!(flushing.join().unwrap(), 3);
    });
}

#[test]
fn run_delivers_first_what_a_bounded_call_has_left() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
        (0..3).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(worker.run_pending_at_most(1), 1);
        hub.publish::<Numbers>(3);
        drop(hub);
        worker.run();
        assert_eq!(log.take(), [0, 1, 2, 3]);
    });
}

#[test]
fn a_worker_that_goes_drops_what_a_bounded_call_has_left() {
    enum Traps {}

    struct Trap(Arc<()>);

    impl Drop for Trap {
        fn drop(&mut self) {
            if Arc::strong_count(&self.0) > 0 {
                panic_any("a trap");
            }
        }
    }

    impl CustomChannel for Traps {
        type Event = Trap;
        const NAME: &'static str = "traps";
    }

    let reports = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reports);
    let (hub, mut worker) = Hub::builder()
        .on_panic(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .build_with_worker();
    let _guard = hub.listen::<Custom<Traps>>(|_| {});
    let alive = Arc::new(());
    for _ in 0..3 {
        hub.publish::<Custom<Traps>>(Trap(Arc::clone(&alive)));
    }
    assert_eq!(worker.run_pending_at_most(1), 1);
    drop(worker);
    assert_eq!(reports.load(Ordering::SeqCst), 3);
    assert_eq!(Arc::strong_count(&alive), 1);
    hub.flush();
}

#[test]
fn a_bounded_call_keeps_the_memory_bounded() {
    let (hub, mut worker) = Hub::builder().capacity(4).build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    let (mut accepted, mut deepest) = (0, 0);
    for _ in 0..100 {
        while hub.try_publish::<Numbers>(1).is_ok() {
            accepted += 1;
        }
        deepest = deepest.max(hub.inspect().queue.depth);
        worker.run_pending_at_most(1);
    }
    assert_eq!(deepest, 4 + 4, "what is left, and what fills the queue");
    worker.run_pending();
    assert_eq!(hub.inspect().queue.peak, deepest);
    // As many as the queue holds, as many again that the worker has taken, and what it delivered.
    assert!(accepted <= 100 + 2 * 4, "{accepted}");
}

#[test]
fn an_event_reaches_all_its_listeners_or_none() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let guards = ["a", "b", "c"].map(|name| {
        let log = log.clone();
        let turn = Cell::new(0);
        hub.listen::<Numbers>(move |n| {
            turn.set(turn.get() + 1);
            log.push((name, *n, turn.get()));
        })
    });
    (0..2).for_each(|n| hub.publish::<Numbers>(n));
    assert_eq!(worker.run_pending_for(Duration::ZERO), 1);
    assert_eq!(log.take(), ["a", "b", "c"].map(|name| (name, 0, 1)));
    assert_eq!(worker.run_pending_for(Duration::ZERO), 1);
    assert_eq!(log.take(), ["a", "b", "c"].map(|name| (name, 1, 2)));
    drop(guards);
}
