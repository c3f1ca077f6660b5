//! Promise 4: all callbacks see a hub's events in one and the same order.

use std::sync::Arc;
use std::thread;

use crate::common::{Log, Numbers, Words, gate, rounds};
use typed_hub::Hub;

#[test]
fn every_listener_sees_the_order_of_acceptance_across_channels() {
    let hub = Hub::new();
    let events = rounds(500);
    let logs = [Log::new(), Log::new(), Log::new()];
    let _guards: Vec<_> = logs
        .iter()
        .flat_map(|log| {
            let (numbers, words) = (log.clone(), log.clone());
            [
                hub.listen::<Numbers>(move |n| numbers.push(n.to_string())),
                hub.listen::<Words>(move |w| words.push((*w).to_owned())),
            ]
        })
        .collect();

    thread::scope(|scope| {
        for (publisher, word) in (0..4).zip(["a", "b", "c", "d"]) {
            let hub = &hub;
            scope.spawn(move || {
                for n in 0..events {
                    hub.publish::<Numbers>(publisher * 1_000 + n);
                    hub.publish::<Words>(word);
                }
            });
        }
    });
    hub.flush();

    let [first, second, third] = logs.map(|log| log.take());
    assert_eq!(first.len(), usize::try_from(4 * events * 2).unwrap());
    assert_eq!(first, second);
    assert_eq!(first, third);
    for publisher in 0..4 {
        let own = |entry: &&String| entry.parse::<u64>().is_ok_and(|n| n / 1_000 == publisher);
        let seen: Vec<_> = first.iter().filter(own).cloned().collect();
        let published: Vec<_> = (0..events)
            .map(|n| (publisher * 1_000 + n).to_string())
            .collect();
        assert_eq!(seen, published, "a publisher's own order is kept");
    }
}

#[test]
fn an_event_reaches_every_listener_before_the_next_reaches_any() {
    let hub = Hub::new();
    let log = Log::new();
    let (gate, keeper) = gate();
    let _hold = hub.listen::<Words>(move |_| keeper.pass());
    let _guards: Vec<_> = (0..3)
        .map(|listener| {
            let log = log.clone();
            hub.listen::<Numbers>(move |n| log.push((*n, listener)))
        })
        .collect();

    hub.publish::<Words>("hold");
    gate.wait();
    for n in 0..3 {
        hub.publish::<Numbers>(n);
    }
    gate.open();
    hub.flush();

    let expected: Vec<_> = (0..3).flat_map(|n| (0..3).map(move |l| (n, l))).collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn what_a_callback_publishes_comes_after_everything_accepted_before_it() {
    let hub = Hub::new();
    let log = Log::new();
    let (gate, keeper) = gate();
    let weak = hub.downgrade();
    let publishing = hub.listen::<Words>(move |_| {
        keeper.pass();
        weak.upgrade().unwrap().publish::<Numbers>(99);
    });
    let numbers = log.clone();
    let _numbers = hub.listen::<Numbers>(move |n| numbers.push(*n));

    hub.publish::<Words>("go");
    gate.wait();
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    gate.open();
    hub.flush();
    hub.flush(); // the first may have been over before 99 was accepted

    assert_eq!(log.take(), [1, 2, 99]);
    publishing.close();
}

#[test]
fn inline_listeners_are_called_in_the_order_of_registration() {
    let hub = Hub::new();
    let log = Log::new();
    let mut guards: Vec<_> = (0..5)
        .map(|listener| {
            let log = log.clone();
            hub.listen_inline::<Numbers>(move |_| log.push(listener))
        })
        .collect();
    drop(guards.remove(1));
    let last = log.clone();
    guards.push(hub.listen_inline::<Numbers>(move |_| last.push(5)));

    hub.publish::<Numbers>(0);
    assert_eq!(log.take(), [0, 2, 3, 4, 5]);
}

/// So many that the hub keeps them in several pieces; some leave at the ends of pieces, and one piece
/// all together.
#[test]
#[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
fn hundreds_of_listeners_keep_their_order_however_they_come_and_go() {
    let hub = Hub::new();
    let log = Log::new();
    let captured = Arc::new(());
    let listen = |listener: u32| {
        let (log, capture) = (log.clone(), Arc::clone(&captured));
        hub.listen_inline::<Numbers>(move |_| {
            drop(Arc::clone(&capture));
            log.push(listener);
        })
    };
    let mut guards: Vec<_> = (0..200).map(|n| (n, listen(n))).collect();
    let mut next = 200;
    for leaves in [60..64, 0..3, 128..200, 30..33, 64..128, 200..203] {
        guards.retain(|(n, _)| !leaves.contains(n));
        guards.extend((next..next + 5).map(|n| (n, listen(n))));
        next += 5;
        hub.publish::<Numbers>(0);
        let there: Vec<_> = guards.iter().map(|(n, _)| *n).collect();
        assert_eq!(log.take(), there);
        assert_eq!(Arc::strong_count(&captured), 1 + there.len());
    }
}

#[test]
fn no_inline_listener_sees_two_events_reversed() {
    let hub = Hub::new();
    let log = Log::new();
    let (weak, first) = (hub.downgrade(), log.clone());
    let _first = hub.listen_inline::<Numbers>(move |n| {
        first.push(("first", *n));
        if *n < 3 {
            weak.upgrade().unwrap().publish::<Numbers>(n + 1);
        }
    });
    let second = log.clone();
    let _second = hub.listen_inline::<Numbers>(move |n| second.push(("second", *n)));

    hub.publish::<Numbers>(1);
    let expected: Vec<_> = (1..=3)
        .flat_map(|n| [("first", n), ("second", n)])
        .collect();
    assert_eq!(log.take(), expected);
}

#[test]
fn inline_events_of_two_channels_are_not_reversed_either() {
    let hub = Hub::new();
    let log = Log::new();
    let (weak, first) = (hub.downgrade(), log.clone());
    let _first = hub.listen_inline::<Numbers>(move |n| {
        weak.upgrade().unwrap().publish::<Words>("nested");
        first.push(n.to_string());
    });
    let second = log.clone();
    let _second = hub.listen_inline::<Numbers>(move |n| second.push(n.to_string()));
    let words = log.clone();
    let _words = hub.listen_inline::<Words>(move |w| words.push((*w).to_owned()));

    hub.publish::<Numbers>(7);
    assert_eq!(log.take(), ["7", "7", "nested"]);
}

#[test]
fn a_nested_event_of_another_hub_is_delivered_at_once() {
    let (outer, inner) = (Hub::new(), Hub::new());
    let log = Log::new();
    let (nested, first) = (inner.clone(), log.clone());
    let _first = outer.listen_inline::<Numbers>(move |n| {
        nested.publish::<Words>("nested");
        first.push(n.to_string());
    });
    let words = log.clone();
    let _words = inner.listen_inline::<Words>(move |w| words.push((*w).to_owned()));

    outer.publish::<Numbers>(7);
    assert_eq!(log.take(), ["nested", "7"]);
}
