//! Promise 7: after `drop(subscription)` returns no call is decided on; `close` waits for the one under
//! way and for nothing else; `detach` listens for as long as the hub lives.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::common::{self, Gate, Log, Numbers, Words, gate, in_time, poll, rounds};
use typed_hub::{Custom, CustomChannel, Hub, Replay, Subscription};

#[test]
fn after_close_no_call_begins_or_is_under_way() {
    in_time(|| {
        // The publisher never stops, so that the drop has every chance to come in between.
        for _ in 0..rounds(200) {
            let hub = Hub::new();
            let ended = Arc::new(AtomicBool::new(false));
            let late = Log::new();
            let stop = Arc::new(AtomicBool::new(false));
            let publisher = {
                let (hub, stop) = (hub.clone(), Arc::clone(&stop));
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        hub.publish::<Numbers>(0);
                    }
                })
            };
            let queued = {
                let (ended, late) = (Arc::clone(&ended), late.clone());
                hub.listen::<Numbers>(move |_| {
                    if ended.load(Ordering::SeqCst) {
                        late.push("queued");
                    }
                })
            };
            let inline = {
                let (ended, late) = (Arc::clone(&ended), late.clone());
                hub.listen_inline::<Numbers>(move |_| {
                    if ended.load(Ordering::SeqCst) {
                        late.push("inline");
                    }
                })
            };
            while hub.inspect().channels[0]
                .listeners
                .iter()
                .any(|l| l.delivered == 0)
            {}
            queued.close();
            inline.close();
            ended.store(true, Ordering::SeqCst);
            thread::yield_now();
            stop.store(true, Ordering::Relaxed);
            publisher.join().unwrap();
            hub.flush();
            assert_eq!(late.take(), [] as [&str; 0]);
        }
    });
}

#[test]
fn a_dropped_listener_does_not_get_what_was_accepted_before() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let _held = hub.listen::<Words>(move |_| keeper.pass());
    let log = Log::new();
    let numbers = log.clone();
    let subscription = hub.listen::<Numbers>(move |n| numbers.push(*n));

    hub.publish::<Words>("hold");
    gate.wait();
    hub.publish::<Numbers>(1);
    drop(subscription);
    gate.open();
    hub.flush();
    assert_eq!(log.len(), 0);
}

#[test]
fn drop_does_not_wait_for_the_call_under_way() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let subscription = hub.listen::<Numbers>(move |_| keeper.pass());
        hub.publish::<Numbers>(1);
        gate.wait();
        drop(subscription); // the call is under way and stays so
        gate.open();
        hub.flush();
    });
}

/// Closes on another thread, and checks that it waits exactly as long as the gate is shut.
fn closes_after(subscription: Subscription, open: impl FnOnce()) {
    let (done, closed) = mpsc::channel();
    thread::spawn(move || {
        subscription.close();
        done.send(()).unwrap();
    });
    let waits = closed.recv_timeout(Duration::from_millis(50));
    assert!(
        waits.is_err(),
        "close returned while its call was under way"
    );
    open();
    closed
        .recv_timeout(common::PATIENCE)
        .expect("close did not return after its call");
}

#[test]
fn close_waits_for_the_queued_call_under_way() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let subscription = hub.listen::<Numbers>(move |_| keeper.pass());
    hub.publish::<Numbers>(1);
    gate.wait();
    closes_after(subscription, || gate.open());
}

#[test]
fn close_waits_for_the_inline_call_under_way() {
    let hub = Hub::new();
    let (gate, keeper) = gate();
    let subscription = hub.listen_inline::<Numbers>(move |_| keeper.pass());
    let publisher = thread::spawn(move || hub.publish::<Numbers>(1));
    gate.wait();
    closes_after(subscription, || gate.open());
    publisher.join().unwrap();
}

#[test]
fn close_does_not_wait_for_the_call_of_another_listener() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let _busy = hub.listen::<Numbers>(move |_| keeper.pass());
        let idle = hub.listen::<Numbers>(|_| {});
        hub.publish::<Numbers>(1);
        gate.wait();
        idle.close();
        gate.open();
    });
}

#[test]
fn close_returns_when_its_own_call_has_and_the_next_listeners_has_not() {
    let hub = Hub::new();
    let (first, first_keeper) = gate();
    let (second, second_keeper) = gate();
    let closed = hub.listen::<Numbers>(move |_| first_keeper.pass());
    let _other = hub.listen::<Numbers>(move |_| second_keeper.pass());
    hub.publish::<Numbers>(1);
    first.wait();
    closes_after(closed, || first.open());
    second.wait();
    second.open();
}

#[test]
fn close_of_an_idle_listener_returns_at_once() {
    in_time(|| {
        let hub = Hub::new();
        hub.listen::<Numbers>(|_| {}).close();
        hub.listen_inline::<Numbers>(|_| {}).close();
        let used = hub.listen::<Numbers>(|_| {});
        hub.publish::<Numbers>(1);
        hub.flush();
        used.close();
    });
}

#[test]
fn close_and_drop_from_inside_the_own_callback_do_not_dead_lock() {
    in_time(|| {
        for close in [true, false] {
            for inline in [true, false] {
                let hub = Hub::new();
                let own: Arc<Mutex<Option<Subscription>>> = Arc::default();
                let calls = Log::new();
                let (slot, log) = (Arc::clone(&own), calls.clone());
                let callback = move |n: &u64| {
                    log.push(*n);
                    match slot.lock().unwrap().take() {
                        Some(subscription) if close => subscription.close(),
                        subscription => drop(subscription),
                    }
                };
                *own.lock().unwrap() = Some(if inline {
                    hub.listen_inline::<Numbers>(callback)
                } else {
                    hub.listen::<Numbers>(callback)
                });
                hub.publish::<Numbers>(1);
                hub.flush();
                hub.publish::<Numbers>(2);
                hub.flush();
                assert_eq!(calls.take(), [1], "close: {close}, inline: {inline}");
            }
        }
    });
}

#[test]
fn a_detached_listener_lives_as_long_as_the_hub() {
    let hub = Hub::new();
    let log = Log::new();
    let (queued, inline) = (log.clone(), log.clone());
    hub.listen::<Numbers>(move |_| queued.push("queued"))
        .detach();
    hub.listen_inline::<Numbers>(move |_| inline.push("inline"))
        .detach();
    hub.publish::<Numbers>(1);
    drop(hub);
    let mut called = log.take();
    called.sort_unstable(); // between the two kinds there is no order
    assert_eq!(called, ["inline", "queued"]);
}

#[test]
fn what_a_callback_captured_is_dropped_with_its_guard_or_its_hub() {
    let capture = Arc::new(());
    let hub = Hub::new();
    let [queued, inline, detached] = [(); 3].map(|()| Arc::clone(&capture));
    let queued = hub.listen::<Numbers>(move |_| drop(Arc::clone(&queued)));
    let inline = hub.listen_inline::<Numbers>(move |_| drop(Arc::clone(&inline)));
    hub.listen::<Words>(move |_| drop(Arc::clone(&detached)))
        .detach();
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("detached");
    hub.flush();

    drop(queued);
    drop(inline);
    // The dispatcher may be about to give back what it borrowed for the last delivery.
    in_time({
        let capture = Arc::clone(&capture);
        move || while Arc::strong_count(&capture) > 3 {}
    });
    drop(hub);
    assert_eq!(Arc::strong_count(&capture), 1);
}

#[test]
fn the_same_closure_registered_twice_is_two_subscriptions() {
    let hub = Hub::new();
    let log = Log::new();
    let written = log.clone();
    let callback = move |n: &u64| written.push(*n);
    let first = hub.listen::<Numbers>(callback.clone());
    let _second = hub.listen::<Numbers>(callback);
    hub.publish::<Numbers>(1);
    hub.flush();
    drop(first);
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), [1, 1, 2]);
}

#[test]
fn a_guard_may_outlive_its_hub_and_end_on_another_thread() {
    let hub = Hub::new();
    let guards = [
        hub.listen::<Numbers>(|_| {}),
        hub.listen_inline::<Numbers>(|_| {}),
        hub.listen::<Numbers>(|_| {}),
        hub.listen_inline::<Numbers>(|_| {}),
    ];
    drop(hub);
    in_time(move || {
        let [first, second, third, fourth] = guards;
        drop((first, second));
        third.close();
        fourth.close();
    });
}

#[test]
fn a_thread_that_has_published_keeps_no_dropped_callback_alive() {
    let hub = Hub::new();
    let captured = Arc::new(());
    let capture = Arc::clone(&captured);
    let guard = hub.listen_inline::<Numbers>(move |_| drop(Arc::clone(&capture)));
    let (published, first) = mpsc::channel();
    let (go_on, next) = mpsc::channel();
    let publisher = {
        let hub = hub.clone();
        thread::spawn(move || {
            hub.publish::<Numbers>(1);
            published.send(()).unwrap();
            next.recv().unwrap();
            hub.publish::<Numbers>(2);
        })
    };
    first.recv().unwrap();
    drop(guard);
    assert_eq!(Arc::strong_count(&captured), 1);
    go_on.send(()).unwrap();
    publisher.join().unwrap();
}

#[test]
fn a_publisher_that_has_published_keeps_no_dropped_callback_alive() {
    let hub = Hub::new();
    let publisher = hub.publisher::<Numbers>();
    let capture = Arc::new(());
    let captured = Arc::clone(&capture);
    let guard = hub.listen_inline::<Numbers>(move |_| drop(Arc::clone(&captured)));
    publisher.publish(1);
    drop(guard);
    assert_eq!(Arc::strong_count(&capture), 1);
}

#[test]
fn after_the_drop_no_call_begins() {
    in_time(|| {
        for _ in 0..rounds(200) {
            let hub = Hub::new();
            let (begun, has_begun) = (Log::new(), Arc::new(AtomicBool::new(false)));
            let (calls, first) = (begun.clone(), Arc::clone(&has_begun));
            let guard = hub.listen::<Numbers>(move |n| {
                calls.push(*n);
                first.store(true, Ordering::SeqCst);
            });
            (0..100).for_each(|n| hub.publish::<Numbers>(n));
            while !has_begun.load(Ordering::SeqCst) {}
            drop(guard);
            // The call under way at the drop may not have written itself down yet; no other will.
            let at_the_drop = begun.len();
            hub.flush();
            assert!(begun.len() <= at_the_drop + 1);
        }
    });
}

/// What is dropped holds up the thread that drops it until the test lets go; longer than `in_time`
/// waits, so that who waits for it is found out.
struct Stuck(Mutex<mpsc::Receiver<()>>);

thread_local! {
    /// Whether this thread is not held up.
    static IS_FREE: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Stuck {
    fn drop(&mut self) {
        if !IS_FREE.get() {
            let _ = self.0.lock().unwrap().recv_timeout(2 * common::PATIENCE);
        }
    }
}

fn stuck() -> (mpsc::Sender<()>, Stuck) {
    let (let_go, held) = mpsc::channel();
    (let_go, Stuck(Mutex::new(held)))
}

enum StuckEvents {}

impl CustomChannel for StuckEvents {
    type Event = Stuck;
    const NAME: &'static str = "stuck";
}

enum RetainedStuckEvents {}

impl CustomChannel for RetainedStuckEvents {
    type Event = Stuck;
    const NAME: &'static str = "retained and stuck";
    const RETAIN: usize = 1;
}

// In each of these tests a drop waits for the end of the test, so that a `close` that waited for it
// would wait for itself.

#[test]
fn close_does_not_wait_for_the_drop_of_an_event() {
    in_time(|| {
        let hub = Hub::new();
        let (called, calls) = mpsc::channel();
        let guard = hub.listen::<Custom<StuckEvents>>(move |_| called.send(()).unwrap());
        let (let_go, event) = stuck();
        hub.publish::<Custom<StuckEvents>>(event);
        calls.recv().unwrap();
        thread::sleep(Duration::from_millis(20)); // the call is over
        guard.close();
        drop(let_go);
    });
}

#[test]
fn close_does_not_wait_for_the_drop_of_a_replayed_event() {
    in_time(|| {
        let hub = Hub::new();
        let (let_go, event) = stuck();
        hub.publish::<Custom<RetainedStuckEvents>>(event);
        let (called, calls) = mpsc::channel();
        let (gate, keeper) = gate();
        let guard = hub
            .listener::<Custom<RetainedStuckEvents>>()
            .replay(Replay::All)
            .listen(move |_| {
                keeper.pass();
                called.send(()).unwrap();
            });
        gate.wait();
        // It is retained no more: the dispatcher has it alone.
        let (let_go_too, event) = stuck();
        hub.publish::<Custom<RetainedStuckEvents>>(event);
        gate.open();
        calls.recv().unwrap();
        thread::sleep(Duration::from_millis(20)); // the call is over
        guard.close();
        drop((let_go, let_go_too));
    });
}

#[test]
fn close_of_an_inline_listener_does_not_wait_for_the_drop_of_an_event_that_is_retained_no_more() {
    in_time(|| {
        let hub = Hub::new();
        let guard = hub.listen_inline::<Custom<RetainedStuckEvents>>(|_| {});
        let (let_go, event) = stuck();
        let (let_go_too, second) = stuck();
        hub.publish::<Custom<RetainedStuckEvents>>(event);
        let publisher = hub.clone();
        let publisher =
            thread::spawn(move || publisher.publish::<Custom<RetainedStuckEvents>>(second));
        thread::sleep(Duration::from_millis(20)); // the call is over
        guard.close();
        drop((let_go, let_go_too));
        publisher.join().unwrap();
    });
}

#[test]
fn close_does_not_wait_for_the_drop_of_what_is_left_in_the_batch() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let _hold = hub.listen::<Numbers>(move |_| keeper.pass());
        let (called, calls) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let ends = Mutex::new(ends);
        let guard = hub.listen::<Custom<StuckEvents>>(move |_| {
            called.send(()).unwrap();
            let _ = ends.lock().unwrap().recv();
        });
        hub.publish::<Numbers>(1);
        gate.wait();
        let (senders, events): (Vec<_>, Vec<_>) = (0..10).map(|_| stuck()).unzip();
        for event in events {
            // One batch.
            hub.publish::<Custom<StuckEvents>>(event);
        }
        gate.open();
        calls.recv().unwrap();
        let closing = thread::spawn(move || guard.close());
        thread::sleep(Duration::from_millis(20)); // it waits by now
        drop(end);
        closing.join().unwrap();
        drop(senders);
    });
}

/// Ways to close a listener whose call is at the gate.
const CLOSES: [fn(Subscription, &Gate); 2] = [
    |guard, gate| {
        let closing = thread::spawn(move || {
            // On a slow machine it comes after the call, and drops the captures itself.
            IS_FREE.set(true);
            guard.close();
        });
        thread::sleep(Duration::from_millis(20)); // it waits by now
        gate.open();
        closing.join().unwrap();
    },
    |guard, gate| {
        let mut closing = guard.close_async();
        assert!(poll(Pin::new(&mut closing), Waker::noop()).is_pending());
        gate.open();
        pollster::block_on(closing);
    },
];

#[test]
fn close_does_not_wait_for_the_drop_of_captures() {
    for close in CLOSES {
        in_time(move || {
            let hub = Hub::new();
            let (let_go, capture) = stuck();
            let (gate, keeper) = gate();
            let guard = hub.listen::<Numbers>(move |_| {
                let _ = &capture;
                keeper.pass();
            });
            hub.publish::<Numbers>(1);
            gate.wait();
            close(guard, &gate);
            drop(let_go);
        });
    }
}

#[test]
fn close_of_an_inline_listener_does_not_wait_for_the_drop_of_captures() {
    for close in CLOSES {
        in_time(move || {
            let hub = Hub::new();
            let (let_go, capture) = stuck();
            let (gate, keeper) = gate();
            let guard = hub.listen_inline::<Numbers>(move |_| {
                let _ = &capture;
                keeper.pass();
            });
            let publisher = {
                let hub = hub.clone();
                thread::spawn(move || hub.publish::<Numbers>(1))
            };
            gate.wait();
            close(guard, &gate);
            drop(let_go);
            publisher.join().unwrap();
        });
    }
}

#[test]
fn close_of_an_inline_listener_does_not_wait_for_the_drop_of_an_event_that_had_to_wait_its_turn() {
    in_time(|| {
        let hub = Hub::new();
        let (senders, events): (Vec<_>, Vec<_>) = (0..2).map(|_| stuck()).unzip();
        let events = Mutex::new(events);
        let weak = hub.downgrade();
        let _first = hub.listen_inline::<Numbers>(move |_| {
            let hub = weak.upgrade().unwrap();
            for event in events.lock().unwrap().drain(..) {
                hub.publish::<Custom<StuckEvents>>(event);
            }
        });
        let (called, calls) = mpsc::channel();
        let guard = hub.listen_inline::<Custom<StuckEvents>>(move |_| called.send(()).unwrap());
        let publisher = {
            let hub = hub.clone();
            thread::spawn(move || hub.publish::<Numbers>(1))
        };
        calls.recv().unwrap();
        thread::sleep(Duration::from_millis(20)); // the call is over, and another one is to come
        guard.close();
        drop(senders);
        publisher.join().unwrap();
    });
}

/// Ways to listen, each with a callback that is called once for the event.
type Listen = fn(&Hub, Box<dyn Fn() + Send + Sync>) -> Subscription;

const QUEUED: Listen = |hub, call| hub.listen::<Numbers>(move |_| call());
const INLINE: Listen = |hub, call| hub.listen_inline::<Numbers>(move |_| call());

#[test]
fn callbacks_of_two_hubs_that_close_each_other_do_not_wait_for_each_other() {
    for ways in [[QUEUED, QUEUED], [QUEUED, INLINE], [INLINE, INLINE]] {
        in_time(move || {
            let hubs = [Hub::new(), Hub::new()];
            let both = Arc::new(Barrier::new(2));
            let guards: [Arc<Mutex<Option<Subscription>>>; 2] = Default::default();
            for index in 0..2 {
                let (other, both) = (Arc::clone(&guards[1 - index]), Arc::clone(&both));
                let close_the_other = move || {
                    both.wait();
                    let guard = other.lock().unwrap().take();
                    guard.into_iter().for_each(Subscription::close);
                };
                let guard = ways[index](&hubs[index], Box::new(close_the_other));
                *guards[index].lock().unwrap() = Some(guard);
            }
            let publishers = hubs.clone().map(|hub| {
                thread::spawn(move || {
                    hub.publish::<Numbers>(1);
                    hub.flush();
                })
            });
            for publisher in publishers {
                publisher.join().unwrap();
            }
        });
    }
}

/// Closes another listener when the callback that captured it is dropped.
struct ClosesOnDrop(Option<Subscription>);

impl Drop for ClosesOnDrop {
    fn drop(&mut self) {
        self.0.take().unwrap().close();
    }
}

#[test]
fn the_drop_of_captures_at_the_end_of_a_hub_may_close_another_listener() {
    in_time(|| {
        let hub = Hub::new();
        let other = Arc::new(Mutex::new(None));
        let closes = Arc::clone(&other);
        hub.listen_inline::<Numbers>(move |_| drop(closes.lock()))
            .detach();
        let guard = hub.listen_inline::<Numbers>(|_| {});
        *other.lock().unwrap() = Some(ClosesOnDrop(Some(guard)));
        hub.publish::<Numbers>(0);
        drop(other);
        drop(hub);
    });
}

#[test]
fn close_of_an_inline_listener_does_not_wait_for_the_drop_of_another_ones_captures() {
    in_time(|| {
        let hub = Hub::new();
        let (let_go, capture) = stuck();
        let (gate, keeper) = gate();
        let first = hub.listen_inline::<Numbers>(move |_| drop(capture.0.lock()));
        let second = hub.listen_inline::<Numbers>(|_| {});
        let _third = hub.listen_inline::<Numbers>(move |_| keeper.pass());
        let publisher = {
            let hub = hub.clone();
            thread::spawn(move || hub.publish::<Numbers>(1))
        };
        gate.wait();
        drop(first); // the publisher drops its captures
        let closing = thread::spawn(move || second.close());
        thread::sleep(Duration::from_millis(20)); // it waits by now
        gate.open();
        closing.join().unwrap();
        drop(let_go);
        publisher.join().unwrap();
    });
}

#[test]
fn the_drop_of_captures_at_the_end_of_a_hub_waits_for_the_call_of_another_hub() {
    in_time(|| {
        let [ending, other] = [Hub::new(), Hub::new()];
        let (gate, keeper) = gate();
        let returned = Arc::new(AtomicBool::new(false));
        let called = Arc::clone(&returned);
        let guard = other.listen::<Numbers>(move |_| {
            keeper.pass();
            called.store(true, Ordering::SeqCst);
        });
        let closes = ClosesOnDrop(Some(guard));
        ending
            .listen_inline::<Numbers>(move |_| assert!(closes.0.is_some()))
            .detach();
        other.publish::<Numbers>(1);
        gate.wait();
        let opener = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            gate.open();
        });
        drop(ending);
        assert!(returned.load(Ordering::SeqCst));
        opener.join().unwrap();
    });
}

#[test]
fn a_set_ends_all_its_listeners_before_it_waits() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let held = hub.listen::<Words>(move |_| keeper.pass());
        let second = hub.listen_inline::<Numbers>(move |n| numbers.push(*n));
        let guards: typed_hub::SubscriptionSet = [held, second].into_iter().collect();
        hub.publish::<Words>("a");
        gate.wait();
        let closing = thread::spawn(move || guards.close());
        while hub.has_listeners::<Numbers>() {
            thread::yield_now();
        }
        hub.publish::<Numbers>(1);
        assert_eq!(log.take(), [0; 0]);
        gate.open();
        closing.join().unwrap();
    });
}
