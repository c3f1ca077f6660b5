//! Promise 11: `flush` waits until what was accepted is delivered; dropping the last handle
//! delivers what was accepted, then ends the thread; without `listen` there is no thread.

use std::cell::RefCell;
use std::future::Future as _;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(all(target_os = "linux", not(miri)))]
use crate::alone::alone;
use crate::common::{Log, Numbers, Words, gate, in_time, poll, rounds};
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
    let rounds = usize::try_from(rounds(50)).unwrap();
    for round in 1..=rounds {
        (0..20).for_each(|n| hub.publish::<Numbers>(n));
        hub.flush();
        assert_eq!(log.len(), round * 20);
    }
}

#[test]
fn flush_does_not_wait_for_what_is_accepted_after_it_began() {
    in_time(|| {
        let mut ended = 0;
        for _ in 0..10 {
            let hub = Hub::new();
            let (first, first_keeper) = gate();
            let (second, second_keeper) = gate();
            let _first = hub.listen::<Words>(move |_| first_keeper.pass());
            let _second = hub.listen::<Numbers>(move |_| second_keeper.pass());
            hub.publish::<Words>("flushed");
            first.wait();
            let (begins, begun) = mpsc::channel();
            thread::scope(|scope| {
                let flush = scope.spawn(|| {
                    begins.send(()).unwrap();
                    hub.flush();
                });
                begun.recv().unwrap();
                thread::sleep(Duration::from_millis(2));
                hub.publish::<Numbers>(1);
                first.open();
                // The second callback is held until the flush is over, unless the flush began behind it
                // and waits for it by right.
                second.wait();
                let since = Instant::now();
                while !flush.is_finished() && since.elapsed() < Duration::from_millis(300) {}
                ended += u32::from(flush.is_finished());
                second.open();
            });
            drop((first, second));
        }
        assert!(
            ended > 0,
            "not one flush returned while a later event was being delivered"
        );
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
#[cfg(all(target_os = "linux", not(miri)))]
fn hub_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "typed-hub")
        .count()
}

/// Alone in its process: it counts threads.
#[cfg(all(target_os = "linux", not(miri)))]
#[test]
fn a_hub_has_a_thread_from_its_first_listen_to_its_end_and_none_otherwise() {
    let test = "a_hub_has_a_thread_from_its_first_listen_to_its_end_and_none_otherwise";
    if alone(module_path!(), test).is_some() {
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

/// A waker that owns a handle, as one that keeps a task alive may.
struct Owner(Mutex<Option<Hub>>);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        let hub = self.0.lock().unwrap().take();
        drop(hub);
    }
}

#[test]
fn the_last_handle_may_be_dropped_by_a_waker_on_the_hubs_own_thread() {
    in_time(|| {
        let log = Log::new();
        let panics = log.clone();
        let hub = Hub::builder()
            .capacity(1)
            .on_panic(move |p| panics.push(p.to_string()))
            .build();
        let (gate, keeper) = gate();
        hub.listen::<Words>(move |_| keeper.pass()).detach();
        hub.publish::<Words>("held");
        gate.wait();
        hub.publish::<Words>("full");
        let owner = Arc::new(Owner(Mutex::default()));
        let waker = Waker::from(Arc::clone(&owner));
        let publisher = hub.publisher::<Words>();
        // Never dropped, so that its place is not given up and the waker is woken.
        let mut waiting = ManuallyDrop::new(publisher.publish_async("waits"));
        let polled = Pin::new(&mut *waiting).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        *owner.0.lock().unwrap() = Some(hub);
        drop(publisher);
        gate.open();
        while owner.0.lock().unwrap().is_some() {}
        drop(gate);
        assert_eq!(log.take(), [] as [String; 0]);
    });
}

#[test]
fn two_hubs_whose_callbacks_drop_each_others_last_handle_both_end() {
    two_hubs_end(|drop_it| drop_it());
}

#[test]
fn two_hubs_end_even_if_it_is_dropped_by_way_of_a_third() {
    two_hubs_end(|drop_it| {
        let third = Hub::new();
        let drop_it = Mutex::new(Some(drop_it));
        let guard = third.listen_inline::<Numbers>(move |_| {
            let drop_it = drop_it.lock().unwrap().take().unwrap();
            drop_it();
        });
        third.publish::<Numbers>(1);
        drop(guard);
    });
}

/// Two queued callbacks drop the last handle of each other's hub, at the same time, by `way`.
fn two_hubs_end(way: fn(Box<dyn FnOnce() + Send>)) {
    in_time(move || {
        let [left, right] = [(); 2].map(|()| Hub::new());
        let (ended, end) = mpsc::channel();
        let all = Arc::new(Barrier::new(3));
        for (here, there) in [(&left, &right), (&right, &left)] {
            let (mut there, all) = (Some(there.clone()), Arc::clone(&all));
            let ended = ended.clone();
            here.listen::<Numbers>(move |_| {
                all.wait();
                let last = there.take();
                let all = Arc::clone(&all);
                way(Box::new(move || {
                    all.wait();
                    drop(last);
                }));
                ended.send(()).unwrap();
            })
            .detach();
        }
        left.publish::<Numbers>(1);
        right.publish::<Numbers>(1);
        all.wait();
        drop((left, right));
        all.wait();
        end.recv().unwrap();
        end.recv().unwrap();
    });
}

#[test]
fn flush_returns_while_a_later_event_of_the_same_batch_is_delivered() {
    in_time(|| {
        let hub = Hub::new();
        let (first, first_keeper) = gate();
        let (second, second_keeper) = gate();
        let _words = hub.listen::<Words>(move |_| first_keeper.pass());
        let _numbers = hub.listen::<Numbers>(move |n| {
            if *n == 2 {
                second_keeper.pass();
            }
        });
        hub.publish::<Words>("holds the next batch back");
        first.wait();
        hub.publish::<Numbers>(1);
        // Polled here, so that it waits for nothing that is published later.
        let mut flush = hub.flush_async();
        assert!(poll(Pin::new(&mut flush), Waker::noop()).is_pending());
        hub.publish::<Numbers>(2);
        first.open();
        second.wait();
        pollster::block_on(flush);
        second.open();
    });
}

#[test]
fn a_thread_may_publish_while_it_ends() {
    thread_local! {
        static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    }

    struct LastWords(Hub);

    impl Drop for LastWords {
        fn drop(&mut self) {
            self.0.publish::<Numbers>(2);
        }
    }

    let hub = Hub::new();
    let log = Log::new();
    let (inline, queued) = (log.clone(), log.clone());
    let _inline = hub.listen_inline::<Numbers>(move |n| inline.push(*n));
    let _queued = hub.listen::<Numbers>(move |n| queued.push(*n));
    let publisher = {
        let hub = hub.clone();
        thread::spawn(move || {
            // Kept first, so dropped last: what the hub keeps for a thread is gone by then.
            LAST_WORDS.set(Some(LastWords(hub.clone())));
            hub.publish::<Numbers>(1);
        })
    };
    publisher.join().unwrap();
    hub.flush();
    let mut seen = log.take();
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 2, 2]);
}

#[test]
fn captures_and_events_may_panic_while_they_are_dropped_at_the_end() {
    struct Grudge;

    impl Drop for Grudge {
        fn drop(&mut self) {
            assert!(thread::panicking(), "not like this");
        }
    }

    let log = Log::new();
    let panics = log.clone();
    let (hub, worker) = Hub::builder()
        .on_panic(move |p| panics.push(p.message().to_owned()))
        .build_with_worker();
    let [queued, inline] = [Grudge, Grudge];
    hub.listen::<Numbers>(move |_| {
        let _captured = &queued;
    })
    .detach();
    hub.listen_inline::<Numbers>(move |_| {
        let _captured = &inline;
    })
    .detach();
    hub.publish::<Numbers>(1);
    drop(worker);
    drop(hub);
    assert_eq!(log.take(), ["not like this"; 2]);
}

#[test]
fn what_an_inline_listener_captured_lives_until_everything_is_delivered() {
    let hub = Hub::new();
    let log = Log::new();
    let numbers = log.clone();
    let queued = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.listen_inline::<Words>(move |_| {
        let _ = &queued;
    })
    .detach();
    (0..100).for_each(|n| hub.publish::<Numbers>(n));
    drop(hub);
    assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
}

#[test]
fn callbacks_of_two_hubs_that_flush_each_other_do_not_wait_for_each_other() {
    in_time(|| {
        let hubs = [Hub::new(), Hub::new()];
        let both = Arc::new(Barrier::new(2));
        for (hub, other) in [(&hubs[0], &hubs[1]), (&hubs[1], &hubs[0])] {
            let (other, both) = (other.downgrade(), Arc::clone(&both));
            hub.listen::<Numbers>(move |_| {
                both.wait();
                if let Some(other) = other.upgrade() {
                    other.flush();
                }
            })
            .detach();
            hub.publish::<Numbers>(1);
        }
        hubs.iter().for_each(Hub::flush);
    });
}

#[test]
fn flush_from_inside_an_inline_callback_of_another_hub_returns_at_once() {
    in_time(|| {
        let (stuck, busy) = (Hub::new(), Hub::new());
        let (gate, keeper) = gate();
        let _held = stuck.listen::<Words>(move |_| keeper.pass());
        stuck.publish::<Words>("held");
        gate.wait();
        let other = stuck.clone();
        let _flushes = busy.listen_inline::<Numbers>(move |_| other.flush());
        busy.publish::<Numbers>(1);
        gate.open();
        stuck.flush();
    });
}
