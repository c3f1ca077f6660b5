//! What a log knows of all its readers at once: what they need, and when one is full.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Overflow, Reader};
use super::state::ReaderId;
use crate::channel::Channel;

/// What a push looks up about all readers at once.
///
/// The events that readers need are the last ones, from [`needed_from`](Self::needed_from) on. A reader
/// that needs others as well, because it is full and keeps the oldest, holds them itself and is not
/// in here until it takes them.
#[derive(Default)]
pub(super) struct Index {
    /// The cursors of readers that need every event from there on.
    pub(super) cursors: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a reader that needs the latest events has as many as it lets wait:
    /// until then it needs every event from its cursor on, and is among `cursors`.
    pub(super) filling: BTreeSet<(u64, ReaderId)>,
    /// From then on it needs the last events, as many as its capacity: the capacities of such readers.
    pub(super) latest: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which a reader refuses the next event.
    pub(super) refusing: BTreeSet<(u64, ReaderId)>,
    /// The ends of the log at which the next event is lost to a reader that keeps the oldest.
    pub(super) losing: BTreeSet<(u64, ReaderId)>,
    /// The first of `refusing` and of `losing`: a push looks at these.
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
            // One that is full is in neither.
            Overflow::DropNewest => {
                self.cursors.remove(&(cursor, id));
                self.losing.remove(&(limit, id));
            }
        }
        self.update();
    }

    /// Keeps at hand what every push looks at.
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

    /// The number of the first event that a reader may still need from a log that ends at `end`.
    pub(super) fn needed_from<C: Channel>(
        &mut self,
        end: u64,
        readers: &BTreeMap<ReaderId, Reader<C>>,
    ) -> u64 {
        while let Some(&(limit, id)) = self.filling.first()
            && limit <= end
        {
            self.filling.pop_first();
            if let Some(reader) = readers.get(&id) {
                self.cursors.remove(&(reader.cursor, id));
                self.latest.insert((reader.capacity, id));
            }
        }
        let first = self.cursors.first().map(|(cursor, _)| *cursor);
        let latest = self.latest.last().map(|(count, _)| end - count);
        first.into_iter().chain(latest).min().unwrap_or(end)
    }
}
