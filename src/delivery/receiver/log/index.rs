//! What a push needs to know about all readers of a log: they are sorted by the events they need, and
//! by the end of the log at which each is full.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Overflow, Reader};
use super::state::ReaderId;
use crate::channel::Channel;

/// What a push needs to know about all readers.
///
/// Readers need the last events of the log, from [`needed_from`](Self::needed_from) on. A full
/// reader that keeps the oldest events holds them itself, and is not in the index until it takes
/// them.
#[derive(Default)]
pub(super) struct Index {
    /// The cursors of readers that need every event from their cursor on.
    pub(super) cursors: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a reader that keeps the latest events is full: until then it
    /// needs every event from its cursor on, and is in `cursors`.
    filling: BTreeSet<(u64, ReaderId)>,
    /// The capacities of such readers once they are full: each needs that many of the last events.
    latest: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a reader refuses the next event.
    refusing: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which the next event is lost to a reader that keeps the oldest.
    pub(super) losing: BTreeSet<(u64, ReaderId)>,
    /// The first of `refusing` and of `losing`, which every push reads.
    pub(super) refuses_at: Option<u64>,
    pub(super) loses_at: Option<u64>,
}

impl Index {
    pub(super) fn insert<C: Channel>(&mut self, id: ReaderId, reader: &Reader<C>) {
        let (cursor, limit) = (reader.cursor, reader.limit());
        match reader.overflow {
            Overflow::Block => {
                self.cursors.insert((cursor, id));
                self.refusing.insert((limit, id));
            }
            Overflow::DropOldest => {
                self.cursors.insert((cursor, id));
                self.filling.insert((limit, id));
            }
            Overflow::DropNewest => {
                self.cursors.insert((cursor, id));
                self.losing.insert((limit, id));
            }
        }
        self.update();
    }

    pub(super) fn remove<C: Channel>(&mut self, id: ReaderId, reader: &Reader<C>) {
        let (cursor, limit) = (reader.cursor, reader.limit());
        match reader.overflow {
            Overflow::Block => {
                self.cursors.remove(&(cursor, id));
                self.refusing.remove(&(limit, id));
            }
            Overflow::DropOldest => {
                self.cursors.remove(&(cursor, id));
                self.filling.remove(&(limit, id));
                self.latest.remove(&(reader.capacity, id));
            }
            // A full reader is in neither.
            Overflow::DropNewest => {
                self.cursors.remove(&(cursor, id));
                self.losing.remove(&(limit, id));
            }
        }
        self.update();
    }

    /// Updates the fields that every push reads.
    pub(super) fn update(&mut self) {
        let first = |limits: &BTreeSet<(u64, ReaderId)>| limits.first().map(|(limit, _)| *limit);
        self.refuses_at = first(&self.refusing);
        self.loses_at = first(&self.losing);
    }

    /// Whether no reader needs the next event.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.latest.is_empty()
    }

    /// Notes which readers that keep the latest events are full when the log ends at `end`.
    pub(super) fn note_full<C: Channel>(
        &mut self,
        end: u64,
        readers: &BTreeMap<ReaderId, Reader<C>>,
    ) {
        while let Some(&(limit, id)) = self.filling.first()
            && limit <= end
        {
            self.filling.pop_first();
            if let Some(reader) = readers.get(&id) {
                self.cursors.remove(&(reader.cursor, id));
                self.latest.insert((reader.capacity, id));
            }
        }
    }

    /// The number of the first event that a reader may still need from a log that ends at `end`.
    pub(super) fn needed_from(&self, end: u64) -> u64 {
        let first = self.cursors.first().map(|(cursor, _)| *cursor);
        let latest = self.latest.last().map(|(count, _)| end - count);
        first.into_iter().chain(latest).min().unwrap_or(end)
    }
}
