//! Promise 8: exact, for the first listener of a kind as much as for the thousandth.
//!
//! A listener joins while another thread publishes, beside listeners of other kinds, the first of
//! which tells the order of acceptance. The listener that has joined publishes a mark: of what was accepted after the
//! mark it gets everything. Small enough for an interpreter that tries many schedules (`tests/run
//! proofs`); `exact` has the same with many threads and events.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use typed_hub::{
    Custom, CustomChannel, Hub, Overflow, Receiver, ReceiverOptions, Replay, Subscription,
};

struct Plain;

impl CustomChannel for Plain {
    type Event = u64;
    const NAME: &'static str = "plain";
}

struct Retaining;

impl CustomChannel for Retaining {
    type Event = u64;
    const NAME: &'static str = "retaining";
    const RETAIN: usize = 8;
}

const MARK: u64 = 100;

type Log = Arc<Mutex<Vec<u64>>>;

/// A listener of some kind, with what it has been told.
enum Listener<T: CustomChannel<Event = u64>> {
    Pushed(
        Log,
        #[expect(dead_code, reason = "it listens as long as it is held")] Subscription,
    ),
    Pulled(Receiver<Custom<T>>),
}

impl<T: CustomChannel<Event = u64>> Listener<T> {
    fn pushed(listen: impl FnOnce(Log) -> Subscription) -> Self {
        let log = Log::default();
        Self::Pushed(Arc::clone(&log), listen(log))
    }

    fn told(&mut self) -> Vec<u64> {
        match self {
            Self::Pushed(log, _) => log.lock().unwrap().clone(),
            Self::Pulled(receiver) => std::iter::from_fn(|| receiver.try_recv().ok())
                .map(|event| *event)
                .collect(),
        }
    }
}

fn queued<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    Listener::pushed(|log| hub.listen::<Custom<T>>(move |n| log.lock().unwrap().push(*n)))
}

fn queued_with_replay<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    Listener::pushed(|log| {
        hub.listener::<Custom<T>>()
            .replay(Replay::All)
            .listen(move |n| log.lock().unwrap().push(*n))
    })
}

fn enveloped<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    let begun = SystemTime::now();
    let mut last = None;
    Listener::pushed(|log| {
        hub.listener::<Custom<T>>()
            .envelope()
            .listen(move |envelope| {
                assert!(last.replace(envelope.sequence()) < Some(envelope.sequence()));
                let age = envelope.time().duration_since(begun);
                assert!(age.is_ok_and(|age| age < Duration::from_secs(10 * 60)));
                log.lock().unwrap().push(*envelope.payload());
            })
    })
}

fn inline<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    Listener::pushed(|log| hub.listen_inline::<Custom<T>>(move |n| log.lock().unwrap().push(*n)))
}

fn receiver<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    Listener::Pulled(hub.receiver::<Custom<T>>())
}

fn lossy_receiver<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    let options = ReceiverOptions::builder().overflow(Overflow::DropOldest);
    Listener::Pulled(hub.receiver_with::<Custom<T>>(options.build()))
}

fn receiver_with_replay<T: CustomChannel<Event = u64>>(hub: &Hub) -> Listener<T> {
    let options = ReceiverOptions::builder().replay(Replay::All).build();
    Listener::Pulled(hub.receiver_with::<Custom<T>>(options))
}

type Publish = Box<dyn Fn(u64) + Send>;

fn by_publish<T: CustomChannel<Event = u64>>(hub: &Hub) -> Publish {
    let hub = hub.clone();
    Box::new(move |n| hub.publish::<Custom<T>>(n))
}

fn by_publisher<T: CustomChannel<Event = u64>>(hub: &Hub) -> Publish {
    let publisher = hub.publisher::<Custom<T>>();
    Box::new(move |n| publisher.publish(n))
}

fn by_try_publish<T: CustomChannel<Event = u64>>(hub: &Hub) -> Publish {
    let hub = hub.clone();
    Box::new(move |n| hub.try_publish::<Custom<T>>(n).expect("there is room"))
}

fn by_publish_async<T: CustomChannel<Event = u64>>(hub: &Hub) -> Publish {
    let hub = hub.clone();
    Box::new(move |n| pollster::block_on(hub.publish_async::<Custom<T>>(n)))
}

/// What comes after the mark, and the mark.
fn since_mark(told: &[u64]) -> &[u64] {
    let mark = told.iter().position(|n| *n == MARK);
    &told[mark.expect("the mark was accepted after it listened")..]
}

/// A kind of listener.
type Kind<T> = fn(&Hub) -> Listener<T>;

/// Has `joins` join beside those `present` while another thread publishes: what the first of them and
/// the one that joins were told.
fn join_under_fire<T: CustomChannel<Event = u64>>(
    present: &[Kind<T>],
    joins: Kind<T>,
    publish: fn(&Hub) -> Publish,
) -> (Vec<u64>, Vec<u64>) {
    let hub = Hub::new();
    let mut present: Vec<_> = present.iter().map(|listen| listen(&hub)).collect();
    let publish_beside = publish(&hub);
    let publisher = thread::spawn(move || (1..4).for_each(publish_beside));
    let publish = publish(&hub);
    let mut joined = joins(&hub);
    publish(MARK);
    publisher.join().unwrap();
    hub.flush();
    let told: Vec<_> = present.iter_mut().map(Listener::told).collect();
    for told in &told {
        let mut sorted = told.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, MARK], "who was there gets everything");
    }
    (told[0].clone(), joined.told())
}

/// Both tell the order of acceptance.
fn in_order<T: CustomChannel<Event = u64>>(
    present: &[Kind<T>],
    joins: Kind<T>,
    publish: fn(&Hub) -> Publish,
) {
    let (order, told) = join_under_fire(present, joins, publish);
    assert_eq!(
        since_mark(&told),
        since_mark(&order),
        "{told:?} of {order:?}"
    );
}

/// The one that joins has asked for all that is retained.
fn from_the_beginning<T: CustomChannel<Event = u64>>(
    present: &[Kind<T>],
    joins: Kind<T>,
    publish: fn(&Hub) -> Publish,
) {
    let (order, told) = join_under_fire(present, joins, publish);
    assert_eq!(told, order);
}

/// Inline listeners are called by two threads at a time, in no order.
fn in_any_order<T: CustomChannel<Event = u64>>(
    present: &[Kind<T>],
    joins: Kind<T>,
    publish: fn(&Hub) -> Publish,
) {
    let (order, told) = join_under_fire(present, joins, publish);
    let missed = since_mark(&order).iter().find(|n| !told.contains(n));
    assert_eq!(missed, None, "{told:?} of {order:?}");
    let mut once = told.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), told.len(), "{told:?}");
}

macro_rules! joins {
    ($($name:ident:
        $how:ident($present:tt, $joins:ident, $publish:ident) on $($channel:ident)+;)+
    ) => {$(
        #[test]
        fn $name() {
            $($how::<$channel>(&$present, $joins, $publish::<$channel>);)+
        }
    )+};
}

// Queued listeners, receivers and inline listeners: each joins under each way to publish.
joins! {
    a_queued_listener_beside_a_queued_one:
        in_order([queued], queued, by_publish) on Plain Retaining;
    a_queued_listener_beside_a_receiver:
        in_order([receiver], queued, by_publisher) on Plain Retaining;
    a_queued_listener_beside_a_lossy_receiver:
        in_order([lossy_receiver], queued, by_try_publish) on Plain Retaining;
    a_queued_listener_beside_an_inline_one_and_a_receiver:
        in_order([receiver, inline], queued, by_publish_async) on Plain Retaining;
    an_envelope_listener_beside_a_queued_one:
        in_order([queued], enveloped, by_publish) on Plain Retaining;
    an_envelope_listener_beside_a_receiver:
        in_order([receiver], enveloped, by_publish) on Plain Retaining;
    a_receiver_beside_a_queued_listener:
        in_order([queued], receiver, by_publish) on Plain Retaining;
    a_receiver_beside_an_envelope_listener:
        in_order([enveloped], receiver, by_publish_async) on Plain Retaining;
    a_receiver_beside_a_receiver:
        in_order([receiver], receiver, by_try_publish) on Plain Retaining;
    a_receiver_beside_a_queued_listener_and_an_inline_one:
        in_order([queued, inline], receiver, by_publisher) on Plain Retaining;
    a_lossy_receiver_beside_a_queued_listener:
        in_order([queued], lossy_receiver, by_publish) on Plain Retaining;
    an_inline_listener_beside_a_queued_one:
        in_any_order([queued], inline, by_publisher) on Plain Retaining;
    an_inline_listener_beside_a_receiver:
        in_any_order([receiver], inline, by_publish_async) on Plain Retaining;
    an_inline_listener_beside_an_inline_one:
        in_any_order([queued, inline], inline, by_try_publish) on Plain Retaining;
    an_inline_listener_beside_a_queued_one_and_a_receiver:
        in_any_order([queued, receiver], inline, by_publish) on Plain Retaining;
    a_replay_beside_a_queued_listener:
        from_the_beginning([queued], queued_with_replay, by_publish) on Retaining;
    a_replay_beside_a_receiver:
        from_the_beginning([receiver], queued_with_replay, by_publisher) on Retaining;
    a_receivers_replay_beside_a_queued_listener:
        from_the_beginning([queued], receiver_with_replay, by_try_publish) on Retaining;
    a_receivers_replay_beside_a_receiver:
        from_the_beginning([receiver], receiver_with_replay, by_publish_async) on Retaining;
}

/// With the retained lock in between: nobody else tells the order, the replay does.
#[test]
fn a_replay_where_nobody_listens_is_all_that_was_published() {
    let hub = Hub::new();
    let publishing = hub.clone();
    let publisher = thread::spawn(move || {
        (1..4).for_each(|n| publishing.publish::<Custom<Retaining>>(n));
    });
    let mut joined = queued_with_replay::<Retaining>(&hub);
    publisher.join().unwrap();
    hub.flush();
    assert_eq!(joined.told(), [1, 2, 3]);
}

/// Two join at once: what the later one is told, the earlier one is told too.
#[test]
fn two_firsts_of_two_kinds_at_once() {
    let hub = Hub::new();
    let joining = hub.clone();
    let other = thread::spawn(move || {
        let joined = receiver::<Plain>(&joining);
        joining.publish::<Custom<Plain>>(1);
        joined
    });
    let mut joined = queued::<Plain>(&hub);
    hub.publish::<Custom<Plain>>(MARK);
    let mut other = other.join().unwrap();
    hub.publish::<Custom<Plain>>(2);
    hub.flush();
    let (queued, received) = (joined.told(), other.told());
    assert!(queued.ends_with(&[MARK, 2]) || queued.ends_with(&[MARK, 1, 2]));
    assert!(
        queued.ends_with(&received) || received.ends_with(&queued),
        "{queued:?}, {received:?}"
    );
}
