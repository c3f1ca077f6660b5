//! Promise 6: a panicking callback harms neither the publisher nor another callback, and what the
//! hub reports of a panic names the code that panicked.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

#[cfg(not(miri))]
use crate::alone::alone;
use crate::common::{Log, Numbers, in_time};
use typed_hub::{Custom, CustomChannel, Hub, PanicOrigin, PanicReport};

/// A hub that writes down the panics it has caught.
fn hub_with_log() -> (Hub, Log<PanicReport>) {
    let log = Log::new();
    let panics = log.clone();
    let hub = Hub::builder()
        .on_panic(move |panic| panics.push(panic.clone()))
        .build();
    (hub, log)
}

fn listener(name: &str) -> PanicOrigin {
    PanicOrigin::Listener(name.to_owned())
}

#[test]
fn a_callback_that_panics_every_time_gets_every_event_and_disturbs_nobody() {
    let (hub, panics) = hub_with_log();
    let log = Log::new();
    let (before, panicking, after) = (log.clone(), log.clone(), log.clone());
    let _before = hub.listen::<Numbers>(move |n| before.push(("before", *n)));
    let _panicking = hub.listener::<Numbers>().name("clumsy").listen(move |n| {
        panicking.push(("panicking", *n));
        panic!("at {n}");
    });
    let _after = hub.listen::<Numbers>(move |n| after.push(("after", *n)));

    for n in 0..3 {
        hub.publish::<Numbers>(n);
    }
    hub.flush();

    let expected: Vec<_> = (0..3)
        .flat_map(|n| ["before", "panicking", "after"].map(|who| (who, n)))
        .collect();
    assert_eq!(log.take(), expected);
    let panics = panics.take();
    assert_eq!(panics.len(), 3);
    assert_eq!(panics[1].origin(), &listener("clumsy"));
    assert_eq!(panics[1].channel(), Some("number"));
    assert_eq!(panics[1].message(), "at 1");
    assert_eq!(
        panics[2].to_string(),
        "listener clumsy on channel number panicked: at 2"
    );
    let report = hub.inspect();
    let counts = report.channels[0].listeners.iter();
    let counts: Vec<_> = counts.map(|l| (l.delivered, l.panicked)).collect();
    assert_eq!(counts, [(3, 0), (3, 3), (3, 0)]);
}

/// In a process of its own: standard error is looked at.
#[cfg(not(miri))]
#[test]
fn unless_told_otherwise_a_panic_is_reported_on_standard_error() {
    let test = "unless_told_otherwise_a_panic_is_reported_on_standard_error";
    let Some(output) = alone(module_path!(), test) else {
        let hub = Hub::new();
        let _fragile = hub
            .listener::<Numbers>()
            .name("fragile")
            .listen(|n| panic!("at {n}"));
        hub.publish::<Numbers>(7);
        hub.flush();
        return;
    };
    let reported = String::from_utf8(output.stderr).unwrap();
    let line = "typed-hub: listener fragile on channel number panicked: at 7";
    assert!(reported.contains(line), "{reported}");
}

#[test]
fn an_inline_callback_that_panics_does_not_reach_its_publisher() {
    let (hub, panics) = hub_with_log();
    let log = Log::new();
    let _panicking = hub.listen_inline::<Numbers>(|n| panic!("at {n}"));
    let after = log.clone();
    let _after = hub.listen_inline::<Numbers>(move |n| after.push(*n));

    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    assert_eq!(log.take(), [1, 2]);
    assert_eq!(panics.take().len(), 2);
    let report = hub.inspect();
    assert_eq!(report.channels[0].listeners[0].panicked, 2);
    assert_eq!(report.channels[0].listeners[0].delivered, 2);
}

#[test]
fn a_listener_without_a_name_is_named_by_the_line_that_registered_it() {
    let (hub, panics) = hub_with_log();
    let (queued, queued_line) = (hub.listen::<Numbers>(|_| panic!("queued")), line!());
    let (inline, inline_line) = (hub.listen_inline::<Numbers>(|_| panic!("inline")), line!());
    hub.publish::<Numbers>(1);
    hub.flush();

    let mut names: Vec<_> = panics
        .take()
        .iter()
        .map(|panic| (panic.message().to_owned(), panic.origin().clone()))
        .collect();
    names.sort_by_key(|(message, _)| message.clone());
    let at = |line| listener(&format!("{}:{line}", file!()));
    assert_eq!(names[0], ("inline".to_owned(), at(inline_line)));
    assert_eq!(names[1], ("queued".to_owned(), at(queued_line)));
    drop((queued, inline));
}

/// A capture whose drop panics.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "not like this");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_capture_reaches_nobody_either() {
    let (hub, panics) = hub_with_log();
    let grudge = Grudge;
    let queued = hub.listener::<Numbers>().name("bearer").listen(move |_| {
        let _captured = &grudge;
    });
    let grudge = Grudge;
    let inline = hub.listen_inline::<Numbers>(move |_| {
        let _captured = &grudge;
    });
    drop(queued);
    let reported = panics.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(
        reported[0].origin(),
        &listener("bearer"),
        "a capture is its listener's"
    );
    drop(inline);
    assert_eq!(panics.take().len(), 1);

    // A callback that ends itself is dropped by the dispatcher; that one goes on.
    let own = Arc::new(std::sync::Mutex::new(None));
    let (slot, grudge) = (Arc::clone(&own), Grudge);
    *own.lock().unwrap() = Some(hub.listen::<Numbers>(move |_| {
        let _captured = &grudge;
        drop(slot.lock().unwrap().take());
    }));
    let log = Log::new();
    let numbers = log.clone();
    let _other = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), [1, 2]);
    assert_eq!(panics.take().len(), 1);
}

#[test]
fn a_panic_payload_and_a_handler_that_panic_are_survived() {
    let log = Log::new();
    let hub = Hub::builder()
        .on_panic(|_| panic!("the handler too"))
        .build();
    let _panicking = hub.listen::<Numbers>(|_| std::panic::panic_any(Grudge));
    let numbers = log.clone();
    let _other = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), [1, 2]);
}

enum Grudges {}

impl CustomChannel for Grudges {
    type Event = Grudge;
    const NAME: &'static str = "grudges";
}

/// A payload whose drop panics with the next payload, as many times as there are left.
struct Chain {
    left: usize,
    drops: Log<usize>,
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.drops.push(self.left);
        if let Some(left) = self.left.checked_sub(1) {
            let drops = self.drops.clone();
            std::panic::panic_any(Self { left, drops });
        }
    }
}

#[test]
fn payloads_whose_drop_panics_with_another_payload_are_all_dropped() {
    let (hub, panics) = hub_with_log();
    let (log, numbers) = (Log::new(), Log::new());
    let (drops, heard) = (log.clone(), numbers.clone());
    let _panicking = hub.listen::<Numbers>(move |_| {
        let drops = drops.clone();
        std::panic::panic_any(Chain { left: 3, drops });
    });
    let _other = hub.listen::<Numbers>(move |n| heard.push(*n));
    hub.publish::<Numbers>(1);
    let flushed = hub.clone();
    in_time(move || flushed.flush());
    assert_eq!(log.take(), [3, 2, 1, 0]);
    assert_eq!(numbers.take(), [1]);
    let panics = panics.take();
    assert_eq!(
        panics.len(),
        1,
        "one for the callback, none for its payloads"
    );
    assert_eq!(panics[0].message(), "(no message)");
}

/// A payload whose drop always panics with another one: the hub gives up, and leaks it.
#[cfg(not(miri))]
#[test]
fn payloads_without_end_are_given_up() {
    let log = Log::new();
    let drops = log.clone();
    let hub = Hub::builder()
        .on_panic(move |_| {
            let drops = drops.clone();
            std::panic::panic_any(Chain {
                left: usize::MAX,
                drops,
            });
        })
        .build();
    let numbers = Log::new();
    let heard = numbers.clone();
    let _inline = hub.listen_inline::<Numbers>(|_| panic!("inline"));
    let _queued = hub.listen::<Numbers>(|_| panic!("queued"));
    let _other = hub.listen::<Numbers>(move |n| heard.push(*n));
    in_time(move || {
        (1..=2).for_each(|n| hub.publish::<Numbers>(n));
        hub.flush();
    });
    assert_eq!(numbers.take(), [1, 2]);
    assert!(log.len() < 100, "it has given up");
}

#[test]
fn an_event_whose_drop_panics_does_not_end_the_dispatcher() {
    let (hub, panics) = hub_with_log();
    let _guard = hub.listen::<Custom<Grudges>>(|_| {});
    hub.publish::<Custom<Grudges>>(Grudge);
    hub.publish::<Custom<Grudges>>(Grudge);
    in_time(move || hub.flush());
    assert_eq!(panics.take().len(), 2);
}

#[test]
fn what_a_receiver_has_taken_is_dropped_event_by_event_whoever_holds_it_last() {
    let (hub, panics) = hub_with_log();
    let publish = |count| (0..count).for_each(|_| hub.publish::<Custom<Grudges>>(Grudge));

    let mut receiver = hub.receiver::<Custom<Grudges>>();
    publish(3);
    drop(receiver.try_recv().unwrap());
    drop(receiver);
    assert_eq!(panics.take().len(), 3, "the receiver");

    let mut receiver = hub.receiver::<Custom<Grudges>>();
    publish(3);
    let received = receiver.try_recv().unwrap();
    drop(receiver);
    assert_eq!(panics.take().len(), 0, "they lie together");
    drop(received);
    assert_eq!(panics.take().len(), 3, "what was received");

    let mut receiver = hub.receiver::<Custom<Grudges>>();
    publish(3);
    assert_eq!(receiver.drain(|_| {}), Ok(3));
    assert_eq!(
        panics.take().len(),
        3,
        "the receiver, when it has shown them"
    );
}

#[test]
fn the_drop_of_an_event_that_panics_is_reported_as_no_listener() {
    let (hub, panics) = hub_with_log();
    let _guard = hub.listen::<Custom<Grudges>>(|_| {});
    let receiver = hub.receiver::<Custom<Grudges>>();
    hub.publish::<Custom<Grudges>>(Grudge);
    hub.flush();
    drop(receiver);
    let panics = panics.take();
    assert_eq!(panics.len(), 1);
    assert_eq!(panics[0].origin(), &PanicOrigin::EventDrop);
    assert_eq!(panics[0].channel(), Some("grudges"));
    assert_eq!(
        panics[0].to_string(),
        "the drop of an event of channel grudges panicked: not like this"
    );
    let report = hub.inspect();
    assert_eq!(report.channels[0].listeners[0].panicked, 0);
}

/// The waker of an executor with a fault.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        panic!("out of order");
    }
}

#[test]
fn a_waker_that_panics_is_reported_as_one_and_names_a_channel_if_it_has_one() {
    let log = Log::new();
    let reports = log.clone();
    let (hub, mut worker) = Hub::builder()
        .capacity(1)
        .on_panic(move |panic| reports.push(panic.clone()))
        .build_with_worker();
    let waker = Waker::from(Arc::new(Broken));

    let mut receiver = hub.receiver::<Numbers>();
    {
        let event = pin!(receiver.recv_async());
        assert!(event.poll(&mut Context::from_waker(&waker)).is_pending());
        hub.publish::<Numbers>(1);
    }
    drop(receiver);
    let of_receiver = log.take();

    let _guard = hub.listen::<Numbers>(|_| {});
    hub.publish::<Numbers>(1);
    {
        // Polled on a thread that the worker is not on, so that the task waits for room.
        let mut published = pin!(hub.publish_async::<Numbers>(2));
        let (waker, published) = (&waker, published.as_mut());
        std::thread::scope(|scope| {
            let polled = scope.spawn(move || published.poll(&mut Context::from_waker(waker)));
            assert!(polled.join().unwrap().is_pending());
        });
        worker.run_pending();
    }
    let of_queue = log.take();

    let of = |reports: &[PanicReport]| -> Vec<_> {
        let reports = reports.iter();
        reports
            .map(|report| (report.origin().clone(), report.channel()))
            .collect()
    };
    assert_eq!(of(&of_receiver), [(PanicOrigin::Waker, Some("number"))]);
    assert_eq!(of(&of_queue), [(PanicOrigin::Waker, None)]);
    assert_eq!(
        of_receiver[0].to_string(),
        "the waker of a task on channel number panicked: out of order"
    );
    assert_eq!(
        of_queue[0].to_string(),
        "the waker of a task panicked: out of order"
    );
}

#[test]
fn a_handler_whose_payload_panics_when_dropped_ends_nothing() {
    let hub = Hub::builder()
        .on_panic(|_| std::panic::panic_any(Grudge))
        .build();
    let log = Log::new();
    let numbers = log.clone();
    let _panicking = hub.listen::<Numbers>(|_| panic!("queued"));
    let _inline = hub.listen_inline::<Numbers>(|_| panic!("inline"));
    let _other = hub.listen::<Numbers>(move |n| numbers.push(*n));
    hub.publish::<Numbers>(1);
    hub.publish::<Numbers>(2);
    hub.flush();
    assert_eq!(log.take(), [1, 2]);
}

enum RetainedGrudges {}

impl CustomChannel for RetainedGrudges {
    type Event = Grudge;
    const NAME: &'static str = "retained grudges";
    const RETAIN: usize = 2;
}

#[test]
fn retained_events_whose_drops_panic_harm_neither_the_publisher_nor_the_end_of_the_hub() {
    let (hub, panics) = hub_with_log();
    for _ in 0..3 {
        hub.publish::<Custom<RetainedGrudges>>(Grudge);
    }
    assert_eq!(panics.take().len(), 1, "the one that is retained no more");
    drop(hub);
    let panics = panics.take();
    assert_eq!(panics.len(), 2);
    assert!(panics.iter().all(|panic| {
        panic.origin() == &PanicOrigin::EventDrop && panic.channel() == Some("retained grudges")
    }));
}
