//! Promise 5: a callback is never entered while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::common::{Log, Numbers, in_time, rounds};
use typed_hub::Hub;

#[test]
fn a_callback_that_publishes_to_itself_is_called_again_only_after_it_returned() {
    let hub = Hub::new();
    let log = Log::new();
    let running = Arc::new(AtomicBool::new(false));
    let weak = hub.downgrade();
    let inner = log.clone();
    let _guard = hub.listen::<Numbers>(move |n| {
        assert!(
            !running.swap(true, Ordering::SeqCst),
            "entered while it runs"
        );
        if *n > 0 {
            let hub = weak.upgrade().unwrap();
            hub.publish::<Numbers>(n - 1);
            hub.flush(); // returns at once, and delivers nothing here
        }
        inner.push(*n);
        running.store(false, Ordering::SeqCst);
    });

    in_time(move || {
        hub.publish::<Numbers>(3);
        while log.len() < 4 {
            hub.flush();
        }
        assert_eq!(log.take(), [3, 2, 1, 0]);
        assert_eq!(hub.inspect().channels[0].listeners[0].panicked, 0);
    });
}

#[test]
fn publishers_on_several_threads_never_enter_it_twice_and_it_needs_no_lock() {
    let hub = Hub::new();
    let running = AtomicBool::new(false);
    let (done, total) = std::sync::mpsc::channel();
    let mut sum = 0; // changed without a lock: FnMut
    let _guard = hub.listen::<Numbers>(move |n| {
        assert!(
            !running.swap(true, Ordering::SeqCst),
            "entered while it runs"
        );
        sum += n;
        let _ = done.send(sum);
        running.store(false, Ordering::SeqCst);
    });

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..rounds(1_000)).for_each(|_| hub.publish::<Numbers>(1)));
        }
    });
    hub.flush();
    assert_eq!(total.try_iter().last(), Some(4 * rounds(1_000)));
    assert_eq!(hub.inspect().channels[0].listeners[0].panicked, 0);
}

#[test]
fn an_inline_callback_is_not_entered_again_by_way_of_another_hub() {
    let (hub, other) = (Hub::new(), Hub::new());
    let log = Log::new();
    let (entries, by_way_of) = (log.clone(), other.clone());
    let _callback = hub.listen_inline::<Numbers>(move |n| {
        entries.push(("enter", *n));
        if *n < 2 {
            by_way_of.publish::<Numbers>(n + 1);
        }
        entries.push(("leave", *n));
    });
    let back = hub.downgrade();
    let _back = other.listen_inline::<Numbers>(move |n| {
        back.upgrade().unwrap().publish::<Numbers>(*n);
    });
    hub.publish::<Numbers>(0);
    let once = |n| [("enter", n), ("leave", n)];
    assert_eq!(log.take(), [once(0), once(1), once(2)].concat());
    // What was around it is restored, and then what was innermost.
    other.publish::<Numbers>(2);
    assert_eq!(log.take(), once(2));
    hub.publish::<Numbers>(2);
    assert_eq!(log.take(), once(2));
}
