//! Accepted events that wait for delivery, in the order of acceptance.

use std::any::Any;
use std::sync::Arc;

use super::queued::{Lane, QueuedListeners};
use super::shared::HubShared;
use crate::channel::Channel;
use crate::envelope::Envelope;

/// How many events an idle batch keeps room for, in each lane.
pub(crate) const KEPT: usize = 64;

/// Events of all channels: a lane for each channel, where its events lie in place, and the order
/// in which to take from the lanes. Publishers fill one batch while the dispatcher empties the
/// other; to swap the two is all that happens under the queue's lock.
#[derive(Default)]
pub(crate) struct Batch {
    order: Vec<Turn>,
    lanes: Vec<Option<Box<dyn AnyLane>>>,
    len: usize,
    /// The largest number of events at once since it has last been shrunk.
    peak: usize,
    /// The sequence number after the last event's.
    end: u64,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Turn {
    /// So many events of one lane, accepted one right after the other.
    Events { lane: usize, count: usize },
    /// A listener that has joined a lane's channel, and is told what it has missed.
    CatchUp { lane: usize, sequence: u64 },
}

impl Turn {
    fn lane(self) -> usize {
        match self {
            Self::Events { lane, .. } | Self::CatchUp { lane, .. } => lane,
        }
    }
}

/// The lane of a channel whose type is not known here.
pub(crate) trait AnyLane: Any + Send {
    /// Delivers its next `count` events, each to every listener in turn.
    fn deliver(&mut self, count: usize);

    /// Delivers what was missed by the listeners that joined before `sequence`, and says how many
    /// events that were.
    fn catch_up(&mut self, sequence: u64) -> usize;

    /// Gives back what it borrowed for the delivery, which has come to sequence number `end`.
    fn finish(&mut self, end: u64);

    /// Gives back the memory that a burst has taken.
    fn shrink(&mut self);

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

    #[inline]
    pub(crate) fn push<C: Channel>(
        &mut self,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
    ) {
        self.end = envelope.sequence() + 1;
        self.lane(listeners).push(envelope);
        self.len += 1;
        match self.order.last_mut() {
            Some(Turn::Events { lane, count }) if *lane == listeners.lane() => *count += 1,
            _ => self.order.push(Turn::Events {
                lane: listeners.lane(),
                count: 1,
            }),
        }
    }

    /// Adds no event, but the turn of listeners that have joined and have something to catch up.
    pub(crate) fn nudge<C: Channel>(&mut self, listeners: &Arc<QueuedListeners<C>>, sequence: u64) {
        self.end = sequence + 1;
        self.lane(listeners);
        match self.order.last_mut() {
            // Nothing lies between the two, so that one turn does for both.
            Some(Turn::CatchUp {
                lane,
                sequence: last,
            }) if *lane == listeners.lane() => {
                *last = sequence;
            }
            _ => self.order.push(Turn::CatchUp {
                lane: listeners.lane(),
                sequence,
            }),
        }
    }

    #[inline]
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

    /// Delivers everything, and is empty then. Says how many events that were.
    pub(crate) fn deliver(&mut self, shared: &HubShared) -> usize {
        let mut delivered = self.len;
        for turn in &self.order {
            if let Some(lane) = &mut self.lanes[turn.lane()] {
                match *turn {
                    Turn::Events { count, .. } => lane.deliver(count),
                    Turn::CatchUp { sequence, .. } => delivered += lane.catch_up(sequence),
                }
            }
        }
        for turn in self.order.drain(..) {
            if let Some(lane) = &mut self.lanes[turn.lane()] {
                lane.finish(self.end);
            }
        }
        self.peak = self.peak.max(self.len);
        self.len = 0;
        shared.progress.idle(self.end);
        delivered
    }

    /// Gives back the memory that a burst has taken.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.peak > KEPT {
            self.peak = 0;
            self.order.shrink_to(KEPT);
            self.lanes
                .iter_mut()
                .flatten()
                .for_each(|lane| lane.shrink());
        }
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::delivery::kinds::ActiveKinds;
    use crate::delivery::listener::ListenerName;
    use crate::delivery::queue::{Queue, Taken};
    use crate::delivery::queued::NewListener;
    use crate::envelope::Payload;

    enum Numbers {}

    impl Channel for Numbers {
        type Event = u64;
        const NAME: &'static str = "numbers";
    }

    impl Batch {
        /// How many events and turns there is room for.
        fn room(&mut self) -> usize {
            let lanes = self.lanes.iter_mut().flatten().map(|lane| {
                let lane: &mut dyn Any = &mut **lane;
                lane.downcast_mut().map_or(0, Lane::<Numbers>::room)
            });
            lanes.sum::<usize>().max(self.order.capacity())
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "one thread, and too many events for an interpreter")]
    fn what_a_burst_has_taken_of_memory_is_given_back_when_it_is_over() {
        let shared = Arc::new(HubShared::new(Arc::new(|_| {})));
        let queue = Queue::new(usize::MAX, Arc::clone(&shared));
        let channel = || {
            let kinds = Arc::new(ActiveKinds::new(Arc::clone(&shared)));
            Arc::new(QueuedListeners::<Numbers>::new(kinds))
        };
        let channels = [channel(), channel()];
        let listener = NewListener {
            name: ListenerName::new(None, std::panic::Location::caller()),
            timed: false,
            once: false,
            callback: Box::new(|_| {}),
        };
        let _guard = channels[0].listen(&queue, listener, Vec::new());
        let mut batch = Batch::default();
        // Twice, for there are two batches, which take turns.
        for _ in 0..2 {
            for n in 0..10_000 {
                // In turn, so that each event is a turn of its own.
                let channel = &channels[usize::from(n % 2 == 0)];
                let event = Envelope::new(Payload::Own(n), std::panic::Location::caller(), None);
                queue.lock().push(channel, event);
            }
            assert!(queue.try_take(&mut batch) == Taken::Batch);
            batch.deliver(&shared);
        }
        assert!(batch.room() >= 5_000);
        assert!(queue.try_take(&mut batch) == Taken::Nothing);
        assert!(batch.room() <= 2 * 2 * KEPT, "{}", batch.room());
        // The other one.
        let event = Envelope::new(Payload::Own(0), std::panic::Location::caller(), None);
        queue.lock().push(&channels[0], event);
        assert!(queue.try_take(&mut batch) == Taken::Batch);
        assert!(batch.room() <= 2 * 2 * KEPT, "{}", batch.room());
    }
}
