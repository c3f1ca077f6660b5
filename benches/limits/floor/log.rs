//! The floor of receivers: one log, in chunks that the readers share, and a cursor for each reader.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};

use crate::harness::contestant::{Contestant, Job};
use crate::harness::delivery::{BATCH, CAPACITY, in_one_thread, lock};
use crate::harness::event::{Counter, Event};

pub(crate) struct Logged;

impl Contestant for Logged {
    fn name(&self) -> &'static str {
        "floor: promises kept, one log and cursors"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn readers_in_one_thread(&self, readers: usize) -> Option<Job> {
        let counters: Vec<_> = (0..readers).map(|_| Counter::default()).collect();
        let heard = counters.clone();
        let log = Log::new(readers);
        Some(in_one_thread(self.name(), counters, move || {
            for _ in 0..BATCH {
                log.publish(Event::new());
            }
            for (reader, counter) in heard.iter().enumerate() {
                log.read(reader, |event| counter.count(event));
            }
        }))
    }
}

struct Log {
    state: Mutex<State>,
}

/// An event's place is the number of events before it.
struct State {
    /// What no reader has taken yet, and the place of its first event.
    tail: Vec<Event>,
    tail_begins: usize,
    chunks: VecDeque<Chunk>,
    /// The place of the next event of each reader.
    cursors: Vec<usize>,
    /// The place that has to wait until the slowest reader goes on.
    full_at: usize,
    sleeping_readers: usize,
    /// Memory for the next tail.
    spare: Vec<Vec<Event>>,
}

/// Events that a reader has taken, and the place of the first one.
#[derive(Clone)]
struct Chunk {
    begins: usize,
    events: Arc<Vec<Event>>,
}

impl Chunk {
    fn ends(&self) -> usize {
        self.begins + self.events.len()
    }
}

impl Log {
    fn new(readers: usize) -> Self {
        let state = State {
            tail: Vec::new(),
            tail_begins: 0,
            chunks: VecDeque::new(),
            cursors: vec![0; readers],
            full_at: CAPACITY,
            sleeping_readers: 0,
            spare: Vec::new(),
        };
        let state = Mutex::new(state);
        Self { state }
    }

    #[inline]
    fn publish(&self, event: Event) {
        let mut state = lock(&self.state);
        let place = state.tail_begins + state.tail.len();
        assert!(place < state.full_at, "a batch has room");
        state.tail.push(event);
        assert_eq!(state.sleeping_readers, 0, "they are in this thread");
    }

    /// Reads all that the reader has not read yet, in place and without the lock.
    fn read(&self, reader: usize, mut listener: impl FnMut(&Event)) {
        let (cursor, chunks) = lock(&self.state).take(reader);
        for Chunk { begins, events } in chunks {
            let unread = &events[cursor.saturating_sub(begins)..];
            unread.iter().for_each(&mut listener);
            // The last reader of a chunk drops its events, without the lock, and keeps its memory.
            if let Some(mut events) = Arc::into_inner(events) {
                events.clear();
                lock(&self.state).spare.push(events);
            }
        }
    }
}

impl State {
    /// Moves the reader's cursor to the end. Returns where it was, and the chunks from there.
    fn take(&mut self, reader: usize) -> (usize, Vec<Chunk>) {
        if !self.tail.is_empty() {
            let next = self.spare.pop().unwrap_or_default();
            let events = Arc::new(mem::replace(&mut self.tail, next));
            let begins = self.tail_begins;
            self.tail_begins += events.len();
            self.chunks.push_back(Chunk { begins, events });
        }
        let cursor = mem::replace(&mut self.cursors[reader], self.tail_begins);
        let slowest = self.cursors.iter().copied().min();
        let slowest = slowest.unwrap_or(self.tail_begins);
        self.full_at = slowest + CAPACITY;

        let first = self.chunks.partition_point(|chunk| chunk.ends() <= cursor);
        // Chunks that no other reader needs are the reader's alone from here on.
        let passed = self.chunks.partition_point(|chunk| chunk.ends() <= slowest);
        let mut taken: Vec<_> = self.chunks.drain(..passed).skip(first).collect();
        taken.extend(self.chunks.range(first.saturating_sub(passed)..).cloned());
        (cursor, taken)
    }
}
