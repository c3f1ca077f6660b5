//! Promise 11: `flush` waits until what was accepted is delivered; dropping the last handle
//! delivers what was accepted, then ends the thread; without `listen` there is no thread.

mod common;

use std::sync::{Arc, Mutex};
use std::thread;

use common::{Log, Numbers, Words, gate, in_time, rounds};
use typed_hub::{Hub, WeakHub};

#[test]
fn flush_waits_until_everything_accepted_is_delivered() {
    let hub = Hub::new();
    let log = Log::new();
    let numbers = log.clone();
    let _guard = hub.listen::<Numbers>(move |n| {
        thread::yield_now();
        numbers.push(*n);
    });
    for round in 1..=50 {
        (0..20).for_each(|n| hub.publish::<Numbers>(n));
        hub.flush();
        assert_eq!(log.len(), round * 20);
    }
}

#[test]
fn flush_does_not_wait_for_what_is_accepted_after_it_began() {
    in_time(|| {
        let hub = Hub::new();
        let (first, first_keeper) = gate();
        let (second, second_keeper) = gate();
        let _first = hub.listen::<Words>(move |_| first_keeper.pass());
        let _second = hub.listen::<Numbers>(move |_| second_keeper.pass());
        hub.publish::<Words>("flushed");
        first.wait();
        thread::scope(|scope| {
            let flush = scope.spawn(|| hub.flush());
            // Wherever the flush is by now, the number is accepted after the word.
            hub.publish::<Numbers>(1);
            first.open();
            second.wait();
            if !flush.is_finished() {
                thread::yield_now();
            }
            second.open();
        });
        drop((first, second));
    });
}

#[test]
fn flush_from_inside_a_callback_returns_at_once() {
    in_time(|| {
        let hub = Hub::new();
        let (queued, inline) = (hub.downgrade(), hub.downgrade());
        let flush = |weak: &WeakHub| weak.upgrade().unwrap().flush();
        let _queued = hub.listen::<Numbers>(move |_| flush(&queued));
        let _inline = hub.listen_inline::<Numbers>(move |_| flush(&inline));
        hub.publish::<Numbers>(1);
        hub.flush();
    });
}

#[test]
fn flush_of_a_hub_that_nobody_listens_to_returns_at_once() {
    in_time(|| {
        let hub = Hub::new();
        hub.flush();
        hub.publish::<Numbers>(1);
        hub.flush();
    });
}

#[test]
fn dropping_the_last_handle_delivers_what_was_accepted() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let log = Log::new();
    let numbers = log.clone();
    let _held = hub.listen::<Words>(move |_| keeper.pass());
    let _numbers = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Words>("hold");
    gate.wait();
    (0..100).for_each(|n| hub.publish::<Numbers>(n));
    gate.open();
    drop(hub);
    assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
}

/// The names of this process's threads that belong to hubs. `None` where the system does not say.
#[cfg(target_os = "linux")]
fn hub_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "typed-hub")
        .count()
}

/// Alone in its process, where the test harness runs one: it counts threads.
#[cfg(target_os = "linux")]
#[test]
fn a_hub_has_a_thread_from_its_first_listen_to_its_end_and_none_otherwise() {
    const ALONE: &str = "TYPED_HUB_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = "a_hub_has_a_thread_from_its_first_listen_to_its_end_and_none_otherwise";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ALONE, "yes")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let hub = Hub::new();
    let _inline = hub.listen_inline::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    hub.flush();
    assert_eq!(hub_threads(), 0, "without `listen`");
    let guards = [hub.listen::<Numbers>(|_| {}), hub.listen::<Words>(|_| {})];
    in_time(|| while hub_threads() == 0 {});
    assert_eq!(hub_threads(), 1, "however many listen");
    let clone = hub.clone();
    drop(hub);
    assert_eq!(hub_threads(), 1, "while a handle is left");
    drop(clone);
    // A thread that has been joined may be listed a moment longer.
    in_time(|| while hub_threads() != 0 {});
    drop(guards);
}

#[test]
fn the_last_handle_may_be_dropped_inside_a_callback() {
    in_time(|| {
        let log = Log::new();
        let hub = Hub::new();
        let last = Arc::new(Mutex::new(Some(hub.clone())));
        let (slot, words, numbers) = (Arc::clone(&last), log.clone(), log.clone());
        let (gate, keeper) = gate();
        hub.listen::<Words>(move |_| {
            keeper.pass();
            drop(slot.lock().unwrap().take());
            words.push("dropped".to_owned());
        })
        .detach();
        hub.listen::<Numbers>(move |n| numbers.push(n.to_string()))
            .detach();
        hub.publish::<Words>("go");
        gate.wait();
        hub.publish::<Numbers>(1);
        drop(hub);
        gate.open();
        while log.len() < 2 {}
        assert_eq!(log.take(), ["dropped", "1"]);
    });
}

#[test]
fn the_last_handle_may_be_dropped_inside_an_inline_callback() {
    in_time(|| {
        let log = Log::new();
        let hub = Hub::new();
        let queued = log.clone();
        hub.listen::<Numbers>(move |n| queued.push(*n)).detach();
        let last = Mutex::new(Some(hub.publisher::<Numbers>()));
        let outer = Hub::new();
        let _guard = outer.listen_inline::<Words>(move |_| {
            let publisher = last.lock().unwrap().take();
            publisher.unwrap().publish(1);
        });
        drop(hub);
        outer.publish::<Words>("go");
        assert_eq!(log.take(), [1]);
    });
}

#[test]
fn a_callback_that_holds_its_own_hub_keeps_it_until_its_guard_is_dropped() {
    in_time(|| {
        let hub = Hub::new();
        let weak = hub.downgrade();
        let own = hub.clone();
        let guard = hub.listen::<Numbers>(move |n| {
            if *n == 1 {
                own.publish::<Numbers>(2);
            }
        });
        hub.publish::<Numbers>(1);
        drop(hub);
        assert!(weak.upgrade().is_some());
        drop(guard);
        while weak.upgrade().is_some() {}
    });
}

#[test]
fn a_weak_handle_keeps_no_hub_alive_and_a_publisher_does() {
    let hub = Hub::new();
    let weak = hub.downgrade();
    let publisher = hub.publisher::<Numbers>();
    drop(hub);
    assert!(weak.upgrade().is_some());
    drop(publisher);
    assert!(weak.upgrade().is_none());
}

#[test]
fn publishing_while_the_hub_ends_is_accepted_or_impossible() {
    in_time(|| {
        for _ in 0..rounds(200) {
            let log = Log::new();
            let hub = Hub::new();
            let weak = hub.downgrade();
            let numbers = log.clone();
            hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
            let publisher = thread::spawn(move || {
                let mut accepted = 0;
                while let Some(hub) = weak.upgrade() {
                    hub.publish::<Numbers>(accepted);
                    accepted += 1;
                }
                accepted
            });
            drop(hub);
            let accepted = publisher.join().unwrap();
            // Whichever of the two threads dropped the last handle has waited for the rest.
            assert_eq!(log.take(), (0..accepted).collect::<Vec<_>>());
        }
    });
}
