//! The builders of queued and of inline listeners.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use super::Hub;
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::ListenerName;
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::queued::{Callback, NewListener};
use crate::envelope::{Envelope, Source};

/// The options of a listener, from [`Hub::listener`]: a name, a replay, and events or their
/// envelopes, in any combination. [`listen`](Self::listen) registers the listener for every event,
/// [`once`](Self::once) for one.
///
/// `Told` is what the callback gets: [`AsEvent`] or, after [`envelope`](ListenerBuilder::envelope),
/// [`AsEnvelope`].
///
/// ```
/// use typed_hub::{Auth, Envelope, Hub, Replay};
///
/// let hub = Hub::new();
/// let log = hub
///     .listener::<Auth>()
///     .name("session log")
///     .replay(Replay::All)
///     .envelope()
///     .listen(|event: &Envelope<Auth>| {
///         let kind = event.payload().kind();
///         println!("{}: {kind} from {}", event.sequence(), event.source());
///     });
/// assert!(hub.inspect().to_string().contains("session log"));
/// # drop(log);
/// ```
#[must_use = "a builder registers no listener until `listen` or `once` is called"]
pub struct ListenerBuilder<'a, C: Channel, Told = AsEvent> {
    hub: &'a Hub,
    name: Option<String>,
    replay: Replay,
    told: PhantomData<fn(&C) -> Told>,
}

/// The callback of a [`ListenerBuilder`] gets the event.
#[derive(Debug)]
pub enum AsEvent {}

/// The callback of a [`ListenerBuilder`] gets the event in its [`Envelope`].
#[derive(Debug)]
pub enum AsEnvelope {}

impl<'a, C: Channel> ListenerBuilder<'a, C> {
    pub(super) fn new(hub: &'a Hub) -> Self {
        Self {
            hub,
            name: None,
            replay: Replay::None,
            told: PhantomData,
        }
    }

    /// The callback gets each event in its [`Envelope`], with the event's place in the order, its
    /// time and its source.
    pub fn envelope(self) -> ListenerBuilder<'a, C, AsEnvelope> {
        ListenerBuilder {
            hub: self.hub,
            name: self.name,
            replay: self.replay,
            told: PhantomData,
        }
    }

    /// Registers the listener, as [`Hub::listen`] does.
    ///
    /// # Panics
    ///
    /// When the system cannot start a thread: the first listener of a hub starts the hub's thread.
    #[track_caller]
    pub fn listen(self, mut callback: impl FnMut(&C::Event) + Send + 'static) -> Subscription {
        let callback = Box::new(move |event: &Envelope<C>| callback(event.payload()));
        self.register(false, false, callback, Location::caller())
    }

    /// Registers the listener for one event, as [`Hub::once`] does. A replayed event counts.
    ///
    /// # Panics
    ///
    /// When [`listen`](Self::listen) does.
    #[must_use = "the callback of `once` is never called after its guard is dropped: keep the guard until the event has come, or call `detach()`"]
    #[track_caller]
    pub fn once(self, callback: impl FnOnce(&C::Event) + Send + 'static) -> Subscription {
        let callback = at_most_once(|event: &Envelope<C>| callback(event.payload()));
        self.register(true, false, Box::new(callback), Location::caller())
    }
}

impl<C: Channel> ListenerBuilder<'_, C, AsEnvelope> {
    /// Registers the listener, as [`Hub::listen`] does.
    ///
    /// # Panics
    ///
    /// When the system cannot start a thread: the first listener of a hub starts the hub's thread.
    #[track_caller]
    pub fn listen(self, callback: impl FnMut(&Envelope<C>) + Send + 'static) -> Subscription {
        self.register(false, true, Box::new(callback), Location::caller())
    }

    /// Registers the listener for one event, as [`Hub::once`] does. A replayed event counts.
    ///
    /// # Panics
    ///
    /// When [`listen`](Self::listen) does.
    #[must_use = "the callback of `once` is never called after its guard is dropped: keep the guard until the event has come, or call `detach()`"]
    #[track_caller]
    pub fn once(self, callback: impl FnOnce(&Envelope<C>) + Send + 'static) -> Subscription {
        let callback = at_most_once(callback);
        self.register(true, true, Box::new(callback), Location::caller())
    }
}

impl<C: Channel, Told> ListenerBuilder<'_, C, Told> {
    /// The listener's name in reports and panic messages. The default is the file and line that
    /// registered it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Which retained events the listener gets before live ones. The default is none. A channel
    /// retains events if its [`RETAIN`](Channel::RETAIN) is above 0.
    pub fn replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    fn register(
        self,
        once: bool,
        timed: bool,
        callback: Callback<C>,
        registered: Source,
    ) -> Subscription {
        self.hub.start_dispatcher();
        let listener = NewListener {
            name: ListenerName::new(self.name, registered),
            timed,
            once,
            callback,
        };
        self.hub.register(self.replay, listener)
    }
}

impl<C: Channel, Told> fmt::Debug for ListenerBuilder<'_, C, Told> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerBuilder")
            .field("channel", &C::NAME)
            .field("name", &self.name)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

/// Calls the callback the first time.
pub(super) fn at_most_once<C: Channel>(
    callback: impl FnOnce(&Envelope<C>),
) -> impl FnMut(&Envelope<C>) {
    let mut callback = Some(callback);
    move |event| {
        if let Some(callback) = callback.take() {
            callback(event);
        }
    }
}

/// The options of an inline listener, from [`Hub::inline_listener`].
///
/// It offers neither a replay nor envelopes: retained events would mix with those that other
/// threads publish, and an event that only inline listeners get has no sequence number.
///
/// ```
/// use typed_hub::{Auth, Hub};
///
/// let hub = Hub::new();
/// let log = hub
///     .inline_listener::<Auth>()
///     .name("session log")
///     .listen(|event| println!("{}", event.kind()));
/// assert!(hub.inspect().to_string().contains("session log"));
/// # drop(log);
/// ```
#[must_use = "a builder registers no listener until `listen` is called"]
pub struct InlineListenerBuilder<'a, C: Channel> {
    hub: &'a Hub,
    name: Option<String>,
    channel: PhantomData<fn(&C)>,
}

impl<'a, C: Channel> InlineListenerBuilder<'a, C> {
    pub(super) fn new(hub: &'a Hub) -> Self {
        Self {
            hub,
            name: None,
            channel: PhantomData,
        }
    }

    /// The listener's name in reports and panic messages. The default is the file and line that
    /// registered it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Registers the listener, as [`Hub::listen_inline`] does.
    #[track_caller]
    pub fn listen(self, callback: impl Fn(&C::Event) + Send + Sync + 'static) -> Subscription {
        let name = ListenerName::new(self.name, Location::caller());
        self.hub.channel::<C>().inline().listen(name, callback)
    }
}

impl<C: Channel> fmt::Debug for InlineListenerBuilder<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineListenerBuilder")
            .field("channel", &C::NAME)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
