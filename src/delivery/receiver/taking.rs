//! How a receiver takes its events, all at once from the log and then one by one.

use std::sync::Arc;
use std::task::Waker;

use super::Receiver;
use super::log::{Empty, Segment};
use super::received::Received;
use crate::channel::Channel;
use crate::delivery::shared::trace;
use crate::error::{Lagged, RecvError, TryRecvError};

impl<C: Channel> Receiver<C> {
    pub(super) fn next_taken(
        &mut self,
        waker: Option<&Waker>,
    ) -> Result<Received<C>, TryRecvError> {
        loop {
            match self.taken.front_mut() {
                Some(Segment::Events(chunk, part)) => {
                    if let Some(index) = part.next() {
                        let chunk = Arc::clone(chunk);
                        trace::delivery(C::NAME, &self.name);
                        return Ok(Received::new(chunk, index));
                    }
                    self.taken.pop_front();
                }
                Some(Segment::Gap(missed)) => {
                    let missed = *missed;
                    return Err(TryRecvError::Lagged(self.lagged(missed)));
                }
                None => match self.refill(waker) {
                    Ok(()) => {}
                    Err(Empty::ForNow) => return Err(TryRecvError::Empty),
                    Err(Empty::Closed) => return Err(TryRecvError::Closed),
                },
            }
        }
    }

    /// Takes the waiting events from the log, when all taken before have been handed out.
    pub(super) fn refill(&mut self, waker: Option<&Waker>) -> Result<(), Empty> {
        self.is_busy = false;
        let taken = self.log.take(self.id, waker);
        self.is_closed = matches!(taken, Err(Empty::Closed));
        self.taken = taken?;
        self.is_busy = self.taken_events() > 1;
        Ok(())
    }

    /// How many events have been taken from the log, or replayed, and not handed out.
    pub(crate) fn taken_events(&self) -> u64 {
        self.taken.iter().map(Segment::events).sum()
    }

    /// Whether all taken events have been handed out.
    pub(super) fn is_through(&mut self) -> bool {
        while matches!(self.taken.front(), Some(Segment::Events(_, part)) if part.is_empty()) {
            self.taken.pop_front();
        }
        self.taken.is_empty()
    }

    /// Removes the gap that comes next, and reports it.
    pub(super) fn lagged(&mut self, missed: u64) -> Lagged {
        self.taken.pop_front();
        trace::loss(C::NAME, &self.name, missed);
        Lagged { missed }
    }
}

/// The end of the hub, as an iterator and a stream tell it.
pub(super) fn ended<T>(received: Result<T, RecvError>) -> Option<Result<T, Lagged>> {
    match received {
        Ok(event) => Some(Ok(event)),
        Err(RecvError::Lagged(lagged)) => Some(Err(lagged)),
        Err(RecvError::Closed) => None,
    }
}
