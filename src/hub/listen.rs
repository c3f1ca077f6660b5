//! The ways to listen, each a method of [`Hub`].

use std::panic::Location;
use std::sync::Arc;

use super::{Hub, ListenOptions};
use crate::channel::Channel;
use crate::delivery::dispatcher;
use crate::delivery::history::Replay;
use crate::delivery::listener::ListenerName;
use crate::delivery::queued::NewListener;
use crate::delivery::subscription::Subscription;
use crate::envelope::Envelope;

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
        self.listen_with::<C>(ListenOptions::default(), callback)
    }

    /// [`listen`](Self::listen), with options: a name, and a replay of what came before.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub, ListenOptions, Replay};
    ///
    /// let hub = Hub::new();
    /// let options = ListenOptions::builder()
    ///     .name("session log")
    ///     .replay(Replay::All)
    ///     .build();
    /// let log = hub.listen_with::<Auth>(options, |event| println!("{}", event.kind()));
    /// # drop(log);
    /// ```
    ///
    /// # Panics
    ///
    /// As `listen` does.
    #[track_caller]
    pub fn listen_with<C: Channel>(
        &self,
        options: ListenOptions,
        mut callback: impl FnMut(&C::Event) + Send + 'static,
    ) -> Subscription {
        self.queue_to::<C>(
            options.replay,
            NewListener {
                name: ListenerName::new(options.name, Location::caller()),
                timed: false,
                once: false,
                callback: Box::new(move |event| callback(event.payload())),
            },
        )
    }

    /// [`listen`](Self::listen), with the event in its [`Envelope`], which tells its place in the
    /// order, its time and its source.
    ///
    /// ```
    /// use typed_hub::{Auth, Envelope, Hub};
    ///
    /// let hub = Hub::new();
    /// let log = hub.listen_envelope::<Auth>(|event: &Envelope<Auth>| {
    ///     let kind = event.payload().kind();
    ///     println!("{}: {kind} from {}", event.sequence(), event.source());
    /// });
    /// # drop(log);
    /// ```
    ///
    /// # Panics
    ///
    /// As `listen` does.
    #[track_caller]
    pub fn listen_envelope<C: Channel>(
        &self,
        callback: impl FnMut(&Envelope<C>) + Send + 'static,
    ) -> Subscription {
        self.queue_to::<C>(
            Replay::None,
            NewListener {
                name: ListenerName::new(None, Location::caller()),
                timed: true,
                once: false,
                callback: Box::new(callback),
            },
        )
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
        let mut callback = Some(callback);
        self.queue_to::<C>(
            Replay::None,
            NewListener {
                name: ListenerName::new(None, Location::caller()),
                timed: false,
                once: true,
                callback: Box::new(move |event| {
                    if let Some(callback) = callback.take() {
                        callback(event.payload());
                    }
                }),
            },
        )
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
        let name = ListenerName::new(None, Location::caller());
        self.channel::<C>().inline().listen(name, callback)
    }

    /// Logs every event of channel `C`, in its envelope, at the level `info` (feature `tracing`).
    ///
    /// # Panics
    ///
    /// As `listen` does.
    #[cfg(feature = "tracing")]
    #[track_caller]
    pub fn log<C: Channel<Event: std::fmt::Debug>>(&self) -> Subscription {
        self.listen_envelope::<C>(|event| {
            tracing::info!(
                channel = C::NAME,
                sequence = event.sequence(),
                source = %event.source(),
                event = ?event.payload(),
            );
        })
    }

    fn queue_to<C: Channel>(&self, replay: Replay, listener: NewListener<C>) -> Subscription {
        self.start_dispatcher();
        self.channel::<C>()
            .listen(&self.inner.queue, replay, listener)
    }

    fn start_dispatcher(&self) {
        self.inner.dispatcher.get_or_init(|| {
            let queue = Arc::clone(&self.inner.queue);
            let shared = Arc::clone(&self.inner.shared);
            let thread = dispatcher::spawn(queue, shared);
            Some(thread.expect("the system has no thread left for the hub"))
        });
    }
}
