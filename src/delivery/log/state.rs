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

/// The number of events in a chunk that is sealed because it is full.
const CHUNK: usize = 64;

/// The events that receivers need are the last ones: those from [`needed_from`](Self::needed_from) to
/// [`end`](Self::end). A receiver that needs others as well, because it keeps the oldest and has lost
/// newer ones, holds them itself.
pub(super) struct State<C: Channel> {
    /// Older events, in order and without a gap.
    sealed: VecDeque<Arc<Chunk<C>>>,
    /// The latest events.
    tail: Vec<Payload<C::Event>>,
    /// The number of the first event in `tail`.
    first: u64,
    /// How many events the last sealed chunk has: the next one is likely to get as many.
    usual: usize,
    pub(super) readers: BTreeMap<ReaderId, Reader<C>>,
    next_reader: ReaderId,
    /// Those that have found nothing, and want to be told of the next event.
    sleeping: BTreeSet<ReaderId>,
    /// The cursors of those that need every event from there on.
    cursors: BTreeSet<(u64, ReaderId)>,
    /// Of those that need the latest events: their cursors, and how many of the latest.
    latest_cursors: BTreeSet<(u64, ReaderId)>,
    latest_counts: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a reader refuses or loses the next event.
    limits: Limits,
    pub(super) waiting_publishers: usize,
    pub(super) waiting_tasks: Tasks,
    pub(super) closed: bool,
}

#[derive(Default)]
struct Limits {
    /// Of readers that block.
    refusing: BTreeSet<(u64, ReaderId)>,
    /// Of readers that lose the newest events.
    losing: BTreeSet<(u64, ReaderId)>,
}

pub(crate) type ReaderId = u64;

/// Events that were pushed one right after the other.
pub(crate) struct Chunk<C: Channel> {
    pub(crate) events: Vec<Payload<C::Event>>,
    /// The number of the first.
    first: u64,
}

impl<C: Channel> Chunk<C> {
    /// A chunk of events that are in no log.
    pub(crate) fn apart(events: Vec<Payload<C::Event>>) -> Self {
        Self { events, first: 0 }
    }

    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.events.len() as u64
    }
}

/// What a receiver takes from the log, in order.
pub(crate) enum Segment<C: Channel> {
    /// So many events were lost here.
    Gap(u64),
    /// A part of a chunk.
    Events(Arc<Chunk<C>>, Range<usize>),
}

/// What no receiver needs any more, to be dropped when no lock is held.
pub(crate) struct Garbage<C: Channel> {
    pub(super) chunks: Vec<Arc<Chunk<C>>>,
    pub(super) event: Option<Payload<C::Event>>,
}

impl<C: Channel> Default for Garbage<C> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            event: None,
        }
    }
}

impl<C: Channel> State<C> {
    pub(super) fn new() -> Self {
        Self {
            sealed: VecDeque::new(),
            tail: Vec::new(),
            first: 0,
            usual: 0,
            readers: BTreeMap::new(),
            next_reader: 0,
            sleeping: BTreeSet::new(),
            cursors: BTreeSet::new(),
            latest_cursors: BTreeSet::new(),
            latest_counts: BTreeSet::new(),
            limits: Limits::default(),
            waiting_publishers: 0,
            waiting_tasks: Tasks::default(),
            closed: false,
        }
    }

    pub(super) fn join(&mut self, reader: Reader<C>) -> ReaderId {
        let id = self.next_reader;
        self.next_reader += 1;
        if reader.overflow == Overflow::DropOldest {
            self.latest_counts.insert((reader.capacity, id));
        }
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

    pub(super) fn leave(&mut self, id: ReaderId) -> Option<Reader<C>> {
        let left = self.readers.remove(&id)?;
        self.sleeping.remove(&id);
        self.unindex(id, &left);
        self.latest_counts.remove(&(left.capacity, id));
        Some(left)
    }

    fn index(&mut self, id: ReaderId, reader: &Reader<C>) {
        let (cursor, limit) = (reader.cursor, reader.limit());
        match reader.overflow {
            Overflow::Block => {
                self.cursors.insert((cursor, id));
                self.limits.refusing.insert((limit, id));
            }
            Overflow::DropOldest => {
                self.latest_cursors.insert((cursor, id));
            }
            Overflow::DropNewest => {
                self.cursors.insert((cursor, id));
                self.limits.losing.insert((limit, id));
            }
        }
    }

    fn unindex(&mut self, id: ReaderId, reader: &Reader<C>) {
        let (cursor, limit) = (reader.cursor, reader.limit());
        match reader.overflow {
            Overflow::Block => {
                self.cursors.remove(&(cursor, id));
                self.limits.refusing.remove(&(limit, id));
            }
            Overflow::DropOldest => {
                self.latest_cursors.remove(&(cursor, id));
            }
            // One that is full is in neither.
            Overflow::DropNewest => {
                self.cursors.remove(&(cursor, id));
                self.limits.losing.remove(&(limit, id));
            }
        }
    }

    /// Adds an event, unless no reader needs it.
    pub(super) fn push(&mut self, event: Payload<C::Event>) -> Garbage<C> {
        if self.cursors.is_empty() && self.latest_cursors.is_empty() {
            self.seal();
            self.first += 1;
            return Garbage {
                chunks: mem::take(&mut self.sealed).into(),
                event: Some(event),
            };
        }
        if self.tail.is_empty() {
            self.tail.reserve(self.usual);
        }
        self.tail.push(event);
        let mut chunks = Vec::new();
        if self.tail.len() >= CHUNK {
            self.seal();
            chunks = self.trim();
        }
        let nearest = self.limits.losing.first();
        if nearest.is_some_and(|(limit, _)| self.end() >= *limit) {
            self.fill();
            chunks.extend(self.trim());
        }
        Garbage {
            chunks,
            event: None,
        }
    }

    /// Has the readers that lose the next event hold what they need of those before.
    #[cold]
    fn fill(&mut self) {
        self.seal();
        let end = self.end();
        while let Some(&(limit, id)) = self.limits.losing.first()
            && limit <= end
        {
            self.limits.losing.pop_first();
            if let Some(mut reader) = self.readers.remove(&id) {
                self.cursors.remove(&(reader.cursor, id));
                reader.full = Some(self.segments(reader.cursor..end));
                reader.cursor = end;
                self.readers.insert(id, reader);
            }
        }
    }

    /// Whether some reader refuses the next event.
    pub(super) fn is_full(&self) -> bool {
        let nearest = self.limits.refusing.first();
        nearest.is_some_and(|(limit, _)| self.end() >= *limit)
    }

    /// The number of the next event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.tail.len() as u64
    }

    /// The number of the first event that a reader may still need from the log.
    fn needed_from(&self) -> u64 {
        let end = self.end();
        let first = self.cursors.first().map(|(cursor, _)| *cursor);
        let latest = self.latest_cursors.first().map(|(cursor, _)| {
            let count = self.latest_counts.last().map_or(0, |(count, _)| *count);
            end.saturating_sub(count).max(*cursor)
        });
        first.into_iter().chain(latest).min().unwrap_or(end)
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let end = self.end();
            let first = mem::replace(&mut self.first, end);
            let events = mem::take(&mut self.tail);
            self.usual = events.len();
            self.sealed.push_back(Arc::new(Chunk { events, first }));
        }
    }

    /// Everything that waits for the reader: nothing waits for it afterwards.
    pub(super) fn take(&mut self, id: ReaderId) -> VecDeque<Segment<C>> {
        let end = self.end();
        let Some(mut reader) = self.readers.remove(&id) else {
            return VecDeque::new();
        };
        self.unindex(id, &reader);
        let unread = end - reader.cursor;
        let (taken, lost) = if let Some(mut held) = reader.full.take() {
            if unread > 0 {
                held.push_back(Segment::Gap(unread));
            }
            (held, unread)
        } else {
            let kept = match reader.overflow {
                Overflow::DropOldest => unread.min(reader.capacity),
                Overflow::Block | Overflow::DropNewest => unread,
            };
            if kept > 0 {
                self.seal();
            }
            let mut taken = self.segments(end - kept..end);
            if unread > kept {
                taken.push_front(Segment::Gap(unread - kept));
            }
            (taken, unread - kept)
        };
        reader.cursor = end;
        reader.received += taken.iter().map(Segment::events).sum::<u64>();
        reader.lost += lost;
        self.index(id, &reader);
        self.readers.insert(id, reader);
        taken
    }

    /// The parts of the sealed chunks with the events of these numbers.
    fn segments(&self, wanted: Range<u64>) -> VecDeque<Segment<C>> {
        let begin = self
            .sealed
            .partition_point(|chunk| chunk.numbers().end <= wanted.start);
        let mut segments = VecDeque::new();
        for chunk in self.sealed.range(begin..) {
            let part = overlap(&chunk.numbers(), &wanted);
            if part.is_empty() {
                break;
            }
            segments.push_back(Segment::Events(Arc::clone(chunk), part));
        }
        segments
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
            Vec::new() // The usual case while events stream in.
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

    /// Removes the chunks that no reader needs any more. They are for the caller, to drop unlocked.
    pub(super) fn trim(&mut self) -> Vec<Arc<Chunk<C>>> {
        let needed_from = self.needed_from();
        if needed_from == self.end() {
            self.seal();
        }
        let is_unneeded = |chunk: &Arc<Chunk<C>>| chunk.numbers().end <= needed_from;
        let count = self.sealed.partition_point(is_unneeded);
        let unneeded = self.sealed.drain(..count).collect();
        // The memory that a burst has taken.
        if self.sealed.capacity() > CHUNK && self.sealed.capacity() > 4 * self.sealed.len() {
            self.sealed.shrink_to(2 * self.sealed.len());
        }
        unneeded
    }
}

impl<C: Channel> Segment<C> {
    /// How many events it has.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Self::Gap(_) => 0,
            Self::Events(_, part) => part.len() as u64,
        }
    }
}

/// The part of a chunk's events, by index, whose numbers are wanted.
fn overlap(chunk: &Range<u64>, wanted: &Range<u64>) -> Range<usize> {
    let index = |number: u64| usize::try_from(number - chunk.start).unwrap_or(usize::MAX);
    let start = wanted.start.clamp(chunk.start, chunk.end);
    let end = wanted.end.clamp(chunk.start, chunk.end);
    index(start)..index(end)
}
