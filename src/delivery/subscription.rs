//! The guard that ends a listener.

use std::fmt;
use std::sync::Arc;

use super::listener::ListenerName;

/// A listener's guard: the listener lives as long as this value.
///
/// There are three endings:
///
/// - **drop**: after the drop has returned no call is decided on. One that another thread had decided on
///   before may still begin and end;
/// - [`close`](Self::close): the same, and waits for that one;
/// - [`detach`](Self::detach): none; the listener lives as long as the hub.
///
/// What the callback captured is dropped with the guard or, where a call is under way, right after
/// the present deliveries, and never under a lock of the hub's. Events that were accepted but not yet
/// delivered to the listener are not delivered to it any more; [`Hub::flush`](crate::Hub::flush)
/// before the end waits for them.
///
/// A guard may outlive its hub; it then ends nothing. It may be dropped from anywhere, its own
/// callback included.
///
/// ```
/// use typed_hub::{Auth, Hub};
///
/// let hub = Hub::new();
/// let subscription = hub.listen::<Auth>(|event| println!("{}", event.kind()));
/// drop(subscription); // nothing more is printed
/// ```
#[must_use = "dropping a `Subscription` ends its listener at once: keep it, or call `detach()` to listen for as long as the hub lives"]
pub struct Subscription {
    listener: Option<Arc<dyn Unsubscribe>>,
}

impl Subscription {
    pub(crate) fn new(listener: Arc<dyn Unsubscribe>) -> Self {
        Self {
            listener: Some(listener),
        }
    }

    /// The listener, which this guard ends no more.
    pub(crate) fn into_listener(mut self) -> Arc<dyn Unsubscribe> {
        let listener = self.listener.take();
        listener.expect("a guard has its listener until it is consumed")
    }

    /// Ends the listener and waits for the call of it that is under way, if one is.
    ///
    /// It waits for a call of its own listener and for nothing else: not for the drop of an event or of
    /// what the callback captured, nor for the call of another listener. An inline listener is the
    /// exception: a publish that is under way on its channel, and began before, is waited for to its last
    /// inline listener.
    ///
    /// From inside a callback, of this hub or of another, it does not wait at all: two callbacks could
    /// wait for each other.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let (kinds, log) = std::sync::mpsc::channel();
    /// let guard = hub.listen::<Auth>(move |event| drop(kinds.send(event.kind())));
    /// guard.close();
    /// assert!(log.recv().is_err(), "nobody will send any more");
    /// ```
    pub fn close(mut self) {
        if let Some(listener) = self.listener.take() {
            listener.unsubscribe();
            listener.wait_idle();
        }
    }

    /// What reports and panics call the listener: the name it was given, or the file and line that
    /// registered it.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let log = hub.listener::<Auth>().name("log").listen(|event| println!("{}", event.kind()));
    /// assert_eq!(log.name(), "log");
    /// ```
    pub fn name(&self) -> String {
        let name = self.listener.as_ref().map(|listener| listener.name());
        name.map(ToString::to_string).unwrap_or_default()
    }

    /// Lets the listener live as long as its hub.
    ///
    /// A callback that holds a [`Hub`](crate::Hub) of its own keeps that hub alive for ever once
    /// detached; let it hold a [`WeakHub`](crate::WeakHub).
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// hub.listen::<Auth>(|event| println!("{}", event.kind()))
    ///     .detach();
    /// ```
    pub fn detach(mut self) {
        self.listener = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.unsubscribe();
        }
    }
}

/// The listener's name or the line that registered it, its channel, its kind, and whether it still
/// listens: not after its end, and not after that of its hub.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut subscription = f.debug_struct("Subscription");
        if let Some(listener) = &self.listener {
            subscription
                .field("listener", &listener.name().to_string())
                .field("channel", &listener.channel())
                .field("kind", &format_args!("{}", listener.kind()))
                .field("listening", &listener.is_listening());
        }
        subscription.finish()
    }
}

/// A listener as its guard sees it.
pub(crate) trait Unsubscribe: Send + Sync {
    fn name(&self) -> &ListenerName;

    /// The name of its channel.
    fn channel(&self) -> &'static str;

    /// How it is told, in the words of `DeliveryKind`.
    fn kind(&self) -> &'static str;

    /// Whether events are accepted for it.
    fn is_listening(&self) -> bool;

    /// Lets no further call begin, leaves its set, and drops what was captured unless a call
    /// has it at the moment.
    fn unsubscribe(&self);

    /// After [`unsubscribe`](Self::unsubscribe): waits for the call under way, if one is, unless from inside.
    fn wait_idle(self: Arc<Self>);
}
