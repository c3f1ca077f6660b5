//! Async: `publish_async` waits for room, `recv_async` and the stream for an event, and neither
//! blocks a thread; what others wrote (wakers) runs isolated, and under no lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{Log, Numbers, counting, gate, in_time, poll, rounds, waker};
use typed_hub::{Hub, Overflow, ReceiverOptions, RecvError};

#[test]
fn publish_async_waits_for_the_queue_without_blocking() {
    in_time(|| {
        let hub = Hub::builder().capacity(1).build();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let _held = hub.listen::<Numbers>(move |n| {
            keeper.pass();
            numbers.push(*n);
        });
        pollster::block_on(hub.publish_async::<Numbers>(1));
        gate.wait();
        pollster::block_on(hub.publish_async::<Numbers>(2));
        let (waker, woken) = counting();
        let mut third = pin!(hub.publish_async::<Numbers>(3));
        assert!(poll(third.as_mut(), &waker).is_pending());
        assert!(poll(third.as_mut(), &waker).is_pending());
        gate.open();
        gate.wait(); // the second has been taken, so there is room
        while woken.load(Ordering::SeqCst) == 0 {}
        assert!(poll(third.as_mut(), &waker).is_ready());
        assert_eq!(woken.load(Ordering::SeqCst), 1, "polled twice, woken once");
        drop(gate);
        hub.flush();
        assert_eq!(log.take(), [1, 2, 3]);
    });
}

#[test]
fn wakers_of_two_hubs_that_flush_each_other_do_not_wait_for_each_other() {
    in_time(|| {
        let hubs = [(); 2].map(|()| Hub::builder().capacity(1).build());
        let mut gates = Vec::new();
        let mut guards = Vec::new();
        for hub in &hubs {
            let (gate, keeper) = gate();
            guards.push(hub.listen::<Numbers>(move |_| keeper.pass()));
            hub.publish::<Numbers>(1);
            gate.wait();
            hub.publish::<Numbers>(2); // fills the queue
            gates.push(gate);
        }
        // Each waker runs on its hub's thread, when the other hub's thread is in its own.
        let together = Arc::new(Barrier::new(2));
        let (done, flushed) = mpsc::channel();
        let mut waiting = Vec::new();
        for (hub, other) in [(&hubs[0], &hubs[1]), (&hubs[1], &hubs[0])] {
            let (together, done) = (Arc::clone(&together), Mutex::new(done.clone()));
            let other = other.clone();
            let waker = waker(move || {
                together.wait();
                other.flush();
                done.lock().unwrap().send(()).unwrap();
            });
            let mut third = Box::pin(hub.publish_async::<Numbers>(3));
            assert!(poll(third.as_mut(), &waker).is_pending());
            waiting.push(third);
        }
        drop(gates);
        (0..2).for_each(|_| flushed.recv().unwrap());
        drop((waiting, guards));
    });
}

#[test]
fn publish_async_waits_for_a_full_receiver() {
    in_time(|| {
        let hub = Hub::new();
        let options = ReceiverOptions::builder().capacity(1).build();
        let mut receiver = hub.receiver_with::<Numbers>(options);
        hub.publish::<Numbers>(1);
        let (waker, woken) = counting();
        let mut second = pin!(hub.publish_async::<Numbers>(2));
        assert!(poll(second.as_mut(), &waker).is_pending());
        assert_eq!(receiver.recv().map(|n| *n), Ok(1));
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert!(poll(second.as_mut(), &waker).is_ready());
        assert_eq!(receiver.recv().map(|n| *n), Ok(2));
    });
}

#[test]
fn publish_async_that_is_dropped_while_it_waits_publishes_nothing_and_leaves_no_waker() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder().capacity(1).build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    hub.publish::<Numbers>(1);
    let (waker, count) = counting();
    let mut dropped = Box::pin(hub.publish_async::<Numbers>(2));
    assert!(poll(dropped.as_mut(), &waker).is_pending());
    drop(waker);
    assert_eq!(
        Arc::strong_count(&count),
        2,
        "the receiver's log holds the waker"
    );
    drop(dropped);
    assert_eq!(Arc::strong_count(&count), 1);
    assert_eq!(receiver.recv().map(|n| *n), Ok(1));
    hub.publish::<Numbers>(3);
    assert_eq!(receiver.recv().map(|n| *n), Ok(3));
}

#[test]
fn publish_async_has_the_source_of_its_caller() {
    let hub = Hub::new();
    let log = Log::new();
    let lines = log.clone();
    let _guard = hub
        .listener::<Numbers>()
        .envelope()
        .listen(move |n| lines.push(n.source().line()));
    pollster::block_on(hub.publish_async::<Numbers>(1));
    let line = line!() - 1;
    hub.flush();
    assert_eq!(log.take(), [line]);
}

#[test]
fn recv_async_waits_for_an_event_and_ends_with_the_hub() {
    in_time(|| {
        let hub = Hub::new();
        let mut receiver = hub.receiver::<Numbers>();
        let pulling = thread::spawn(move || {
            pollster::block_on(async {
                let mut numbers = Vec::new();
                loop {
                    match receiver.recv_async().await {
                        Ok(n) => numbers.push(*n),
                        Err(RecvError::Closed) => return numbers,
                        Err(RecvError::Lagged(_)) => unreachable!("it blocks"),
                    }
                }
            })
        });
        for n in 0..rounds(1_000) {
            hub.publish::<Numbers>(n);
            if n % 100 == 0 {
                thread::yield_now();
            }
        }
        drop(hub);
        assert_eq!(
            pulling.join().unwrap(),
            (0..rounds(1_000)).collect::<Vec<_>>()
        );
    });
}

#[test]
fn recv_async_that_is_dropped_while_pending_loses_nothing() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    let (waker, woken) = counting();
    {
        let mut dropped = pin!(receiver.recv_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
    }
    hub.publish::<Numbers>(1);
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.try_recv().map(|n| *n), Ok(1));
}

#[test]
fn a_receiver_that_is_dropped_while_pending_leaves_no_waker() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    let _other = hub.receiver::<Numbers>();
    let (waker, count) = counting();
    assert!(poll(pin!(receiver.recv_async()), &waker).is_pending());
    drop((receiver, waker));
    assert_eq!(Arc::strong_count(&count), 1);
    hub.publish::<Numbers>(1);
}

#[test]
fn a_waker_may_panic_or_use_the_hub() {
    in_time(|| {
        let log = Log::new();
        let panics = log.clone();
        let hub = Hub::builder()
            .on_panic(move |p| panics.push(p.to_string()))
            .build();
        let received = Arc::new(Mutex::new(hub.receiver::<Numbers>()));
        let options = ReceiverOptions::builder()
            .capacity(1)
            .overflow(Overflow::DropNewest)
            .build();
        let mut other = hub.receiver_with::<Numbers>(options);

        let (weak, own) = (hub.downgrade(), Arc::clone(&received));
        let busy = waker(move || {
            let hub = weak.upgrade().unwrap();
            let first = own.lock().unwrap().try_recv().map(|n| *n);
            if first == Ok(1) {
                hub.publish::<Numbers>(2);
            }
            hub.inspect();
            drop(hub.receiver::<Numbers>());
        });
        assert!(poll(pin!(received.lock().unwrap().recv_async()), &busy).is_pending());
        let panicking = waker(|| panic!("a bad executor"));
        assert!(poll(pin!(other.recv_async()), &panicking).is_pending());
        hub.publish::<Numbers>(1);

        assert_eq!(received.lock().unwrap().try_recv().map(|n| *n), Ok(2));
        assert_eq!(other.try_recv().map(|n| *n), Ok(1));
        let panics = log.take();
        assert_eq!(panics.len(), 1);
        assert!(panics[0].contains("a bad executor"));
    });
}

#[cfg(feature = "stream")]
#[test]
fn a_receiver_is_a_stream() {
    use futures_core::Stream;
    use std::future::poll_fn;

    in_time(|| {
        let hub = Hub::new();
        let mut stream = hub.receiver::<Numbers>();
        let publisher = thread::spawn(move || (0..100).for_each(|n| hub.publish::<Numbers>(n)));
        let numbers = pollster::block_on(async {
            let mut numbers = Vec::new();
            while let Some(n) =
                poll_fn(|task| std::pin::Pin::new(&mut stream).poll_next(task)).await
            {
                numbers.push(*n.unwrap());
            }
            numbers
        });
        publisher.join().unwrap();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn publish_async_that_is_dropped_while_the_queue_is_full_leaves_no_waker_either() {
    in_time(|| {
        let hub = Hub::builder().capacity(1).build();
        let (gate, keeper) = gate();
        let log = Log::new();
        let numbers = log.clone();
        let _held = hub.listen::<Numbers>(move |n| {
            keeper.pass();
            numbers.push(*n);
        });
        hub.publish::<Numbers>(1);
        gate.wait();
        hub.publish::<Numbers>(2);
        let (waker, count) = counting();
        let mut dropped = Box::pin(hub.publish_async::<Numbers>(3));
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        drop((waker, dropped));
        assert_eq!(Arc::strong_count(&count), 1);
        drop(gate);
        hub.flush();
        assert_eq!(log.take(), [1, 2]);
    });
}

/// A waker's drop is an executor's code: it may park, and take what was to unpark a `recv`.
#[test]
fn a_waker_that_parks_while_it_is_dropped_hides_no_event_from_recv() {
    struct ParksWhenDropped(Hub);

    impl Wake for ParksWhenDropped {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for ParksWhenDropped {
        fn drop(&mut self) {
            self.0.publish::<Numbers>(1);
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    in_time(|| {
        let hub = Hub::new();
        let mut receiver = hub.receiver::<Numbers>();
        let waker = Waker::from(Arc::new(ParksWhenDropped(hub.clone())));
        assert!(poll(pin!(receiver.recv_async()), &waker).is_pending());
        drop(waker); // the receiver has the last one
        assert_eq!(receiver.recv().map(|n| *n), Ok(1));
    });
}

/// An executor's waker that cannot be cloned at first.
mod unclonable {
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{RawWaker, RawWakerVTable, Waker};

    static CLONES: AtomicUsize = AtomicUsize::new(0);

    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            assert!(
                CLONES.fetch_add(1, Ordering::SeqCst) > 0,
                "it cannot be cloned yet"
            );
            RawWaker::new(ptr::null(), &VTABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );

    #[expect(
        unsafe_code,
        reason = "a safe waker is an `Arc`, whose clone never panics"
    )]
    pub(super) fn waker() -> Waker {
        // SAFETY: none of the functions of the table uses the data, which is null.
        unsafe { Waker::new(ptr::null(), &VTABLE) }
    }
}

#[test]
fn a_waker_that_panics_when_it_is_cloned_loses_no_event() {
    let hub = Hub::new();
    let options = ReceiverOptions::builder().capacity(1).build();
    let mut receiver = hub.receiver_with::<Numbers>(options);
    hub.publish::<Numbers>(1);
    let mut second = pin!(hub.publish_async::<Numbers>(2));
    let waker = unclonable::waker();
    let polled = catch_unwind(AssertUnwindSafe(|| poll(second.as_mut(), &waker)));
    assert!(polled.is_err());
    assert_eq!(receiver.recv().map(|n| *n), Ok(1));
    assert!(poll(second.as_mut(), &waker).is_ready());
    assert_eq!(receiver.recv().map(|n| *n), Ok(2));
}
