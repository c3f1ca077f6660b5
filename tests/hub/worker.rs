//! A hub with a worker has no thread: its queued listeners are called where the worker is.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::{Log, Numbers, Words, in_time, rounds};
use typed_hub::{Custom, CustomChannel, Hub, ReceiverOptions, Replay, Worker};

/// Events that can be counted, and are kept for those who come late.
enum Shared {}

impl CustomChannel for Shared {
    type Event = Arc<()>;
    const NAME: &'static str = "shared";
    const RETAIN: usize = 2;
}

#[test]
fn run_pending_delivers_what_was_accepted_here_and_says_how_many() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let numbers = log.clone();
    let _guard = hub.listen::<Numbers>(move |n| numbers.push((*n, thread::current().id())));
    assert_eq!(worker.run_pending(), 0);
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    hub.publish::<Words>("nobody listens");
    assert_eq!(log.len(), 0);
    assert_eq!(worker.run_pending(), 2);
    let here = thread::current().id();
    assert_eq!(log.take(), [(1, here), (2, here)]);
    assert_eq!(worker.run_pending(), 0);
}

#[test]
fn what_a_callback_publishes_waits_for_the_next_time() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let weak = hub.downgrade();
    let _endless = hub.listen::<Numbers>(move |n| {
        weak.upgrade().unwrap().publish::<Numbers>(n + 1);
    });
    hub.publish::<Numbers>(0);
    for _ in 0..10 {
        assert_eq!(worker.run_pending(), 1);
    }
}

#[test]
fn run_delivers_until_the_last_handle_is_gone() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().capacity(4).build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
        let publisher =
            thread::spawn(move || (0..rounds(1_000)).for_each(|n| hub.publish::<Numbers>(n)));
        worker.run();
        publisher.join().unwrap();
        assert_eq!(log.take(), (0..rounds(1_000)).collect::<Vec<_>>());
    });
}

#[test]
fn a_worker_delivers_what_was_accepted_before_its_hub_ended() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let log = Log::new();
    let numbers = log.clone();
    hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
    hub.publish::<Numbers>(1);
    drop(hub);
    assert_eq!(worker.run_pending(), 1);
    worker.run();
    assert_eq!(log.take(), [1]);
}

#[test]
fn a_frame_that_publishes_more_than_the_queue_holds_does_not_wait_for_itself() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().capacity(2).build_with_worker();
        let _guard = hub.listen::<Numbers>(|_| {});
        for _ in 0..2 {
            (0..10).for_each(|n| hub.publish::<Numbers>(n));
            assert!(hub.try_publish::<Numbers>(10).is_err());
            assert_eq!(worker.run_pending(), 10);
            hub.flush(); // it could only wait for itself
        }
    });
}

#[test]
fn another_thread_waits_for_room_until_the_worker_makes_some() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().capacity(1).build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        let publisher = {
            let hub = hub.clone();
            thread::spawn(move || {
                (0..100).for_each(|n| hub.publish::<Numbers>(n));
                hub.flush();
            })
        };
        while !publisher.is_finished() {
            assert!(worker.run_pending() <= 1);
        }
        publisher.join().unwrap();
        assert_eq!(log.take(), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn run_pending_inside_a_callback_delivers_nothing() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let shared: Arc<Mutex<Option<Worker>>> = Arc::default();
    let log = Log::new();
    let (inner, delivered) = (Arc::clone(&shared), log.clone());
    let _inline = hub.listen_inline::<Words>(move |_| {
        let mut worker = inner.lock().unwrap();
        let worker = worker.as_mut().unwrap();
        worker.run(); // returns at once too
        delivered.push(worker.run_pending());
    });
    let _guard = hub.listen::<Numbers>(|_| {});
    *shared.lock().unwrap() = Some(worker);
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("go");
    assert_eq!(log.take(), [0]);
    assert_eq!(shared.lock().unwrap().as_mut().unwrap().run_pending(), 1);
    shared.lock().unwrap().take();
}

#[test]
fn without_its_worker_a_hub_drops_what_nobody_will_deliver_and_nobody_waits() {
    in_time(|| {
        let (hub, worker) = Hub::builder().capacity(1).build_with_worker();
        let log = Log::new();
        let inline = log.clone();
        let _queued = hub.listen::<Numbers>(|_| unreachable!("there is no worker"));
        let _shared = hub.listen::<Custom<Shared>>(|_| unreachable!("there is no worker"));
        let _inline = hub.listen_inline::<Numbers>(move |n| inline.push(*n));
        let event = Arc::new(());
        hub.publish::<Custom<Shared>>(Arc::clone(&event));
        let (begun, has_begun) = mpsc::channel();
        let waiting = {
            let hub = hub.clone();
            thread::spawn(move || {
                begun.send(()).unwrap();
                hub.publish::<Numbers>(1);
                hub.publish::<Numbers>(2);
                hub.flush();
            })
        };
        has_begun.recv().unwrap();
        thread::sleep(Duration::from_millis(10)); // it waits for room by now
        drop(worker);
        waiting.join().unwrap();
        assert_eq!(
            Arc::strong_count(&event),
            2,
            "what waited is dropped with it"
        );
        (3..10).for_each(|n| hub.publish::<Numbers>(n));
        hub.flush();
        assert_eq!(
            Arc::strong_count(&event),
            2,
            "only the retained one is left"
        );
        assert_eq!(log.len(), 9);
    });
}

#[test]
fn run_pending_counts_what_it_replays() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    (0..3).for_each(|_| hub.publish::<Custom<Shared>>(Arc::default()));
    let log = Log::new();
    let calls = log.clone();
    let _guard = hub
        .listener::<Custom<Shared>>()
        .replay(Replay::All)
        .listen(move |_| calls.push(()));
    assert_eq!(worker.run_pending(), 2);
    assert_eq!(log.len(), 2);
}

#[test]
fn flush_waits_for_a_worker_that_another_thread_pumps() {
    in_time(|| {
        for _ in 0..rounds(100) {
            let (hub, mut worker) = Hub::builder().build_with_worker();
            let log = Log::new();
            let numbers = log.clone();
            hub.listen::<Numbers>(move |n| numbers.push(*n)).detach();
            let (begins, has_begun) = mpsc::channel();
            let running = thread::spawn(move || {
                worker.run_pending();
                begins.send(()).unwrap();
                worker.run();
            });
            has_begun.recv().unwrap();
            hub.publish::<Numbers>(1);
            hub.flush();
            assert_eq!(log.take(), [1]);
            drop(hub);
            running.join().unwrap();
        }
    });
}

#[test]
fn flush_before_the_first_pump_returns_at_once_on_the_thread_that_made_the_worker() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        hub.publish::<Numbers>(1);
        hub.flush(); // it could only wait for itself
        assert_eq!(log.len(), 0);
        assert_eq!(worker.run_pending(), 1);
        assert_eq!(log.take(), [1]);
    });
}

#[test]
fn flush_before_the_first_pump_waits_for_it_on_another_thread() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        hub.publish::<Numbers>(1);
        let flushing = {
            let (hub, log) = (hub.clone(), log.clone());
            thread::spawn(move || {
                hub.flush();
                log.len()
            })
        };
        thread::sleep(Duration::from_millis(20)); // it waits by now
        worker.run_pending();
        assert_eq!(flushing.join().unwrap(), 1);
    });
}

#[test]
fn an_event_that_flushes_while_its_worker_goes_does_not_wait_for_itself() {
    enum Flushing {}

    struct Flushes(Hub);

    impl Drop for Flushes {
        fn drop(&mut self) {
            self.0.flush();
        }
    }

    impl CustomChannel for Flushing {
        type Event = Flushes;
        const NAME: &'static str = "flushing";
    }

    in_time(|| {
        let (hub, worker) = Hub::builder().build_with_worker();
        let _guard = hub.listen::<Custom<Flushing>>(|_| {});
        hub.publish::<Custom<Flushing>>(Flushes(hub.clone()));
        drop(worker);
    });
}

#[test]
fn a_worker_that_is_gone_lifts_no_bound() {
    let (hub, worker) = Hub::builder().build_with_worker();
    drop(worker);
    let options = ReceiverOptions::builder().capacity(1).build();
    let _receiver = hub.receiver_with::<Numbers>(options);
    hub.publish::<Numbers>(1);
    let waiting = {
        let mut waiting = Box::pin(hub.publish_async::<Numbers>(2));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        waiting.as_mut().poll(&mut task).is_pending()
    };
    assert!(waiting);
}

#[test]
fn thousands_of_late_listeners_are_told_in_one_turn() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    (0..2).for_each(|_| hub.publish::<Custom<Shared>>(Arc::default()));
    let log = Log::new();
    let late = usize::try_from(rounds(2_000)).unwrap();
    let _guards: Vec<_> = (0..late)
        .map(|_| {
            let calls = log.clone();
            hub.listener::<Custom<Shared>>()
                .replay(Replay::All)
                .listen(move |_| calls.push(()))
        })
        .collect();
    assert_eq!(worker.run_pending(), 2 * late);
    assert_eq!(log.len(), 2 * late);
}
