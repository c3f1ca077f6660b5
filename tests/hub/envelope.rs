//! An envelope tells an event's channel, place in the order, time and source.

use std::time::SystemTime;

use crate::common::{Log, Numbers, Words};
use typed_hub::{Custom, CustomChannel, Hub};

#[test]
fn an_envelope_carries_the_event_and_where_and_when_it_was_published() {
    let hub = Hub::new();
    let log = Log::new();
    let entries = log.clone();
    let _guard = hub.listener::<Numbers>().envelope().listen(move |number| {
        let source = (number.source().file(), number.source().line());
        entries.push((*number.payload(), number.channel(), source, number.time()));
    });
    let before = SystemTime::now();
    hub.publish::<Numbers>(1);
    let first = (file!(), line!() - 1);
    let publisher = hub.publisher::<Numbers>();
    publisher.publish(2);
    let second = (file!(), line!() - 1);
    let after = SystemTime::now();
    hub.flush();

    let entries = log.take();
    let known: Vec<_> = entries.iter().map(|e| (e.0, e.1, e.2)).collect();
    assert_eq!(known, [(1, "number", first), (2, "number", second)]);
    assert!(entries.iter().all(|e| before <= e.3 && e.3 <= after));
}

#[test]
fn sequence_numbers_follow_the_order_of_acceptance_across_channels() {
    let hub = Hub::new();
    let log = Log::new();
    let (numbers, words) = (log.clone(), log.clone());
    let _numbers = hub
        .listener::<Numbers>()
        .envelope()
        .listen(move |e| numbers.push(e.sequence()));
    let _words = hub
        .listener::<Words>()
        .envelope()
        .listen(move |e| words.push(e.sequence()));
    for n in 0..10 {
        hub.publish::<Numbers>(n);
        hub.publish::<Words>("w");
    }
    hub.flush();
    let sequence = log.take();
    assert_eq!(sequence.len(), 20);
    assert!(sequence.is_sorted_by(|a, b| a < b));
}

/// An event whose methods are named like those of an envelope.
#[derive(Clone, Debug, PartialEq)]
struct Broadcast {
    channel: u8,
    time: u32,
    source: &'static str,
    payload: &'static str,
}

impl Broadcast {
    fn channel(&self) -> u8 {
        self.channel
    }

    fn time(&self) -> u32 {
        self.time
    }

    fn sequence(&self) -> [u8; 2] {
        [self.channel, 0]
    }

    fn source(&self) -> &str {
        self.source
    }

    fn payload(&self) -> &str {
        self.payload
    }
}

enum Broadcasts {}

impl CustomChannel for Broadcasts {
    type Event = Broadcast;
    const NAME: &'static str = "broadcasts";
}

#[test]
fn the_methods_of_an_event_are_told_from_those_of_its_envelope() {
    let hub = Hub::new();
    let log = Log::new();
    let entries = log.clone();
    let _guard = hub
        .listener::<Custom<Broadcasts>>()
        .envelope()
        .listen(move |envelope| {
            let event = envelope.payload();
            assert_eq!(event.channel(), 2);
            assert_eq!(event.time(), 1_930);
            assert_eq!(event.sequence(), [2, 0]);
            assert_eq!(event.source(), "the studio");
            assert_eq!(event.payload(), "the news");
            assert_eq!(envelope.channel(), "broadcasts");
            assert_eq!(envelope.source().file(), file!());
            assert!(envelope.time() <= SystemTime::now());
            entries.push((event.clone(), envelope.sequence()));
        });
    let news = Broadcast {
        channel: 2,
        time: 1_930,
        source: "the studio",
        payload: "the news",
    };
    hub.publish::<Custom<Broadcasts>>(news.clone());
    hub.flush();
    assert_eq!(log.take(), [(news, 0)]);
}
