//! Channels whose type is not known, and the listeners of all of them.

use std::any::Any;
use std::panic::Location;
use std::sync::{Arc, Weak};

use super::Hub;
use super::report::ChannelReport;
use crate::channel::Channel;
use crate::delivery::listener::ListenerName;
use crate::delivery::listener::subscription::{CallUnderWay, Subscription, Unsubscribe};
use crate::delivery::queued::Callback;
use crate::delivery::queued::queue::Queue;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::panic_report::PanicOrigin;
use crate::envelope::{AnyEnvelope, Envelope};
use crate::sync::Mutex;

/// In the place of a channel's name.
pub(super) const ANY: &str = "any";

impl Hub {
    /// Calls `callback` with every event that any channel of the hub accepts from now on, on the hub's
    /// thread, in the order of acceptance: for a log, or a view of what the program does. Channels that
    /// are used for the first time later are included.
    ///
    /// ```
    /// use typed_hub::{AnyEnvelope, Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let log = hub.listen_any(|event: &AnyEnvelope| {
    ///     println!("{} {}", event.sequence(), event.channel());
    ///     if let Some(auth) = event.downcast_ref::<Auth>() {
    ///         println!("{}", auth.kind());
    ///     }
    /// });
    /// # drop(log);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`listen`](Self::listen) does.
    #[track_caller]
    pub fn listen_any(
        &self,
        callback: impl FnMut(&AnyEnvelope<'_>) + Send + 'static,
    ) -> Subscription {
        self.start_dispatcher();
        let name = ListenerName::new(None, Location::caller());
        self.register_any(name, callback)
    }

    /// Registers a listener of all channels.
    pub(super) fn register_any(
        &self,
        name: ListenerName,
        callback: impl FnMut(&AnyEnvelope<'_>) + Send + 'static,
    ) -> Subscription {
        let listener = Arc::new(AnyListener {
            callback: Arc::new(SharedCallback {
                name,
                callback: Mutex::new(Some(Box::new(callback))),
                shared: Arc::clone(&self.inner.shared),
            }),
            parts: Mutex::new(Vec::new()),
        });
        self.inner.channels.listen(self.queue(), &listener);
        Subscription::new(Arc::new(AnyGuard {
            listener,
            channels: Arc::downgrade(&self.inner.channels),
        }))
    }
}

/// A channel whose type is not known here.
pub(super) trait AnyChannel: Any + Send + Sync {
    /// Tells receivers that nothing more will come.
    fn close(&self);

    fn report(&self) -> ChannelReport;

    /// Registers the part of a listener of all channels.
    fn attach(&self, queue: &Queue, listener: &AnyListener) -> Arc<dyn Unsubscribe>;

    /// How many listeners there are, of every kind.
    fn listener_count(&self) -> usize;
}

/// The channels of a hub, and the listeners of all of them.
///
/// One lock for both: a channel that is made gets every listener that has joined, and a listener that
/// joins gets every channel that has been made.
pub(super) struct Channels {
    state: Mutex<State>,
}

struct State {
    channels: Vec<Arc<dyn AnyChannel>>,
    listeners: Vec<Arc<AnyListener>>,
}

impl Channels {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                channels: Vec::new(),
                listeners: Vec::new(),
            }),
        }
    }

    /// Adds a channel, before anything is published on it.
    pub(super) fn add(&self, queue: &Queue, channel: Arc<dyn AnyChannel>) {
        let mut state = self.state.lock();
        for listener in &state.listeners {
            listener.attach(&*channel, queue);
        }
        state.channels.push(channel);
    }

    /// Every channel that has been used.
    pub(super) fn all(&self) -> Vec<Arc<dyn AnyChannel>> {
        self.state.lock().channels.clone()
    }

    fn listen(&self, queue: &Queue, listener: &Arc<AnyListener>) {
        let mut state = self.state.lock();
        for channel in &state.channels {
            listener.attach(&**channel, queue);
        }
        state.listeners.push(Arc::clone(listener));
    }

    fn has(&self, listener: &Arc<AnyListener>) -> bool {
        let state = self.state.lock();
        let mut listeners = state.listeners.iter();
        listeners.any(|other| Arc::ptr_eq(other, listener))
    }

    fn leave(&self, listener: &Arc<AnyListener>) {
        let mut state = self.state.lock();
        // The guard has the listener too: none is dropped here.
        state
            .listeners
            .retain(|other| !Arc::ptr_eq(other, listener));
    }
}

/// A listener of all channels.
pub(super) struct AnyListener {
    callback: Arc<SharedCallback>,
    /// Its listener on each channel.
    parts: Mutex<Vec<Arc<dyn Unsubscribe>>>,
}

impl AnyListener {
    pub(super) fn name(&self) -> &ListenerName {
        &self.callback.name
    }

    /// The callback of the part on one channel.
    pub(super) fn callback<C: Channel>(&self) -> Callback<C> {
        let callback = Arc::clone(&self.callback);
        Box::new(move |event: &Envelope<C>| callback.call(&AnyEnvelope::new(event)))
    }

    fn attach(&self, channel: &dyn AnyChannel, queue: &Queue) {
        let part = channel.attach(queue, self);
        self.parts.lock().push(part);
    }

    fn parts(&self) -> Vec<Arc<dyn Unsubscribe>> {
        self.parts.lock().clone()
    }
}

/// The callback that all parts of a listener call: the dispatcher does, one part at a time.
struct SharedCallback {
    name: ListenerName,
    /// Away while it runs, so that no lock is held.
    callback: Mutex<Option<AnyCallback>>,
    shared: Arc<HubShared>,
}

type AnyCallback = Box<dyn FnMut(&AnyEnvelope<'_>) + Send>;

impl SharedCallback {
    fn call(&self, event: &AnyEnvelope<'_>) {
        let callback = self.callback.lock().take();
        let mut borrowed = Borrowed {
            owner: self,
            callback,
        };
        if let Some(callback) = &mut borrowed.callback {
            callback(event);
        }
    }
}

impl Drop for SharedCallback {
    fn drop(&mut self) {
        let callback = self.callback.lock().take();
        let origin = || PanicOrigin::Listener(self.name.to_string());
        self.shared.isolate(None, origin, || drop(callback));
    }
}

/// A callback that goes back to its owner when the call is over, by a panic too.
struct Borrowed<'a> {
    owner: &'a SharedCallback,
    callback: Option<AnyCallback>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        *self.owner.callback.lock() = self.callback.take();
    }
}

/// What ends a listener of all channels.
struct AnyGuard {
    listener: Arc<AnyListener>,
    channels: Weak<Channels>,
}

impl Unsubscribe for AnyGuard {
    fn name(&self) -> &ListenerName {
        self.listener.name()
    }

    fn channel(&self) -> &'static str {
        ANY
    }

    fn kind(&self) -> &'static str {
        "queued"
    }

    fn is_listening(&self) -> bool {
        let channels = self.channels.upgrade();
        channels.is_some_and(|channels| channels.has(&self.listener))
    }

    fn unsubscribe(&self) {
        if let Some(channels) = self.channels.upgrade() {
            channels.leave(&self.listener);
        }
        for part in self.listener.parts() {
            part.unsubscribe();
        }
    }

    fn call_under_way(self: Arc<Self>) -> CallUnderWay {
        let parts = self.listener.parts().into_iter();
        let shared = Arc::clone(&self.listener.callback.shared);
        CallUnderWay::any(shared, parts.map(Unsubscribe::call_under_way).collect())
    }
}
