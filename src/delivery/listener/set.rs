//! The listeners of one kind on one channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Listener;

/// The number of members in a chunk.
const CHUNK: usize = 64;

/// Listeners in the order of registration. Insertion and removal take amortised constant time.
///
/// Each listener remembers its index. A removal leaves its index empty; when most indices are
/// empty, the rest move together. [Snapshots](Snapshot) share the chunks until they change, so that
/// iteration holds no lock.
pub(crate) struct ListenerSet<S: ?Sized> {
    chunks: Vec<Chunk<S>>,
    len: usize,
}

type Chunk<S> = Arc<Vec<Option<Arc<S>>>>;

/// A set of listeners at one moment.
pub(crate) struct Snapshot<S: ?Sized> {
    chunks: Vec<Chunk<S>>,
}

impl<S: AsRef<Listener> + ?Sized> ListenerSet<S> {
    pub(crate) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn insert(&mut self, member: Arc<S>) {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Arc::default());
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        if let Some(last) = self.chunks.last_mut() {
            let index = u32::try_from(before + last.len()).expect("2³² listeners at a time");
            (*member).as_ref().index.store(index, Ordering::Relaxed);
            Arc::make_mut(last).push(Some(member));
            self.len += 1;
        }
    }

    /// Removes a member and returns it, for the caller to drop under no lock.
    pub(crate) fn remove(&mut self, member: &Listener) -> Option<Arc<S>> {
        let index = member.index.load(Ordering::Relaxed) as usize;
        let chunk = self.chunks.get_mut(index / CHUNK)?;
        let found = chunk.get(index % CHUNK)?.as_ref()?;
        if !std::ptr::eq((**found).as_ref(), member) {
            return None;
        }
        let chunk = Arc::make_mut(chunk);
        let left = chunk[index % CHUNK].take();
        while chunk.last().is_some_and(Option::is_none) {
            chunk.pop();
        }
        self.len -= 1;
        self.compact();
        left
    }

    /// Removes all members and returns them, for the caller to drop under no lock.
    pub(crate) fn clear(&mut self) -> Snapshot<S> {
        self.len = 0;
        Snapshot {
            chunks: std::mem::take(&mut self.chunks),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot<S> {
        Snapshot {
            chunks: self.chunks.clone(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn compact(&mut self) {
        // One chunk stays for the next insertion.
        while self.chunks.len() > 1 && self.chunks.last().is_some_and(|last| last.is_empty()) {
            self.chunks.pop();
        }
        if self.chunks.len() * CHUNK > 2 * self.len + 2 * CHUNK {
            let members = self.clear();
            members.for_each(|member| self.insert(Arc::clone(member)));
        }
    }
}

impl<S: ?Sized> Snapshot<S> {
    /// Calls `look` with each member, in the order of registration.
    #[inline]
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Arc<S>)) {
        for chunk in &self.chunks {
            chunk.iter().flatten().for_each(&mut look);
        }
    }

    /// The members of the chunks that no set and no other snapshot shares, for the caller to drop.
    pub(crate) fn into_unshared_members(self) -> impl Iterator<Item = Arc<S>> {
        let chunks = self.chunks.into_iter().filter_map(Arc::into_inner);
        chunks.flatten().flatten()
    }

    /// All members, in the order of registration.
    pub(crate) fn members(&self) -> Vec<Arc<S>> {
        let mut members = Vec::new();
        self.for_each(|member| members.push(Arc::clone(member)));
        members
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::delivery::listener::ListenerName;

    struct Member(Listener);

    impl AsRef<Listener> for Member {
        fn as_ref(&self) -> &Listener {
            &self.0
        }
    }

    #[test]
    fn a_set_of_which_few_are_left_takes_little_room_and_keeps_their_order() {
        let mut set = ListenerSet::new();
        let new = || Member(Listener::new(ListenerName::new(None, Location::caller())));
        let all: Vec<_> = (0..10 * CHUNK).map(|_| Arc::new(new())).collect();
        for member in &all {
            set.insert(Arc::clone(member));
        }
        let (left, gone): (Vec<_>, Vec<_>) =
            all.iter().enumerate().partition(|(at, _)| at % CHUNK == 0);
        for (_, member) in gone {
            assert!(set.remove(member.as_ref().as_ref()).is_some());
        }
        assert_eq!((set.len(), set.chunks.len() <= 2), (left.len(), true));
        let members = set.snapshot().members();
        assert!(
            members
                .iter()
                .zip(left)
                .all(|(one, (_, other))| Arc::ptr_eq(one, other))
        );
    }
}
