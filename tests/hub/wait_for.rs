//! `wait_for` blocks until an event of the kind comes, or the time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::common::{Numbers, PATIENCE, Words, in_time};
use typed_hub::{Custom, CustomChannel, Hub, Replay, WaitTimeout};

/// Publishes a number again and again, on a thread of its own, until it is over.
fn publish_until(over: &Arc<AtomicBool>, hub: &Hub, number: u64) -> JoinHandle<()> {
    let (hub, over) = (hub.clone(), Arc::clone(over));
    thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            hub.publish::<Numbers>(number);
        }
    })
}

#[test]
fn it_returns_the_first_event_that_satisfies_the_predicate() {
    in_time(|| {
        let hub = Hub::new();
        let waiting = {
            let hub = hub.clone();
            thread::spawn(move || hub.wait_for::<Numbers>(|n| *n >= 10, PATIENCE).map(|n| *n))
        };
        let receivers = |hub: &Hub| {
            let report = hub.inspect();
            let counts = report
                .channels
                .iter()
                .map(|channel| channel.listeners.len());
            counts.sum::<usize>()
        };
        while receivers(&hub) == 0 {}
        hub.publish::<Words>("another channel");
        (5..20).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(waiting.join().unwrap(), Ok(10));
        assert_eq!(receivers(&hub), 0, "it leaves nothing behind");
    });
}

#[test]
fn it_gives_up_in_time_whatever_else_is_published() {
    in_time(|| {
        let hub = Hub::new();
        let given_up = Arc::new(AtomicBool::new(false));
        let publisher = publish_until(&given_up, &hub, 1);
        let none = hub.wait_for::<Numbers>(|n| *n == 2, Duration::from_millis(20));
        assert_eq!(none.map(|n| *n), Err(WaitTimeout));
        given_up.store(true, Ordering::Relaxed);
        publisher.join().unwrap();
    });
}

#[test]
fn zero_time_returns_at_once() {
    let hub = Hub::new();
    hub.publish::<Numbers>(1);
    let none = hub.wait_for::<Numbers>(|_| true, Duration::ZERO);
    assert_eq!(none.map(|n| *n), Err(WaitTimeout));
}

#[test]
fn a_callback_may_wait_for_what_another_thread_publishes() {
    in_time(|| {
        let hub = Hub::new();
        let weak = hub.downgrade();
        let (done, waited) = std::sync::mpsc::channel();
        let _guard = hub.listen::<Words>(move |_| {
            let found = weak
                .upgrade()
                .unwrap()
                .wait_for::<Numbers>(|_| true, PATIENCE);
            done.send(found.map(|n| *n)).unwrap();
        });
        hub.publish::<Words>("wait");
        let receivers = |name| {
            let report = hub.inspect();
            let channel = report.channels.into_iter().find(|c| c.name == name);
            channel.map_or(0, |channel| channel.listeners.len())
        };
        while receivers("number") == 0 {}
        hub.publish::<Numbers>(7);
        assert_eq!(waited.recv_timeout(PATIENCE), Ok(Ok(7)));
    });
}

#[test]
fn it_gives_up_in_time_however_busy_the_channel_is() {
    in_time(|| {
        let hub = Hub::new();
        let given_up = Arc::new(AtomicBool::new(false));
        let publishers = [(); 3].map(|()| publish_until(&given_up, &hub, 1));
        let none = hub.wait_for::<Numbers>(|n| *n == 2, Duration::from_millis(20));
        given_up.store(true, Ordering::Relaxed);
        assert_eq!(none.map(|n| *n), Err(WaitTimeout));
        for publisher in publishers {
            publisher.join().unwrap();
        }
    });
}

#[test]
fn it_gives_up_in_time_though_there_is_always_another_event() {
    in_time(|| {
        let hub = Hub::new();
        let again = hub.clone();
        let begun = Arc::new(AtomicBool::new(false));
        let first = publish_until(&begun, &hub, 1);
        let each_leads_to_another = |_: &u64| {
            begun.store(true, Ordering::Relaxed);
            again.publish::<Numbers>(2);
            false
        };
        let none = hub.wait_for::<Numbers>(each_leads_to_another, Duration::from_millis(20));
        begun.store(true, Ordering::Relaxed);
        assert!(none.is_err());
        first.join().unwrap();
    });
}

#[test]
#[cfg_attr(miri, ignore = "too many events for an interpreter")]
fn what_its_predicate_publishes_waits_for_no_room() {
    const MORE_THAN_IT_LETS_WAIT: u64 = 1_100;
    in_time(|| {
        let hub = Hub::new();
        let again = hub.clone();
        let begun = Arc::new(AtomicBool::new(false));
        let first = publish_until(&begun, &hub, 0);
        let last = |n: &u64| {
            if !begun.swap(true, Ordering::Relaxed) {
                (1..=MORE_THAN_IT_LETS_WAIT).for_each(|n| again.publish::<Numbers>(n));
            }
            *n == MORE_THAN_IT_LETS_WAIT
        };
        let found = hub.wait_for::<Numbers>(last, PATIENCE);
        assert_eq!(found.map(|n| *n), Ok(MORE_THAN_IT_LETS_WAIT));
        first.join().unwrap();
    });
}

#[test]
fn what_has_just_happened_is_not_waited_for_in_vain() {
    struct Ready;

    impl CustomChannel for Ready {
        type Event = u8;
        const NAME: &'static str = "ready";
        const RETAIN: usize = 2;
    }

    let hub = Hub::new();
    hub.publish::<Custom<Ready>>(7);
    hub.publish::<Custom<Ready>>(8);
    let wait = |replay, wanted| {
        let is_wanted = move |event: &u8| *event == wanted;
        let event =
            hub.wait_for_with::<Custom<Ready>>(replay, is_wanted, Duration::from_millis(20));
        event.map(|event| *event)
    };
    assert_eq!(wait(Replay::All, 7), Ok(7));
    let in_no_time =
        hub.wait_for_with::<Custom<Ready>>(Replay::All, |event| *event == 8, Duration::ZERO);
    assert_eq!(in_no_time.map(|event| *event), Ok(8));
    assert_eq!(wait(Replay::Latest, 8), Ok(8));
    assert_eq!(wait(Replay::Latest, 7), Err(WaitTimeout));
    assert_eq!(wait(Replay::None, 8), Err(WaitTimeout));
}

#[test]
fn a_task_waits_without_blocking_and_holds_up_no_publisher() {
    in_time(|| {
        let hub = Hub::new();
        let waiting = hub.wait_for_async::<Numbers>(|n| *n == 4_999);
        // More than a receiver's capacity, before the future is polled.
        (0..5_000).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(*pollster::block_on(waiting), 4_999);
        let waiting = hub.wait_for_async::<Numbers>(|_| true);
        let publishing = hub.clone();
        let publisher = thread::spawn(move || publishing.publish::<Numbers>(7));
        assert_eq!(*pollster::block_on(waiting), 7);
        publisher.join().unwrap();
        drop(hub.wait_for_async::<Numbers>(|_| true));
        assert!(!hub.has_listeners::<Numbers>(), "it leaves nothing behind");
    });
}

#[test]
fn a_task_that_waits_looks_first_at_what_is_retained_and_may_publish() {
    in_time(|| {
        enum Kept {}

        impl CustomChannel for Kept {
            type Event = u64;
            const NAME: &'static str = "kept";
            const RETAIN: usize = 2;
        }

        let hub = Hub::builder().capacity(1).build();
        let _full = hub.listen::<Words>(|_| {});
        (0..3).for_each(|n| hub.publish::<Custom<Kept>>(n));
        let mut seen = Vec::new();
        let found = hub.wait_for_async_with::<Custom<Kept>>(Replay::All, |n| {
            (0..5).for_each(|_| hub.publish::<Words>("inside"));
            seen.push(*n);
            *n >= 2
        });
        assert_eq!(*pollster::block_on(found), 2);
        assert_eq!(seen, [1, 2]);
    });
}
