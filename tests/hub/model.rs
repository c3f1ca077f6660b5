//! Random programs against a plain sequential model of the promises.
//!
//! A hub with a worker does everything on this thread and in a known order, so that the model can
//! say exactly what each listener and receiver must have seen. Several threads are the second half:
//! there the model is what all of them must agree on.

use std::collections::VecDeque;
use std::thread;

use crate::common::Log;
use proptest::prelude::*;
use typed_hub::{
    Custom, CustomChannel, Hub, ListenOptions, Overflow, Receiver, ReceiverOptions, Replay,
    Subscription, TryRecvError, WeakHub, Worker,
};

/// How many events the queue of a hub under test may hold.
const CAPACITY: usize = 4;

enum Plain {}

impl CustomChannel for Plain {
    type Event = u32;
    const NAME: &'static str = "plain";
}

enum Kept {}

impl CustomChannel for Kept {
    type Event = u32;
    const NAME: &'static str = "kept";
    const RETAIN: usize = 2;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Plain,
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
            Which::Kept => {
                type $channel = Custom<Kept>;
                $do
            }
        }
    };
}

impl Which {
    fn other(self) -> Self {
        match self {
            Self::Plain => Self::Kept,
            Self::Kept => Self::Plain,
        }
    }

    fn retains(self) -> usize {
        on!(self, C => <C as typed_hub::Channel>::RETAIN)
    }
}

/// What a callback does besides writing the event down.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Nothing,
    Panic,
    /// Publishes one less on the other channel, down to zero.
    Forward,
}

#[derive(Clone, Debug)]
enum Op {
    Listen(Which, Action),
    Once(Which),
    Replay(Which, Replay),
    ListenInline(Which, Action),
    Receiver(Which, usize, Overflow),
    Publish(Which, u32),
    TryPublish(Which, u32),
    Pump,
    Flush,
    Recv(usize),
    End(usize, bool),
    DropReceiver(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let which = || prop_oneof![Just(Which::Plain), Just(Which::Kept)];
    let action = || {
        prop_oneof![
            Just(Action::Nothing),
            Just(Action::Panic),
            Just(Action::Forward)
        ]
    };
    let overflow = prop_oneof![
        Just(Overflow::Block),
        Just(Overflow::DropOldest),
        Just(Overflow::DropNewest)
    ];
    let replay = prop_oneof![Just(Replay::None), Just(Replay::Latest), Just(Replay::All)];
    prop_oneof![
        2 => (which(), action()).prop_map(|(w, a)| Op::Listen(w, a)),
        1 => which().prop_map(Op::Once),
        2 => (which(), replay).prop_map(|(w, r)| Op::Replay(w, r)),
        2 => (which(), action()).prop_map(|(w, a)| Op::ListenInline(w, a)),
        2 => (which(), 1..4_usize, overflow).prop_map(|(w, c, o)| Op::Receiver(w, c, o)),
        6 => (which(), 0..4_u32).prop_map(|(w, n)| Op::Publish(w, n)),
        4 => (which(), 0..4_u32).prop_map(|(w, n)| Op::TryPublish(w, n)),
        3 => Just(Op::Pump),
        1 => Just(Op::Flush),
        5 => any::<usize>().prop_map(Op::Recv),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(i, close)| Op::End(i, close)),
        1 => any::<usize>().prop_map(Op::DropReceiver),
    ]
}

/// The hub under test.
struct Real {
    hub: Hub,
    worker: Worker,
    listeners: Vec<Option<Subscription>>,
    receivers: Vec<Option<Box<dyn FnMut() -> Got>>>,
    /// What was heard, by which listener.
    log: Heard,
}

type Heard = Log<(usize, u32)>;

/// What a receiver said.
#[derive(Debug, PartialEq)]
enum Got {
    Event(u32),
    Lost(u64),
    Empty,
}

fn callback(
    hub: WeakHub,
    which: Which,
    action: Action,
    (index, log): (usize, Heard),
) -> impl Fn(&u32) {
    move |n| {
        log.push((index, *n));
        match action {
            Action::Nothing => {}
            Action::Panic => panic!("as it was told"),
            Action::Forward if *n == 0 => {}
            Action::Forward => {
                let hub = hub.upgrade().expect("the test holds it");
                on!(which.other(), C => hub.publish::<C>(n - 1));
            }
        }
    }
}

impl Real {
    fn new() -> Self {
        let (hub, mut worker) = Hub::builder()
            .capacity(CAPACITY)
            .on_panic(|_| {})
            .build_with_worker();
        worker.run_pending(); // from here on this is its thread
        Self {
            hub,
            worker,
            listeners: Vec::new(),
            receivers: Vec::new(),
            log: Log::new(),
        }
    }

    /// What the operation tells, where it tells something.
    fn perform(&mut self, op: &Op) -> Option<Got> {
        let heard = (self.listeners.len(), self.log.clone());
        let weak = self.hub.downgrade();
        let hub = &self.hub;
        match *op {
            Op::Listen(which, action) => {
                let callback = callback(weak, which, action, heard);
                let guard = on!(which, C => hub.listen::<C>(callback));
                self.listeners.push(Some(guard));
            }
            Op::Once(which) => {
                let callback = callback(weak, which, Action::Nothing, heard);
                let guard = on!(which, C => hub.once::<C>(callback));
                self.listeners.push(Some(guard));
            }
            Op::Replay(which, replay) => {
                let callback = callback(weak, which, Action::Nothing, heard);
                let options = ListenOptions::builder().replay(replay).build();
                let guard = on!(which, C => hub.listen_with::<C>(options, callback));
                self.listeners.push(Some(guard));
            }
            Op::ListenInline(which, action) => {
                let callback = callback(weak, which, action, heard);
                let guard = on!(which, C => hub.listen_inline::<C>(callback));
                self.listeners.push(Some(guard));
            }
            Op::Receiver(which, capacity, overflow) => {
                let options = ReceiverOptions::builder()
                    .capacity(capacity)
                    .overflow(overflow)
                    .build();
                let pull = on!(which, C => pull(hub.receiver_with::<C>(options)));
                self.receivers.push(Some(pull));
            }
            Op::Publish(which, n) => on!(which, C => hub.publish::<C>(n)),
            Op::TryPublish(which, n) => {
                let refused = on!(which, C => hub.try_publish::<C>(n)).is_err();
                return refused.then_some(Got::Empty);
            }
            Op::Pump => return Some(Got::Lost(self.worker.run_pending() as u64)),
            // On the worker's own thread, where there is nothing to wait for.
            Op::Flush => hub.flush(),
            Op::Recv(index) => {
                let pull = pick(&mut self.receivers, index)?.as_mut()?;
                return Some(pull());
            }
            Op::End(index, close) => match pick(&mut self.listeners, index)?.take()? {
                guard if close => guard.close(),
                guard => drop(guard),
            },
            Op::DropReceiver(index) => *pick(&mut self.receivers, index)? = None,
        }
        None
    }
}

fn pull<C>(mut receiver: Receiver<C>) -> Box<dyn FnMut() -> Got>
where
    C: typed_hub::Channel<Event = u32>,
{
    Box::new(move || match receiver.try_recv() {
        Ok(n) => Got::Event(*n),
        Err(TryRecvError::Lagged(lagged)) => Got::Lost(lagged.missed),
        Err(TryRecvError::Empty | TryRecvError::Closed) => Got::Empty,
    })
}

fn pick<T>(from: &mut [T], index: usize) -> Option<&mut T> {
    let index = index.checked_rem(from.len())?;
    Some(&mut from[index])
}

/// What the promises say.
#[derive(Default)]
struct Model {
    /// Numbers events and registrations in their order.
    now: u64,
    queue: VecDeque<Queued>,
    kept: VecDeque<u32>,
    listeners: Vec<Listener>,
    receivers: Vec<Option<Waiting>>,
    log: Vec<(usize, u32)>,
    /// Inline events that wait for the present one to reach every inline listener.
    deferred: Option<VecDeque<(Which, u32)>>,
}

#[derive(Clone, Copy)]
enum Queued {
    Event(Which, u32, u64),
    CatchUp(usize),
}

struct Listener {
    which: Which,
    action: Action,
    inline: bool,
    once: bool,
    since: u64,
    missed: Vec<u32>,
    alive: bool,
}

struct Waiting {
    which: Which,
    capacity: usize,
    overflow: Overflow,
    events: VecDeque<u32>,
    lost: u64,
    taken: VecDeque<Got>,
}

impl Waiting {
    fn push(&mut self, n: u32) {
        let full = self.events.len() == self.capacity;
        match self.overflow {
            Overflow::DropNewest if full => self.lost += 1,
            Overflow::DropOldest if full => {
                self.events.pop_front();
                self.events.push_back(n);
                self.lost += 1;
            }
            _ => self.events.push_back(n),
        }
    }

    /// Takes all that waits at once, with the loss where it happened.
    fn pull(&mut self) -> Got {
        if self.taken.is_empty() {
            let lost = (self.lost > 0).then_some(Got::Lost(self.lost));
            self.lost = 0;
            let events = self.events.drain(..).map(Got::Event);
            if self.overflow == Overflow::DropOldest {
                self.taken.extend(lost.into_iter().chain(events));
            } else {
                self.taken.extend(events.chain(lost));
            }
        }
        self.taken.pop_front().unwrap_or(Got::Empty)
    }
}

impl Model {
    fn perform(&mut self, op: &Op) -> Option<Got> {
        match *op {
            Op::Listen(which, action) => self.listen(which, action, false, false, Vec::new()),
            Op::Once(which) => self.listen(which, Action::Nothing, false, true, Vec::new()),
            Op::ListenInline(which, action) => self.listen(which, action, true, false, Vec::new()),
            Op::Replay(which, replay) => {
                let count = match replay {
                    Replay::None => 0,
                    Replay::Latest => 1,
                    Replay::All => self.kept.len(),
                };
                let missed: Vec<_> = if which.retains() > 0 {
                    let skipped = self.kept.len().saturating_sub(count);
                    self.kept.iter().skip(skipped).copied().collect()
                } else {
                    Vec::new()
                };
                if which.retains() > 0 && replay != Replay::None {
                    self.queue.push_back(Queued::CatchUp(self.listeners.len()));
                }
                self.listen(which, Action::Nothing, false, false, missed);
            }
            Op::Receiver(which, capacity, overflow) => self.receivers.push(Some(Waiting {
                which,
                capacity,
                overflow,
                events: VecDeque::new(),
                lost: 0,
                taken: VecDeque::new(),
            })),
            Op::Publish(which, n) => self.accept(which, n),
            Op::TryPublish(which, n) => {
                if self.is_full(which) {
                    return Some(Got::Empty);
                }
                self.accept(which, n);
            }
            Op::Pump => return Some(Got::Lost(self.pump())),
            Op::Flush => {}
            Op::Recv(index) => {
                let receiver = pick(&mut self.receivers, index)?.as_mut()?;
                return Some(receiver.pull());
            }
            Op::End(index, _) => pick(&mut self.listeners, index)?.alive = false,
            Op::DropReceiver(index) => *pick(&mut self.receivers, index)? = None,
        }
        None
    }

    fn listen(&mut self, which: Which, action: Action, inline: bool, once: bool, missed: Vec<u32>) {
        self.listeners.push(Listener {
            which,
            action,
            inline,
            once,
            since: self.now,
            missed,
            alive: true,
        });
    }

    fn those(&self, which: Which, inline: bool) -> Vec<usize> {
        let wanted = |l: &Listener| l.alive && l.which == which && l.inline == inline;
        let all = self.listeners.iter().enumerate();
        all.filter(|(_, l)| wanted(l))
            .map(|(index, _)| index)
            .collect()
    }

    fn waiting(&self) -> usize {
        let events = self.queue.iter().filter(|q| matches!(q, Queued::Event(..)));
        events.count()
    }

    fn is_full(&self, which: Which) -> bool {
        let mut receivers = self.receivers.iter().flatten().filter(|r| r.which == which);
        receivers.any(|r| r.overflow == Overflow::Block && r.events.len() >= r.capacity)
            || !self.those(which, false).is_empty() && self.waiting() >= CAPACITY
    }

    fn accept(&mut self, which: Which, n: u32) {
        if !self.those(which, false).is_empty() {
            self.queue.push_back(Queued::Event(which, n, self.now));
        }
        self.now += 1;
        let receivers = self.receivers.iter_mut().flatten();
        receivers
            .filter(|r| r.which == which)
            .for_each(|r| r.push(n));
        if which.retains() > 0 {
            self.kept.push_back(n);
            if self.kept.len() > which.retains() {
                self.kept.pop_front();
            }
        }
        if let Some(deferred) = &mut self.deferred {
            deferred.push_back((which, n));
            return;
        }
        self.deferred = Some([(which, n)].into());
        while let Some((which, n)) = self.deferred.as_mut().and_then(VecDeque::pop_front) {
            for listener in self.those(which, true) {
                self.call(listener, n);
            }
        }
        self.deferred = None;
    }

    fn call(&mut self, index: usize, n: u32) {
        self.log.push((index, n));
        let listener = &mut self.listeners[index];
        listener.alive &= !listener.once;
        if listener.action == Action::Forward && n > 0 {
            let which = listener.which.other();
            self.accept(which, n - 1);
        }
    }

    /// How many events were delivered, replayed ones included.
    fn pump(&mut self) -> u64 {
        let mut delivered = 0;
        for queued in std::mem::take(&mut self.queue) {
            match queued {
                Queued::CatchUp(index) => delivered += self.catch_up(index),
                Queued::Event(which, n, number) => {
                    delivered += 1;
                    for index in self.those(which, false) {
                        if self.listeners[index].since <= number {
                            self.call(index, n);
                        }
                    }
                }
            }
        }
        delivered
    }

    fn catch_up(&mut self, index: usize) -> u64 {
        let missed = std::mem::take(&mut self.listeners[index].missed);
        if !self.listeners[index].alive {
            return 0;
        }
        let count = missed.len() as u64;
        for n in missed {
            self.call(index, n);
        }
        count
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_hub_does_what_the_model_says(program in prop::collection::vec((0..2_usize, op()), 1..80)) {
        let mut pairs = [(); 2].map(|()| (Real::new(), Model::default()));
        for (hub, op) in &program {
            let (real, model) = &mut pairs[*hub];
            prop_assert_eq!(real.perform(op), model.perform(op), "{:?}", op);
        }
        for (mut real, mut model) in pairs {
            for op in [Op::Pump, Op::Pump, Op::Pump, Op::Pump, Op::Pump] {
                prop_assert_eq!(real.perform(&op), model.perform(&op));
            }
            prop_assert_eq!(real.log.take(), model.log);
        }
    }

    #[test]
    fn all_threads_agree(
        capacity in 1..20_usize,
        publishers in 1..4_u32,
        events in 1..300_u32,
        bound in 1..20_usize,
    ) {
        let hub = Hub::builder().capacity(capacity).build();
        let logs = [Log::new(), Log::new()];
        let guards = logs.each_ref().map(|log| {
            let (plain, kept) = (log.clone(), log.clone());
            [
                hub.listen::<Custom<Plain>>(move |n| plain.push((Which::Plain, *n))),
                hub.listen::<Custom<Kept>>(move |n| kept.push((Which::Kept, *n))),
            ]
        });
        let options = ReceiverOptions::builder().capacity(bound).build();
        let receiver = hub.receiver_with::<Custom<Plain>>(options);
        let pulling = thread::spawn(move || receiver.into_iter().flatten().map(|n| *n).collect::<Vec<_>>());
        let passing = Log::new();
        thread::scope(|scope| {
            for publisher in 0..publishers {
                let hub = &hub;
                scope.spawn(move || {
                    for n in 0..events {
                        hub.publish::<Custom<Plain>>(publisher * 1_000 + n);
                        hub.publish::<Custom<Kept>>(publisher * 1_000 + n);
                    }
                });
            }
            let written = passing.clone();
            let options = ListenOptions::builder().replay(Replay::All).build();
            hub.listen_with::<Custom<Kept>>(options, move |n| written.push((Which::Kept, *n)))
                .close();
        });
        hub.flush();
        drop(guards);
        drop(hub);

        let [first, second] = logs.map(|log| log.take());
        prop_assert_eq!(first.len(), 2 * (publishers * events) as usize);
        prop_assert_eq!(&first, &second);
        for publisher in 0..publishers {
            let own = |(_, n): &&(Which, u32)| *n / 1_000 == publisher;
            let own: Vec<_> = first.iter().filter(own).copied().collect();
            let published = (0..events).flat_map(|n| {
                let n = publisher * 1_000 + n;
                [(Which::Plain, n), (Which::Kept, n)]
            });
            prop_assert_eq!(own, published.collect::<Vec<_>>());
        }
        let pulled = pulling.join().unwrap();
        let plain = first.iter().filter(|(which, _)| *which == Which::Plain);
        prop_assert_eq!(pulled, plain.map(|(_, n)| *n).collect::<Vec<_>>());
        let kept: Vec<_> = first.iter().filter(|(which, _)| *which == Which::Kept).collect();
        let passing = passing.take();
        let begins = passing.first().and_then(|first| kept.iter().position(|n| *n == first));
        let stretch = begins.map(|begin| &kept[begin..begin + passing.len()]);
        prop_assert!(passing.iter().eq(stretch.into_iter().flatten().copied()));
    }
}
