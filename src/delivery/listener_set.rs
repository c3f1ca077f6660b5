//! The listeners of one kind on one channel.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::listener::Listener;

/// Members in a piece of a roster.
const PIECE: usize = 64;

/// Listeners in the order of registration, to join and to leave in constant time however many there
/// are.
///
/// Each remembers its place. One that leaves leaves it empty; when most places are empty, the rest
/// move together. The pieces are shared with [views](View) until they change, so that to look at
/// all members holds nobody up.
pub(crate) struct Roster<S: ?Sized> {
    pieces: Vec<Piece<S>>,
    len: usize,
}

type Piece<S> = Arc<Vec<Option<Arc<S>>>>;

/// A roster at one moment.
pub(crate) struct View<S: ?Sized> {
    pieces: Vec<Piece<S>>,
}

impl<S: AsRef<Listener> + ?Sized> Roster<S> {
    pub(crate) fn new() -> Self {
        Self {
            pieces: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn join(&mut self, member: Arc<S>) {
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Arc::default());
        }
        let before = (self.pieces.len() - 1) * PIECE;
        if let Some(last) = self.pieces.last_mut() {
            let place = u32::try_from(before + last.len()).expect("2³² listeners at a time");
            (*member).as_ref().place.store(place, Ordering::Relaxed);
            Arc::make_mut(last).push(Some(member));
            self.len += 1;
        }
    }

    /// Hands the member back, to be dropped where no lock is held.
    pub(crate) fn leave(&mut self, member: &Listener) -> Option<Arc<S>> {
        let place = member.place.load(Ordering::Relaxed) as usize;
        let piece = self.pieces.get_mut(place / PIECE)?;
        let found = piece.get(place % PIECE)?.as_ref()?;
        if !std::ptr::eq((**found).as_ref(), member) {
            return None;
        }
        let piece = Arc::make_mut(piece);
        let left = piece[place % PIECE].take();
        while piece.last().is_some_and(Option::is_none) {
            piece.pop();
        }
        self.len -= 1;
        self.tidy();
        left
    }

    /// Everybody at once, likewise.
    pub(crate) fn clear(&mut self) -> View<S> {
        self.len = 0;
        View {
            pieces: std::mem::take(&mut self.pieces),
        }
    }

    pub(crate) fn view(&self) -> View<S> {
        View {
            pieces: self.pieces.clone(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn tidy(&mut self) {
        // One piece stays, for the next who joins.
        while self.pieces.len() > 1 && self.pieces.last().is_some_and(|last| last.is_empty()) {
            self.pieces.pop();
        }
        if self.pieces.len() * PIECE > 2 * self.len + 2 * PIECE {
            let members = self.clear();
            members.for_each(|member| self.join(Arc::clone(member)));
        }
    }
}

impl<S: ?Sized> View<S> {
    /// Looks at everybody in the order of registration.
    #[inline]
    pub(crate) fn for_each(&self, mut look: impl FnMut(&Arc<S>)) {
        for piece in &self.pieces {
            piece.iter().flatten().for_each(&mut look);
        }
    }

    /// Likewise, to keep.
    pub(crate) fn members(&self) -> Vec<Arc<S>> {
        let mut members = Vec::new();
        self.for_each(|member| members.push(Arc::clone(member)));
        members
    }
}
