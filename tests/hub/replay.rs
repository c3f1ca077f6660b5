//! Promise 10: a listener that asks for replay gets the retained events first, then the live ones:
//! in order, none twice, none skipped, whatever is published meanwhile.

use std::thread;

use crate::common::{self, Log, Numbers, in_time, rounds};
use typed_hub::{Custom, CustomChannel, Hub, Replay};

/// A channel that keeps its last three events.
enum Kept {}

impl CustomChannel for Kept {
    type Event = u64;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 3;
}

type KeptNumbers = Custom<Kept>;

/// A channel that keeps far more than is ever published.
enum Archive {}

impl CustomChannel for Archive {
    type Event = u64;
    const NAME: &'static str = "archive";
    const RETAIN: usize = usize::MAX;
}

#[test]
fn a_late_listener_gets_what_it_asked_for_and_then_the_live_events() {
    for (asked, expected) in [
        (Replay::None, vec![6, 7]),
        (Replay::Latest, vec![5, 6, 7]),
        (Replay::All, vec![3, 4, 5, 6, 7]),
    ] {
        let hub = Hub::new();
        (1..=5).for_each(|n| hub.publish::<KeptNumbers>(n));
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub
            .listener::<KeptNumbers>()
            .replay(asked)
            .listen(move |n| numbers.push(*n));
        (6..=7).for_each(|n| hub.publish::<KeptNumbers>(n));
        hub.flush();
        assert_eq!(log.take(), expected, "{asked:?}");
    }
}

#[test]
fn the_replay_comes_without_another_event_and_flush_waits_for_it() {
    in_time(|| {
        let hub = Hub::new();
        hub.publish::<KeptNumbers>(1);
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub
            .listener::<KeptNumbers>()
            .replay(Replay::All)
            .listen(move |n| numbers.push(*n));
        hub.flush();
        assert_eq!(log.take(), [1]);
    });
}

#[test]
fn what_is_queued_for_others_is_replayed_and_not_delivered_again() {
    let hub = Hub::new();
    let (gate, keeper) = common::gate();
    let _held = hub.listen::<Numbers>(move |_| keeper.pass());
    let early = Log::new();
    let numbers = early.clone();
    let _early = hub.listen::<KeptNumbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(0);
    gate.wait();
    (1..=2).for_each(|n| hub.publish::<KeptNumbers>(n)); // accepted, not delivered
    let late = Log::new();
    let numbers = late.clone();
    let _late = hub
        .listener::<KeptNumbers>()
        .replay(Replay::All)
        .listen(move |n| numbers.push(*n));
    hub.publish::<KeptNumbers>(3);
    gate.open();
    hub.flush();
    assert_eq!(early.take(), [1, 2, 3]);
    assert_eq!(late.take(), [1, 2, 3]);
}

#[test]
fn none_twice_none_skipped_under_concurrent_publishing() {
    in_time(|| {
        let events = rounds(500);
        for _ in 0..rounds(50) {
            let hub = Hub::new();
            let log = Log::new();
            let numbers = log.clone();
            let guard = thread::scope(|scope| {
                scope.spawn(|| (0..events).for_each(|n| hub.publish::<Custom<Archive>>(n)));
                thread::yield_now();
                hub.listener::<Custom<Archive>>()
                    .replay(Replay::All)
                    .listen(move |n| numbers.push(*n))
            });
            hub.flush();
            assert_eq!(log.take(), (0..events).collect::<Vec<_>>());
            guard.close();
        }
    });
}

#[test]
fn a_channel_that_keeps_nothing_replays_nothing() {
    let hub = Hub::new();
    hub.publish::<Numbers>(1);
    let log = Log::new();
    let numbers = log.clone();
    let _guard = hub
        .listener::<Numbers>()
        .replay(Replay::All)
        .listen(move |n| numbers.push(*n));
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), [2]);
}

#[test]
fn a_refused_event_is_not_retained() {
    let hub = Hub::builder().capacity(1).build();
    let (gate, keeper) = common::gate();
    let _held = hub.listen::<KeptNumbers>(move |_| keeper.pass());
    hub.publish::<KeptNumbers>(1);
    gate.wait();
    hub.publish::<KeptNumbers>(2);
    assert!(hub.try_publish::<KeptNumbers>(3).is_err());
    let log = Log::new();
    let numbers = log.clone();
    let _late = hub
        .listener::<KeptNumbers>()
        .replay(Replay::All)
        .listen(move |n| numbers.push(*n));
    drop(gate);
    hub.flush();
    assert_eq!(log.take(), [1, 2]);
}

#[test]
fn a_replay_that_a_callback_asks_for_is_delivered_after_it() {
    in_time(|| {
        let hub = Hub::new();
        hub.publish::<KeptNumbers>(1);
        let log = Log::new();
        let (weak, numbers) = (hub.downgrade(), log.clone());
        let guards = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = guards.clone();
        let _outer = hub.listen::<Numbers>(move |_| {
            let numbers = numbers.clone();
            kept.lock().unwrap().push(
                weak.upgrade()
                    .unwrap()
                    .listener::<KeptNumbers>()
                    .replay(Replay::All)
                    .listen(move |n| numbers.push(*n)),
            );
        });
        hub.publish::<Numbers>(0);
        hub.flush();
        hub.flush();
        assert_eq!(log.take(), [1]);
        guards.lock().unwrap().clear();
    });
}

#[test]
fn a_listener_that_ends_during_its_replay_gets_no_more_of_it() {
    let hub = Hub::new();
    (1..=3).for_each(|n| hub.publish::<KeptNumbers>(n));
    let log = Log::new();
    let own = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (slot, numbers) = (own.clone(), log.clone());
    let mut slot_guard = own.lock().unwrap();
    *slot_guard = Some(
        hub.listener::<KeptNumbers>()
            .replay(Replay::All)
            .listen(move |n| {
                numbers.push(*n);
                drop(slot.lock().unwrap().take());
            }),
    );
    drop(slot_guard);
    hub.flush();
    assert_eq!(log.take(), [1]);
}

/// A hub whose dispatcher is held in a callback, and the gate that lets it go on.
fn held_hub() -> (Hub, common::Gate, typed_hub::Subscription) {
    let hub = Hub::new();
    let (gate, keeper) = common::gate();
    let held = hub.listen::<Numbers>(move |_| keeper.pass());
    hub.publish::<Numbers>(0);
    gate.wait();
    (hub, gate, held)
}

#[test]
fn a_replay_keeps_the_one_order_across_channels() {
    let (hub, gate, held) = held_hub();
    let log = Log::new();
    let (words, late) = (log.clone(), log.clone());
    let _early = hub.listen::<KeptNumbers>(|_| {});
    let _words = hub.listen::<common::Words>(move |_| words.push(2));
    hub.publish::<KeptNumbers>(1);
    hub.publish::<common::Words>("two");
    hub.publish::<KeptNumbers>(3);
    let _late = hub
        .listener::<KeptNumbers>()
        .replay(Replay::Latest)
        .listen(move |n| late.push(*n));
    gate.open();
    hub.flush();
    assert_eq!(log.take(), [2, 3]);
    drop(held);
}

#[test]
fn a_replay_does_not_let_flush_return_too_early() {
    in_time(|| {
        let (hub, gate, _held) = held_hub();
        let (last, last_keeper) = common::gate();
        let _early = hub.listen::<KeptNumbers>(|_| {});
        let _words = hub.listen::<common::Words>(move |_| last_keeper.pass());
        hub.publish::<KeptNumbers>(1);
        hub.publish::<common::Words>("last");
        let flush = {
            let hub = hub.clone();
            thread::spawn(move || hub.flush())
        };
        // This one's number is beyond what the flush waits for.
        hub.publish::<KeptNumbers>(2);
        let _late = hub
            .listener::<KeptNumbers>()
            .replay(Replay::Latest)
            .listen(|_| {});
        gate.open();
        last.wait();
        assert!(!flush.is_finished(), "the last event is not delivered yet");
        last.open();
        flush.join().unwrap();
    });
}

#[test]
fn two_channels_with_listeners_to_catch_up_are_both_told() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    hub.publish::<KeptNumbers>(1);
    hub.publish::<Custom<Archive>>(2);
    let log = Log::new();
    let [kept, more, archive] = [(); 3].map(|()| log.clone());
    let _kept = hub
        .listener::<KeptNumbers>()
        .replay(Replay::All)
        .listen(move |n| kept.push(*n));
    let _archive = hub
        .listener::<Custom<Archive>>()
        .replay(Replay::All)
        .listen(move |n| {
            archive.push(*n);
        });
    let _more = hub
        .listener::<KeptNumbers>()
        .replay(Replay::All)
        .listen(move |n| more.push(*n));
    assert_eq!(worker.run_pending(), 3);
    let mut told = log.take();
    told.sort_unstable();
    assert_eq!(told, [1, 1, 2]);
}
