//! Promise 3: a `listen` callback never runs on the publisher's stack.

use std::thread;

use crate::common::{Log, Numbers, gate, in_time};
use typed_hub::Hub;

#[test]
fn callbacks_run_on_one_thread_that_is_not_the_publishers() {
    let hub = Hub::new();
    let log = Log::new();
    let _guards = [log.clone(), log.clone()]
        .map(|log| hub.listen::<Numbers>(move |_| log.push(thread::current().id())));

    hub.publish::<Numbers>(1);
    thread::scope(|scope| {
        scope.spawn(|| hub.publish::<Numbers>(2));
    });
    hub.flush();

    let threads = log.take();
    assert_eq!(threads.len(), 4);
    assert!(threads.iter().all(|thread| *thread == threads[0]));
    assert_ne!(threads[0], thread::current().id());
}

#[test]
fn publish_returns_when_the_event_is_accepted_not_when_it_is_delivered() {
    in_time(|| {
        let hub = Hub::new();
        let (gate, keeper) = gate();
        let _held = hub.listen::<Numbers>(move |_| keeper.pass());
        hub.publish::<Numbers>(1);
        gate.wait();
        hub.publish::<Numbers>(2); // returns although the callback for 1 is still running
        gate.open();
        gate.wait();
        gate.open();
    });
}

#[test]
fn an_inline_callback_runs_on_the_publishers_thread_before_publish_returns() {
    let hub = Hub::new();
    let log = Log::new();
    let inline = log.clone();
    let _guard = hub.listen_inline::<Numbers>(move |_| inline.push(thread::current().id()));

    hub.publish::<Numbers>(1);
    assert_eq!(log.take(), [thread::current().id()]);
}

#[test]
fn inline_and_queued_listeners_of_one_channel_get_the_same_event() {
    let hub = Hub::new();
    let log = Log::new();
    let (inline, queued) = (log.clone(), log.clone());
    let _inline = hub.listen_inline::<Numbers>(move |n| inline.push(std::ptr::from_ref(n).addr()));
    let _queued = hub.listen::<Numbers>(move |n| queued.push(std::ptr::from_ref(n).addr()));

    hub.publish::<Numbers>(1);
    hub.flush();
    let seen = log.take();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1], "the event is shared, not copied");
}
