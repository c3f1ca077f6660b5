//! The thread or task that pumps a worker is woken when there is something to deliver: once for all
//! of it, never from under a lock, and no wake-up is lost.

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::common::{Log, Numbers, PATIENCE, Words, counting, in_time, poll, rounds, waker};
use typed_hub::{Custom, CustomChannel, Hub, PanicOrigin, Replay, Worker};

/// A channel that keeps its last events.
enum Kept {}

impl CustomChannel for Kept {
    type Event = u64;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 3;
}

/// A worker whose wake-ups are counted.
fn counted() -> (Hub, Worker, Arc<AtomicUsize>) {
    let (hub, worker) = Hub::builder().build_with_worker();
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    worker.on_arrival(move || {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    (hub, worker, count)
}

/// How often it has been called since the last look.
fn calls(count: &AtomicUsize) -> usize {
    count.swap(0, Ordering::SeqCst)
}

#[test]
fn a_batch_wakes_once_and_the_next_one_again() {
    let (hub, mut worker, count) = counted();
    let _guards = (hub.listen::<Numbers>(|_| {}), hub.listen::<Words>(|_| {}));
    assert_eq!(calls(&count), 0);
    for _ in 0..3 {
        hub.publish::<Numbers>(1);
        assert_eq!(calls(&count), 1);
        hub.publish::<Words>("more");
        hub.publish::<Numbers>(2);
        assert_eq!(calls(&count), 0);
        assert_eq!(worker.run_pending(), 3);
        assert_eq!(worker.run_pending(), 0);
        assert_eq!(calls(&count), 0);
    }
}

#[test]
fn an_event_that_no_queued_listener_gets_wakes_no_thread() {
    let (hub, mut worker, count) = counted();
    let _inline = hub.listen_inline::<Numbers>(|_| {});
    let _receiver = hub.receiver::<Words>();
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("received");
    hub.publish::<Custom<Kept>>(1);
    assert_eq!((calls(&count), worker.run_pending()), (0, 0));
}

#[test]
fn a_replay_wakes_as_an_event_does() {
    let (hub, mut worker, count) = counted();
    (0..3).for_each(|n| hub.publish::<Custom<Kept>>(n));
    let late = || {
        let kept = hub.listener::<Custom<Kept>>().replay(Replay::All);
        kept.listen(|_| {})
    };
    let _first = late();
    assert_eq!(calls(&count), 1);
    let _second = late();
    assert_eq!(calls(&count), 0, "one wake-up serves both");
    assert_eq!(worker.run_pending(), 6);
    let _third = late();
    assert_eq!(calls(&count), 1);
}

#[test]
fn a_publish_by_queue_of_every_kind_wakes() {
    let (hub, mut worker, count) = counted();
    let _guard = hub.listen::<Numbers>(|_| {});
    let ways: [&dyn Fn(); 4] = [
        &|| hub.publish::<Numbers>(1),
        &|| hub.try_publish::<Numbers>(1).unwrap(),
        &|| hub.publisher::<Numbers>().publish(1),
        &|| pollster::block_on(hub.publish_async::<Numbers>(1)),
    ];
    for publish in ways {
        publish();
        assert_eq!((calls(&count), worker.run_pending()), (1, 1));
    }
}

#[test]
fn an_event_that_a_callback_publishes_wakes_once_for_the_next_call() {
    let (hub, mut worker, count) = counted();
    let weak = hub.downgrade();
    let _endless = hub.listen::<Numbers>(move |n| {
        let hub = weak.upgrade().unwrap();
        (0..2).for_each(|_| hub.publish::<Words>("again"));
        hub.publish::<Numbers>(n + 1);
    });
    let _words = hub.listen::<Words>(|_| {});
    hub.publish::<Numbers>(0);
    assert_eq!(calls(&count), 1);
    assert_eq!(worker.run_pending(), 1);
    for _ in 0..5 {
        assert_eq!(calls(&count), 1);
        assert_eq!(worker.run_pending(), 3);
    }
}

#[test]
fn what_waits_already_wakes_at_once() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    let (waker, count) = counting();
    worker.on_arrival(move || waker.wake_by_ref());
    assert_eq!(calls(&count), 1);
    hub.publish::<Numbers>(2);
    assert_eq!(calls(&count), 0);
    assert_eq!(worker.run_pending(), 2);
    hub.publish::<Numbers>(3);
    assert_eq!(calls(&count), 1);
}

#[test]
fn the_latest_function_replaces_the_one_before() {
    let (hub, worker, first) = counted();
    let (waker, second) = counting();
    worker.on_arrival(move || waker.wake_by_ref());
    assert_eq!(Arc::strong_count(&first), 1, "it has been dropped");
    let _guard = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    assert_eq!((calls(&first), calls(&second)), (0, 1));
    drop(worker);
    assert_eq!(Arc::strong_count(&second), 1, "it goes with its worker");
}

#[test]
fn it_may_use_the_hub_in_every_way_and_delivers_nothing_itself() {
    in_time(|| {
        let (hub, worker) = Hub::builder().capacity(1).build_with_worker();
        let delivered = Log::new();
        let seen = delivered.clone();
        let _guard = hub.listen::<Numbers>(move |n| seen.push(*n));
        let own: Arc<Mutex<Option<Worker>>> = Arc::default();
        let (weak, inner, runs) = (hub.downgrade(), Arc::clone(&own), Log::new());
        let ran = runs.clone();
        worker.on_arrival(move || {
            let hub = weak.upgrade().unwrap();
            hub.inspect();
            hub.flush();
            hub.listen::<Numbers>(|_| {}).close();
            // The queue is full, and the thread that makes room is not awake yet.
            hub.publish::<Numbers>(8);
            pollster::block_on(hub.publish_async::<Numbers>(9));
            if let Some(worker) = inner.lock().unwrap().as_mut() {
                ran.push(worker.run_pending());
                worker.run();
                worker.on_arrival(|| {}); // this one goes on until it returns
            }
        });
        *own.lock().unwrap() = Some(worker);
        // On a thread that does not pump, and would wait for room.
        let publishing = hub.clone();
        thread::spawn(move || publishing.publish::<Numbers>(7))
            .join()
            .unwrap();
        assert_eq!((runs.take(), delivered.len()), (vec![0], 0));
        let mut worker = own.lock().unwrap().take().unwrap();
        assert_eq!(worker.run_pending(), 3);
        assert_eq!(delivered.take(), [7, 8, 9]);
    });
}

#[test]
fn it_and_a_task_are_woken_under_no_lock_of_a_channel_either() {
    /// Everything that takes a lock of the channel.
    fn use_channel(hub: &Hub) {
        hub.publish::<Custom<Kept>>(7);
        hub.last::<Custom<Kept>>();
        drop(hub.receiver::<Custom<Kept>>());
        let kept = hub.listener::<Custom<Kept>>().replay(Replay::All);
        kept.listen(|_| {}).close();
        hub.inspect();
    }

    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let calls = Log::new();
        let (weak, called) = (hub.downgrade(), calls.clone());
        worker.on_arrival(move || {
            called.push("function");
            use_channel(&weak.upgrade().unwrap());
        });
        let (weak, called) = (hub.downgrade(), calls.clone());
        let task = waker(move || {
            called.push("task");
            use_channel(&weak.upgrade().unwrap());
        });
        let waits = |worker: &Worker| {
            let mut arrived = Box::pin(worker.arrived());
            assert_eq!(poll(arrived.as_mut(), &task), Poll::Pending);
            arrived
        };
        let _receiver = hub.receiver::<Custom<Kept>>();
        let _inline = hub.listen_inline::<Custom<Kept>>(|_| {});
        hub.publish::<Custom<Kept>>(1);
        assert_eq!(calls.len(), 0);

        // A replay wakes them.
        let arrived = waits(&worker);
        let kept = hub.listener::<Custom<Kept>>().replay(Replay::All);
        let _queued = kept.listen(|_| {});
        assert_eq!(calls.take(), ["task", "function"]);
        drop(arrived);
        while worker.run_pending() > 0 {}

        // An event that goes every way does.
        let arrived = waits(&worker);
        hub.publish::<Custom<Kept>>(2);
        assert_eq!(calls.take()[..2], ["task", "function"]);
        drop(arrived);
    });
}

#[test]
fn its_panic_is_reported_and_harms_no_listener() {
    struct Trap;

    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    let reports = Log::new();
    let log = reports.clone();
    let (hub, mut worker) = Hub::builder()
        .on_panic(move |panic| log.push((panic.origin().clone(), panic.to_string())))
        .build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    let trap = Trap;
    worker.on_arrival(move || {
        let _captured = &trap;
        panic_any("no window".to_owned());
    });
    for n in 1..=2 {
        hub.publish::<Numbers>(n);
        let said = "the function given to `on_arrival` panicked: no window".to_owned();
        assert_eq!(reports.take(), [(PanicOrigin::Arrival, said)]);
        assert_eq!(worker.run_pending(), 1);
    }
    drop(worker);
    let said = "the function given to `on_arrival` panicked: dropped".to_owned();
    assert_eq!(reports.take(), [(PanicOrigin::Arrival, said)]);
}

#[test]
fn a_thread_that_sleeps_misses_no_arrival() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().capacity(8).build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        let all = rounds(5_000);
        let pumps = thread::spawn(move || {
            let pumping = thread::current();
            worker.on_arrival(move || pumping.unpark());
            let mut delivered = 0;
            for call in 0.. {
                if delivered == 2 * all {
                    break;
                }
                thread::park();
                delivered += match call % 3 {
                    0 => worker.run_pending(),
                    1 => worker.run_pending_at_most(3),
                    _ => worker.run_pending_for(Duration::ZERO),
                } as u64;
            }
        });
        let publishers: Vec<_> = (0..2)
            .map(|_| {
                let hub = hub.clone();
                thread::spawn(move || (0..all).for_each(|n| hub.publish::<Numbers>(n)))
            })
            .collect();
        for publisher in publishers {
            publisher.join().unwrap();
        }
        pumps.join().unwrap();
        assert_eq!(log.len() as u64, 2 * all);
    });
}

#[test]
fn a_task_that_pumps_misses_no_arrival_and_ends_with_the_hub() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
        let all = rounds(5_000);
        let publisher = thread::spawn(move || (0..all).for_each(|n| hub.publish::<Numbers>(n)));
        pollster::block_on(async {
            while worker.arrived().await {
                worker.run_pending_at_most(2);
            }
        });
        publisher.join().unwrap();
        assert_eq!(log.take(), (0..all).collect::<Vec<_>>());
    });
}

#[test]
fn arrived_waits_until_something_is_to_be_delivered() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    let (waker, wakes) = counting();
    let mut first = Box::pin(worker.arrived());
    let mut second = Box::pin(worker.arrived());
    assert_eq!(poll(first.as_mut(), &waker), Poll::Pending);
    assert_eq!(poll(first.as_mut(), &waker), Poll::Pending);
    assert_eq!(poll(second.as_mut(), &waker), Poll::Pending);
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    assert_eq!(calls(&wakes), 2, "each task once");
    assert_eq!(poll(first.as_mut(), &waker), Poll::Ready(true));
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(poll(second.as_mut(), &waker), Poll::Pending, "it is over");
    hub.publish::<Custom<Kept>>(1);
    let kept = hub.listener::<Custom<Kept>>().replay(Replay::All);
    let _late = kept.listen(|_| {});
    assert_eq!(calls(&wakes), 1);
    assert_eq!(poll(second.as_mut(), &waker), Poll::Ready(true));
    assert!(pollster::block_on(worker.arrived()), "it waits still");
}

#[test]
fn arrived_ends_with_the_hub_when_everything_is_delivered() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    hub.listen::<Numbers>(|_| {}).detach();
    let (waker, wakes) = counting();
    let mut idle = Box::pin(worker.arrived());
    assert_eq!(poll(idle.as_mut(), &waker), Poll::Pending);
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    assert_eq!(calls(&wakes), 1);
    drop(hub);
    for _ in 0..2 {
        assert!(pollster::block_on(worker.arrived()));
        assert_eq!(worker.run_pending_at_most(1), 1);
    }
    assert_eq!(poll(idle.as_mut(), &waker), Poll::Ready(false));
    assert!(!pollster::block_on(worker.arrived()));

    let (hub, worker) = Hub::builder().build_with_worker();
    let mut idle = Box::pin(worker.arrived());
    assert_eq!(poll(idle.as_mut(), &waker), Poll::Pending);
    drop(hub);
    assert_eq!(calls(&wakes), 1);
    assert_eq!(poll(idle.as_mut(), &waker), Poll::Ready(false));
}

#[test]
fn a_worker_that_is_dropped_while_it_is_awaited_ends_the_wait() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    let (waker, wakes) = counting();
    let mut arrived = Box::pin(worker.arrived());
    assert_eq!(poll(arrived.as_mut(), &waker), Poll::Pending);
    drop(worker);
    assert_eq!(calls(&wakes), 1);
    hub.publish::<Numbers>(1);
    assert_eq!(poll(arrived.as_mut(), &waker), Poll::Ready(false));
}

#[test]
fn a_dropped_wait_wakes_no_task_and_keeps_nothing() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    let kept = Arc::new(());
    let held = Arc::clone(&kept);
    let task = waker(move || unreachable!("{held:?} waits no more"));
    let mut arrived = Box::pin(worker.arrived());
    assert_eq!(poll(arrived.as_mut(), &task), Poll::Pending);
    drop(task);
    drop(arrived);
    assert_eq!(Arc::strong_count(&kept), 1);
    hub.publish::<Numbers>(1);
}

#[test]
fn a_wakers_panic_is_reported_and_the_function_is_called_all_the_same() {
    let reports = Log::new();
    let log = reports.clone();
    let (hub, worker) = Hub::builder()
        .on_panic(move |panic| log.push((panic.origin().clone(), panic.channel())))
        .build_with_worker();
    let (counts, count) = counting();
    worker.on_arrival(move || counts.wake_by_ref());
    let _guard = hub.listen::<Numbers>(|_| {});
    let mut arrived = Box::pin(worker.arrived());
    let task = waker(|| panic!("no executor"));
    assert_eq!(poll(arrived.as_mut(), &task), Poll::Pending);
    hub.publish::<Numbers>(1);
    assert_eq!(reports.take(), [(PanicOrigin::Waker, None)]);
    assert_eq!(calls(&count), 1);
}

#[test]
fn the_end_of_its_hub_leaves_a_thread_that_runs_alone() {
    in_time(|| {
        let (hub, mut worker, count) = counted();
        hub.listen::<Numbers>(|_| {}).detach();
        let (ends, has_ended) = mpsc::channel();
        thread::spawn(move || {
            worker.run();
            drop(worker);
            ends.send(()).unwrap();
        });
        hub.publish::<Numbers>(1);
        drop(hub);
        has_ended.recv_timeout(PATIENCE).unwrap();
        assert!(calls(&count) <= 1);
    });
}

/// What the function publishes comes after the event that has woken it, for inline listeners too.
#[test]
fn what_it_publishes_comes_later_for_every_kind_of_listener() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let (weak, is_first) = (hub.downgrade(), AtomicUsize::new(0));
    worker.on_arrival(move || {
        if is_first.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(hub) = weak.upgrade()
        {
            hub.publish::<Numbers>(2);
        }
    });
    let (inline, queued) = (Log::new(), Log::new());
    let (inlined, told) = (inline.clone(), queued.clone());
    let forward = hub.downgrade();
    let _guards = (
        hub.listen_inline::<Numbers>(move |n| inlined.push(*n)),
        hub.listen::<Numbers>(move |n| told.push(*n)),
        hub.listen_inline::<Words>(move |_| {
            if let Some(hub) = forward.upgrade() {
                hub.publish::<Numbers>(1);
            }
        }),
    );
    hub.publish::<Words>("go");
    worker.run_pending();
    assert_eq!((inline.take(), queued.take()), (vec![1, 2], vec![1, 2]));
}
