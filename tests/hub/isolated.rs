//! Promise 6: a panicking callback harms neither the publisher nor another callback.

use std::sync::Arc;

#[cfg(not(miri))]
use crate::alone::alone;
use crate::common::{Log, Numbers, in_time};
use typed_hub::{Hub, ListenOptions, ListenerPanic};

/// A hub that writes its listeners' panics down.
fn hub_with_log() -> (Hub, Log<ListenerPanic>) {
    let log = Log::new();
    let panics = log.clone();
    let hub = Hub::builder()
        .on_panic(move |panic| panics.push(panic.clone()))
        .build();
    (hub, log)
}

#[test]
fn a_callback_that_panics_every_time_gets_every_event_and_disturbs_nobody() {
    let (hub, panics) = hub_with_log();
    let log = Log::new();
    let (before, panicking, after) = (log.clone(), log.clone(), log.clone());
    let _before = hub.listen::<Numbers>(move |n| before.push(("before", *n)));
    let options = ListenOptions::builder().name("clumsy").build();
    let _panicking = hub.listen_with::<Numbers>(options, move |n| {
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
    assert_eq!(panics[1].listener(), "clumsy");
    assert_eq!(panics[1].channel(), "number");
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
        let named = ListenOptions::builder().name("fragile").build();
        let _fragile = hub.listen_with::<Numbers>(named, |n| panic!("at {n}"));
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
        .map(|panic| (panic.message().to_owned(), panic.listener().to_owned()))
        .collect();
    names.sort();
    let at = |line| format!("{}:{line}", file!());
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
    let queued = hub.listen::<Numbers>(move |_| {
        let _captured = &grudge;
    });
    let grudge = Grudge;
    let inline = hub.listen_inline::<Numbers>(move |_| {
        let _captured = &grudge;
    });
    drop(queued);
    assert_eq!(panics.take().len(), 1);
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

#[test]
fn an_event_whose_drop_panics_does_not_end_the_dispatcher() {
    use typed_hub::{Custom, CustomChannel};

    enum Grudges {}

    impl CustomChannel for Grudges {
        type Event = Grudge;
        const NAME: &'static str = "grudges";
    }

    let (hub, panics) = hub_with_log();
    let _guard = hub.listen::<Custom<Grudges>>(|_| {});
    hub.publish::<Custom<Grudges>>(Grudge);
    hub.publish::<Custom<Grudges>>(Grudge);
    in_time(move || hub.flush());
    assert_eq!(panics.take().len(), 2);
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
