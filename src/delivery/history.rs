//! The past events that a channel keeps for listeners that come late.

use std::collections::VecDeque;

use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::sync::{Mutex, MutexGuard};

/// The last [`Channel::RETAIN`] events of a channel.
///
/// Its lock is held while an event is accepted, and while a listener registers that wants to hear
/// of the past: whatever was accepted before is retained, whatever comes after is live, and no
/// event is both or neither. The other locks on the way are taken inside it.
pub(crate) struct History<C: Channel> {
    events: Mutex<VecDeque<Envelope<C>>>,
}

/// The past while nothing is added to it.
pub(crate) struct HistoryGuard<'a, C: Channel> {
    events: MutexGuard<'a, VecDeque<Envelope<C>>>,
}

/// How much of the past a listener asks for.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub, Replay};
///
/// /// Whoever asks for it learns how it has been so far.
/// enum Weather {}
///
/// impl CustomChannel for Weather {
///     type Event = &'static str;
///     const NAME: &'static str = "weather";
///     const RETAIN: usize = 3;
/// }
///
/// let hub = Hub::new();
/// hub.publish::<Custom<Weather>>("rain");
/// hub.publish::<Custom<Weather>>("sun");
///
/// let late = hub.listener::<Custom<Weather>>().replay(Replay::Latest).listen(|weather| assert_eq!(*weather, "sun"));
/// # hub.flush();
/// # drop(late);
/// ```
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

impl<C: Channel> History<C> {
    pub(crate) fn new() -> Self {
        Self {
            events: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn lock(&self) -> HistoryGuard<'_, C> {
        HistoryGuard {
            events: self.events.lock(),
        }
    }

    /// How many events it keeps at the moment.
    pub(crate) fn len(&self) -> usize {
        self.events.lock().len()
    }
}

impl<C: Channel> HistoryGuard<'_, C> {
    /// Keeps an event, unlocks, and hands back the one that had to go.
    pub(crate) fn push(mut self, envelope: Envelope<C>) -> Option<Envelope<C>> {
        let full = self.events.len() >= C::RETAIN;
        let evicted = if full { self.events.pop_front() } else { None };
        self.events.push_back(envelope.shared());
        evicted
    }

    /// What a listener has missed of what it asks for.
    pub(crate) fn replay(&self, replay: Replay) -> Vec<Envelope<C>> {
        let count = match replay {
            Replay::None => 0,
            Replay::Latest => 1,
            Replay::All => C::RETAIN,
        };
        let skipped = self.events.len().saturating_sub(count);
        let missed = self.events.iter().skip(skipped);
        missed.filter_map(Envelope::again).collect()
    }
}
