//! Promise 8: a listener gets exactly the events accepted after `listen` returned, and until its
//! guard was dropped.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::{Log, Numbers, Words, gate, in_time, rounds};
use typed_hub::{Custom, CustomChannel, Hub, Subscription};

#[test]
fn nothing_from_before_and_everything_from_after() {
    let hub = Hub::new();
    let log = Log::new();
    let _early = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    let numbers = log.clone();
    let guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(2);
    hub.publish::<Numbers>(3);
    hub.flush();
    drop(guard);
    hub.publish::<Numbers>(4);
    hub.flush();
    assert_eq!(log.take(), [2, 3]);
}

#[test]
fn an_event_still_queued_when_a_listener_registers_is_not_for_it() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let _held = hub.listen::<Words>(move |_| keeper.pass());
    let _early = hub.listen::<Numbers>(|_| {});
    hub.publish::<Words>("hold");
    gate.wait();
    hub.publish::<Numbers>(1); // accepted, not delivered
    let log = Log::new();
    let numbers = log.clone();
    let _late = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(2);
    gate.open();
    hub.flush();
    assert_eq!(log.take(), [2]);
}

#[test]
fn a_listener_registered_from_inside_a_callback_gets_what_comes_after() {
    let hub = Hub::new();
    let log = Log::new();
    let guards = Arc::new(Mutex::new(Vec::new()));
    let (weak, written, kept) = (hub.downgrade(), log.clone(), Arc::clone(&guards));
    let _outer = hub.listen::<Numbers>(move |n| {
        if *n == 1 {
            let hub = weak.upgrade().unwrap();
            let (queued, inline) = (written.clone(), written.clone());
            kept.lock().unwrap().extend([
                hub.listen::<Numbers>(move |n| queued.push(("queued", *n))),
                hub.listen_inline::<Numbers>(move |n| inline.push(("inline", *n))),
            ]);
        }
    });
    hub.publish::<Numbers>(1);
    hub.flush();
    hub.publish::<Numbers>(2);
    hub.flush();
    let mut seen = log.take();
    seen.sort_unstable();
    assert_eq!(seen, [("inline", 2), ("queued", 2)]);
    guards.lock().unwrap().clear();
}

#[test]
fn an_inline_listener_registered_from_inside_an_inline_callback_misses_the_present_event() {
    let hub = Hub::new();
    let log = Log::new();
    let guards = Arc::new(Mutex::new(Vec::new()));
    let (weak, written, kept) = (hub.downgrade(), log.clone(), Arc::clone(&guards));
    let _outer = hub.listen_inline::<Numbers>(move |_| {
        let log = written.clone();
        let hub = weak.upgrade().unwrap();
        let guard = hub.listen_inline::<Numbers>(move |n| log.push(*n));
        kept.lock().unwrap().push(guard);
    });
    hub.publish::<Numbers>(1);
    assert_eq!(log.take(), [] as [u64; 0]);
    hub.publish::<Numbers>(2);
    assert_eq!(log.take(), [2]);
    guards.lock().unwrap().clear();
}

#[test]
fn with_a_publisher_that_never_stops_each_listener_gets_one_unbroken_stretch() {
    let hub = Hub::builder().capacity(16).build();
    let _always = hub.listen::<Numbers>(|_| {});
    thread::scope(|scope| {
        let publisher = scope.spawn(|| (0..rounds(20_000)).for_each(|n| hub.publish::<Numbers>(n)));
        while !publisher.is_finished() {
            let log = Log::new();
            let (queued, inline) = (log.clone(), Log::new());
            let inline_log = inline.clone();
            let guards = [
                hub.listen::<Numbers>(move |n| queued.push(*n)),
                hub.listen_inline::<Numbers>(move |n| inline_log.push(*n)),
            ];
            thread::yield_now();
            for guard in guards {
                guard.close();
            }
            for log in [log.take(), inline.take()] {
                let unbroken = log.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                assert!(unbroken, "skipped or twice: {log:?}");
            }
        }
    });
}

#[test]
fn an_inline_listener_that_joins_after_a_publish_does_not_get_it_though_it_waits_its_turn() {
    let hub = Hub::new();
    let late = Log::new();
    let guard: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let (weak, numbers, joined) = (hub.downgrade(), late.clone(), Arc::clone(&guard));
    let _first = hub.listen_inline::<Numbers>(move |n| {
        if *n == 1
            && let Some(hub) = weak.upgrade()
        {
            hub.publish::<Numbers>(2);
            let numbers = numbers.clone();
            let late = hub.listen_inline::<Numbers>(move |n| numbers.push(*n));
            *joined.lock().unwrap() = Some(late);
        }
    });
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(3);
    assert_eq!(late.take(), [3]);
    drop(guard.lock().unwrap().take());
}

/// A publisher remembers who listens, and must have forgotten it when a change returns, whatever
/// another thread changes at the same moment.
#[test]
fn an_inline_listener_gets_the_next_event_though_others_come_and_go_meanwhile() {
    let (rounds, pause) = if cfg!(miri) { (10, 9) } else { (50_000, 999) };
    let hub = Hub::new();
    let over = Arc::new(AtomicBool::new(false));
    let others = thread::spawn({
        let (hub, over) = (hub.clone(), Arc::clone(&over));
        move || {
            while !over.load(Ordering::Relaxed) {
                drop(hub.listen_inline::<Numbers>(|_| {}));
                (0..pause).for_each(|_| std::hint::spin_loop());
            }
        }
    });
    // Many, so that it takes a while until all have forgotten.
    let publishers = [(); 64].map(|()| hub.publisher::<Numbers>());
    let publisher = hub.publisher::<Numbers>();
    let heard = Arc::new(AtomicU64::new(0));
    for n in 1..=rounds {
        for publisher in &publishers {
            publisher.publish(0); // now it remembers
        }
        publisher.publish(0);
        let hears = Arc::clone(&heard);
        let guard = hub.listen_inline::<Numbers>(move |n| hears.store(*n, Ordering::Relaxed));
        publisher.publish(n);
        drop(guard);
        assert_eq!(heard.load(Ordering::Relaxed), n);
    }
    over.store(true, Ordering::Relaxed);
    others.join().unwrap();
}

#[test]
fn what_an_inline_callback_publishes_reaches_a_listener_that_has_just_joined() {
    let hub = Hub::new();
    let log = Log::new();
    let (weak, numbers) = (hub.downgrade(), log.clone());
    let joined = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&joined);
    let _first = hub.listen_inline::<Numbers>(move |n| {
        if *n == 1 {
            let (hub, numbers) = (weak.upgrade().unwrap(), numbers.clone());
            let guard = hub.listen_inline::<Numbers>(move |n| numbers.push(*n));
            *slot.lock().unwrap() = Some(guard);
            hub.publish::<Numbers>(2);
        }
    });
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(3);
    assert_eq!(log.take(), [2, 3]);
    let publisher = hub.publisher::<Numbers>();
    drop(joined.lock().unwrap().take());
    publisher.publish(1);
    publisher.publish(3);
    assert_eq!(log.take(), [2, 3]);
}

/// An event that acts when it is dropped.
struct Act(u64, Mutex<Option<Action>>);

type Action = Box<dyn FnOnce() + Send>;

impl Act {
    fn new(number: u64, action: impl FnOnce() + Send + 'static) -> Self {
        Self(number, Mutex::new(Some(Box::new(action))))
    }
}

impl Drop for Act {
    fn drop(&mut self) {
        if let Some(action) = self.1.get_mut().unwrap().take() {
            action();
        }
    }
}

enum Acts {}

impl CustomChannel for Acts {
    type Event = Act;
    const NAME: &'static str = "acts";
    const RETAIN: usize = 1;
}

#[test]
fn a_listener_that_the_drop_of_a_retained_event_registers_gets_what_comes_after() {
    let hub = Hub::new();
    let log = Log::new();
    let guards: Arc<Mutex<Vec<Subscription>>> = Arc::default();
    let _first = hub.listen_inline::<Custom<Acts>>(|_| {});
    let act = {
        let (hub, numbers, guards) = (hub.downgrade(), log.clone(), Arc::clone(&guards));
        move || {
            let hub = hub.upgrade().unwrap();
            let late = hub.listen_inline::<Custom<Acts>>(move |act| numbers.push(act.0));
            guards.lock().unwrap().push(late);
            hub.publish::<Custom<Acts>>(Act::new(3, || {}));
        }
    };
    hub.publish::<Custom<Acts>>(Act::new(1, act));
    hub.publish::<Custom<Acts>>(Act::new(2, || {})); // 1 is retained no more
    assert_eq!(log.take(), [3]);
    guards.lock().unwrap().clear();
}

#[test]
fn the_drop_of_a_retained_event_may_close_an_inline_listener() {
    in_time(|| {
        let hub = Hub::new();
        let guard = hub.listen_inline::<Custom<Acts>>(|_| {});
        hub.publish::<Custom<Acts>>(Act::new(1, || guard.close()));
        hub.publish::<Custom<Acts>>(Act::new(2, || {}));
    });
}
