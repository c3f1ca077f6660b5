//! One channel's state: its listeners of every kind. [`publish`] decides which way an event goes to
//! them.

mod publish;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::any::{AnyChannel, AnyListener};
#[cfg(any(feature = "auth", feature = "relay"))]
use super::claim::ClaimFlag;
use super::publish_sites::PublishSites;
use super::report::{ChannelReport, DeliveryKind, ListenerReport};
use crate::channel::Channel;
use crate::delivery::history::{History, Replay};
use crate::delivery::inline::InlineListeners;
use crate::delivery::listener::subscription::{Subscription, Unsubscribe};
use crate::delivery::queued::queue::Queue;
use crate::delivery::queued::{NewListener, QueuedListeners};
use crate::delivery::receiver::log::Log;
use crate::delivery::receiver::{NewReceiver, Receiver};
use crate::delivery::shared::HubShared;
use crate::delivery::shared::kinds::{ActiveKinds, KindSet};
use crate::envelope::Envelope;

pub(super) use publish::PublishWaiter;

/// Each part is created on first use.
pub(in crate::hub) struct ChannelState<C: Channel> {
    #[cfg(any(feature = "auth", feature = "relay"))]
    pub(in crate::hub) claimed: ClaimFlag,
    kinds: Arc<ActiveKinds>,
    /// How many events have been accepted that neither a cache nor the inline listeners have
    /// counted.
    published: AtomicU64,
    sites: PublishSites,
    inline: OnceLock<Arc<InlineListeners<C>>>,
    queued: OnceLock<Arc<QueuedListeners<C>>>,
    log: OnceLock<Arc<Log<C>>>,
    history: OnceLock<Box<History<C>>>,
}

impl<C: Channel> ChannelState<C> {
    pub(in crate::hub) fn new(shared: &Arc<HubShared>) -> Self {
        Self {
            #[cfg(any(feature = "auth", feature = "relay"))]
            claimed: ClaimFlag::default(),
            kinds: Arc::new(ActiveKinds::new(Arc::clone(shared))),
            published: AtomicU64::new(0),
            sites: PublishSites::default(),
            inline: OnceLock::new(),
            queued: OnceLock::new(),
            log: OnceLock::new(),
            history: OnceLock::new(),
        }
    }

    pub(in crate::hub) fn inline(&self) -> &Arc<InlineListeners<C>> {
        let inline = || Arc::new(InlineListeners::new(Arc::clone(&self.kinds)));
        self.inline.get_or_init(inline)
    }

    fn queued(&self) -> &Arc<QueuedListeners<C>> {
        let queued = || QueuedListeners::new(Arc::clone(&self.kinds));
        self.queued.get_or_init(|| Arc::new(queued()))
    }

    fn log(&self) -> &Arc<Log<C>> {
        let log = || Arc::new(Log::new(Arc::clone(&self.kinds)));
        self.log.get_or_init(log)
    }

    fn history(&self) -> &History<C> {
        let history = || History::new(Arc::clone(&self.kinds.shared));
        self.history.get_or_init(|| Box::new(history()))
    }

    /// Makes every part, for models.
    #[cfg(all(test, loom))]
    pub(in crate::hub) fn prepare(&self) {
        (self.inline(), self.queued(), self.log(), self.history());
    }

    pub(in crate::hub) fn has_listeners(&self) -> bool {
        self.kinds.load() != KindSet::NONE
    }

    /// The latest retained event.
    pub(in crate::hub) fn last(&self) -> Option<Envelope<C>> {
        let last = (C::RETAIN > 0).then(|| self.history().lock().replay(Replay::Latest));
        last.and_then(|mut last| last.pop())
    }

    /// Registers a queued listener for the events that are accepted from now on, after the retained
    /// events that `replay` selects.
    pub(in crate::hub) fn listen(
        &self,
        queue: &Queue,
        replay: Replay,
        listener: NewListener<C>,
    ) -> Subscription {
        if C::RETAIN == 0 || replay == Replay::None {
            return self.queued().listen(queue, listener, Vec::new());
        }
        let mut retained = self.history().lock();
        let replay = retained.replay(replay);
        let subscription = self.queued().listen(queue, listener, replay);
        let wake = queue.request_replay(self.queued());
        drop(retained);
        queue.wake(wake);
        subscription
    }

    /// Registers a receiver for the events that are accepted from now on, after the retained events
    /// that `replay` selects.
    pub(in crate::hub) fn receive(&self, new: NewReceiver, replay: Replay) -> Receiver<C> {
        if C::RETAIN == 0 || replay == Replay::None {
            return Receiver::new(self.log(), new, Vec::new());
        }
        let mut retained = self.history().lock();
        let replay = retained.replay(replay);
        Receiver::new(self.log(), new, replay)
    }
}

/// Runs with the hub's drop, when everything is delivered: removes the inline listeners, which
/// refer to their set in a cycle.
impl<C: Channel> Drop for ChannelState<C> {
    fn drop(&mut self) {
        if let Some(inline) = self.inline.get() {
            inline.close();
        }
    }
}

impl<C: Channel> AnyChannel for ChannelState<C> {
    fn close(&self) {
        if let Some(log) = self.log.get() {
            log.close();
        }
    }

    fn attach(&self, queue: &Queue, listener: &AnyListener) -> Arc<dyn Unsubscribe> {
        let listener = NewListener {
            name: listener.name().clone(),
            timed: true,
            once: false,
            callback: listener.callback::<C>(),
        };
        self.listen(queue, Replay::None, listener).into_listener()
    }

    fn listener_count(&self) -> usize {
        let inline = self.inline.get().map(|inline| inline.listener_count());
        let queued = self.queued.get().map(|queued| queued.listener_count());
        let receivers = self.log.get().map(|log| log.reader_count());
        [inline, queued, receivers].into_iter().flatten().sum()
    }

    fn report(&self) -> ChannelReport {
        let inline = self.inline.get().map(|inline| {
            inline.listeners(|listener, delivered| {
                ListenerReport::new(listener, DeliveryKind::Inline, delivered)
            })
        });
        let queued = self.queued.get().map(|queued| queued.listeners().members());
        let queued = queued.unwrap_or_default().into_iter().map(|listener| {
            let delivered = listener.delivered();
            ListenerReport::new((*listener).as_ref(), DeliveryKind::Queued, delivered)
        });
        let lines = self.sites.lines();
        let log = self.log.get();
        let receivers = log.map(|log| log.readers(ListenerReport::of_reader));
        let inline_or_in_caches = self.inline.get().map_or(0, |inline| inline.published());
        ChannelReport {
            name: C::NAME,
            type_name: std::any::type_name::<C>(),
            published: self.published.load(Ordering::Relaxed) + inline_or_in_caches,
            retained: self.history.get().map_or(0, |retained| retained.len()),
            publishers: match C::SOURCE {
                Some(source) if !lines.is_empty() => vec![source.to_owned()],
                _ => lines,
            },
            listeners: inline
                .into_iter()
                .flatten()
                .chain(queued)
                .chain(receivers.unwrap_or_default())
                .collect(),
        }
    }
}
