//! Random programs against plain models of the promises.
//!
//! - [`sequential`]: several hubs with workers that do everything in a known order, so that a model
//!   says exactly what each listener and receiver must have seen;
//! - [`threads`]: several threads publish, join and leave; the model is the order on which all of
//!   them must agree.

mod sequential;
mod threads;

use std::sync::Arc;
use std::time::SystemTime;

use proptest::prelude::*;
use typed_hub::{
    Channel, Custom, CustomChannel, Hub, Overflow, ReceiverOptions, Replay, Subscription,
    TryRecvError,
};

/// An event that is told apart from every other, and counted while it is alive.
#[derive(Clone, Debug)]
struct Event {
    id: u32,
    /// How many times it may still be forwarded.
    left: u32,
    /// Counts the events that are alive, and gives them a `Drop`.
    _alive: Arc<()>,
}

enum Plain {}

impl CustomChannel for Plain {
    type Event = Event;
    const NAME: &'static str = "plain";
}

enum Latest {}

impl CustomChannel for Latest {
    type Event = Event;
    const NAME: &'static str = "latest";
    const RETAIN: usize = 1;
}

enum Kept {}

impl CustomChannel for Kept {
    type Event = Event;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 3;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Plain,
    Latest,
    Kept,
}

/// Does something on the channel that is meant.
macro_rules! on {
    ($which:expr, $channel:ident => $do:expr) => {
        match $which {
            Which::Plain => {
                type $channel = Custom<Plain>;
                $do
            }
            Which::Latest => {
                type $channel = Custom<Latest>;
                $do
            }
            Which::Kept => {
                type $channel = Custom<Kept>;
                $do
            }
        }
    };
}
use on;

impl Which {
    const ALL: [Self; 3] = [Self::Plain, Self::Latest, Self::Kept];

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % 3]
    }

    fn retains(self) -> usize {
        on!(self, C => <C as Channel>::RETAIN)
    }

    /// How many past events a replay on this channel has at most.
    fn replays(self, replay: Replay) -> usize {
        match replay {
            Replay::None => 0,
            Replay::Latest => self.retains().min(1),
            Replay::All => self.retains(),
        }
    }
}

/// A way to be called.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Queued(Replay),
    Envelope,
    Once,
    Inline,
}

/// What an envelope says of an event: its sequence number and its time.
type Place = (u64, SystemTime);

fn listen(
    hub: &Hub,
    which: Which,
    kind: Kind,
    callback: impl Fn(&Event, Option<Place>) + Send + Sync + 'static,
) -> Subscription {
    on!(which, C => match kind {
        Kind::Queued(replay) => {
            hub.listener::<C>().replay(replay).listen(move |event| callback(event, None))
        }
        Kind::Envelope => hub.listener::<C>().envelope().listen(move |envelope| {
            callback(envelope.payload(), Some((envelope.sequence(), envelope.time())));
        }),
        Kind::Once => hub.once::<C>(move |event| callback(event, None)),
        Kind::Inline => hub.listen_inline::<C>(move |event| callback(event, None)),
    })
}

/// What a receiver says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Got {
    Event(u32),
    Lost(u64),
    Empty,
}

type Pull = Box<dyn FnMut() -> Got + Send>;

#[derive(Clone, Copy, Debug)]
struct Bounds {
    capacity: usize,
    overflow: Overflow,
    replay: Replay,
}

fn receive(hub: &Hub, which: Which, bounds: Bounds) -> Pull {
    let options = ReceiverOptions::builder()
        .capacity(bounds.capacity)
        .overflow(bounds.overflow)
        .replay(bounds.replay)
        .build();
    on!(which, C => {
        let mut receiver = hub.receiver_with::<C>(options);
        Box::new(move || match receiver.try_recv() {
            Ok(event) => Got::Event(event.id),
            Err(TryRecvError::Lagged(lagged)) => Got::Lost(lagged.missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => Got::Empty,
        })
    })
}

fn which() -> impl Strategy<Value = Which> {
    prop::sample::select(Which::ALL.to_vec())
}

fn replay() -> impl Strategy<Value = Replay> + Clone {
    prop::sample::select(vec![Replay::None, Replay::Latest, Replay::All])
}

fn kind() -> impl Strategy<Value = Kind> + Clone {
    prop_oneof![
        2 => replay().prop_map(Kind::Queued),
        1 => Just(Kind::Envelope),
        1 => Just(Kind::Once),
        2 => Just(Kind::Inline),
    ]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let overflows = vec![Overflow::Block, Overflow::DropOldest, Overflow::DropNewest];
    let overflow = prop::sample::select(overflows);
    let capacity = prop_oneof![4 => 1..4_usize, 1 => 1..100_usize];
    (capacity, overflow, replay()).prop_map(|(capacity, overflow, replay)| Bounds {
        capacity,
        overflow,
        replay,
    })
}

/// Few cases in an interpreter, which cannot write a seed down either.
fn config(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        cases: if cfg!(miri) { 3 } else { cases },
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    };
    if cfg!(miri) {
        config.failure_persistence = None;
    }
    config
}
