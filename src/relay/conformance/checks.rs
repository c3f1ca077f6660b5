//! The checks, one for each promise.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Testbed;
use super::process::{Process, Tick, Wire, message, raw, within};
use crate::relay::broker::{Broker, BrokerEvent, Deliveries, Delivery, Guarantee, PublishError};
use crate::relay::cloud_event::CloudEvent;
use crate::relay::sequence::Run;
use crate::relay::status::{DropReason, RelayEvent, Unreadable};

/// Several publish at once, and several import: each gets the events of each in order, each once. If the broker
/// stores them, the whole order is the same for all importers.
pub(super) async fn order_and_crowd<T: Testbed>(testbed: &T) {
    const EVENTS: u32 = 200;
    let mut processes = Vec::new();
    for name in ["a", "b", "c"] {
        let broker = testbed.connect().await;
        processes.push(Process::exporting(broker, "crowd", name).await);
    }
    // These two get the events of all three.
    for name in ["d", "e"] {
        let broker = testbed.connect().await;
        processes.push(Process::start(broker, "crowd", name).await);
    }
    for number in 0..EVENTS {
        for process in &processes[..3] {
            process.publish([number]).await;
        }
    }
    let mut orders = Vec::new();
    for process in &mut processes {
        let of_others = if process.name.as_str() < "d" { 2 } else { 3 };
        let mut next = HashMap::new();
        let mut order = Vec::new();
        for _ in 0..EVENTS * of_others {
            let event = process.remote().await;
            assert_ne!(
                event.from, process.name,
                "an event of this process does not come back"
            );
            let expected = next.entry(event.from.clone()).or_insert(0);
            assert_eq!(
                event.number, *expected,
                "each origin in order, each event once"
            );
            *expected += 1;
            order.push((event.from, event.number));
        }
        orders.push(order);
    }
    if processes[0].relay.guarantee() == Guarantee::AtLeastOnce {
        assert!(orders[3] == orders[4], "one order for all importers");
    }
    for process in processes {
        process.close().await;
    }
}

/// A channel that is exported and imported on both sides does not send events back and forth.
pub(super) async fn nothing_comes_back<T: Testbed>(testbed: &T) {
    let a = Process::exporting(testbed.connect().await, "loop", "a").await;
    let b = Process::exporting(testbed.connect().await, "loop", "b").await;
    a.relay
        .import::<Wire>()
        .await
        .expect("the open channel is imported");
    b.relay
        .import::<Wire>()
        .await
        .expect("the open channel is imported");
    let mut at_a = a.hub.receiver::<Wire>();
    let mut at_b = b.hub.receiver::<Wire>();
    a.publish([1]).await;
    let arrived = within("an event arrives", at_b.recv_async()).await;
    assert_eq!(arrived.expect("the receiver loses nothing").number, 1);
    b.publish([2]).await;
    for number in [1, 2] {
        let event = within("an event arrives", at_a.recv_async()).await;
        assert_eq!(event.expect("the receiver loses nothing").number, number);
    }
    let (hub_a, hub_b) = (a.hub.clone(), b.hub.clone());
    a.close().await;
    b.close().await;
    drop((hub_a, hub_b));
    let mut rest = Vec::new();
    while let Ok(event) = at_a.try_recv() {
        rest.push(event.number);
    }
    assert_eq!(
        rest,
        [] as [u32; 0],
        "an event that came in does not go out"
    );
}

/// Events that are missing are counted, and events that come again are not published again.
pub(super) async fn gaps_and_repetitions<T: Testbed>(testbed: &T) {
    let mut process = Process::start(testbed.connect().await, "gaps", "a").await;
    let (broker, subject) = raw(testbed, "gaps").await;
    let (run, next_run) = (Run::new(), Run::new());
    let sent = [
        (run, 1),
        (run, 2),
        (run, 2),
        (run, 5),
        (run, 4),
        (next_run, 1),
        (run, 6),
    ];
    for (run, number) in sent {
        let published = broker.publish(&subject, message(run, number)).await;
        published.expect("the message is sent");
    }
    process.expect("raw", [1, 2, 5, 1, 6]).await;
    let lagged = process.status("a gap is told", |event| {
        matches!(event, RelayEvent::Lagged { .. })
    });
    let RelayEvent::Lagged { origin, missed, .. } = &*lagged.await else {
        unreachable!("it was chosen");
    };
    assert_eq!(
        (origin.as_str(), *missed),
        ("raw", 2),
        "the number of missing events"
    );
    process.close().await;
}

/// A broker that promises delivery at most once hands out no message twice. A relay would hide it.
pub(super) async fn no_message_comes_twice<T: Testbed>(testbed: &T) {
    const MESSAGES: u32 = 30;
    let (broker, subject) = raw(testbed, "once").await;
    if broker.guarantee() == Guarantee::AtLeastOnce {
        return;
    }
    let mut deliveries = subscribed(&broker, &subject, "once").await;
    let run = Run::new();
    for number in 1..=MESSAGES {
        let published = broker.publish(&subject, message(run, number.into())).await;
        published.expect("the message is sent");
    }
    for number in 1..=MESSAGES {
        let next = next_number(&mut deliveries).await;
        assert_eq!(next, number, "each message once, in order");
    }
    deliveries.close().await;
}

/// A message that cannot be read is told, and those after it arrive.
pub(super) async fn unreadable_messages<T: Testbed>(testbed: &T) {
    let mut process = Process::start(testbed.connect().await, "unreadable", "a").await;
    let (broker, subject) = raw(testbed, "unreadable").await;
    let run = Run::new();
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let data = ["", "{", "[1]", "\u{0}", &nested];
    for (number, data) in (1..).zip(data) {
        let event = CloudEvent {
            data: Bytes::copy_from_slice(data.as_bytes()),
            ..message(run, number)
        };
        broker
            .publish(&subject, event)
            .await
            .expect("the message is sent");
    }
    let other = CloudEvent {
        kind: "other".to_owned(),
        ..message(run, 6)
    };
    broker
        .publish(&subject, other)
        .await
        .expect("the message is sent");
    broker
        .publish(&subject, message(run, 7))
        .await
        .expect("the message is sent");
    process.expect("raw", [7]).await;
    for number in 1..=6 {
        let is_it = |event: &RelayEvent| matches!(event, RelayEvent::Unreadable { .. });
        let event = process.status("an unreadable message is told", is_it).await;
        let RelayEvent::Unreadable { origin, reason, .. } = &*event else {
            unreachable!("it was chosen");
        };
        assert_eq!(origin.as_ref().map(AsRef::as_ref), Some("raw"));
        let is_other = matches!(reason, Unreadable::OtherType);
        let is_schema = matches!(reason, Unreadable::OtherSchema { .. });
        assert!(
            if number == 6 { is_other } else { is_schema },
            "{number}: {reason}"
        );
    }
    process.close().await;
}

/// A message that is larger than the broker takes is refused at once, and those after it arrive.
pub(super) async fn too_large<T: Testbed>(testbed: &T) {
    let (broker, subject) = raw(testbed, "large").await;
    let event = CloudEvent {
        data: Bytes::from(vec![b' '; testbed.max_bytes() + 1]),
        ..message(Run::new(), 1)
    };
    let what = "a large message is refused";
    let refused = within(what, broker.publish(&subject, event)).await;
    assert_eq!(refused, Err(PublishError::TooLarge), "{what}");

    let mut process = Process::start(testbed.connect().await, "large", "a").await;
    let mut sender = Process::exporting(testbed.connect().await, "large", "b").await;
    let large = Tick {
        text: "x".repeat(testbed.max_bytes() + 1),
        ..sender.tick(0)
    };
    sender.hub.publish::<Wire>(large);
    sender.publish([1]).await;
    process.expect("b", [1]).await;
    let is_it = |event: &RelayEvent| matches!(event, RelayEvent::Dropped { .. });
    let dropped = sender.status("a dropped event is told", is_it).await;
    let RelayEvent::Dropped { missed, reason, .. } = &*dropped else {
        unreachable!("it was chosen");
    };
    assert_eq!((*missed, reason), (1, &DropReason::TooLarge));
    process.close().await;
    sender.close().await;
}

/// The broker tells that the server is there, away, and there again.
pub(super) async fn the_connection_is_told<T: Testbed>(testbed: &T) {
    let broker = testbed.connect().await;
    let first = within("the connection is told", broker.next_event()).await;
    assert_eq!(first, BrokerEvent::Connected);
    testbed.stop().await;
    let next = async |expected| {
        let told = async { while broker.next_event().await != expected {} };
        within("the connection is told", told).await;
    };
    next(BrokerEvent::Disconnected).await;
    testbed.start().await;
    next(BrokerEvent::Connected).await;
}

/// Events are published while the server is away: `publish` of the hub does not wait, they arrive later in
/// order and each once, and what does not arrive is told.
pub(super) async fn the_server_goes_away<T: Testbed>(testbed: &T) {
    const EVENTS: u32 = 300;
    let mut process = Process::start(testbed.connect().await, "away", "a").await;
    let mut sender = Process::exporting(testbed.connect().await, "away", "b").await;
    sender.publish(0..EVENTS / 3).await;
    process.expect("b", 0..EVENTS / 3).await;
    testbed.stop().await;
    let away = |event: &RelayEvent| *event == RelayEvent::Disconnected;
    sender.status("the server is away", away).await;
    process.status("the server is away", away).await;
    let began = Instant::now();
    for number in EVENTS / 3..EVENTS / 3 * 2 {
        sender.hub.publish::<Wire>(sender.tick(number));
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "publish does not wait for the broker"
    );
    testbed.start().await;
    let back = |event: &RelayEvent| *event == RelayEvent::Connected;
    sender.status("the server is back", back).await;
    process.status("the server is back", back).await;
    sender.publish(EVENTS / 3 * 2..EVENTS).await;

    let (mut arrived, mut missed, mut next) = (EVENTS / 3, 0, EVENTS / 3);
    while next < EVENTS {
        let event = process.remote().await;
        assert!(event.number >= next, "in order, each once");
        next = event.number + 1;
        arrived += 1;
    }
    while let Ok(event) = process.status.try_recv() {
        if let RelayEvent::Lagged { missed: more, .. } = &*event {
            missed += u32::try_from(*more).unwrap_or(u32::MAX);
        }
    }
    assert_eq!(
        arrived + missed,
        EVENTS,
        "an event arrives, or it is told that it does not"
    );
    if process.relay.guarantee() == Guarantee::AtLeastOnce {
        assert_eq!(missed, 0, "nothing is lost");
    }
    process.close().await;
    sender.close().await;
}

/// A process that was away gets what was published meanwhile, in order, if the broker stores it.
pub(super) async fn a_process_was_away<T: Testbed>(testbed: &T) {
    let mut process = Process::start(testbed.connect().await, "absent", "a").await;
    let sender = Process::exporting(testbed.connect().await, "absent", "b").await;
    let is_durable = process.relay.guarantee() == Guarantee::AtLeastOnce;
    let caught_up = |event: &RelayEvent| matches!(event, RelayEvent::CaughtUp { .. });
    if is_durable {
        process.status("nothing is stored", caught_up).await;
    }
    sender.publish(0..10).await;
    process.expect("b", 0..10).await;
    process.close().await;

    sender.publish(10..20).await;
    sender.close().await;
    let mut process = Process::start(testbed.connect().await, "absent", "a").await;
    if is_durable {
        process.expect("b", 10..20).await;
        process
            .status("what was stored has been delivered", caught_up)
            .await;
    }
    let sender = Process::exporting(testbed.connect().await, "absent", "b").await;
    sender.publish(20..30).await;
    process.expect("b", 20..30).await;
    process.close().await;

    sender.close().await;
}

/// A subscription resumes at the position that was stored, if the broker stores messages, and each one of a
/// process has a position of its own.
pub(super) async fn each_subscription_resumes<T: Testbed>(testbed: &T) {
    let (broker, subject) = raw(testbed, "positions").await;
    if broker.guarantee() == Guarantee::AtMostOnce {
        return;
    }
    let mut first = subscribed(&broker, &subject, "first").await;
    let mut second = subscribed(&broker, &subject, "second").await;
    let run = Run::new();
    for number in 1..=3 {
        let published = broker.publish(&subject, message(run, number)).await;
        published.expect("the message is sent");
    }
    assert_eq!(next_number(&mut first).await, 1);
    first.mark();
    assert_eq!(next_number(&mut first).await, 2);
    first.store().await;
    assert_eq!(next_number(&mut second).await, 1);
    drop((first, second, broker));

    let (broker, subject) = raw(testbed, "positions").await;
    let mut first = subscribed(&broker, &subject, "first").await;
    let again = next_number(&mut first).await;
    assert_eq!(
        again, 2,
        "what is behind the position that was stored comes again"
    );
    let mut second = subscribed(&broker, &subject, "second").await;
    for number in 1..=3 {
        assert_eq!(
            next_number(&mut second).await,
            number,
            "each name has its position"
        );
    }
    second.mark();
    second.store().await;
    second.close().await;
    let mut second = subscribed(&broker, &subject, "second").await;
    let published = broker.publish(&subject, message(run, 4)).await;
    published.expect("the message is sent");
    let next = next_number(&mut second).await;
    assert_eq!(
        next, 4,
        "what is before the position that was stored does not come again"
    );
}

async fn subscribed<B: Broker>(broker: &B, subject: &str, name: &str) -> B::Deliveries {
    let subscribed = broker.subscribe(subject, name).await;
    subscribed.expect("it subscribes")
}

/// The number of the next event.
async fn next_number(deliveries: &mut impl Deliveries) -> u32 {
    loop {
        match within("a message", deliveries.next()).await {
            Some(Delivery::Event(event)) => {
                let event: Tick = serde_json::from_slice(&event.data).expect("it is a tick");
                return event.number;
            }
            Some(Delivery::CaughtUp) => {}
            other => panic!("not an event: {other:?}"),
        }
    }
}

/// A relay that is closed has sent what was published before.
pub(super) async fn closing_sends_all<T: Testbed>(testbed: &T) {
    let mut process = Process::start(testbed.connect().await, "closing", "a").await;
    let sender = Process::exporting(testbed.connect().await, "closing", "b").await;
    for number in 0..500 {
        sender.hub.publish::<Wire>(sender.tick(number));
    }
    sender.close().await;
    process.expect("b", 0..500).await;
    process.close().await;
}

/// Many events, as fast as they go.
pub(super) async fn stress<T: Testbed>(testbed: &T) {
    const EVENTS: u32 = 5_000;
    let mut process = Process::start(testbed.connect().await, "stress", "a").await;
    let sender = Process::exporting_all(testbed.connect().await, "stress", "b").await;
    tokio::join!(sender.publish(0..EVENTS), process.expect("b", 0..EVENTS));
    process.close().await;
    sender.close().await;
}
