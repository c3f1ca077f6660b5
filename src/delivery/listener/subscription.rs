//! The guard that ends a listener, and the wait for the listener's last call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::ListenerName;
use crate::delivery::shared::progress::Progress;
use crate::delivery::shared::wakers::WakerKey;
use crate::delivery::shared::{HubShared, scope};

/// A listener's guard: the listener lives as long as this value.
///
/// There are three ways to give it up:
///
/// - **drop** ends the listener. A call that another thread has already begun may still run after
///   the drop has returned;
/// - [`close`](Self::close) ends the listener, and waits for such a call;
/// - [`detach`](Self::detach) keeps the listener for as long as the hub lives.
///
/// The callback's captures are dropped with the guard or, if a call is under way, right after the
/// current deliveries, and never under a lock of the hub. Events that were accepted but not yet
/// delivered do not reach the listener any more: call [`Hub::flush`](crate::Hub::flush) first to
/// wait for them.
///
/// A guard may outlive its hub; its drop then only drops the callback's captures. It may be dropped
/// anywhere, also inside its own callback.
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
    /// It waits only for a call of its own listener: not for the drop of an event or of the
    /// callback's captures, nor for a call of another listener. For an inline listener, it waits
    /// until every publish that began before on its channel has called its last inline listener.
    ///
    /// Inside a callback of any hub, and inside a drop or a waker that a dispatcher or a publish
    /// with inline listeners runs, it does not wait at all: two callbacks could wait for each
    /// other.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let (kinds, log) = std::sync::mpsc::channel();
    /// let guard = hub.listen::<Auth>(move |event| drop(kinds.send(event.kind())));
    /// guard.close();
    /// assert!(log.recv().is_err(), "the sender has been dropped");
    /// ```
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn close(self) {
        let listener = self.into_listener();
        listener.unsubscribe();
        listener.call_under_way().wait();
    }

    /// Ends the listener at once, and waits for the call of it that is under way, if one is,
    /// without blocking the thread. Dropping the future waits no longer; the listener has ended.
    ///
    /// It waits for what [`close`](Self::close) waits for. When a callback of any hub polls the
    /// future, it does not wait.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// # pollster::block_on(async {
    /// let hub = Hub::new();
    /// let guard = hub.listen::<Auth>(|event| println!("{}", event.kind()));
    /// guard.close_async().await; // nothing more is printed
    /// # });
    /// ```
    #[must_use = "the listener has ended, but only the awaited future waits for its last call"]
    pub fn close_async(self) -> impl Future<Output = ()> + Send + Sync + Unpin + use<> {
        let listener = self.into_listener();
        listener.unsubscribe();
        listener.call_under_way()
    }

    /// The listener's name in reports and panic messages: the name it was given, or the file and
    /// line that registered it.
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
    /// A detached callback that captures its own [`Hub`](crate::Hub) keeps that hub alive for ever;
    /// let it capture a [`WeakHub`](crate::WeakHub).
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

impl Subscription {
    /// Ends the listener, which the guard keeps.
    pub(super) fn unsubscribe(&self) {
        if let Some(listener) = &self.listener {
            listener.unsubscribe();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

/// Shows the listener's name or the line that registered it, its channel, its kind, and whether it
/// still listens: `false` after its end or its hub's end.
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

/// The operations of a guard on its listener.
pub(crate) trait Unsubscribe: Send + Sync {
    fn name(&self) -> &ListenerName;

    /// The name of its channel.
    fn channel(&self) -> &'static str;

    /// Its kind, in the words of `DeliveryKind`.
    fn kind(&self) -> &'static str;

    /// Whether events are accepted for it.
    fn is_listening(&self) -> bool;

    /// Lets no further call begin, removes the listener from its set, and drops the callback unless
    /// a call is using it.
    fn unsubscribe(&self);

    /// The call under way, if there is one. Called after [`unsubscribe`](Self::unsubscribe).
    fn call_under_way(self: Arc<Self>) -> CallUnderWay;
}

/// The call of a listener that was under way when its guard ended it.
pub(crate) struct CallUnderWay {
    shared: Arc<HubShared>,
    busy: Box<dyn Fn(&Progress) -> bool + Send + Sync>,
    /// Of the task that waits for its end.
    key: Option<WakerKey>,
}

impl CallUnderWay {
    /// The call is under way while `busy` returns `true`. It is called under a lock, and must do
    /// nothing but look.
    pub(crate) fn new(
        shared: Arc<HubShared>,
        busy: impl Fn(&Progress) -> bool + Send + Sync + 'static,
    ) -> Self {
        let busy = Box::new(busy);
        let key = None;
        Self { shared, busy, key }
    }

    /// The calls of one hub's listeners.
    pub(crate) fn any(shared: Arc<HubShared>, calls: Vec<Self>) -> Self {
        let busy = move |progress: &Progress| calls.iter().any(|call| (call.busy)(progress));
        Self::new(shared, busy)
    }

    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    fn wait(self) {
        if !scope::any_callback() {
            self.shared.progress.wait_while(&self.busy);
        }
    }
}

impl Future for CallUnderWay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if scope::is_polled_by_callback() {
            return Poll::Ready(());
        }
        // Cloned here, because cloning runs the executor's code: not under the lock.
        let task = task.waker().clone();
        let progress = &this.shared.progress;
        if progress.poll_busy(&this.busy, &mut this.key, task) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.progress.forget_close(key);
        }
    }
}
