//! One of the queue's two buffers: the accepted events of all channels, in the order of acceptance.
//! Publishers fill one while the dispatcher delivers the other.

use std::any::Any;
use std::sync::Arc;

use super::budget::Budget;
use super::{ChannelBuffer, QueuedListeners};
use crate::channel::Channel;
use crate::delivery::shared::HubShared;
use crate::envelope::Envelope;

/// The capacity that an idle queue buffer keeps for each channel, in events.
pub(crate) const KEPT: usize = 64;

/// Events of all channels: a buffer for each channel, where its events lie in place, and the order
/// in which to take from the buffers. Publishers fill one queue buffer while the dispatcher empties
/// the other; only their swap happens under the queue's lock.
#[derive(Default)]
pub(crate) struct QueueBuffer {
    runs: Vec<Run>,
    buffers: Vec<Option<Box<dyn AnyChannelBuffer>>>,
    len: usize,
    /// The largest number of events at once since the last shrink.
    peak: usize,
    /// The sequence number after the last event's.
    end: u64,
}

/// A step of the delivery.
#[derive(Clone, Copy)]
enum Run {
    /// Events of one buffer, accepted one right after the other.
    Events { buffer: usize, count: usize },
    /// Listeners that have joined a buffer's channel, with these sequence numbers, get their replays.
    Replay {
        buffer: usize,
        first: u64,
        last: u64,
    },
}

impl Run {
    fn buffer(self) -> usize {
        match self {
            Self::Events { buffer, .. } | Self::Replay { buffer, .. } => buffer,
        }
    }
}

/// The buffer of a channel whose type is not known here.
pub(crate) trait AnyChannelBuffer: Any + Send {
    /// Delivers its next `count` events, each to every listener in turn.
    fn deliver(&mut self, count: usize);

    /// Delivers the replays of the listeners that joined up to `sequence`, as far as the budget goes;
    /// returns the number of events, and whether that was everything.
    fn replay(&mut self, sequence: u64, budget: &mut Budget) -> (usize, bool);

    /// The sequence number of its next event.
    fn next(&self) -> Option<u64>;

    /// Returns the borrowed callbacks after a delivery that has reached sequence number `end`.
    fn finish(&mut self, end: u64);

    /// Releases the memory that a burst has taken.
    fn shrink(&mut self);

    /// Drops its events.
    fn discard(&mut self);
}

impl QueueBuffer {
    /// The number of events.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    #[inline]
    pub(crate) fn push<C: Channel>(
        &mut self,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
    ) {
        self.end = envelope.sequence() + 1;
        self.buffer(listeners).push(envelope);
        self.len += 1;
        match self.runs.last_mut() {
            Some(Run::Events { buffer, count }) if *buffer == listeners.buffer() => *count += 1,
            _ => self.runs.push(Run::Events {
                buffer: listeners.buffer(),
                count: 1,
            }),
        }
    }

    /// Adds a run that delivers the replays of listeners that have joined.
    pub(crate) fn request_replay<C: Channel>(
        &mut self,
        listeners: &Arc<QueuedListeners<C>>,
        sequence: u64,
    ) {
        self.end = sequence + 1;
        self.buffer(listeners);
        match self.runs.last_mut() {
            // No event lies between the two, so that one run serves both.
            Some(Run::Replay { buffer, last, .. }) if *buffer == listeners.buffer() => {
                *last = sequence;
            }
            _ => self.runs.push(Run::Replay {
                buffer: listeners.buffer(),
                first: sequence,
                last: sequence,
            }),
        }
    }

    #[inline]
    fn buffer<C: Channel>(&mut self, listeners: &Arc<QueuedListeners<C>>) -> &mut ChannelBuffer<C> {
        let index = listeners.buffer();
        if self.buffers.len() <= index {
            self.buffers.resize_with(index + 1, || None);
        }
        let buffer =
            self.buffers[index].get_or_insert_with(|| Box::new(ChannelBuffer::new(listeners)));
        let buffer: &mut dyn Any = &mut **buffer;
        buffer
            .downcast_mut()
            .expect("a buffer's number belongs to one channel")
    }

    /// Delivers everything and leaves the buffer empty; returns the number of events.
    pub(crate) fn deliver(&mut self, shared: &HubShared) -> usize {
        let mut delivered = self.len;
        for run in &self.runs {
            if let Some(buffer) = &mut self.buffers[run.buffer()] {
                match *run {
                    Run::Events { count, .. } => buffer.deliver(count),
                    Run::Replay { last, .. } => {
                        delivered += buffer.replay(last, &mut Budget::unbounded()).0;
                    }
                }
            }
        }
        for run in self.runs.drain(..) {
            if let Some(buffer) = &mut self.buffers[run.buffer()] {
                buffer.finish(self.end);
            }
        }
        self.peak = self.peak.max(self.len);
        self.len = 0;
        shared.idle(self.end);
        delivered
    }

    /// Delivers what has a smaller sequence number than `end`, as far as the budget goes, and keeps
    /// the rest; returns the number of events.
    pub(crate) fn deliver_within(
        &mut self,
        shared: &HubShared,
        budget: &mut Budget,
        end: u64,
    ) -> usize {
        if budget.is_unbounded() && self.end <= end {
            return self.deliver(shared);
        }
        self.peak = self.peak.max(self.len);
        let (mut delivered, mut runs) = (0, 0);
        for run in &mut self.runs {
            let Some(buffer) = &mut self.buffers[run.buffer()] else {
                continue;
            };
            let is_done = match run {
                Run::Events { count, .. } => {
                    while *count > 0 && buffer.next() < Some(end) && budget.spend() {
                        buffer.deliver(1);
                        *count -= 1;
                        self.len -= 1;
                        delivered += 1;
                    }
                    *count == 0
                }
                Run::Replay { first, last, .. } if *first < end => {
                    let (replayed, is_done) = buffer.replay((*last).min(end - 1), budget);
                    delivered += replayed;
                    if is_done {
                        *first = end;
                    }
                    is_done && *last < end
                }
                Run::Replay { .. } => false,
            };
            if !is_done {
                break;
            }
            runs += 1;
        }
        let next = self.runs.get(runs).map(|run| self.sequence(*run));
        let end = next.unwrap_or(self.end);
        // Between two calls, a guard finds the callback of its listener where it belongs.
        for run in self.runs.iter().take(runs + 1) {
            if let Some(buffer) = &mut self.buffers[run.buffer()] {
                buffer.finish(end);
            }
        }
        self.runs.drain(..runs);
        shared.idle(end);
        delivered
    }

    /// The sequence number of a run's next event.
    fn sequence(&self, run: Run) -> u64 {
        let buffer = self.buffers[run.buffer()].as_ref();
        match run {
            Run::Events { .. } => buffer.and_then(|buffer| buffer.next()).unwrap_or(self.end),
            Run::Replay { first, .. } => first,
        }
    }

    /// The sequence number after the last event that has been in it.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Releases the memory that a burst has taken.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.peak > KEPT {
            self.peak = 0;
            self.runs.shrink_to(KEPT);
            self.buffers
                .iter_mut()
                .flatten()
                .for_each(|buffer| buffer.shrink());
        }
    }

    /// Drops all events.
    pub(crate) fn discard(&mut self) {
        self.buffers
            .iter_mut()
            .flatten()
            .for_each(|buffer| buffer.discard());
        *self = Self::default();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::delivery::listener::ListenerName;
    use crate::delivery::queued::NewListener;
    use crate::delivery::queued::queue::{Queue, Taken};
    use crate::delivery::shared::kinds::ActiveKinds;
    use crate::envelope::Payload;

    enum Numbers {}

    impl Channel for Numbers {
        type Event = u64;
        const NAME: &'static str = "numbers";
    }

    impl QueueBuffer {
        /// How many events and runs there is room for.
        fn room(&mut self) -> usize {
            let buffers = self.buffers.iter_mut().flatten().map(|buffer| {
                let buffer: &mut dyn Any = &mut **buffer;
                buffer
                    .downcast_mut()
                    .map_or(0, ChannelBuffer::<Numbers>::room)
            });
            buffers.sum::<usize>().max(self.runs.capacity())
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
        let mut buffer = QueueBuffer::default();
        // Twice: there are two queue buffers, which alternate.
        for _ in 0..2 {
            for n in 0..10_000 {
                // The channels alternate, so that each event is a run of its own.
                let channel = &channels[usize::from(n % 2 == 0)];
                let event = Envelope::new(Payload::Own(n), std::panic::Location::caller(), None);
                let (_, wake) = queue.lock().push(channel, event);
                queue.wake(wake);
            }
            assert!(queue.try_take(&mut buffer) == Taken::Events);
            buffer.deliver(&shared);
        }
        assert!(buffer.room() >= 5_000);
        assert!(queue.try_take(&mut buffer) == Taken::Nothing);
        assert!(buffer.room() <= 2 * 2 * KEPT, "{}", buffer.room());
        // The other buffer.
        let event = Envelope::new(Payload::Own(0), std::panic::Location::caller(), None);
        let (_, wake) = queue.lock().push(&channels[0], event);
        queue.wake(wake);
        assert!(queue.try_take(&mut buffer) == Taken::Events);
        assert!(buffer.room() <= 2 * 2 * KEPT, "{}", buffer.room());
    }
}
