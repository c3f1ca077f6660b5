//! The past events that a channel retains for listeners that join later.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::channel::Channel;
use crate::delivery::shared::HubShared;
use crate::envelope::Envelope;
use crate::sync::{Mutex, MutexGuard};

/// The last [`Channel::RETAIN`] events of a channel.
///
/// Its lock is held while an event is accepted, and while a listener with a replay registers: an
/// event accepted before is retained, an event accepted after is live, and no event is both or
/// neither. The other locks of the publish path are taken while this one is held.
pub(crate) struct History<C: Channel> {
    /// Has the panic handler for drops of events.
    shared: Arc<HubShared>,
    events: Mutex<VecDeque<Envelope<C>>>,
}

/// The locked history, to which no event is added meanwhile.
pub(crate) struct HistoryGuard<'a, C: Channel> {
    events: MutexGuard<'a, VecDeque<Envelope<C>>>,
}

/// Which retained events a listener gets before live ones.
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub, Replay};
///
/// /// Retains the last three events.
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
    /// No retained events: live events only.
    #[default]
    None,
    /// The latest retained event, if there is one.
    Latest,
    /// All retained events.
    All,
}

impl<C: Channel> History<C> {
    pub(crate) fn new(shared: Arc<HubShared>) -> Self {
        Self {
            shared,
            events: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn lock(&self) -> HistoryGuard<'_, C> {
        HistoryGuard {
            events: self.events.lock(),
        }
    }

    /// The number of retained events.
    pub(crate) fn len(&self) -> usize {
        self.events.lock().len()
    }
}

/// Drops the events one by one, so that each panic is caught by itself.
impl<C: Channel> Drop for History<C> {
    fn drop(&mut self) {
        let events = mem::take(&mut *self.events.lock());
        for event in events {
            self.shared.discard_event::<C>(event);
        }
    }
}

impl<C: Channel> HistoryGuard<'_, C> {
    /// Adds an event, unlocks, and returns the event that it replaces.
    pub(crate) fn push(mut self, envelope: Envelope<C>) -> Option<Envelope<C>> {
        let full = self.events.len() >= C::RETAIN;
        let evicted = if full { self.events.pop_front() } else { None };
        self.events.push_back(envelope);
        evicted
    }

    /// The retained events that `replay` selects. From then on they are shared.
    pub(crate) fn replay(&mut self, replay: Replay) -> Vec<Envelope<C>> {
        let count = match replay {
            Replay::None => 0,
            Replay::Latest => 1,
            Replay::All => C::RETAIN,
        };
        let skipped = self.events.len().saturating_sub(count);
        if self.events.range(skipped..).any(|event| !event.is_shared()) {
            let events = mem::take(&mut *self.events).into_iter();
            self.events.extend(events.map(Envelope::shared));
        }
        let missed = self.events.range(skipped..);
        missed.filter_map(Envelope::again).collect()
    }
}
