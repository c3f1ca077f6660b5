//! The listeners of one kind on one channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::listener::Listener;

/// Listeners, to join and to leave in constant time however many there are.
///
/// Each remembers its place; one that leaves gives its place to the last. The order of
/// registration is restored where somebody asks for it, by [`Roster::in_order`].
pub(crate) struct Roster<S> {
    members: Vec<Arc<S>>,
}

impl<S: AsRef<Listener>> Roster<S> {
    pub(crate) fn new() -> Self {
        Self {
            members: Vec::new(),
        }
    }

    pub(crate) fn join(&mut self, member: Arc<S>) {
        seat(&*member, self.members.len());
        self.members.push(member);
    }

    /// Hands the member back, to be dropped where no lock is held.
    pub(crate) fn leave(&mut self, member: &S) -> Option<Arc<S>> {
        let place = member.as_ref().place.load(Ordering::Relaxed);
        let found = self.members.get(place)?;
        if found.as_ref().as_ref().id != member.as_ref().id {
            return None;
        }
        let left = self.members.swap_remove(place);
        if let Some(moved) = self.members.get(place) {
            seat(&**moved, place);
        }
        Some(left)
    }

    /// In the order of registration.
    pub(crate) fn in_order(&self) -> Vec<Arc<S>> {
        let mut members = self.members.clone();
        members.sort_unstable_by_key(|member| (**member).as_ref().id);
        members
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }
}

fn seat<S: AsRef<Listener>>(member: &S, place: usize) {
    member.as_ref().place.store(place, Ordering::Relaxed);
}
