//! What a log holds, and what happens to it under its lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::reader::{Overflow, Reader};
use crate::channel::Channel;
use crate::delivery::tasks::Tasks;
use crate::envelope::Payload;

/// So many events make a batch even where no receiver asks for them.
const BATCH: usize = 64;

/// So many batches make it worth while to look for those that nobody needs.
const CROWD: usize = 16;

pub(super) struct State<C: Channel> {
    /// Older events, in order. A batch that no receiver needs any more may be missing.
    frozen: VecDeque<Arc<Batch<C>>>,
    crowded_at: usize,
    filling: Vec<Payload<C::Event>>,
    /// How many events the last batch had: the next has as many, as a rule.
    usual: usize,
    /// The number of the first event in `filling`.
    first: u64,
    pub(super) readers: BTreeMap<ReaderId, Reader>,
    next_reader: ReaderId,
    /// Those that have found nothing, and want to be told of the next event.
    sleeping: BTreeSet<ReaderId>,
    /// The readers by their cursors.
    cursors: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a receiver lets nothing more in.
    blockers: BTreeSet<(u64, ReaderId)>,
    pub(super) waiting_publishers: usize,
    pub(super) waiting_tasks: Tasks,
    pub(super) closed: bool,
}

pub(crate) type ReaderId = u64;

/// Events that came one right after the other.
pub(crate) struct Batch<C: Channel> {
    pub(crate) events: Vec<Payload<C::Event>>,
    /// The number of the first.
    first: u64,
}

impl<C: Channel> Batch<C> {
    /// A batch of its own, of events that are in no log.
    pub(crate) fn apart(events: Vec<Payload<C::Event>>) -> Self {
        Self { events, first: 0 }
    }

    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.events.len() as u64
    }
}

/// What a receiver takes from the log, in order.
pub(crate) enum Taken<C: Channel> {
    /// So many events were lost here.
    Lost(u64),
    /// A part of a batch.
    Events(Arc<Batch<C>>, Range<usize>),
}

impl<C: Channel> State<C> {
    pub(super) fn new() -> Self {
        Self {
            frozen: VecDeque::new(),
            crowded_at: CROWD,
            filling: Vec::new(),
            usual: 0,
            first: 0,
            readers: BTreeMap::new(),
            next_reader: 0,
            sleeping: BTreeSet::new(),
            cursors: BTreeSet::new(),
            blockers: BTreeSet::new(),
            waiting_publishers: 0,
            waiting_tasks: Tasks::default(),
            closed: false,
        }
    }

    pub(super) fn join(&mut self, reader: Reader) -> ReaderId {
        let id = self.next_reader;
        self.next_reader += 1;
        self.index(id, &reader);
        self.readers.insert(id, reader);
        // Though it has not looked yet: `select!` may wait for its bell first of all.
        self.sleep(id, None);
        id
    }

    /// Lets a bell ring for the reader from now on: at once where it would have rung before.
    pub(super) fn hang_bell(&mut self, id: ReaderId, bell: Sender<()>) {
        if let Some(reader) = self.readers.get_mut(&id) {
            reader.bell = Some(bell);
            if self.closed || !reader.asleep {
                reader.ring();
            }
        }
    }

    pub(super) fn leave(&mut self, id: ReaderId) -> Option<Reader> {
        let left = self.readers.remove(&id)?;
        self.sleeping.remove(&id);
        self.unindex(id, &left);
        Some(left)
    }

    fn index(&mut self, id: ReaderId, reader: &Reader) {
        self.cursors.insert((reader.cursor(), id));
        self.blockers.extend(reader.full_at().map(|end| (end, id)));
    }

    fn unindex(&mut self, id: ReaderId, reader: &Reader) {
        self.cursors.remove(&(reader.cursor(), id));
        if let Some(end) = reader.full_at() {
            self.blockers.remove(&(end, id));
        }
    }

    /// Adds an event. What nobody needs any more is for the caller, to drop unlocked.
    pub(super) fn push(&mut self, event: Payload<C::Event>) -> Vec<Arc<Batch<C>>> {
        if self.filling.is_empty() {
            self.filling.reserve(self.usual);
        }
        self.filling.push(event);
        if self.filling.len() < BATCH {
            return Vec::new();
        }
        self.freeze();
        self.trim()
    }

    /// Whether some receiver lets nothing more in.
    pub(super) fn is_full(&self) -> bool {
        let nearest = self.blockers.first();
        nearest.is_some_and(|(full_at, _)| self.end() >= *full_at)
    }

    /// The number of the next event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.filling.len() as u64
    }

    fn freeze(&mut self) {
        if !self.filling.is_empty() {
            let end = self.end();
            let first = mem::replace(&mut self.first, end);
            let events = mem::take(&mut self.filling);
            self.usual = events.len();
            self.frozen.push_back(Arc::new(Batch { events, first }));
        }
    }

    pub(super) fn take(&mut self, id: ReaderId) -> VecDeque<Taken<C>> {
        let end = self.end();
        let mut taken = VecDeque::new();
        let Some(mut reader) = self.readers.remove(&id) else {
            return taken;
        };
        self.unindex(id, &reader);
        let (wanted, lost) = reader.advance(end);
        self.index(id, &reader);
        let oldest_lost = reader.overflow == Overflow::DropOldest;
        self.readers.insert(id, reader);
        if lost != 0 && oldest_lost {
            taken.push_back(Taken::Lost(lost));
        }
        if !wanted.is_empty() {
            self.freeze();
            let begin = self
                .frozen
                .partition_point(|batch| batch.numbers().end <= wanted.start);
            for batch in self.frozen.range(begin..) {
                let part = overlap(&batch.numbers(), &wanted);
                if part.is_empty() {
                    break;
                }
                taken.push_back(Taken::Events(Arc::clone(batch), part));
            }
        }
        if lost != 0 && !oldest_lost {
            taken.push_back(Taken::Lost(lost));
        }
        taken
    }

    /// Lets the reader be told of the next event. Hands back a waker that is not wanted any more.
    pub(super) fn sleep(&mut self, id: ReaderId, waker: Option<Waker>) -> Option<Waker> {
        let Some(reader) = self.readers.get_mut(&id) else {
            return waker;
        };
        if !mem::replace(&mut reader.asleep, true) {
            self.sleeping.insert(id);
        }
        mem::replace(&mut reader.waker, waker)
    }

    /// Rings the bells of those that sleep; their wakers are for the caller, to wake unlocked.
    #[inline]
    pub(super) fn ring(&mut self) -> Vec<Waker> {
        if self.sleeping.is_empty() {
            Vec::new() // As a rule, while events stream in.
        } else {
            self.ring_sleeping()
        }
    }

    fn ring_sleeping(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for id in mem::take(&mut self.sleeping) {
            if let Some(reader) = self.readers.get_mut(&id) {
                reader.asleep = false;
                reader.ring();
                wakers.extend(reader.waker.take());
            }
        }
        wakers
    }

    fn is_needed(&self, batch: &Batch<C>, end: u64) -> bool {
        let numbers = batch.numbers();
        let mut readers = self.readers.values();
        readers.any(|reader| !overlap(&numbers, &reader.wants(end)).is_empty())
    }

    /// Removes what all readers have taken and, where many batches have come together, whatever
    /// nobody needs. It is for the caller, to drop unlocked.
    pub(super) fn trim(&mut self) -> Vec<Arc<Batch<C>>> {
        let Some((oldest, _)) = self.cursors.first() else {
            // Nobody is left, so nobody needs what is not frozen yet either.
            self.freeze();
            return mem::take(&mut self.frozen).into();
        };
        let taken = |batch: &Arc<Batch<C>>| batch.numbers().end <= *oldest;
        let count = self.frozen.partition_point(taken);
        let mut garbage: Vec<_> = self.frozen.drain(..count).collect();
        // As seldom as keeps both the batches and the work within twice what is needed.
        if self.frozen.len() >= self.crowded_at {
            garbage.extend(self.collect());
        }
        garbage
    }

    /// Removes every batch that nobody needs.
    pub(super) fn collect(&mut self) -> Vec<Arc<Batch<C>>> {
        let end = self.end();
        let frozen = mem::take(&mut self.frozen);
        let mut garbage = Vec::new();
        for batch in frozen {
            if self.is_needed(&batch, end) {
                self.frozen.push_back(batch);
            } else {
                garbage.push(batch);
            }
        }
        self.crowded_at = CROWD.max(2 * self.frozen.len());
        garbage
    }
}

/// The part of a batch's events, by index, whose numbers are wanted.
fn overlap(batch: &Range<u64>, wanted: &Range<u64>) -> Range<usize> {
    let index = |number: u64| usize::try_from(number - batch.start).unwrap_or(usize::MAX);
    let start = wanted.start.clamp(batch.start, batch.end);
    let end = wanted.end.clamp(batch.start, batch.end);
    index(start)..index(end)
}
