//! Queued listeners: the hub's dispatcher calls them, one at a time, in the order of acceptance.
//!
//! This module holds the listeners; [`buffer`] calls them.

mod buffer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::kinds::{ActiveKinds, KindSet};
use super::listener::{Listener, ListenerId, ListenerName};
use super::listener_set::{ListenerSet, Snapshot};
use super::queue::Queue;
use super::scope;
use super::shared::HubShared;
use super::subscription::{Subscription, Unsubscribe};
use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize};

pub(crate) use buffer::ChannelBuffer;

pub(crate) type Callback<C> = Box<dyn FnMut(&Envelope<C>) + Send>;

/// The options of a new listener.
pub(crate) struct NewListener<C: Channel> {
    pub(crate) name: ListenerName,
    /// Whether it may ask for the time of events.
    pub(crate) timed: bool,
    /// Whether its first call ends it.
    pub(crate) once: bool,
    pub(crate) callback: Callback<C>,
}

/// The queued listeners of one channel.
pub(crate) struct QueuedListeners<C: Channel> {
    /// The index of the channel's buffer in both queue buffers of its hub.
    buffer: usize,
    kinds: Arc<ActiveKinds>,
    /// How many of them may ask for the time of events.
    timed: AtomicUsize,
    set: Mutex<ListenerSet<QueuedListener<C>>>,
}

impl<C: Channel> QueuedListeners<C> {
    pub(crate) fn new(kinds: Arc<ActiveKinds>) -> Self {
        Self {
            buffer: kinds.shared.next_buffer(),
            kinds,
            timed: AtomicUsize::new(0),
            set: Mutex::new(ListenerSet::new()),
        }
    }

    /// Registers a listener that gets `replay`, then the events that the queue accepts from now on.
    pub(crate) fn listen(
        self: &Arc<Self>,
        queue: &Queue,
        new: NewListener<C>,
        replay: Vec<Envelope<C>>,
    ) -> Subscription {
        let callback = new.callback;
        // Before `since` is read, too: a publisher that comes after sees it under the same lock.
        if new.timed {
            self.timed.fetch_add(1, Ordering::Release);
        }
        let mut set = self.set.lock();
        // Before `since` is read: no event accepted from there on is missed.
        self.kinds.set(KindSet::QUEUED, true);
        let since = queue.next();
        let listener = Arc::new(QueuedListener {
            id: ListenerId::next(),
            common: Listener::new(new.name),
            since,
            timed: new.timed,
            once: new.once,
            slot: Mutex::new(Some(CallbackSlot { replay, callback })),
            delivered: AtomicU64::new(0),
            channel: Arc::downgrade(self),
            shared: Arc::clone(&self.kinds.shared),
        });
        set.insert(Arc::clone(&listener));
        drop(set);
        Subscription::new(listener)
    }

    fn leave(&self, listener: &QueuedListener<C>) {
        let mut set = self.set.lock();
        let left = set.remove(&listener.common);
        self.changed(&set);
        drop(set);
        if left.is_some_and(|left| left.timed) {
            self.timed.fetch_sub(1, Ordering::Release);
        }
    }

    fn changed(&self, set: &ListenerSet<QueuedListener<C>>) {
        self.kinds.set(KindSet::QUEUED, !set.is_empty());
    }

    /// Whether a listener may ask for the time of an event. Called under the queue's lock.
    pub(crate) fn wants_time(&self) -> bool {
        self.timed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn buffer(&self) -> usize {
        self.buffer
    }

    pub(crate) fn listener_count(&self) -> usize {
        self.set.lock().len()
    }

    /// The listeners in the order of registration.
    pub(crate) fn listeners(&self) -> Snapshot<QueuedListener<C>> {
        self.set.lock().snapshot()
    }
}

pub(crate) struct QueuedListener<C: Channel> {
    id: ListenerId,
    common: Listener,
    since: u64,
    timed: bool,
    once: bool,
    /// `None` while the dispatcher delivers.
    slot: Mutex<Option<CallbackSlot<C>>>,
    delivered: AtomicU64,
    channel: Weak<QueuedListeners<C>>,
    shared: Arc<HubShared>,
}

/// A listener's callback, and the replay that it has not got yet.
struct CallbackSlot<C: Channel> {
    replay: Vec<Envelope<C>>,
    callback: Callback<C>,
}

impl<C: Channel> QueuedListener<C> {
    /// Called by the dispatcher, which alone writes the count.
    fn count(&self) {
        let before = self.delivered.load(Ordering::Relaxed);
        self.delivered.store(before + 1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Drops the replay and the callback: user code, isolated and under no lock.
    fn discard(&self, slot: Option<CallbackSlot<C>>) {
        if let Some(CallbackSlot { replay, callback }) = slot {
            for event in replay {
                self.shared.discard_event::<C>(event);
            }
            self.common
                .isolate(&self.shared, C::NAME, || drop(callback));
        }
    }
}

impl<C: Channel> AsRef<Listener> for QueuedListener<C> {
    fn as_ref(&self) -> &Listener {
        &self.common
    }
}

impl<C: Channel> Unsubscribe for QueuedListener<C> {
    fn name(&self) -> &ListenerName {
        &self.common.name
    }

    fn channel(&self) -> &'static str {
        C::NAME
    }

    fn kind(&self) -> &'static str {
        "queued"
    }

    fn is_listening(&self) -> bool {
        self.common.is_active() && !self.shared.is_closed()
    }

    fn unsubscribe(&self) {
        self.common.deactivate();
        if let Some(channel) = self.channel.upgrade() {
            channel.leave(self);
        }
        let slot = self.slot.lock().take();
        self.discard(slot);
    }

    fn wait_idle(self: Arc<Self>) {
        if !scope::any_callback() {
            self.shared.progress.wait_idle(self.id);
        }
    }
}

impl<C: Channel> Drop for QueuedListener<C> {
    fn drop(&mut self) {
        let slot = self.slot.lock().take();
        self.discard(slot);
    }
}
