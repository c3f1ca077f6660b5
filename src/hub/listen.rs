//! The methods of [`Hub`] that listen.

use std::sync::Arc;

use super::{Hub, InlineListenerBuilder, ListenerBuilder};
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::queued::{Dispatcher, NewListener};

impl Hub {
    /// Calls `callback` with every event that channel `C` accepts from now on, on the hub's
    /// thread, until the guard is dropped.
    ///
    /// Calls never overlap, so that the callback may change its captures (`FnMut`) without a lock.
    /// A panic, if panics unwind, is counted and reported; the listener continues with the next event.
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
    /// When the system cannot start a thread: the first `listen` of a hub starts the hub's thread.
    #[track_caller]
    pub fn listen<C: Channel>(
        &self,
        callback: impl FnMut(&C::Event) + Send + 'static,
    ) -> Subscription {
        self.listener::<C>().listen(callback)
    }

    /// Builds a listener with options that [`listen`](Self::listen) and [`once`](Self::once) leave
    /// at their defaults: a name, a replay of retained events, envelopes. See [`ListenerBuilder`].
    pub fn listener<C: Channel>(&self) -> ListenerBuilder<'_, C> {
        ListenerBuilder::new(self)
    }

    /// Calls `callback` with the next event that channel `C` accepts, on the hub's thread. Once the
    /// returned guard is dropped, the callback is never called: keep the guard until the event has
    /// come, or call [`detach`](Subscription::detach).
    ///
    /// The callback is called at most once; then the listener ends by itself.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
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
    /// When [`listen`](Self::listen) does.
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
    /// Inline listeners are called in the order of registration. An event that one of them
    /// publishes is delivered inline after the current event has reached all of them.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
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

    /// Builds an inline listener with a name, which [`listen_inline`](Self::listen_inline) leaves
    /// at its default. See [`InlineListenerBuilder`].
    pub fn inline_listener<C: Channel>(&self) -> InlineListenerBuilder<'_, C> {
        InlineListenerBuilder::new(self)
    }

    /// Logs every event of channel `C`, with its sequence number and source, at the level `info`
    /// (feature `tracing`).
    ///
    /// # Panics
    ///
    /// When [`listen`](Self::listen) does.
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

    pub(super) fn register<C: Channel>(
        &self,
        replay: Replay,
        listener: NewListener<C>,
    ) -> Subscription {
        self.channel::<C>().listen(self.queue(), replay, listener)
    }

    pub(super) fn start_dispatcher(&self) {
        self.inner.dispatcher.get_or_init(|| {
            let queue = Arc::clone(&self.inner.queue);
            let shared = Arc::clone(&self.inner.shared);
            let dispatcher = Dispatcher::spawn(queue, shared);
            Some(dispatcher.expect("the system has no thread left for the hub"))
        });
    }
}
