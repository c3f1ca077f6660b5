//! The chunks of a log and its readers: what changes under the lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use crossbeam_channel::Sender;

use super::index::Index;
use super::reader::{Overflow, Reader};
use crate::channel::Channel;
use crate::delivery::room::{Bounded, Waiting};
use crate::delivery::shared::HubShared;
use crate::envelope::Envelope;

/// The number of events in a chunk that is sealed because it is full.
const CHUNK: usize = 64;

pub(super) struct State<C: Channel> {
    chunks: Chunks<C>,
    pub(super) readers: BTreeMap<ReaderId, Reader<C>>,
    next_reader: ReaderId,
    /// How many readers want the envelopes of their events.
    pub(super) enveloped: usize,
    index: Index,
    /// The readers that the next event notifies.
    parked: BTreeSet<ReaderId>,
    waiting: Waiting,
    pub(super) closed: bool,
}

/// The last events of a channel, in order and without a gap.
struct Chunks<C: Channel> {
    /// Older events.
    sealed: VecDeque<Arc<Chunk<C>>>,
    /// The latest events.
    tail: Vec<Envelope<C>>,
    /// The number of the first event in `tail`.
    first: u64,
    /// How many events the last sealed chunk has: the next one is likely to get as many.
    usual: usize,
    shared: Arc<HubShared>,
}

pub(crate) type ReaderId = u64;

/// Events that were pushed one right after the other.
///
/// Its last holder, the log or a receiver, drops the events: under no lock, because the drop is
/// user code.
pub(crate) struct Chunk<C: Channel> {
    pub(crate) events: Vec<Envelope<C>>,
    /// The number of the first event.
    first: u64,
    /// Has the panic handler for drops of events; `None` when an event needs no drop.
    shared: Option<Arc<HubShared>>,
}

impl<C: Channel> Chunk<C> {
    pub(super) fn new(events: Vec<Envelope<C>>, first: u64, shared: &Arc<HubShared>) -> Self {
        Self {
            events,
            first,
            shared: mem::needs_drop::<C::Event>().then(|| Arc::clone(shared)),
        }
    }

    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.events.len() as u64
    }
}

/// Drops the events one by one, so that each panic is caught by itself.
impl<C: Channel> Drop for Chunk<C> {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            for event in mem::take(&mut self.events) {
                shared.discard_event::<C>(event);
            }
        }
    }
}

/// What a receiver takes from the log, in order.
pub(crate) enum Segment<C: Channel> {
    /// The number of events that were lost here.
    Gap(u64),
    /// A part of a chunk.
    Events(Arc<Chunk<C>>, Range<usize>),
}

/// Events that no reader needs, to be dropped when no lock is held.
pub(super) type Garbage<C> = Vec<Arc<Chunk<C>>>;

impl<C: Channel> State<C> {
    pub(super) fn new(shared: Arc<HubShared>) -> Self {
        Self {
            chunks: Chunks {
                sealed: VecDeque::new(),
                tail: Vec::new(),
                first: 0,
                usual: 0,
                shared,
            },
            readers: BTreeMap::new(),
            next_reader: 0,
            enveloped: 0,
            index: Index::default(),
            parked: BTreeSet::new(),
            waiting: Waiting::default(),
            closed: false,
        }
    }

    pub(super) fn join(&mut self, reader: Reader<C>) -> ReaderId {
        let id = self.next_reader;
        self.next_reader += 1;
        self.index.insert(id, &reader);
        self.enveloped += usize::from(reader.envelopes);
        self.readers.insert(id, reader);
        // Parked before its first look: `select!` may wait for its ready signal first.
        self.park(id, None);
        id
    }

    /// Sets the reader's signal, and sends it if it was due before.
    pub(super) fn set_ready_signal(&mut self, id: ReaderId, ready_signal: Sender<()>) {
        if let Some(reader) = self.readers.get_mut(&id) {
            reader.ready_signal = Some(ready_signal);
            if self.closed || !reader.is_parked {
                reader.notify();
            }
        }
    }

    pub(super) fn leave(&mut self, id: ReaderId) -> Option<Reader<C>> {
        let left = self.readers.remove(&id)?;
        self.parked.remove(&id);
        self.index.remove(id, &left);
        self.enveloped -= usize::from(left.envelopes);
        Some(left)
    }

    /// Adds an event, or hands it back when no reader needs it.
    #[inline]
    #[must_use]
    pub(super) fn push(&mut self, event: Envelope<C>) -> Option<Envelope<C>> {
        if self.index.is_empty() {
            return Some(event);
        }
        let chunks = &mut self.chunks;
        if chunks.tail.is_empty() {
            chunks.tail.reserve(chunks.usual);
        }
        chunks.tail.push(event);
        None
    }

    /// Whether a push leaves more to do: a reader to notify, or a chunk to seal.
    #[inline]
    pub(super) fn is_settling_due(&self) -> bool {
        !self.parked.is_empty() || self.chunks.tail.len() >= CHUNK || self.is_losing()
    }

    /// Whether the next event is lost to a reader that keeps the oldest.
    #[inline]
    fn is_losing(&self) -> bool {
        self.index.loses_at.is_some_and(|limit| self.end() >= limit)
    }

    /// Finishes a push. `unneeded` is the event that no reader needs.
    pub(super) fn settle(&mut self, unneeded: Option<Envelope<C>>) -> Garbage<C> {
        if let Some(event) = unneeded {
            let mut garbage = self.trim();
            self.chunks.first += 1;
            let first = self.chunks.first;
            let chunk = Chunk::new(vec![event], first, &self.chunks.shared);
            garbage.push(Arc::new(chunk));
            return garbage;
        }
        let is_losing = self.is_losing();
        if !is_losing && self.chunks.tail.len() < CHUNK {
            return Vec::new();
        }
        self.chunks.seal();
        if is_losing {
            self.hold();
        }
        self.trim()
    }

    /// Lets the readers that lose the next event hold the events that wait for them.
    fn hold(&mut self) {
        let end = self.end();
        while let Some(&(limit, id)) = self.index.losing.first()
            && limit <= end
        {
            self.index.losing.pop_first();
            if let Some(reader) = self.readers.get_mut(&id) {
                self.index.cursors.remove(&(reader.cursor, id));
                reader.full = Some(self.chunks.segments(reader.cursor..end));
                reader.cursor = end;
            }
        }
        self.index.update();
    }

    /// The number of the next event.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.chunks.end()
    }

    /// Takes all events that wait for the reader.
    pub(super) fn take(&mut self, id: ReaderId) -> VecDeque<Segment<C>> {
        let end = self.end();
        let Some(reader) = self.readers.get_mut(&id) else {
            return VecDeque::new();
        };
        let unread = end - reader.cursor;
        if unread == 0 && reader.full.is_none() {
            return VecDeque::new();
        }
        self.index.remove(id, reader);
        let mut taken;
        let lost;
        if let Some(held) = reader.full.take() {
            taken = held;
            lost = unread;
            reader.received += reader.capacity;
            if lost > 0 {
                taken.push_back(Segment::Gap(lost));
            }
        } else {
            let kept = match reader.overflow {
                Overflow::DropOldest => unread.min(reader.capacity),
                Overflow::Block | Overflow::DropNewest => unread,
            };
            self.chunks.seal();
            taken = self.chunks.segments(end - kept..end);
            lost = unread - kept;
            reader.received += kept;
            if lost > 0 {
                taken.push_front(Segment::Gap(lost));
            }
        }
        reader.lost += lost;
        reader.cursor = end;
        self.index.insert(id, reader);
        taken
    }

    /// Lets the next event notify the reader. Returns a waker that is no longer needed.
    pub(super) fn park(&mut self, id: ReaderId, waker: Option<Waker>) -> Option<Waker> {
        let Some(reader) = self.readers.get_mut(&id) else {
            return waker;
        };
        if !mem::replace(&mut reader.is_parked, true) {
            self.parked.insert(id);
        }
        mem::replace(&mut reader.waker, waker)
    }

    /// Sends the signals of parked readers. Returns their wakers, for the caller to wake under no
    /// lock.
    pub(super) fn notify(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for id in mem::take(&mut self.parked) {
            if let Some(reader) = self.readers.get_mut(&id) {
                reader.is_parked = false;
                reader.notify();
                wakers.extend(reader.waker.take());
            }
        }
        wakers
    }

    /// Removes the chunks that no reader needs any more.
    pub(super) fn trim(&mut self) -> Garbage<C> {
        let end = self.end();
        self.index.note_full(end, &self.readers);
        let needed_from = self.index.needed_from(end);
        self.chunks.trim(needed_from)
    }
}

impl<C: Channel> Bounded for State<C> {
    /// Whether some reader refuses the next event.
    #[inline]
    fn is_full(&self) -> bool {
        let nearest = self.index.refuses_at;
        nearest.is_some_and(|limit| self.end() >= limit)
    }

    fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }
}

impl<C: Channel> Chunks<C> {
    #[inline]
    fn end(&self) -> u64 {
        self.first + self.tail.len() as u64
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let end = self.end();
            let first = mem::replace(&mut self.first, end);
            let events = mem::take(&mut self.tail);
            self.usual = events.len();
            let chunk = Chunk::new(events, first, &self.shared);
            self.sealed.push_back(Arc::new(chunk));
        }
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

    fn trim(&mut self, needed_from: u64) -> Garbage<C> {
        if needed_from == self.end() {
            self.seal();
        }
        let is_unneeded = |chunk: &Arc<Chunk<C>>| chunk.numbers().end <= needed_from;
        let count = self.sealed.partition_point(is_unneeded);
        let unneeded = self.sealed.drain(..count).collect();
        // Releases the memory that a burst has taken.
        if self.sealed.capacity() > CHUNK && self.sealed.capacity() > 4 * self.sealed.len() {
            self.sealed.shrink_to(2 * self.sealed.len());
        }
        unneeded
    }
}

impl<C: Channel> Segment<C> {
    /// The number of its events; 0 for a gap.
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
