//! Accepted events that wait for delivery, in the order of acceptance.

use std::any::Any;
use std::sync::Arc;

use super::context::Context;
use super::queued::{Lane, QueuedListeners};
use crate::channel::Channel;
use crate::envelope::Envelope;

/// Events of all channels: a lane for each channel, where its events lie in place, and the order
/// in which to take from the lanes. Publishers fill one batch while the dispatcher empties the
/// other; to swap the two is all that happens under the queue's lock.
#[derive(Default)]
pub(crate) struct Batch {
    order: Vec<Run>,
    lanes: Vec<Option<Box<dyn AnyLane>>>,
    len: usize,
    /// The sequence number after the last event's.
    end: u64,
}

/// So many events of one channel, accepted one right after the other.
struct Run {
    lane: usize,
    count: usize,
}

/// The lane of a channel whose type is not known here.
pub(crate) trait AnyLane: Any + Send {
    /// Delivers what its listeners have to catch up with, then its next `count` events, each to
    /// every listener in turn.
    fn deliver(&mut self, count: usize);

    /// Gives back what it borrowed for the delivery.
    fn finish(&mut self);

    /// Drops its events.
    fn discard(&mut self);
}

impl Batch {
    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn push<C: Channel>(
        &mut self,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
    ) {
        self.end = envelope.sequence() + 1;
        self.lane(listeners).push(envelope);
        self.len += 1;
        self.follow(listeners.lane(), 1);
    }

    /// Adds no event, but a turn of the channel's listeners.
    pub(crate) fn nudge<C: Channel>(&mut self, listeners: &Arc<QueuedListeners<C>>, sequence: u64) {
        self.end = sequence + 1;
        self.lane(listeners);
        self.follow(listeners.lane(), 0);
    }

    fn follow(&mut self, lane: usize, count: usize) {
        match self.order.last_mut() {
            Some(run) if run.lane == lane => run.count += count,
            _ => self.order.push(Run { lane, count }),
        }
    }

    fn lane<C: Channel>(&mut self, listeners: &Arc<QueuedListeners<C>>) -> &mut Lane<C> {
        let index = listeners.lane();
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, || None);
        }
        let lane = self.lanes[index].get_or_insert_with(|| Box::new(Lane::new(listeners)));
        let lane: &mut dyn Any = &mut **lane;
        lane.downcast_mut()
            .expect("a lane's number belongs to one channel")
    }

    /// Delivers all events, and is empty then.
    pub(crate) fn deliver(&mut self, context: &Context) {
        for run in &self.order {
            if let Some(lane) = &mut self.lanes[run.lane] {
                lane.deliver(run.count);
            }
        }
        for run in self.order.drain(..) {
            if let Some(lane) = &mut self.lanes[run.lane] {
                lane.finish();
            }
        }
        self.len = 0;
        context.progress.rest(self.end);
    }

    /// Drops all events.
    pub(crate) fn discard(&mut self) {
        self.lanes
            .iter_mut()
            .flatten()
            .for_each(|lane| lane.discard());
        *self = Self::default();
    }
}
