//! Programs of several threads, which publish, join and leave at the same time.
//!
//! For every channel there is a witness from the first event to the last. The order that it has
//! seen is the order of acceptance, and every other listener has seen a piece of it.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::{Bounds, Event, Got, Kept, Kind, Latest, Place, Plain, Pull, Which, on};
use crate::common::{Log, in_time};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use typed_hub::{Custom, Hub, Overflow, ReceiverOptions, Replay, Subscription, WeakHub};

/// How many numbers for events a thread has.
const OWN: u32 = 1_000_000;

/// The numbers from here on are of forwarded events, which no thread has for its own.
const FORWARDED: u32 = 1_000 * OWN;

/// A hub: its capacity, and whether it has a worker that a thread of ours runs.
type HubPlan = (usize, bool);

/// What a callback does besides writing the event down.
#[derive(Clone, Copy, Debug)]
enum Action {
    Nothing,
    Panic,
    /// Publishes an event on the next channel of the next hub, if the present one is not forwarded.
    Forward,
    /// Flushes the next hub, and its own: it must return at once.
    Flush,
    /// Closes some listener, of whatever hub: it must return at once.
    Close,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Called(Kind, Action),
    Pulled(Bounds),
}

/// A listener that joins, stays for some time, and leaves.
#[derive(Clone, Copy, Debug)]
struct Visit {
    hub: usize,
    which: Which,
    how: How,
    stay: u32,
    close: bool,
}

impl Visit {
    /// How many past events it may be told.
    fn replays(&self) -> usize {
        match self.how {
            How::Called(Kind::Queued(replay), _) | How::Pulled(Bounds { replay, .. }) => {
                self.which.replays(replay)
            }
            How::Called(..) => 0,
        }
    }
}

#[derive(Clone, Debug)]
struct Program {
    hubs: Vec<HubPlan>,
    /// The channel, and its hub, on which most of it happens: threads must meet.
    busy: (usize, Which),
    /// Whether the witnesses are queued listeners: receivers otherwise, so that the first queued
    /// listener of a channel joins under fire.
    queued_witness: bool,
    publishers: u32,
    events: u32,
    seed: u32,
    /// What each thread that joins and leaves does.
    visits: Vec<Vec<Visit>>,
}

fn program() -> impl Strategy<Value = Program> {
    let action = prop::sample::select(vec![
        Action::Nothing,
        Action::Nothing,
        Action::Panic,
        Action::Forward,
        Action::Flush,
        Action::Close,
    ]);
    let how = prop_oneof![
        2 => (super::kind(), action).prop_map(|(kind, action)| How::Called(kind, action)),
        1 => super::bounds().prop_map(How::Pulled),
    ];
    let place = || (0..3_usize, super::which());
    let elsewhere = prop::option::weighted(0.25, place());
    let stay = prop_oneof![0..3_u32, 0..30_u32];
    let visit = (elsewhere, how, stay, any::<bool>());
    let (joiners, visits, events) = if cfg!(miri) {
        (1..3_usize, 1..3_usize, 5..10_u32)
    } else {
        (1..4, 1..30, 50..400)
    };
    let visits = prop::collection::vec(prop::collection::vec(visit, visits), joiners);
    let hubs = prop::collection::vec((1..20_usize, any::<bool>()), 2..4);
    let publishing = (1..5_u32, events, any::<u32>());
    (hubs, place(), any::<bool>(), publishing, visits).prop_map(
        |(hubs, busy, queued_witness, (publishers, events, seed), visits)| {
            let (count, busy) = (hubs.len(), (busy.0 % hubs.len(), busy.1));
            let visit = |(elsewhere, how, stay, close): Wish| {
                let (hub, which) = elsewhere.unwrap_or(busy);
                Visit {
                    hub: hub % count,
                    which,
                    how,
                    stay,
                    close,
                }
            };
            Program {
                hubs,
                busy,
                queued_witness,
                publishers,
                events,
                seed,
                visits: visits
                    .into_iter()
                    .map(|visits| visits.into_iter().map(visit).collect())
                    .collect(),
            }
        },
    )
}

/// A visit, with its place if that is not the busy one.
type Wish = (Option<(usize, Which)>, How, u32, bool);

/// What callbacks reach.
struct World {
    hubs: Vec<WeakHub>,
    /// Listeners that some callback will close.
    spare: Mutex<Vec<Subscription>>,
    forwarded: Log<(usize, Which, u32)>,
    next_forwarded: AtomicU32,
    alive: Arc<()>,
}

type Seen = Log<(u32, Option<Place>)>;

impl World {
    fn hub(&self, index: usize) -> Hub {
        let hub = self.hubs[index % self.hubs.len()].upgrade();
        hub.expect("the test holds it")
    }

    fn event(&self, id: u32, left: u32) -> Event {
        Event {
            id,
            left,
            _alive: Arc::clone(&self.alive),
        }
    }

    fn listen(self: &Arc<Self>, visit: &Visit, kind: Kind, action: Action) -> (Seen, Subscription) {
        let (world, visit, seen) = (Arc::clone(self), *visit, Log::new());
        let log = seen.clone();
        let callback = move |event: &Event, place| {
            log.push((event.id, place));
            world.act(&visit, action, event.left);
        };
        let guard = super::listen(&self.hub(visit.hub), visit.which, kind, callback);
        (seen, guard)
    }

    fn act(&self, visit: &Visit, action: Action, left: u32) {
        match action {
            Action::Nothing => {}
            // Without the message and the backtrace of `panic!`, of which there would be thousands.
            Action::Panic => resume_unwind(Box::new("as it was told")),
            Action::Forward if left == 0 => {}
            Action::Forward => {
                let hub = (visit.hub + 1) % self.hubs.len();
                let which = visit.which.next();
                let id = self.next_forwarded.fetch_add(1, Ordering::Relaxed);
                let event = self.event(id, left - 1);
                on!(which, C => self.hub(hub).publish::<C>(event));
                self.forwarded.push((hub, which, id));
            }
            Action::Flush => {
                self.hub(visit.hub + 1).flush();
                self.hub(visit.hub).flush();
            }
            Action::Close => {
                let spare = self.spare.lock().unwrap().pop();
                spare.into_iter().for_each(Subscription::close);
            }
        }
    }
}

/// A thread's numbers for events, and what it has published where.
struct Publishing {
    first: u32,
    published: Vec<(usize, Which, u32)>,
}

impl Publishing {
    fn new(thread: u32) -> Self {
        Self {
            first: thread * OWN,
            published: Vec::new(),
        }
    }

    /// The number of the next event, which is noted as published.
    fn next(&mut self, hub: usize, which: Which) -> u32 {
        let id = self.first + u32::try_from(self.published.len()).unwrap();
        self.published.push((hub, which, id));
        id
    }
}

type Publish = Box<dyn Fn(Event)>;

/// Publishes on the hub or, which takes another way, with a publisher.
fn publish(hub: &Hub, which: Which, with_publisher: bool) -> Publish {
    let hub = hub.clone();
    on!(which, C => if with_publisher {
        let publisher = hub.publisher::<C>();
        Box::new(move |event| publisher.publish(event))
    } else {
        Box::new(move |event| hub.publish::<C>(event))
    })
}

fn keep_publishing(world: &World, program: &Program, thread: u32) -> Publishing {
    let hubs: Vec<_> = (0..world.hubs.len()).map(|hub| world.hub(hub)).collect();
    let publish: Vec<_> = hubs
        .iter()
        .map(|hub| Which::ALL.map(|which| publish(hub, which, thread.is_multiple_of(2))))
        .collect();
    let mut own = Publishing::new(thread);
    let mut random = program.seed ^ (thread << 8) | 1;
    for n in 0..program.events {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let (hub, which) = match random as usize / 64 {
            elsewhere if random.is_multiple_of(4) => {
                (elsewhere % hubs.len(), Which::ALL[elsewhere / 8 % 3])
            }
            _ => program.busy,
        };
        let id = own.next(hub, which);
        publish[hub][which as usize](world.event(id, u32::from(n.is_multiple_of(8))));
    }
    own
}

/// What a visit has seen, and the marks around it: the last event published before `listen` was
/// called, one published after it returned, one before the guard was dropped, one after that.
struct Story {
    visit: Visit,
    marks: [u32; 4],
    seen: Told,
}

enum Told {
    Called(Seen),
    Pulled(Vec<Got>),
}

/// Publishes a mark. A receiver that refuses it is the visitor's own, perhaps, and pulled meanwhile.
fn mark(world: &World, visit: &Visit, own: &mut Publishing, mut meanwhile: impl FnMut()) -> u32 {
    let id = own.next(visit.hub, visit.which);
    let mut event = Some(world.event(id, 0));
    let hub = world.hub(visit.hub);
    while let Some(refused) = event.take() {
        let accepted = on!(visit.which, C => hub.try_publish::<C>(refused));
        if let Err(refused) = accepted {
            event = Some(refused.0);
            meanwhile();
            thread::yield_now();
        }
    }
    id
}

fn visit(world: &Arc<World>, visit: Visit, own: &mut Publishing) -> Story {
    let before = mark(world, &visit, own, || {});
    let (after, last, seen) = match visit.how {
        How::Called(kind, action) => {
            let (seen, guard) = world.listen(&visit, kind, action);
            let after = mark(world, &visit, own, || {});
            (0..visit.stay).for_each(|_| thread::yield_now());
            let last = mark(world, &visit, own, || {});
            world.hub(visit.hub).flush();
            if visit.close {
                guard.close();
            } else {
                drop(guard);
            }
            (after, last, Told::Called(seen))
        }
        How::Pulled(bounds) => {
            let mut pull = super::receive(&world.hub(visit.hub), visit.which, bounds);
            let mut seen = Vec::new();
            let mut drain = || seen.extend(all(&mut pull));
            let after = mark(world, &visit, own, &mut drain);
            for _ in 0..visit.stay {
                drain();
                thread::yield_now();
            }
            let last = mark(world, &visit, own, &mut drain);
            drain();
            drop(pull);
            (after, last, Told::Pulled(seen))
        }
    };
    let gone = mark(world, &visit, own, || {});
    Story {
        visit,
        marks: [before, after, last, gone],
        seen,
    }
}

/// All that waits for a receiver.
fn all(pull: &mut Pull) -> impl Iterator<Item = Got> {
    std::iter::from_fn(|| Some(pull()).filter(|got| *got != Got::Empty))
}

/// The order in which a channel accepted its events.
struct Order {
    events: Vec<u32>,
    positions: HashMap<u32, usize>,
    places: Vec<Option<Place>>,
}

impl Order {
    fn new(seen: impl IntoIterator<Item = (u32, Option<Place>)>) -> Self {
        let (events, places): (Vec<_>, _) = seen.into_iter().unzip();
        let numbered = events.iter().enumerate();
        let positions = numbered.map(|(position, id)| (*id, position)).collect();
        Self {
            events,
            positions,
            places,
        }
    }

    /// Each event that was published has been seen once, and the events of one thread in their order.
    fn check(&self, published: &[u32]) -> TestCaseResult {
        let mut sorted = self.events.clone();
        sorted.sort_unstable();
        prop_assert!(sorted.is_sorted_by(|one, next| one < next), "seen twice");
        prop_assert_eq!(sorted, published);
        let mut latest = HashMap::new();
        for id in self.events.iter().filter(|id| **id < FORWARDED) {
            let before = latest.insert(id / OWN, id);
            prop_assert!(before < Some(id), "{id} after {before:?}");
        }
        let numbers = self.places.iter().flatten().map(|(number, _)| number);
        prop_assert!(numbers.is_sorted_by(|one, next| one < next));
        Ok(())
    }

    fn check_story(&self, story: &Story, threads: usize) -> TestCaseResult {
        let visit = &story.visit;
        let marks = story.marks.map(|mark| self.positions[&mark]);
        match &story.seen {
            Told::Called(seen) => {
                let seen = seen.take();
                for (id, place) in &seen {
                    let known = self.places[self.positions[id]];
                    prop_assert!(known.is_none() || place.is_none() || known == *place);
                }
                let numbers = seen.iter().filter_map(|(_, place)| *place);
                let numbers = numbers.map(|(number, _)| number);
                prop_assert!(numbers.is_sorted_by(|one, next| one < next));
                let seen: Vec<_> = seen.iter().map(|(id, _)| self.positions[id]).collect();
                match visit.how {
                    How::Called(Kind::Once, _) => check_once(&seen, marks),
                    How::Called(Kind::Inline, _) => self.check_inline(seen, marks, threads),
                    _ => check_queued(visit, &seen, marks),
                }
            }
            Told::Pulled(got) => self.check_pulled(visit, got, marks),
        }
    }

    /// Called by several threads at a time, so that the order is theirs. An event on whose call its
    /// thread had not decided when the guard was dropped is not seen, and for each thread it is the
    /// last one.
    fn check_inline(
        &self,
        mut seen: Vec<usize>,
        [before, after, last, gone]: [usize; 4],
        threads: usize,
    ) -> TestCaseResult {
        seen.sort_unstable();
        prop_assert!(seen.is_sorted_by(|one, next| one < next), "twice: {seen:?}");
        prop_assert!(seen.contains(&after) && seen.contains(&last));
        let (start, end) = (seen[0], seen[seen.len() - 1]);
        prop_assert!(before < start && end < gone);
        let missed = (start..=end).filter(|position| seen.binary_search(position).is_err());
        let missed: Vec<_> = missed.collect();
        prop_assert!(missed.len() <= threads, "missed: {missed:?}");
        for position in missed {
            let thread = self.events[position] / OWN;
            let of_thread = |position: &usize| self.events[*position] / OWN == thread;
            let later = seen.iter().filter(|seen| **seen > position);
            let later = later.copied().find(of_thread);
            let is_forwarded = self.events[position] >= FORWARDED;
            prop_assert!(
                is_forwarded || later.is_none(),
                "{position} missed, {later:?} seen"
            );
        }
        Ok(())
    }

    /// Events and losses add up to one piece.
    fn check_pulled(&self, visit: &Visit, got: &[Got], marks: [usize; 4]) -> TestCaseResult {
        let How::Pulled(bounds) = visit.how else {
            unreachable!("it pulls")
        };
        let mut start = None;
        let mut count = 0;
        for got in got {
            match got {
                Got::Event(id) => {
                    let position = self.positions[id];
                    let start = *start.get_or_insert(position.wrapping_sub(count));
                    prop_assert_eq!(
                        position,
                        start.wrapping_add(count),
                        "not one piece: {:?}",
                        got
                    );
                    count += 1;
                }
                Got::Lost(missed) => {
                    prop_assert_ne!(bounds.overflow, Overflow::Block);
                    prop_assert_ne!(*missed, 0);
                    count += usize::try_from(*missed).unwrap();
                }
                Got::Empty => unreachable!("the iterator ends there"),
            }
        }
        check_piece(visit, start.unwrap_or(marks[3]), count, marks)
    }
}

fn check_once(seen: &[usize], [before, after, ..]: [usize; 4]) -> TestCaseResult {
    prop_assert_eq!(seen.len(), 1);
    prop_assert!(before < seen[0] && seen[0] <= after);
    Ok(())
}

/// In one piece.
fn check_queued(visit: &Visit, seen: &[usize], marks: [usize; 4]) -> TestCaseResult {
    let gap = seen.windows(2).find(|pair| pair[0] + 1 != pair[1]);
    prop_assert!(gap.is_none(), "not one piece: {seen:?}, {marks:?}");
    let start = seen.first().copied().unwrap_or(marks[3]);
    check_piece(visit, start, seen.len(), marks)
}

/// From what is replayed before the first event after `listen`, to what was accepted last.
fn check_piece(
    visit: &Visit,
    start: usize,
    count: usize,
    [before, after, last, gone]: [usize; 4],
) -> TestCaseResult {
    let replays = visit.replays();
    let starts = (before + 1).saturating_sub(replays)..=after.saturating_sub(replays);
    prop_assert!(starts.contains(&start), "{start} not in {starts:?}");
    let end = start + count;
    prop_assert!(last < end && end <= gone, "{end} not in {last}..={gone}");
    Ok(())
}

enum Witness {
    Called(
        Seen,
        #[expect(dead_code, reason = "it listens as long as it is held")] Subscription,
    ),
    Pulled(Pull),
}

impl Witness {
    fn new(world: &Arc<World>, program: &Program, hub: usize, which: Which) -> Self {
        if program.queued_witness {
            let seen = Log::new();
            let log = seen.clone();
            let callback = move |event: &Event, place| log.push((event.id, place));
            let guard = super::listen(&world.hub(hub), which, Kind::Envelope, callback);
            return Self::Called(seen, guard);
        }
        Self::Pulled(super::receive(
            &world.hub(hub),
            which,
            Bounds {
                capacity: usize::MAX,
                overflow: Overflow::Block,
                replay: Replay::None,
            },
        ))
    }

    fn order(mut self) -> Order {
        match &mut self {
            Self::Called(seen, _) => Order::new(seen.take()),
            Self::Pulled(pull) => Order::new(all(pull).map(|got| match got {
                Got::Event(id) => (id, None),
                Got::Lost(_) | Got::Empty => unreachable!("it has room for all"),
            })),
        }
    }
}

/// A hub with a thread of its own, or with a worker and a thread of ours that runs it.
fn start(&(capacity, with_worker): &HubPlan) -> (Hub, Option<thread::JoinHandle<()>>) {
    let builder = Hub::builder().capacity(capacity).on_panic(|_| {});
    if !with_worker {
        return (builder.build(), None);
    }
    // Built there, so that it is that thread which is to pump the worker.
    let (ready, started) = mpsc::channel();
    let running = thread::spawn(move || {
        let (hub, mut worker) = builder.build_with_worker();
        ready.send(hub).unwrap();
        worker.run();
    });
    (started.recv().unwrap(), Some(running))
}

fn play(program: &Program) -> TestCaseResult {
    let (hubs, workers): (Vec<_>, Vec<_>) = program.hubs.iter().map(start).unzip();
    let world = Arc::new(World {
        hubs: hubs.iter().map(Hub::downgrade).collect(),
        spare: Mutex::default(),
        forwarded: Log::new(),
        next_forwarded: AtomicU32::new(FORWARDED),
        alive: Arc::default(),
    });
    let channels = (0..hubs.len()).flat_map(|hub| Which::ALL.map(|which| (hub, which)));
    let witnesses: Vec<_> = channels
        .map(|(hub, which)| (hub, which, Witness::new(&world, program, hub, which)))
        .collect();
    let spare = program
        .visits
        .iter()
        .flatten()
        .filter_map(|visit| match visit.how {
            How::Called(kind, Action::Close) => Some(world.listen(visit, kind, Action::Flush).1),
            _ => None,
        });
    let spare: Vec<_> = spare.collect();
    world.spare.lock().unwrap().extend(spare);

    let (mut published, mut stories) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let world = &world;
        let publishers: Vec<_> = (0..program.publishers)
            .map(|thread| scope.spawn(move || keep_publishing(world, program, thread)))
            .collect();
        let visitors = program.visits.iter().zip(program.publishers..);
        let visitors = visitors.map(|(visits, thread)| {
            scope.spawn(move || {
                let mut own = Publishing::new(thread);
                let visits = visits.iter();
                let stories: Vec<_> = visits.map(|plan| visit(world, *plan, &mut own)).collect();
                (own, stories)
            })
        });
        for visitor in visitors.collect::<Vec<_>>() {
            let (own, of_visitor) = visitor.join().unwrap();
            published.extend(own.published);
            stories.extend(of_visitor);
        }
        for publisher in publishers {
            published.extend(publisher.join().unwrap().published);
        }
    });
    // The first time the callbacks forward, the second time it is delivered.
    (0..2).for_each(|_| hubs.iter().for_each(Hub::flush));
    published.extend(world.forwarded.take());

    let threads = (program.publishers as usize) + program.visits.len() + hubs.len();
    for (hub, which, witness) in witnesses {
        let order = witness.order();
        let here = published
            .iter()
            .filter(|(h, w, _)| (*h, *w) == (hub, which));
        let mut here: Vec<_> = here.map(|(_, _, id)| *id).collect();
        here.sort_unstable();
        order.check(&here)?;
        for story in &stories {
            if (story.visit.hub, story.visit.which) == (hub, which) {
                let checked = order.check_story(story, threads);
                checked.map_err(|why| TestCaseError::fail(format!("{:?}: {why}", story.visit)))?;
            }
        }
    }
    world.spare.lock().unwrap().clear();
    drop(hubs);
    for worker in workers.into_iter().flatten() {
        worker.join().unwrap();
    }
    prop_assert_eq!(Arc::strong_count(&world.alive), 1, "events are alive");
    Ok(())
}

proptest! {
    #![proptest_config(super::config(192))]

    #[test]
    fn all_kinds_join_under_fire(program in program()) {
        in_time(move || play(&program))?;
    }

    #[test]
    fn all_threads_agree(
        capacity in 1..20_usize,
        publishers in 1..4_u32,
        events in 1..if cfg!(miri) { 10 } else { 300_u32 },
        bound in 1..20_usize,
    ) {
        let hub = Hub::builder().capacity(capacity).build();
        let logs = [Log::new(), Log::new()];
        let guards = logs.each_ref().map(|log| {
            let (plain, kept) = (log.clone(), log.clone());
            [
                hub.listen::<Custom<Plain>>(move |event| plain.push((Which::Plain, event.id))),
                hub.listen::<Custom<Kept>>(move |event| kept.push((Which::Kept, event.id))),
            ]
        });
        let options = ReceiverOptions::builder().capacity(bound).build();
        let receiver = hub.receiver_with::<Custom<Plain>>(options);
        let pulling = thread::spawn(move || {
            receiver.into_iter().flatten().map(|event| event.id).collect::<Vec<_>>()
        });
        let passing = Log::new();
        let event = |id| Event { id, left: 0, _alive: Arc::default() };
        thread::scope(|scope| {
            for publisher in 0..publishers {
                let hub = &hub;
                scope.spawn(move || {
                    for n in 0..events {
                        hub.publish::<Custom<Plain>>(event(publisher * OWN + n));
                        hub.publish::<Custom<Kept>>(event(publisher * OWN + n));
                    }
                });
            }
            let written = passing.clone();
            let write = move |event: &Event| written.push((Which::Kept, event.id));
            hub.listener::<Custom<Kept>>().replay(Replay::All).listen(write).close();
        });
        hub.flush();
        drop(guards);
        drop(hub);

        let [first, second] = logs.map(|log| log.take());
        prop_assert_eq!(first.len(), 2 * (publishers * events) as usize);
        prop_assert_eq!(&first, &second);
        for publisher in 0..publishers {
            let own = |(_, n): &&(Which, u32)| *n / OWN == publisher;
            let own: Vec<_> = first.iter().filter(own).copied().collect();
            let published = (0..events).flat_map(|n| {
                let n = publisher * OWN + n;
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
