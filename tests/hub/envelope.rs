//! An envelope tells an event's channel, place in the order, time and source.

use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use crate::common::{Log, Numbers, Words, in_time, rounds};
use typed_hub::{Channel, Custom, CustomChannel, Envelope, Hub, Received, ReceiverOptions, Replay};

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

enum Kept {}

impl CustomChannel for Kept {
    type Event = u64;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 2;
}

fn with_envelopes() -> ReceiverOptions {
    ReceiverOptions::builder().envelopes(true).build()
}

/// What all listeners of an event must agree on.
fn facts<C: Channel>(envelope: &Envelope<C>) -> (u64, SystemTime, String) {
    let source = envelope.source().to_string();
    (envelope.sequence(), envelope.time(), source)
}

#[test]
fn a_receiver_gets_the_envelopes_that_listeners_get() {
    let hub = Hub::new();
    let (told, heard) = mpsc::channel();
    let _listener = hub
        .listener::<Numbers>()
        .envelope()
        .listen(move |envelope: &Envelope<Numbers>| told.send(facts(envelope)).unwrap());
    let mut receiver = hub.receiver_with::<Numbers>(with_envelopes());
    hub.publish::<Numbers>(1);
    let received = receiver.recv().unwrap();
    assert_eq!(
        heard.recv().unwrap(),
        facts(Received::envelope(&received).unwrap())
    );
}

#[test]
fn a_receiver_alone_gets_envelopes_whose_numbers_grow_across_channels() {
    let hub = Hub::new();
    let before = SystemTime::now();
    let mut numbers = hub.receiver_with::<Numbers>(with_envelopes());
    let mut words = hub.receiver_with::<Words>(with_envelopes());
    hub.publish::<Words>("a");
    hub.publish::<Numbers>(1);
    hub.publish::<Words>("b");
    let words = [words.recv().unwrap(), words.recv().unwrap()];
    let number = numbers.recv().unwrap();
    let number = Received::envelope(&number).unwrap();
    let [first, last] = [0, 1].map(|n: usize| Received::envelope(&words[n]).unwrap());
    assert!(first.sequence() < number.sequence() && number.sequence() < last.sequence());
    assert!(before <= first.time() && first.time() <= number.time());
    assert_eq!(number.source().file(), file!());
    assert_eq!(*number.payload(), 1);
}

#[test]
fn a_replayed_event_has_the_envelope_that_it_had_live() {
    let hub = Hub::new();
    let (told, heard) = mpsc::channel();
    let listen = || {
        let told = told.clone();
        hub.listener::<Custom<Kept>>()
            .replay(Replay::All)
            .envelope()
            .listen(move |envelope: &Envelope<Custom<Kept>>| {
                told.send(facts(envelope)).unwrap();
            })
    };
    let _live = listen();
    hub.publish::<Custom<Kept>>(1);
    let live = heard.recv().unwrap();
    let _late = listen();
    assert_eq!(heard.recv().unwrap(), live);
    let options = ReceiverOptions::builder()
        .replay(Replay::All)
        .envelopes(true)
        .build();
    let received = hub.receiver_with::<Custom<Kept>>(options).recv();
    assert_eq!(facts(Received::envelope(&received.unwrap()).unwrap()), live);
}

#[test]
fn an_event_accepted_after_a_receiver_has_asked_for_envelopes_has_one() {
    in_time(|| {
        for _ in 0..rounds(200) {
            let hub = Hub::new();
            let mut other = hub.receiver::<Numbers>();
            thread::scope(|threads| {
                let publishing = hub.clone();
                threads.spawn(move || (0..20).for_each(|n| publishing.publish::<Numbers>(n)));
                let mut receiver = hub.receiver_with::<Numbers>(with_envelopes());
                while other.recv().is_ok_and(|n| *n < 19) {}
                while let Ok(event) = receiver.try_recv() {
                    assert!(Received::envelope(&event).is_some());
                }
            });
        }
    });
}

#[test]
fn a_channel_spends_no_time_on_envelopes_when_the_receiver_that_asked_has_gone() {
    let hub = Hub::new();
    let mut receiver = hub.receiver::<Numbers>();
    drop(hub.receiver_with::<Numbers>(with_envelopes()));
    hub.publish::<Numbers>(1);
    let received = receiver.recv().unwrap();
    assert!(Received::envelope(&received).is_none());
}
