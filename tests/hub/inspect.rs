//! `inspect` tells what a hub is doing: as a value, as a table, as JSON and as a picture.

use std::thread;

use crate::common::{Numbers, Words, gate};
use typed_hub::{Custom, CustomChannel, Hub, Overflow, ReceiverOptions};

/// Another channel that people call `number`.
enum OtherNumber {}

impl CustomChannel for OtherNumber {
    type Event = u64;
    const NAME: &'static str = "number";
    const RETAIN: usize = 2;
}

#[test]
fn a_report_counts_what_has_happened() {
    let hub = Hub::builder().capacity(3).on_panic(|_| {}).build();
    let (gate, keeper) = gate();
    let _held = hub
        .listener::<Words>()
        .name("held")
        .listen(move |_| keeper.pass());
    let (_inline, line) = (hub.listen_inline::<Numbers>(|_| panic!("inline")), line!());
    let _queued = hub.listen::<Numbers>(|_| {});
    let dropping = ReceiverOptions::builder()
        .name("dropping")
        .capacity(1)
        .overflow(Overflow::DropNewest)
        .build();
    let mut receiver = hub.receiver_with::<Numbers>(dropping);
    hub.publish::<Words>("hold");
    gate.wait();
    for n in 0..3 {
        hub.publish::<Numbers>(n);
    }
    assert_eq!(receiver.recv().map(|n| *n), Ok(0));

    let report = hub.inspect();
    assert_eq!(
        (report.queue.depth, report.queue.peak, report.queue.capacity),
        (3, 3, 3)
    );
    let [number, word] = &report.channels[..] else {
        panic!("two channels, by name")
    };
    assert_eq!(
        (number.name, number.published, number.retained),
        ("number", 3, 0)
    );
    assert_eq!((word.name, word.published), ("word", 1));
    assert_eq!(number.publishers.len(), 1);
    assert!(number.publishers[0].starts_with(file!()));
    let [inline, queued, receiver] = &number.listeners[..] else {
        panic!("three listeners, by kind")
    };
    assert_eq!(inline.name, format!("{}:{line}", file!()));
    assert_eq!(inline.registered, inline.name);
    assert_eq!((inline.delivered, inline.panicked), (3, 3));
    assert_eq!((queued.delivered, queued.panicked), (0, 0));
    assert_eq!(receiver.name, "dropping");
    assert!(receiver.registered.starts_with(file!()));
    assert_eq!(
        (receiver.delivered, receiver.waiting, receiver.lost),
        (1, 0, 2)
    );
    assert_eq!(word.listeners[0].name, "held");

    gate.open();
    hub.flush();
    let report = hub.inspect();
    assert_eq!((report.queue.depth, report.queue.peak), (0, 3));
    assert_eq!(report.channels[0].listeners[1].delivered, 3);
}

#[test]
fn an_inline_listener_counts_from_its_own_registration() {
    let hub = Hub::new();
    let _early = hub.listen_inline::<Numbers>(|_| {});
    (0..3).for_each(|n| hub.publish::<Numbers>(n));
    let _late = hub.listen_inline::<Numbers>(|_| {});
    (0..2).for_each(|n| hub.publish::<Numbers>(n));
    let report = hub.inspect();
    let delivered = report.channels[0].listeners.iter().map(|l| l.delivered);
    assert_eq!(delivered.collect::<Vec<_>>(), [5, 2]);
}

#[test]
fn what_threads_publish_is_counted_while_they_run_and_when_they_have_ended() {
    let hub = Hub::new();
    let counts = || {
        let report = hub.inspect();
        let channel = &report.channels[0];
        (channel.published, channel.listeners[0].delivered)
    };
    let _listener = hub.listen_inline::<Numbers>(|_| {});
    let (gate, keeper) = gate();
    let publisher = {
        let hub = hub.clone();
        thread::spawn(move || {
            (0..3).for_each(|n| hub.publish::<Numbers>(n));
            keeper.pass();
        })
    };
    gate.wait();
    hub.publish::<Numbers>(3);
    assert_eq!(counts(), (4, 4));
    gate.open();
    publisher.join().unwrap();
    assert_eq!(counts(), (4, 4));
}

/// A thread remembers the channels that it has published on: here it meets one after another.
#[test]
fn each_of_many_hubs_counts_its_own_events() {
    for n in 1..=20 {
        let hub = Hub::new();
        let _listener = hub.listen_inline::<Numbers>(|_| {});
        (0..n).for_each(|n| hub.publish::<Numbers>(n));
        assert_eq!(hub.inspect().channels[0].published, n);
    }
}

/// One of many channels.
enum Nth<const N: u64> {}

impl<const N: u64> CustomChannel for Nth<N> {
    type Event = u64;
    const NAME: &'static str = "nth";
}

/// One more than the registry has roots, so that two have the same. Each is compiled for itself: more
/// of them make the compiler slow.
#[test]
fn a_hub_finds_each_of_many_channels_and_reports_them_all() {
    fn use_one<const N: u64>(hub: &Hub) {
        let listener = hub.listen_inline::<Custom<Nth<N>>>(|n| assert_eq!(*n, N));
        listener.detach();
        (0..=N).for_each(|_| hub.publish::<Custom<Nth<N>>>(N));
    }

    macro_rules! use_each {
        ($hub:ident: $($n:literal)*) => { $(use_one::<$n>(&$hub);)* };
    }

    let hub = Hub::new();
    // The first time they are made, the second time they are found.
    for _ in 0..2 {
        use_each!(hub: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
            29 30 31 32);
    }
    let channels = hub.inspect().channels;
    let mut published: Vec<_> = channels.iter().map(|c| c.published).collect();
    published.sort_unstable();
    assert_eq!(published, (1..=33).map(|n| 2 * n).collect::<Vec<_>>());
    let mut listeners = channels.iter().flat_map(|c| &c.listeners);
    assert!(listeners.all(|listener| listener.panicked == 0));
}

#[test]
fn two_channels_of_one_name_are_two_and_told_apart_by_their_types() {
    let hub = Hub::new();
    hub.publish::<Numbers>(1);
    (0..5).for_each(|n| hub.publish::<Custom<OtherNumber>>(n));
    let report = hub.inspect();
    let counts: Vec<_> = report
        .channels
        .iter()
        .map(|c| (c.name, c.published, c.retained))
        .collect();
    assert_eq!(counts.len(), 2);
    assert!(counts.contains(&("number", 1, 0)) && counts.contains(&("number", 5, 2)));
    let table = report.to_string();
    assert!(
        table.contains("common::Number>)") && table.contains("OtherNumber>)"),
        "{table}"
    );
}

/// A hub whose every line is known.
fn small_hub() -> (Hub, Vec<typed_hub::Subscription>) {
    let hub = Hub::new();
    let guards = vec![
        hub.listener::<Numbers>().name("a \"sum\"").listen(|_| {}),
        hub.listener::<Numbers>().name("log").listen(|_| {}),
        hub.listener::<Numbers>().name("7").listen(|_| {}),
        hub.listener::<Numbers>().name("two\nlines").listen(|_| {}),
    ];
    (0..12).for_each(|n| hub.publish::<Numbers>(n));
    hub.flush();
    hub.publish::<Words>("nobody listens");
    (hub, guards)
}

#[test]
fn a_person_reads_a_table() {
    let (hub, _guards) = small_hub();
    let peak = hub.inspect().queue.peak;
    let table = hub.inspect().to_string();
    let expected = format!(
        "\
queue: 0 of 1024 waiting, {peak} at most
channel  published  retained  listener   kind    delivered  panicked  waiting  lost
number          12         0  a \"sum\"    queued         12         0        0     0
                              log        queued         12         0        0     0
                              7          queued         12         0        0     0
                              two lines  queued         12         0        0     0
word             1         0  -          -               -         -        -     -
"
    );
    assert_eq!(table, expected);
}

#[test]
fn a_tool_reads_json() {
    let (hub, _guards) = small_hub();
    let json = serde_json::to_value(hub.inspect()).unwrap();
    assert_eq!(json["queue"]["capacity"], 1024);
    assert_eq!(json["channels"][0]["name"], "number");
    assert_eq!(json["channels"][0]["listeners"][1]["name"], "log");
    assert_eq!(json["channels"][0]["listeners"][1]["kind"], "queued");
    assert_eq!(json["channels"][0]["listeners"][1]["delivered"], 12);
}

#[test]
fn graphviz_draws_publishers_channels_and_listeners() {
    let (hub, _guards) = small_hub();
    let dot = hub.inspect().dot().to_string();
    assert!(dot.starts_with("digraph hub {\n") && dot.ends_with("}\n"));
    assert!(
        dot.contains(r#"channel0 [label="number\n12 published", shape=box];"#),
        "{dot}"
    );
    assert!(
        dot.contains(r#"[label="a \"sum\"\nqueued, 12 delivered", shape=ellipse];"#),
        "{dot}"
    );
    assert!(dot.contains("channel0 -> listener0_0;"), "{dot}");
    assert!(dot.contains(&format!("\"{}:", file!())), "{dot}");
}

#[test]
fn no_more_than_eight_publishing_lines_are_remembered() {
    let hub = Hub::new();
    #[rustfmt::skip]
    let publish: [fn(&Hub); 10] = [
        |hub| hub.publish::<Numbers>(0),
        |hub| hub.publish::<Numbers>(1),
        |hub| hub.publish::<Numbers>(2),
        |hub| hub.publish::<Numbers>(3),
        |hub| hub.publish::<Numbers>(4),
        |hub| hub.publish::<Numbers>(5),
        |hub| hub.publish::<Numbers>(6),
        |hub| hub.publish::<Numbers>(7),
        |hub| hub.publish::<Numbers>(8),
        |hub| hub.publish::<Numbers>(9),
    ];
    for _ in 0..2 {
        for publish in publish {
            publish(&hub);
        }
    }
    let report = hub.inspect();
    assert_eq!(report.channels[0].published, 20);
    assert_eq!(report.channels[0].publishers.len(), 8);
}
