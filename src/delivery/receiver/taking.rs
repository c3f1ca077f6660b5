//! How a receiver takes what waits for it: all at once from the log, then one by one.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use super::Receiver;
use crate::channel::Channel;
use crate::delivery::log::{Nothing, Taken};
use crate::delivery::received::Received;
use crate::delivery::trace;
use crate::error::{Lagged, TryRecvError};
use crate::sync::pause;

impl<C: Channel> Receiver<C> {
    pub(super) fn next_taken(
        &mut self,
        waker: Option<&Waker>,
    ) -> Result<Received<C>, TryRecvError> {
        loop {
            match self.taken.front_mut() {
                Some(Taken::Events(batch, part)) => {
                    if let Some(index) = part.next() {
                        let batch = Arc::clone(batch);
                        trace::delivery(C::NAME, &self.label);
                        return Ok(Received::new(batch, index));
                    }
                    self.taken.pop_front();
                }
                Some(Taken::Lost(missed)) => {
                    let missed = *missed;
                    return Err(TryRecvError::Lagged(self.lagged(missed)));
                }
                None => self.refill(waker).map_err(|nothing| match nothing {
                    Nothing::Yet => TryRecvError::Empty,
                    Nothing::More => TryRecvError::Closed,
                })?,
            }
        }
    }

    /// Takes what waits in the log, where all that was taken before has been handed out.
    pub(super) fn refill(&mut self, waker: Option<&Waker>) -> Result<(), Nothing> {
        self.streams = false;
        self.taken = self.log.take(self.id, waker)?;
        let events = self.taken.iter().map(|taken| match taken {
            Taken::Events(_, part) => part.len(),
            Taken::Lost(_) => 0,
        });
        self.streams = events.sum::<usize>() > 1;
        Ok(())
    }

    /// Whether all that was taken has been handed out.
    pub(super) fn is_through(&mut self) -> bool {
        while matches!(self.taken.front(), Some(Taken::Events(_, part)) if part.is_empty()) {
            self.taken.pop_front();
        }
        self.taken.is_empty()
    }

    /// Where all has been handed out: how to wake this thread, which then sleeps at once. Or, where
    /// events stream in, lets several come, and leaves the wait to the bell, which spins before it
    /// sleeps.
    pub(super) fn before_a_wait(&mut self) -> Option<Waker> {
        if !self.is_through() {
            return None;
        }
        if self.streams {
            pause();
            return None;
        }
        Some(unpark_this_thread())
    }

    /// The loss that comes next has been told.
    pub(super) fn lagged(&mut self, missed: u64) -> Lagged {
        self.taken.pop_front();
        trace::loss(C::NAME, &self.label, missed);
        Lagged { missed }
    }
}

fn unpark_this_thread() -> Waker {
    thread_local! {
        static WAKER: Waker = Parked::this_thread();
    }
    let known = WAKER.try_with(Waker::clone);
    // In the destructors of an ending thread it is gone.
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
