//! The past events that a channel keeps for listeners that come late.

use std::collections::VecDeque;
use std::sync::Arc;

use super::context::Context;
use super::queue::{Limit, Queue};
use super::queued::QueuedListeners;
use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::sync::Mutex;

/// The last [`Channel::RETAIN`] events of a channel.
///
/// Its lock is held while an event is accepted, and while a listener registers that wants to hear
/// of the past: whatever was accepted before is retained, whatever comes after is live, and no
/// event is both or neither. The queue's lock is taken inside it.
pub(crate) struct Retained<C: Channel> {
    context: Arc<Context>,
    events: Mutex<VecDeque<Envelope<C>>>,
}

/// How much of the past a listener asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Nothing: live events only.
    #[default]
    None,
    /// The latest event that the channel has kept, if there is one.
    Latest,
    /// All that the channel has kept.
    All,
}

impl<C: Channel> Retained<C> {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            events: Mutex::new(VecDeque::new()),
        }
    }

    /// Accepts an event and keeps it, or hands it back where the queue is full.
    pub(crate) fn push(
        &self,
        queue: &Queue,
        listeners: &Arc<QueuedListeners<C>>,
        envelope: Envelope<C>,
        limit: Limit,
    ) -> Result<(), Envelope<C>> {
        let (live, mut kept) = envelope.share();
        let mut events = self.events.lock();
        kept.accept(if listeners.is_empty() {
            queue.number()
        } else {
            queue.push(listeners, live, limit)?
        });
        let evicted = if events.len() < C::RETAIN {
            None
        } else {
            events.pop_front()
        };
        events.push_back(kept);
        drop(events);
        self.context.discard_event::<C>(evicted);
        Ok(())
    }

    /// Registers a listener with `register`, which is given what it has missed, while nothing can
    /// be accepted.
    pub(crate) fn replay<R>(
        &self,
        replay: Replay,
        register: impl FnOnce(Vec<Envelope<C>>) -> R,
    ) -> R {
        let events = self.events.lock();
        let count = match replay {
            Replay::None => 0,
            Replay::Latest => 1,
            Replay::All => C::RETAIN,
        };
        let skipped = events.len().saturating_sub(count);
        let missed = events.iter().skip(skipped);
        register(missed.filter_map(Envelope::again).collect())
    }

    /// How many events it keeps at the moment.
    pub(crate) fn len(&self) -> usize {
        self.events.lock().len()
    }
}
