//! The ways to listen, each a method of [`Hub`].

use std::sync::Arc;

use super::{Hub, InlineListenerBuilder, ListenerBuilder};
use crate::channel::Channel;
use crate::delivery::dispatcher;
use crate::delivery::subscription::Subscription;

impl Hub {
    /// Calls `callback` with every event that channel `C` accepts from now on, on the hub's
    /// thread, until the guard is dropped.
    ///
    /// The callback is never entered while it runs, so that it may change what it captured
    /// (`FnMut`) without a lock. Its panics are counted and reported; it goes on with the next
    /// event.
    ///
    /// ```
    /// use typed_hub::{Auth, AuthEvent, Hub};
    ///
    /// let hub = Hub::new();
    /// let mut sign_ins = 0;
    /// let subscription = hub.listen::<Auth>(move |event: &AuthEvent| {
    ///     if let AuthEvent::SignedIn { user } = event {
    ///         sign_ins += 1;
    ///         println!("{} is number {sign_ins}", user.username);
    ///     }
    /// });
    /// # drop(subscription);
    /// ```
    ///
    /// # Panics
    ///
    /// The first `listen` of a hub starts its thread, and panics where the system has none left.
    #[track_caller]
    pub fn listen<C: Channel>(
        &self,
        callback: impl FnMut(&C::Event) + Send + 'static,
    ) -> Subscription {
        self.listener::<C>().listen(callback)
    }

    /// A listener with a name, with a replay of what came before, or with the envelopes of its events:
    /// whatever [`listen`](Self::listen) and [`once`](Self::once) leave to their defaults. See
    /// [`ListenerBuilder`].
    pub fn listener<C: Channel>(&self) -> ListenerBuilder<'_, C> {
        ListenerBuilder::new(self)
    }

    /// [`listen`](Self::listen) for one event, as long as the returned guard is kept: once the guard
    /// is dropped, the callback is never called. Keep the guard until the event has come, or call
    /// [`detach`](Subscription::detach).
    ///
    /// The callback is called once at most; then the listener ends by itself.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// let hub = Hub::new();
    /// let first = hub.once::<Custom<Ticks>>(|tick| assert_eq!(*tick, 1));
    /// hub.publish::<Custom<Ticks>>(1);
    /// hub.publish::<Custom<Ticks>>(2);
    /// # hub.flush();
    /// # drop(first);
    /// ```
    ///
    /// # Panics
    ///
    /// As `listen` does.
    #[must_use = "the callback of `once` is never called after its guard is dropped: keep the guard until the event has come, or call `detach()`"]
    #[track_caller]
    pub fn once<C: Channel>(
        &self,
        callback: impl FnOnce(&C::Event) + Send + 'static,
    ) -> Subscription {
        self.listener::<C>().once(callback)
    }

    /// Calls `callback` with every event of channel `C` at once, on the thread that publishes,
    /// before `publish` returns: the fast path, for short callbacks that may run on several
    /// threads at a time.
    ///
    /// Inline listeners are called in the order of registration. What one of them publishes is
    /// delivered inline after the present event has reached all of them.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// let hub = Hub::new();
    /// let caller = std::thread::current().id();
    /// let guard = hub.listen_inline::<Custom<Ticks>>(move |_| {
    ///     assert_eq!(std::thread::current().id(), caller);
    /// });
    /// hub.publish::<Custom<Ticks>>(1); // the listener has been called when this returns
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn listen_inline<C: Channel>(
        &self,
        callback: impl Fn(&C::Event) + Send + Sync + 'static,
    ) -> Subscription {
        self.inline_listener::<C>().listen(callback)
    }

    /// An inline listener with a name: whatever [`listen_inline`](Self::listen_inline) leaves to its
    /// default. See [`InlineListenerBuilder`].
    pub fn inline_listener<C: Channel>(&self) -> InlineListenerBuilder<'_, C> {
        InlineListenerBuilder::new(self)
    }

    /// Logs every event of channel `C`, in its envelope, at the level `info` (feature `tracing`).
    ///
    /// # Panics
    ///
    /// As `listen` does.
    #[cfg(feature = "tracing")]
    #[track_caller]
    pub fn log<C: Channel<Event: std::fmt::Debug>>(&self) -> Subscription {
        self.listener::<C>().envelope().listen(|event| {
            tracing::info!(
                channel = C::NAME,
                sequence = event.sequence(),
                source = %event.source(),
                event = ?event.payload(),
            );
        })
    }

    pub(super) fn start_dispatcher(&self) {
        self.inner.dispatcher.get_or_init(|| {
            let queue = Arc::clone(&self.inner.queue);
            let shared = Arc::clone(&self.inner.shared);
            let thread = dispatcher::spawn(queue, shared);
            Some(thread.expect("the system has no thread left for the hub"))
        });
    }
}
