//! Async: `flush_async` and `close_async` wait for what `flush` and `close` wait for, and block no
//! thread.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{self, Log, Numbers, Words, counting, gate, in_time, poll, rounds, waker};
use pollster::block_on;
use typed_hub::{Hub, PanicOrigin, Subscription, SubscriptionSet};

#[test]
fn flush_async_is_ready_when_and_only_when_what_was_accepted_is_delivered() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let _held = hub.listen::<Numbers>(move |n| {
            keeper.pass();
            numbers.push(*n);
        });
        let (waker, woken) = counting();
        hub.publish::<Numbers>(1);
        let mut flush = pin!(hub.flush_async());
        gate.wait();
        assert!(poll(flush.as_mut(), &waker).is_pending());
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        gate.open();
        block_on(flush);
        assert_eq!(log.take(), [1]);
    });
}

#[test]
fn flush_async_waits_for_what_was_accepted_before_it_was_called_and_for_no_more() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let _guard = hub.listen::<Numbers>(|_| {});
        let before = hub.flush_async();
        hub.publish::<Numbers>(1);
        block_on(before);
        worker.run_pending();
    });
}

#[test]
fn a_task_on_the_thread_of_a_worker_waits_until_the_worker_has_been_called() {
    let (hub, mut worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    let (waker, woken) = counting();
    let mut flush = pin!(hub.flush_async());
    assert!(poll(flush.as_mut(), &waker).is_pending());
    worker.run_pending();
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert!(poll(flush.as_mut(), &waker).is_ready());
}

#[test]
fn a_worker_that_is_dropped_leaves_no_task_waiting() {
    let (hub, worker) = Hub::builder().build_with_worker();
    let _guard = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    let (waker, woken) = counting();
    let mut flush = pin!(hub.flush_async());
    assert!(poll(flush.as_mut(), &waker).is_pending());
    drop(worker);
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert!(poll(flush.as_mut(), &waker).is_ready());
}

#[test]
fn a_flush_inside_a_callback_does_not_wait_for_itself() {
    in_time(|| {
        let hub = Hub::new();
        let (said, heard) = mpsc::channel();
        for inline in [false, true] {
            let (inner, said) = (hub.clone(), said.clone());
            let callback = move |_: &u64| {
                block_on(inner.flush_async());
                said.send(inline).unwrap();
            };
            let guard = if inline {
                hub.listen_inline::<Numbers>(callback)
            } else {
                hub.listen::<Numbers>(callback)
            };
            hub.publish::<Numbers>(1);
            assert_eq!(heard.recv(), Ok(inline));
            guard.close();
        }
    });
}

#[test]
fn a_dropped_flush_wakes_no_task() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let _held = hub.listen::<Numbers>(move |_| keeper.pass());
        let (waker, woken) = counting();
        hub.publish::<Numbers>(1);
        gate.wait();
        {
            let mut flush = pin!(hub.flush_async());
            assert!(poll(flush.as_mut(), &waker).is_pending());
        }
        gate.open();
        hub.flush();
        assert_eq!(woken.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_dropped_close_wakes_no_task() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let held = hub.listen::<Numbers>(move |_| keeper.pass());
        let (waker, woken) = counting();
        hub.publish::<Numbers>(1);
        gate.wait();
        {
            let mut close = pin!(held.close_async());
            assert!(poll(close.as_mut(), &waker).is_pending());
        }
        gate.open();
        hub.flush();
        assert_eq!(woken.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn threads_and_tasks_that_flush_while_others_publish_all_return() {
    in_time(|| {
        let hub = Hub::builder().capacity(4).build();
        let _guard = hub.listen::<Numbers>(|_| {});
        thread::scope(|threads| {
            for n in 0..4 {
                let hub = &hub;
                threads.spawn(move || {
                    for _ in 0..rounds(500) {
                        hub.publish::<Numbers>(n);
                        if n % 2 == 0 {
                            hub.flush();
                        } else {
                            block_on(hub.flush_async());
                        }
                    }
                });
            }
        });
    });
}

/// Both kinds of listeners.
fn listen(
    hub: &Hub,
    inline: bool,
    callback: impl Fn(&u64) + Send + Sync + 'static,
) -> Subscription {
    if inline {
        hub.listen_inline::<Numbers>(callback)
    } else {
        hub.listen::<Numbers>(callback)
    }
}

#[test]
fn close_async_waits_for_the_call_under_way() {
    in_time(|| {
        for inline in [false, true] {
            let hub = Hub::new();
            let (gate, keeper) = gate();
            let guard = listen(&hub, inline, move |_| keeper.pass());
            let publisher = {
                let hub = hub.clone();
                thread::spawn(move || hub.publish::<Numbers>(1))
            };
            gate.wait();
            let (waker, woken) = counting();
            let mut close = pin!(guard.close_async());
            assert!(
                poll(close.as_mut(), &waker).is_pending(),
                "inline: {inline}"
            );
            assert_eq!(woken.load(Ordering::SeqCst), 0);
            gate.open();
            block_on(close);
            publisher.join().unwrap();
        }
    });
}

#[test]
fn close_async_of_an_idle_listener_is_ready_at_once() {
    for inline in [false, true] {
        let hub = Hub::new();
        let (waker, _) = counting();
        let guard = listen(&hub, inline, |_| {});
        let mut close = pin!(guard.close_async());
        assert_eq!(
            poll(close.as_mut(), &waker),
            Poll::Ready(()),
            "inline: {inline}"
        );
    }
}

#[test]
fn a_listener_has_ended_before_the_future_is_polled() {
    for inline in [false, true] {
        let hub = Hub::new();
        let log = Log::new();
        let numbers = log.clone();
        let guard = listen(&hub, inline, move |n| numbers.push(*n));
        let close = guard.close_async();
        hub.publish::<Numbers>(1);
        hub.flush();
        drop(close);
        assert_eq!(log.take(), [0; 0], "inline: {inline}");
    }
}

#[test]
fn a_callback_that_polls_a_close_does_not_wait_for_itself() {
    in_time(|| {
        for inline in [false, true] {
            let hub = Hub::new();
            let own = Arc::new(Mutex::new(None::<Subscription>));
            let (said, heard) = mpsc::channel();
            let mine = Arc::clone(&own);
            let guard = listen(&hub, inline, move |_| {
                let guard = mine.lock().unwrap().take();
                block_on(guard.unwrap().close_async());
                said.send(()).unwrap();
            });
            *own.lock().unwrap() = Some(guard);
            hub.publish::<Numbers>(1);
            assert_eq!(heard.recv(), Ok(()));
        }
    });
}

#[test]
fn close_async_of_a_listener_to_every_channel_waits_for_its_call() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let guard = hub.listen_any(move |_| keeper.pass());
        hub.publish::<Words>("a");
        hub.publish::<Numbers>(1);
        gate.wait();
        let (waker, _) = counting();
        let mut close = pin!(guard.close_async());
        assert!(poll(close.as_mut(), &waker).is_pending());
        gate.open();
        block_on(close);
    });
}

#[test]
fn close_async_of_a_set_waits_for_each() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let held = hub.listen::<Numbers>(move |_| keeper.pass());
        let guards: SubscriptionSet = [hub.listen::<Words>(|_| {}), held].into_iter().collect();
        hub.publish::<Numbers>(1);
        gate.wait();
        let (waker, _) = counting();
        let mut close = pin!(guards.close_async());
        assert!(poll(close.as_mut(), &waker).is_pending());
        gate.open();
        block_on(close);
    });
}

/// A waker holds up the dispatcher until the test lets go: longer than `in_time` waits.
fn stuck() -> (mpsc::Sender<()>, mpsc::Receiver<()>, Waker) {
    let (let_go, held) = mpsc::channel();
    let (says, begun) = mpsc::channel();
    let held = Mutex::new(held);
    let waker = waker(move || {
        says.send(()).unwrap();
        let _ = held.lock().unwrap().recv_timeout(2 * common::PATIENCE);
    });
    (let_go, begun, waker)
}

#[test]
fn close_does_not_wait_for_the_waker_of_a_flush() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let first = hub.listen::<Numbers>(move |_| keeper.pass());
        hub.publish::<Numbers>(1);
        let (let_go, begun, waker) = stuck();
        let mut flush = pin!(hub.flush_async());
        gate.wait();
        assert!(poll(flush.as_mut(), &waker).is_pending());
        // More to come, so that the dispatcher stays with this listener.
        hub.publish::<Numbers>(2);
        gate.open();
        begun.recv().unwrap();
        first.close();
        drop(let_go);
    });
}

#[test]
fn close_does_not_wait_for_the_waker_of_a_close() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let first = hub.listen::<Numbers>(move |_| keeper.pass());
        let second = hub.listen::<Numbers>(|_| {});
        hub.publish::<Numbers>(1);
        let (let_go, begun, waker) = stuck();
        gate.wait();
        let mut close = pin!(first.close_async());
        assert!(poll(close.as_mut(), &waker).is_pending());
        gate.open();
        begun.recv().unwrap();
        second.close();
        drop(let_go);
    });
}

#[test]
fn the_panic_of_a_waker_is_reported_and_harms_no_delivery() {
    in_time(|| {
        let (report, reports) = mpsc::channel();
        let report = Mutex::new(report);
        let hub = Hub::builder()
            .on_panic(move |panic: &typed_hub::PanicReport| {
                report.lock().unwrap().send(panic.origin().clone()).unwrap();
            })
            .build();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let held = hub.listen::<Numbers>(move |n| {
            if *n == 1 {
                keeper.pass();
            }
            numbers.push(*n);
        });
        hub.publish::<Numbers>(1);
        gate.wait();
        let broken = waker(|| panic!("a broken waker"));
        let mut flush = pin!(hub.flush_async());
        assert!(poll(flush.as_mut(), &broken).is_pending());
        gate.open();
        assert_eq!(reports.recv(), Ok(PanicOrigin::Waker));
        hub.publish::<Numbers>(2);
        hub.flush();
        assert_eq!(log.take(), [1, 2]);
        drop(held);
    });
}

#[test]
fn a_closing_task_is_woken_while_the_publisher_goes_on() {
    in_time(|| {
        let hub = Hub::new();
        thread::scope(|threads| {
            let (stop, stopped) = mpsc::channel::<()>();
            let publishing = hub.clone();
            threads.spawn(move || {
                while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    publishing.publish::<Numbers>(1);
                }
            });
            for round in 0..rounds(200) {
                let guard = listen(&hub, round % 2 == 0, |_| {});
                thread::sleep(Duration::from_micros(10));
                block_on(guard.close_async());
            }
            drop(stop);
        });
    });
}

#[test]
fn a_future_that_a_waker_polls_is_not_ready_too_early() {
    in_time(|| {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        hub.publish::<Numbers>(1);
        let first = Mutex::new(Box::pin(hub.flush_async()));
        hub.publish::<Numbers>(2);
        let second = Arc::new(Mutex::new(Box::pin(hub.flush_async())));
        let polled = Arc::clone(&second);
        let entries = log.clone();
        // An executor that polls its task in the waker.
        let waker = waker(move || {
            let silent = waker(|| {});
            if poll(polled.lock().unwrap().as_mut(), &silent).is_ready() {
                entries.push(100);
            }
        });
        assert!(poll(first.lock().unwrap().as_mut(), &waker).is_pending());
        assert!(poll(second.lock().unwrap().as_mut(), &waker).is_pending());
        worker.run_pending();
        assert_eq!(log.take(), [1, 2], "it was ready after the first");
        block_on(second.lock().unwrap().as_mut());
    });
}

#[test]
fn a_waker_that_a_dropped_worker_wakes_may_flush() {
    in_time(|| {
        let (hub, worker) = Hub::builder().capacity(1).build_with_worker();
        let _guard = hub.listen::<Numbers>(|_| {});
        hub.publish::<Numbers>(1);
        let publishing = hub.clone();
        // Not on the thread of the worker, which never waits for room.
        let (told, waiting) = mpsc::channel();
        let publisher = thread::spawn(move || {
            let flushing = publishing.clone();
            let (woken, wakes) = mpsc::channel();
            let waker = waker(move || {
                flushing.flush();
                woken.send(()).unwrap();
            });
            let mut publish = pin!(publishing.publish_async::<Numbers>(2));
            assert!(poll(publish.as_mut(), &waker).is_pending());
            told.send(()).unwrap();
            wakes.recv().unwrap();
        });
        waiting.recv().unwrap();
        drop(worker);
        publisher.join().unwrap();
    });
}

#[test]
fn a_flush_can_be_moved_to_another_thread() {
    in_time(|| {
        let hub = Hub::new();
        let log = Log::new();
        let numbers = log.clone();
        let _guard = hub.listen::<Numbers>(move |n| numbers.push(*n));
        hub.publish::<Numbers>(1);
        let flush = hub.flush_async();
        thread::spawn(move || block_on(flush)).join().unwrap();
        assert_eq!(log.take(), [1]);
    });
}
