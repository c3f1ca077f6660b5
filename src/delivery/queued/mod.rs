//! Queued listeners: the hub's dispatcher calls them, one at a time, in the order of acceptance.
//!
//! This module holds the listeners of a channel, each a [`listener`]. An event goes through the
//! hub's [`queue`]; the [`dispatcher`] takes the pending events, a [`queue_buffer`] at a time, and
//! the [`channel_buffer`] in it calls the listeners of its channel. An [`arrival`] wakes the thread
//! that pumps, and a [`budget`] bounds one call of it. A [`local`] callback stays on one thread.
//! A hub without a worker of the user's has a `thread` of its own, in a page a `task`.

mod arrival;
pub(crate) mod budget;
mod channel_buffer;
pub(crate) mod dispatcher;
mod listener;
pub(crate) mod local;
pub(crate) mod queue;
pub(crate) mod queue_buffer;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod task;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod thread;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::channel::Channel;
use crate::delivery::listener::set::{ListenerSet, Snapshot};
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::listener::{Listener, ListenerName};
use crate::delivery::shared::kinds::{ActiveKinds, KindSet};
use crate::delivery::shared::progress::ListenerId;
use crate::envelope::Envelope;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use queue::Queue;

pub(crate) use channel_buffer::ChannelBuffer;
use listener::{CallbackSlot, QueuedListener};
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use task::Dispatcher;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use thread::Dispatcher;

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
            slot: Mutex::new(Some(CallbackSlot {
                replay: replay.into_iter(),
                callback,
            })),
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
