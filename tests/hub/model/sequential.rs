//! Programs that have one order.
//!
//! Each hub of a program has a worker, which is pumped on the thread of the program or, in lockstep,
//! on another one.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Bounds, Event, Got, Kept, Kind, Latest, Place, Plain, Pull, Which, on};
use crate::common::{Log, in_time};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use typed_hub::{Custom, Hub, Overflow, Replay, Subscription, WeakHub, Worker};

/// How many events the queue of a hub under test may hold.
const CAPACITY: usize = 4;

/// What a callback does besides writing the event down.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Nothing,
    Panic,
    /// Publishes an event with one forward less, down to none, on the next channel of its own hub
    /// or of one of the others.
    Forward(usize),
    /// Flushes a hub, its own or another: it must return at once.
    Flush(usize),
    /// Closes a listener, which may be the one that is being called: it must return at once.
    Close(usize),
    /// Has a listener that does nothing join on the same channel.
    Join(Kind),
}

/// A listener: where it is, how it is called and what it does.
#[derive(Clone, Copy, Debug)]
struct Spec {
    hub: usize,
    which: Which,
    kind: Kind,
    action: Action,
}

impl Spec {
    /// The listener that the callback of this one has join.
    fn joined(self, kind: Kind) -> Self {
        let action = Action::Nothing;
        Self {
            kind,
            action,
            ..self
        }
    }
}

/// How far a call of a worker goes.
#[derive(Clone, Copy, Debug)]
enum Bound {
    None,
    Events(usize),
    /// No time: it delivers one event.
    NoTime,
}

/// Hubs are meant modulo their number, listeners and receivers likewise.
#[derive(Clone, Debug)]
enum Op {
    Listen(Spec),
    Receiver(usize, Which, Bounds),
    Publish(usize, Which, u32),
    TryPublish(usize, Which, u32),
    /// Pumps the worker, here or on another thread.
    Pump(usize, bool, Bound),
    Flush(usize),
    Recv(usize),
    /// Ends a listener, by `close` or by drop.
    End(usize, bool),
    DropReceiver(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let hub = || 0..6_usize;
    let bound = prop_oneof![
        3 => Just(Bound::None),
        3 => (0..4_usize).prop_map(Bound::Events),
        1 => Just(Bound::NoTime),
    ];
    let pump = (hub(), prop::bool::weighted(0.2), bound);
    let action = prop_oneof![
        3 => Just(Action::Nothing),
        1 => Just(Action::Panic),
        3 => hub().prop_map(Action::Forward),
        1 => hub().prop_map(Action::Flush),
        1 => any::<usize>().prop_map(Action::Close),
        1 => super::kind().prop_map(Action::Join),
    ];
    let listen = (hub(), super::which(), super::kind(), action);
    let listen = listen.prop_map(|(hub, which, kind, action)| {
        Op::Listen(Spec {
            hub,
            which,
            kind,
            action,
        })
    });
    let publish = || (hub(), super::which(), 0..4_u32);
    let receiver = (hub(), super::which(), super::bounds());
    prop_oneof![
        7 => listen,
        2 => receiver.prop_map(|(hub, which, bounds)| Op::Receiver(hub, which, bounds)),
        7 => publish().prop_map(|(hub, which, left)| Op::Publish(hub, which, left)),
        5 => publish().prop_map(|(hub, which, left)| Op::TryPublish(hub, which, left)),
        5 => pump.prop_map(|(hub, away, bound)| Op::Pump(hub, away, bound)),
        1 => hub().prop_map(Op::Flush),
        5 => any::<usize>().prop_map(Op::Recv),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(index, close)| Op::End(index, close)),
        1 => any::<usize>().prop_map(Op::DropReceiver),
    ]
}

/// What an operation tells.
#[derive(Debug)]
enum Told {
    Nothing,
    Refused,
    Got(Got),
    /// How many events were delivered.
    Pumped(usize),
}

impl Told {
    fn agrees_with(&self, model: &Self) -> bool {
        match (self, model) {
            (Self::Nothing, Self::Nothing) | (Self::Refused, Self::Refused) => true,
            (Self::Got(real), Self::Got(model)) => real == model,
            (Self::Pumped(real), Self::Pumped(model)) => real == model,
            _ => false,
        }
    }
}

/// The hubs under test.
struct Real {
    hubs: Vec<(Hub, Worker)>,
    /// Whether each worker was last pumped on this thread, where a publish never waits.
    is_here: Vec<bool>,
    receivers: Vec<Option<Pull>>,
    world: Arc<World>,
}

/// What callbacks reach.
struct World {
    hubs: Vec<WeakHub>,
    guards: Mutex<Vec<Option<Subscription>>>,
    log: Log<(usize, u32, Option<Place>)>,
    next_id: AtomicU32,
    alive: Arc<()>,
}

impl World {
    fn hub(&self, index: usize) -> Hub {
        let hub = self.hubs[index % self.hubs.len()].upgrade();
        hub.expect("the test holds it")
    }

    fn event(&self, left: u32) -> Event {
        Event {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            left,
            _alive: Arc::clone(&self.alive),
        }
    }

    fn guard(&self, index: usize) -> Option<Subscription> {
        pick(&mut self.guards.lock().unwrap(), index)?.take()
    }

    fn listen(self: &Arc<Self>, spec: Spec) {
        let index = {
            let mut guards = self.guards.lock().unwrap();
            guards.push(None);
            guards.len() - 1
        };
        let world = Arc::clone(self);
        let callback = move |event: &Event, place| {
            world.log.push((index, event.id, place));
            world.act(spec, event.left);
        };
        let guard = super::listen(&self.hub(spec.hub), spec.which, spec.kind, callback);
        self.guards.lock().unwrap()[index] = Some(guard);
    }

    fn act(self: &Arc<Self>, spec: Spec, left: u32) {
        match spec.action {
            Action::Nothing => {}
            // Without the message and the backtrace of `panic!`, of which there would be thousands.
            Action::Panic => resume_unwind(Box::new("as it was told")),
            Action::Forward(_) if left == 0 => {}
            Action::Forward(hub) => {
                let hub = self.hub(hub);
                on!(spec.which.next(), C => hub.publish::<C>(self.event(left - 1)));
            }
            Action::Flush(hub) => self.hub(hub).flush(),
            Action::Close(index) => {
                let guard = self.guard(index);
                guard.into_iter().for_each(Subscription::close);
            }
            Action::Join(kind) => self.listen(spec.joined(kind)),
        }
    }
}

impl Real {
    fn new(hubs: usize) -> Self {
        let builder = || Hub::builder().capacity(CAPACITY).on_panic(|_| {});
        let hubs: Vec<_> = (0..hubs).map(|_| builder().build_with_worker()).collect();
        let world = World {
            hubs: hubs.iter().map(|(hub, _)| hub.downgrade()).collect(),
            guards: Mutex::default(),
            log: Log::new(),
            next_id: AtomicU32::new(0),
            alive: Arc::default(),
        };
        Self {
            is_here: vec![true; hubs.len()],
            hubs,
            receivers: Vec::new(),
            world: Arc::new(world),
        }
    }

    fn perform(&mut self, op: &Op) -> Told {
        let count = self.hubs.len();
        match *op {
            Op::Listen(spec) => self.world.listen(spec),
            Op::Receiver(hub, which, bounds) => {
                let pull = super::receive(&self.world.hub(hub), which, bounds);
                self.receivers.push(Some(pull));
            }
            Op::Publish(hub, which, left) if self.is_here[hub % count] => {
                let (hub, event) = (self.world.hub(hub), self.world.event(left));
                on!(which, C => hub.publish::<C>(event));
            }
            Op::Publish(hub, which, left) | Op::TryPublish(hub, which, left) => {
                let (hub, event) = (self.world.hub(hub), self.world.event(left));
                if on!(which, C => hub.try_publish::<C>(event)).is_err() {
                    return Told::Refused;
                }
            }
            Op::Pump(hub, away, bound) => {
                self.is_here[hub % count] = !away;
                let (_, worker) = &mut self.hubs[hub % count];
                let mut pump = || match bound {
                    Bound::None => worker.run_pending(),
                    Bound::Events(limit) => worker.run_pending_at_most(limit),
                    Bound::NoTime => worker.run_pending_for(Duration::ZERO),
                };
                let delivered = if away {
                    thread::scope(|scope| scope.spawn(pump).join().unwrap())
                } else {
                    pump()
                };
                return Told::Pumped(delivered);
            }
            Op::Flush(hub) => self.world.hub(hub).flush(),
            Op::Recv(index) => {
                let pull = pick(&mut self.receivers, index).and_then(Option::as_mut);
                return pull.map_or(Told::Nothing, |pull| Told::Got(pull()));
            }
            Op::End(index, close) => match self.world.guard(index) {
                Some(guard) if close => guard.close(),
                guard => drop(guard),
            },
            Op::DropReceiver(index) => {
                pick(&mut self.receivers, index).and_then(Option::take);
            }
        }
        Told::Nothing
    }

    /// Ends everything, and says how many events are alive still.
    fn end(self) -> usize {
        let guards = mem::take(&mut *self.world.guards.lock().unwrap());
        drop((guards, self.receivers, self.hubs));
        Arc::strong_count(&self.world.alive) - 1
    }
}

fn pick<T>(from: &mut [T], index: usize) -> Option<&mut T> {
    let index = index.checked_rem(from.len())?;
    Some(&mut from[index])
}

/// What the promises say.
struct Model {
    hubs: Vec<HubModel>,
    listeners: Vec<Listener>,
    receivers: Vec<Option<Waiting>>,
    /// What was heard, by which listener.
    log: Vec<(usize, u32)>,
    next_id: u32,
}

#[derive(Default)]
struct HubModel {
    /// Numbers events and registrations in their order.
    now: u64,
    is_here: bool,
    queue: VecDeque<Queued>,
    /// What a bounded call of the worker has left: it takes no room in the queue.
    left: VecDeque<Queued>,
    kept: [VecDeque<Item>; 3],
    /// Inline events that wait for the present one to reach every inline listener.
    deferred: Option<VecDeque<(Vec<usize>, Item)>>,
    /// What was accepted, in order.
    order: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Item {
    id: u32,
    left: u32,
}

#[derive(Clone, Copy)]
enum Queued {
    Event(Which, Item, u64),
    CatchUp(usize),
}

struct Listener {
    spec: Spec,
    since: u64,
    missed: VecDeque<Item>,
    alive: bool,
}

struct Waiting {
    hub: usize,
    which: Which,
    bounds: Bounds,
    events: VecDeque<u32>,
    lost: u64,
    taken: VecDeque<Got>,
}

impl Waiting {
    fn push(&mut self, id: u32) {
        let full = self.events.len() == self.bounds.capacity;
        match self.bounds.overflow {
            Overflow::DropNewest if full => self.lost += 1,
            Overflow::DropOldest if full => {
                self.events.pop_front();
                self.events.push_back(id);
                self.lost += 1;
            }
            _ => self.events.push_back(id),
        }
    }

    /// Takes all that waits at once, with the loss where it happened.
    fn pull(&mut self) -> Got {
        if self.taken.is_empty() {
            let lost = (self.lost > 0).then_some(Got::Lost(self.lost));
            self.lost = 0;
            let events = self.events.drain(..).map(Got::Event);
            if self.bounds.overflow == Overflow::DropOldest {
                self.taken.extend(lost.into_iter().chain(events));
            } else {
                self.taken.extend(events.chain(lost));
            }
        }
        self.taken.pop_front().unwrap_or(Got::Empty)
    }
}

impl Model {
    fn new(hubs: usize) -> Self {
        let hub = || HubModel {
            is_here: true,
            ..HubModel::default()
        };
        Self {
            hubs: (0..hubs).map(|_| hub()).collect(),
            listeners: Vec::new(),
            receivers: Vec::new(),
            log: Vec::new(),
            next_id: 0,
        }
    }

    fn perform(&mut self, op: &Op) -> Told {
        let count = self.hubs.len();
        match *op {
            Op::Listen(spec) => self.listen(spec),
            Op::Receiver(hub, which, bounds) => {
                let hub = hub % count;
                let missed = self.missed(hub, which, bounds.replay);
                self.receivers.push(Some(Waiting {
                    hub,
                    which,
                    bounds,
                    events: VecDeque::new(),
                    lost: 0,
                    taken: missed.iter().map(|item| Got::Event(item.id)).collect(),
                }));
            }
            Op::Publish(hub, which, left) if self.hubs[hub % count].is_here => {
                let item = self.item(left);
                self.accept(hub % count, which, item);
            }
            Op::Publish(hub, which, left) | Op::TryPublish(hub, which, left) => {
                let item = self.item(left);
                if self.is_full(hub % count, which) {
                    return Told::Refused;
                }
                self.accept(hub % count, which, item);
            }
            Op::Pump(hub, away, bound) => {
                self.hubs[hub % count].is_here = !away;
                let mut budget = match bound {
                    Bound::None => usize::MAX,
                    Bound::Events(limit) => limit,
                    Bound::NoTime => 1,
                };
                let all = budget;
                self.pump(hub % count, &mut budget);
                return Told::Pumped(all - budget);
            }
            Op::Flush(_) => {}
            Op::Recv(index) => {
                let receiver = pick(&mut self.receivers, index).and_then(Option::as_mut);
                return receiver.map_or(Told::Nothing, |waiting| Told::Got(waiting.pull()));
            }
            Op::End(index, _) => {
                if let Some(listener) = pick(&mut self.listeners, index) {
                    listener.alive = false;
                }
            }
            Op::DropReceiver(index) => {
                pick(&mut self.receivers, index).and_then(Option::take);
            }
        }
        Told::Nothing
    }

    /// Whether to flush the hub on the thread of the program does not wait for ever.
    fn may_flush(&self, hub: usize) -> bool {
        let hub = &self.hubs[hub % self.hubs.len()];
        hub.is_here || hub.queue.is_empty() && hub.left.is_empty()
    }

    fn item(&mut self, left: u32) -> Item {
        self.next_id += 1;
        let id = self.next_id - 1;
        Item { id, left }
    }

    fn missed(&self, hub: usize, which: Which, replay: Replay) -> VecDeque<Item> {
        let kept = &self.hubs[hub].kept[which as usize];
        let skipped = kept.len().saturating_sub(which.replays(replay));
        kept.iter().skip(skipped).copied().collect()
    }

    fn listen(&mut self, spec: Spec) {
        let hub = spec.hub % self.hubs.len();
        let mut missed = VecDeque::new();
        if let Kind::Queued(replay) = spec.kind
            && spec.which.replays(replay) > 0
        {
            missed = self.missed(hub, spec.which, replay);
            let catch_up = Queued::CatchUp(self.listeners.len());
            self.hubs[hub].queue.push_back(catch_up);
        }
        self.listeners.push(Listener {
            spec: Spec { hub, ..spec },
            since: self.hubs[hub].now,
            missed,
            alive: true,
        });
    }

    fn those(&self, hub: usize, which: Which, inline: bool) -> Vec<usize> {
        let wanted = |listener: &Listener| {
            let spec = &listener.spec;
            let is_inline = spec.kind == Kind::Inline;
            listener.alive && spec.hub == hub && spec.which == which && is_inline == inline
        };
        let all = self.listeners.iter().enumerate();
        all.filter(|(_, listener)| wanted(listener))
            .map(|(index, _)| index)
            .collect()
    }

    fn is_full(&self, hub: usize, which: Which) -> bool {
        let refuses = |waiting: &Waiting| {
            let bounds = &waiting.bounds;
            (waiting.hub, waiting.which) == (hub, which)
                && bounds.overflow == Overflow::Block
                && waiting.events.len() >= bounds.capacity
        };
        let queue = self.hubs[hub].queue.iter();
        let waiting = queue.filter(|queued| matches!(queued, Queued::Event(..)));
        self.receivers.iter().flatten().any(refuses)
            || !self.those(hub, which, false).is_empty() && waiting.count() >= CAPACITY
    }

    fn accept(&mut self, hub: usize, which: Which, item: Item) {
        let is_queued = !self.those(hub, which, false).is_empty();
        let inline = self.those(hub, which, true);
        let here = &mut self.hubs[hub];
        here.order.push(item.id);
        if is_queued {
            let number = here.now;
            here.queue.push_back(Queued::Event(which, item, number));
        }
        here.now += 1;
        let kept = &mut here.kept[which as usize];
        kept.push_back(item);
        if kept.len() > which.retains() {
            kept.pop_front();
        }
        let receivers = self.receivers.iter_mut().flatten();
        receivers
            .filter(|waiting| (waiting.hub, waiting.which) == (hub, which))
            .for_each(|waiting| waiting.push(item.id));
        if let Some(deferred) = &mut here.deferred {
            deferred.push_back((inline, item));
            return;
        }
        here.deferred = Some([(inline, item)].into());
        while let Some((inline, item)) = self.hubs[hub]
            .deferred
            .as_mut()
            .and_then(VecDeque::pop_front)
        {
            for listener in inline {
                self.call(listener, item);
            }
        }
        self.hubs[hub].deferred = None;
    }

    fn call(&mut self, index: usize, item: Item) {
        if !self.listeners[index].alive {
            return;
        }
        self.log.push((index, item.id));
        let spec = self.listeners[index].spec;
        match spec.action {
            Action::Nothing | Action::Panic | Action::Flush(_) => {}
            Action::Forward(_) if item.left == 0 => {}
            Action::Forward(hub) => {
                let forwarded = self.item(item.left - 1);
                self.accept(hub % self.hubs.len(), spec.which.next(), forwarded);
            }
            Action::Close(other) => {
                if let Some(listener) = pick(&mut self.listeners, other) {
                    listener.alive = false;
                }
            }
            Action::Join(kind) => self.listen(spec.joined(kind)),
        }
        self.listeners[index].alive &= spec.kind != Kind::Once;
    }

    /// Delivers what waits when it is called, as far as the budget of events goes, replayed ones
    /// included.
    fn pump(&mut self, hub: usize, budget: &mut usize) {
        let here = &mut self.hubs[hub];
        let mut waiting = here.left.len() + here.queue.len();
        while waiting > 0 {
            let here = &mut self.hubs[hub];
            if here.left.is_empty() {
                here.left = mem::take(&mut here.queue);
            }
            let Some(&next) = here.left.front() else {
                unreachable!("something waits");
            };
            let is_done = match next {
                Queued::CatchUp(index) => self.catch_up(index, budget),
                Queued::Event(which, item, number) => {
                    spend(budget) && {
                        for index in self.those(hub, which, false) {
                            if self.listeners[index].since <= number {
                                self.call(index, item);
                            }
                        }
                        true
                    }
                }
            };
            if !is_done {
                return;
            }
            self.hubs[hub].left.pop_front();
            waiting -= 1;
        }
    }

    /// Tells the listener what it has missed, as far as the budget goes, and nothing after it has
    /// ended; says whether that was everything.
    fn catch_up(&mut self, index: usize, budget: &mut usize) -> bool {
        while self.listeners[index].alive
            && let Some(&item) = self.listeners[index].missed.front()
        {
            if !spend(budget) {
                return false;
            }
            self.listeners[index].missed.pop_front();
            self.call(index, item);
        }
        true
    }

    /// The numbers of envelopes are in the order of acceptance, and an event has one number and one
    /// time, whichever listener is told.
    fn check_places(&self, log: &[(usize, u32, Option<Place>)]) -> TestCaseResult {
        let mut places = BTreeMap::new();
        for (_, id, place) in log {
            if let Some(place) = place {
                prop_assert_eq!(*places.entry(id).or_insert(place), place);
            }
        }
        for hub in &self.hubs {
            let numbers = hub.order.iter().filter_map(|id| places.get(id));
            let numbers: Vec<_> = numbers.map(|(number, _)| *number).collect();
            prop_assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        }
        Ok(())
    }
}

fn spend(budget: &mut usize) -> bool {
    let is_left = *budget > 0;
    *budget -= usize::from(is_left);
    is_left
}

fn play(hubs: usize, program: &[Op]) -> TestCaseResult {
    let (mut real, mut model) = (Real::new(hubs), Model::new(hubs));
    // Says whether a receiver was told something.
    let mut perform = |real: &mut Real, op: &Op| {
        if !matches!(op, Op::Flush(hub) if !model.may_flush(*hub)) {
            let (real, model) = (real.perform(op), model.perform(op));
            prop_assert!(real.agrees_with(&model), "{op:?}: {real:?}, not {model:?}");
            return Ok(matches!(real, Told::Got(Got::Event(_) | Got::Lost(_))));
        }
        Ok(false)
    };
    for op in program {
        perform(&mut real, op)?;
    }
    // An event is forwarded up to three times, each time perhaps to the hub that was pumped before.
    for round in 0..5 {
        for hub in 0..hubs {
            perform(&mut real, &Op::Pump(hub, round % 2 == 1, Bound::None))?;
        }
    }
    for index in 0..real.receivers.len() {
        while perform(&mut real, &Op::Recv(index))? {}
    }
    let log = real.world.log.take();
    let heard: Vec<_> = log.iter().map(|(index, id, _)| (*index, *id)).collect();
    prop_assert_eq!(heard, &*model.log);
    model.check_places(&log)?;
    prop_assert_eq!(real.end(), 0, "events are alive");
    Ok(())
}

proptest! {
    #![proptest_config(super::config(512))]

    #[test]
    fn a_hub_does_what_the_model_says(
        hubs in 2..4_usize,
        program in prop::collection::vec(op(), 1..100),
    ) {
        in_time(move || play(hubs, &program))?;
    }
}
