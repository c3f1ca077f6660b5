//! How a receiver takes what waits for it: all at once from the log, then one by one.

use std::sync::Arc;
use std::task::Waker;

use super::Receiver;
use crate::channel::Channel;
use crate::delivery::log::{Nothing, Taken};
use crate::delivery::received::Received;
use crate::delivery::trace;
use crate::error::{Lagged, TryRecvError};

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
        self.taken = self.log.take(self.id, waker)?;
        Ok(())
    }

    /// The loss that comes next has been told.
    pub(super) fn lagged(&mut self, missed: u64) -> Lagged {
        self.taken.pop_front();
        trace::loss(C::NAME, &self.label, missed);
        Lagged { missed }
    }
}
