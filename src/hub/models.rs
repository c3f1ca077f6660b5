//! Models of the publish path of a channel, for the model checker: `RUSTFLAGS="--cfg loom" cargo
//! test --release --lib models`.
//!
//! A listener joins while another thread publishes, beside a witness that shows the order of
//! acceptance: the listener gets everything accepted after its own event. There is a model for
//! every pair of kinds, with and without retained events.

use std::sync::{Arc, Mutex};

use loom::thread;

use super::channel::ChannelState;
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::inline::SnapshotCache;
use crate::delivery::listener::ListenerName;
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::queued::NewListener;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::queued::queue::Queue;
use crate::delivery::receiver::NewReceiver;
use crate::delivery::receiver::Receiver;
use crate::delivery::receiver::log::Overflow;
use crate::delivery::shared::HubShared;
use crate::envelope::{Envelope, Source};

enum Plain {}

impl Channel for Plain {
    type Event = u64;
    const NAME: &'static str = "plain";
}

enum Retaining {}

impl Channel for Retaining {
    type Event = u64;
    const NAME: &'static str = "retaining";
    const RETAIN: usize = 4;
}

/// The event that is published after a listener has joined.
const MARK: u64 = 100;

struct Fixture<C: Channel> {
    channel: ChannelState<C>,
    queue: Arc<Queue>,
    shared: Arc<HubShared>,
}

/// The model checker runs one thread at a time: std's lock is never held when it changes threads.
type Told = Arc<Mutex<Vec<u64>>>;

enum Listener<C: Channel> {
    Pushed(
        Told,
        #[expect(dead_code, reason = "it listens as long as it is held")] Subscription,
    ),
    Pulled(Receiver<C>),
}

#[track_caller]
fn here() -> Source {
    std::panic::Location::caller()
}

impl<C: Channel<Event = u64>> Fixture<C> {
    /// Makes every part at once: std's once-cells are not for the model checker.
    fn new() -> Self {
        let shared = Arc::new(HubShared::new(Arc::new(|panic| {
            eprintln!("{panic}");
            std::process::abort();
        })));
        let channel = ChannelState::new(&shared);
        channel.prepare();
        Self {
            channel,
            queue: Arc::new(Queue::new(8, Arc::clone(&shared))),
            shared,
        }
    }

    fn publish(&self, n: u64) {
        self.channel
            .publish(&self.queue, n, here(), Some(&SnapshotCache::new()));
    }

    fn queued(&self) -> Listener<C> {
        self.queued_with(Replay::None)
    }

    fn queued_with_replay(&self) -> Listener<C> {
        self.queued_with(Replay::All)
    }

    fn queued_with(&self, replay: Replay) -> Listener<C> {
        let told = Told::default();
        let log = Arc::clone(&told);
        let listener = NewListener {
            name: ListenerName::new(None, here()),
            timed: false,
            once: false,
            callback: Box::new(move |event: &Envelope<C>| {
                log.lock().unwrap().push(*event.payload());
            }),
        };
        Listener::Pushed(told, self.channel.listen(&self.queue, replay, listener))
    }

    fn receiver(&self) -> Listener<C> {
        self.receiver_with(Replay::None)
    }

    fn receiver_with_replay(&self) -> Listener<C> {
        self.receiver_with(Replay::All)
    }

    fn receiver_with(&self, replay: Replay) -> Listener<C> {
        let name = ListenerName::new(None, here());
        let receiver = self.channel.receive(
            NewReceiver {
                name,
                capacity: 8,
                overflow: Overflow::Block,
                envelopes: false,
            },
            replay,
        );
        Listener::Pulled(receiver)
    }

    fn inline(&self) -> Listener<C> {
        let told = Told::default();
        let log = Arc::clone(&told);
        let callback = move |n: &u64| log.lock().unwrap().push(*n);
        let name = ListenerName::new(None, here());
        Listener::Pushed(told, self.channel.inline().listen(name, callback))
    }
}

impl<C: Channel<Event = u64>> Listener<C> {
    fn told(&mut self) -> Vec<u64> {
        match self {
            Self::Pushed(told, _) => told.lock().unwrap().clone(),
            Self::Pulled(receiver) => std::iter::from_fn(|| receiver.try_recv().ok())
                .map(|event| *event)
                .collect(),
        }
    }
}

/// Makes a listener of some kind.
type Join<C> = fn(&Fixture<C>) -> Listener<C>;

fn model<C: Channel<Event = u64>>(
    witness: Join<C>,
    joins: Join<C>,
    check: fn(order: &[u64], told: &[u64]),
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(move || {
        let fixture = Arc::new(Fixture::<C>::new());
        let mut witness = witness(&fixture);
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || (1..3).for_each(|n| publishing.publish(n)));
        let mut joined = joins(&fixture);
        fixture.publish(MARK);
        publisher.join().unwrap();
        let (queue, shared) = (Arc::clone(&fixture.queue), Arc::clone(&fixture.shared));
        let mut worker = Worker::new(queue, shared);
        worker.run_pending();
        check(&witness.told(), &joined.told());
        drop(worker);
    });
}

/// A listener with a replay joins a channel that has none, while another thread publishes: it gets
/// every event that the channel retains.
fn model_without_listeners(joins: Join<Retaining>) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(move || {
        let fixture = Arc::new(Fixture::<Retaining>::new());
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || (1..3).for_each(|n| publishing.publish(n)));
        let mut joined = joins(&fixture);
        fixture.publish(MARK);
        publisher.join().unwrap();
        let (queue, shared) = (Arc::clone(&fixture.queue), Arc::clone(&fixture.shared));
        let mut worker = Worker::new(queue, shared);
        worker.run_pending();
        let order = fixture.receiver_with_replay().told();
        assert_eq!(order.len(), 3);
        assert_eq!(joined.told(), order);
        drop(worker);
    });
}

#[test]
fn a_replay_joins_a_channel_without_listeners() {
    model_without_listeners(Fixture::queued_with_replay);
}

#[test]
fn a_receivers_replay_joins_a_channel_without_listeners() {
    model_without_listeners(Fixture::receiver_with_replay);
}

fn since_mark(told: &[u64]) -> &[u64] {
    let mark = told.iter().position(|n| *n == MARK);
    &told[mark.expect("the mark was accepted after it listened")..]
}

fn in_order(order: &[u64], told: &[u64]) {
    assert_eq!(since_mark(told), since_mark(order));
}

fn from_the_beginning(order: &[u64], told: &[u64]) {
    assert_eq!(told, order);
}

/// Two threads call inline listeners at the same time, in no order.
fn in_any_order(order: &[u64], told: &[u64]) {
    assert!(since_mark(order).iter().all(|n| told.contains(n)));
}

macro_rules! models {
    ($($name:ident: $check:ident($witness:ident, $joins:ident) on $($channel:ident)+;)+) => {$(
        #[test]
        fn $name() {
            $(model::<$channel>(Fixture::$witness, Fixture::$joins, $check);)+
        }
    )+};
}

models! {
    a_queued_listener_joins_beside_a_receiver: in_order(receiver, queued) on Plain Retaining;
    a_queued_listener_joins_beside_a_queued_one: in_order(queued, queued) on Plain Retaining;
    a_receiver_joins_beside_a_queued_listener: in_order(queued, receiver) on Plain Retaining;
    a_receiver_joins_beside_a_receiver: in_order(receiver, receiver) on Plain Retaining;
    an_inline_listener_joins_beside_a_queued_one: in_any_order(queued, inline) on Plain Retaining;
    an_inline_listener_joins_beside_a_receiver: in_any_order(receiver, inline) on Plain Retaining;
    a_replay_joins_beside_a_queued_listener:
        from_the_beginning(queued, queued_with_replay) on Retaining;
    a_replay_joins_beside_a_receiver:
        from_the_beginning(receiver, queued_with_replay) on Retaining;
    a_receivers_replay_joins_beside_a_queued_listener:
        from_the_beginning(queued, receiver_with_replay) on Retaining;
    a_receivers_replay_joins_beside_a_receiver:
        from_the_beginning(receiver, receiver_with_replay) on Retaining;
}

/// A receiver joins, then an inline listener, while another thread publishes: the receiver gets
/// every event that the later inline listener gets.
#[test]
fn a_receiver_joins_before_an_inline_listener() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(|| {
        let fixture = Arc::new(Fixture::<Plain>::new());
        let _already = fixture.inline();
        let publishing = Arc::clone(&fixture);
        let publisher = thread::spawn(move || publishing.publish(1));
        let mut receiver = fixture.receiver();
        let mut inline = fixture.inline();
        publisher.join().unwrap();
        let (received, told) = (receiver.told(), inline.told());
        assert!(told.iter().all(|n| received.contains(n)));
    });
}
