//! How a receiver takes its events, all at once from the log and then one by one, and how its thread
//! is woken.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use super::Receiver;
use super::log::{Empty, Segment};
use super::received::Received;
use crate::channel::Channel;
use crate::delivery::shared::trace;
use crate::error::{Lagged, TryRecvError};
use crate::sync::backoff;

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

    /// Before a wait, when events stream in and all taken ones have been handed out: lets several
    /// events come, to take them at once.
    pub(super) fn backoff_if_busy(&mut self) {
        if self.is_busy && self.is_through() {
            backoff();
        }
    }

    /// Removes the gap that comes next, and reports it.
    pub(super) fn lagged(&mut self, missed: u64) -> Lagged {
        self.taken.pop_front();
        trace::loss(C::NAME, &self.name, missed);
        Lagged { missed }
    }
}

/// The waker that unparks this thread. It is registered at the second look only: at the first, a
/// task's waker may be dropped, which runs the executor's code and might park too.
pub(super) fn unpark_this_thread() -> Waker {
    thread_local! {
        static WAKER: Waker = Parked::this_thread();
    }
    let known = WAKER.try_with(Waker::clone);
    // The thread-local is gone in the destructors of an ending thread.
    known.unwrap_or_else(|_| Parked::this_thread())
}

struct Parked(Thread);

impl Parked {
    fn this_thread() -> Waker {
        Arc::new(Self(thread::current())).into()
    }
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
