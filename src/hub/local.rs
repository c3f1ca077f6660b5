//! A worker that stays on its thread, and listeners that need not be `Send`.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::any::ANY;
use super::listener_builder::at_most_once;
use super::{AsEnvelope, AsEvent, Hub, WeakHub};
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::ListenerName;
use crate::delivery::listener::subscription::{CallUnderWay, Subscription, Unsubscribe};
use crate::delivery::queued::NewListener;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::queued::local::LocalCallbacks;
use crate::delivery::queued::queue::Queue;
use crate::delivery::shared::HubShared;
use crate::envelope::{AnyEnvelope, Envelope, Source};

/// A [`Worker`] that stays on the thread that made it, and calls listeners that need not be `Send`: a
/// view, a signal, an `Rc`. [`build_with_local_worker`](crate::HubBuilder::build_with_local_worker)
/// makes the hub and the worker. The hub is `Send` and `Sync` as every hub is.
///
/// A [local listener](Self::listen_local) is a queued listener in all other respects: in one order
/// with all others of the hub, isolated, and ended by its guard. The guard is `Send`. If it ends the
/// listener on another thread, no call begins any more, and the next call of the worker, or its drop,
/// drops the callback's captures: they never leave their thread. The worker's drop drops the
/// captures of its local listeners, and none of them is called any more.
///
/// Its methods take `&self`. Keep it in an `Rc`, and give a callback that registers listeners, as those
/// of a window that it opens, a `Weak` of it: an `Rc` in a callback would keep the worker alive as long as
/// the listener lives. Inside a callback of this hub the worker delivers nothing.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use typed_hub::{Custom, Hub};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let (hub, worker) = Hub::builder().build_with_local_worker();
/// let view = Rc::new(RefCell::new(String::new()));
/// let shown = Rc::clone(&view);
/// let guard = worker.listen_local::<Custom<Ticks>>(move |tick| {
///     *shown.borrow_mut() = format!("{tick} ticks");
/// });
/// std::thread::spawn(move || hub.publish::<Custom<Ticks>>(1)).join().unwrap();
/// worker.run_pending();
/// assert_eq!(*view.borrow(), "1 ticks");
/// # drop(guard);
/// ```
#[must_use = "without its worker a hub calls no queued listener"]
pub struct LocalWorker {
    /// Borrowed during a call of the worker only.
    worker: RefCell<Worker>,
    callbacks: OwnCallbacks,
    queue: Arc<Queue>,
    hub: WeakHub,
}

impl LocalWorker {
    pub(super) fn new(hub: &Hub, worker: Worker) -> Self {
        Self {
            worker: RefCell::new(worker),
            callbacks: OwnCallbacks(LocalCallbacks::new(&hub.inner.shared)),
            queue: Arc::clone(&hub.inner.queue),
            hub: hub.downgrade(),
        }
    }

    /// Calls `callback`, on the thread that made the worker, with every event that channel `C` accepts
    /// from now on, as [`Hub::listen`](crate::Hub::listen) does. The callback need not be `Send`.
    #[track_caller]
    pub fn listen_local<C: Channel>(
        &self,
        callback: impl FnMut(&C::Event) + 'static,
    ) -> Subscription {
        self.local_listener::<C>().listen(callback)
    }

    /// Builds a local listener with a name, a replay, envelopes, or for one event.
    pub fn local_listener<C: Channel>(&self) -> LocalListenerBuilder<C> {
        LocalListenerBuilder::new(&self.hub, self.callbacks.0.clone())
    }

    /// Calls `callback`, on the thread that made the worker, with every event that any channel accepts
    /// from now on, as [`Hub::listen_any`](crate::Hub::listen_any) does. The callback need not be `Send`.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    /// use typed_hub::Hub;
    ///
    /// let (hub, worker) = Hub::builder().build_with_local_worker();
    /// let log = Rc::new(RefCell::new(Vec::new()));
    /// let view = Rc::clone(&log);
    /// let guard = worker.listen_any_local(move |event| view.borrow_mut().push(event.channel()));
    /// # drop((guard, hub));
    /// ```
    #[track_caller]
    pub fn listen_any_local(
        &self,
        callback: impl FnMut(&AnyEnvelope<'_>) + 'static,
    ) -> Subscription {
        let hub = self.hub.upgrade();
        listen_any(hub, &self.callbacks.0, callback, Location::caller())
    }

    /// Delivers until the hub has ended, as [`Worker::run`] does.
    ///
    /// Captures of listeners that other threads end meanwhile are dropped when it returns.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn run(&self) {
        self.pump(Worker::run);
        self.callbacks.0.discard_ended();
    }

    /// Delivers the events accepted so far and returns their number, as [`Worker::run_pending`] does.
    pub fn run_pending(&self) -> usize {
        self.pump(Worker::run_pending)
    }

    /// Begins no event after `limit` has passed, as [`Worker::run_pending_for`] does.
    pub fn run_pending_for(&self, limit: Duration) -> usize {
        self.pump(|worker| worker.run_pending_for(limit))
    }

    /// Delivers at most `limit` events, as [`Worker::run_pending_at_most`] does.
    pub fn run_pending_at_most(&self, limit: usize) -> usize {
        self.pump(|worker| worker.run_pending_at_most(limit))
    }

    /// Delivers nothing inside one of its callbacks, which has borrowed the worker.
    fn pump<R: Default>(&self, pump: impl FnOnce(&mut Worker) -> R) -> R {
        self.callbacks.0.discard_ended();
        let worker = self.worker.try_borrow_mut();
        worker.map_or_else(|_| R::default(), |mut worker| pump(&mut worker))
    }

    /// Calls `wake` when something arrives, on any thread, as [`Worker::on_arrival`] does.
    pub fn on_arrival(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.queue.on_arrival(Arc::new(wake));
    }

    /// Waits until something is to be delivered, as [`Worker::arrived`] does. It is ready at once while
    /// something waits, so a task whose listeners publish for ever must yield between two calls.
    #[must_use = "nothing is waited for until the future is awaited"]
    pub fn arrived(&self) -> impl Future<Output = bool> + Send + Sync + Unpin + use<> {
        self.queue.arrived()
    }
}

/// The callbacks of a worker, which go with it: dropped after the worker's events, since the drop of one
/// may need a callback.
struct OwnCallbacks(LocalCallbacks);

impl Drop for OwnCallbacks {
    fn drop(&mut self) {
        self.0.discard_all();
    }
}

/// A page has one thread, which is that of every listener.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl Hub {
    /// Calls `callback` with every event that channel `C` accepts from now on, as
    /// [`listen`](Self::listen) does. The callback need not be `Send`. Exists in a page only
    /// (`wasm32-unknown-unknown`).
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let shown = Rc::new(Cell::new(0));
    /// let view = Rc::clone(&shown);
    /// let guard = hub.listen_local::<Custom<Ticks>>(move |tick| view.set(*tick));
    /// hub.publish::<Custom<Ticks>>(1); // `shown` is set when this code has returned to the page
    /// # drop(guard);
    /// ```
    #[track_caller]
    pub fn listen_local<C: Channel>(
        &self,
        callback: impl FnMut(&C::Event) + 'static,
    ) -> Subscription {
        self.local_listener::<C>().listen(callback)
    }

    /// Builds a listener that need not be `Send`, with a name, a replay, envelopes, or for one event.
    /// Exists in a page only (`wasm32-unknown-unknown`).
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    /// use typed_hub::{Auth, Hub, Replay};
    ///
    /// let hub = Hub::new();
    /// let view = Rc::new(RefCell::new(String::new()));
    /// let shown = Rc::clone(&view);
    /// let guard = hub
    ///     .local_listener::<Auth>()
    ///     .name("view")
    ///     .replay(Replay::Latest)
    ///     .listen(move |event| *shown.borrow_mut() = event.kind().to_string());
    /// # drop(guard);
    /// ```
    pub fn local_listener<C: Channel>(&self) -> LocalListenerBuilder<C> {
        let callbacks = LocalCallbacks::new(&self.inner.shared);
        LocalListenerBuilder::new(&self.downgrade(), callbacks)
    }

    /// Calls `callback` with every event that any channel accepts from now on, as
    /// [`listen_any`](Self::listen_any) does. The callback need not be `Send`. Exists in a page only
    /// (`wasm32-unknown-unknown`).
    #[track_caller]
    pub fn listen_any_local(
        &self,
        callback: impl FnMut(&AnyEnvelope<'_>) + 'static,
    ) -> Subscription {
        let callbacks = LocalCallbacks::new(&self.inner.shared);
        listen_any(Some(self.clone()), &callbacks, callback, Location::caller())
    }
}

/// Shows the number of its hub, and how many events wait for it.
impl fmt::Debug for LocalWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalWorker")
            .field("hub", &self.callbacks.0.shared().hub.get())
            .field("waiting", &self.queue.depth().waiting)
            .finish_non_exhaustive()
    }
}

/// The options of a local listener, from [`LocalWorker::local_listener`]: those of a
/// [`ListenerBuilder`](crate::ListenerBuilder). The callback need not be `Send`.
///
/// ```
/// use std::rc::Rc;
/// use typed_hub::{Auth, Hub, Replay};
///
/// let (hub, worker) = Hub::builder().build_with_local_worker();
/// let view = Rc::new("a view");
/// let guard = worker
///     .local_listener::<Auth>()
///     .name("view")
///     .replay(Replay::Latest)
///     .envelope()
///     .listen(move |event| println!("{view}: {}", event.sequence()));
/// # drop((guard, hub));
/// ```
#[must_use = "a builder registers no listener until `listen` or `once` is called"]
pub struct LocalListenerBuilder<C: Channel, Told = AsEvent> {
    hub: WeakHub,
    callbacks: LocalCallbacks,
    name: Option<String>,
    replay: Replay,
    told: PhantomData<fn(&C) -> Told>,
}

impl<C: Channel> LocalListenerBuilder<C> {
    fn new(hub: &WeakHub, callbacks: LocalCallbacks) -> Self {
        Self {
            hub: hub.clone(),
            callbacks,
            name: None,
            replay: Replay::None,
            told: PhantomData,
        }
    }

    /// The callback gets each event in its [`Envelope`].
    pub fn envelope(self) -> LocalListenerBuilder<C, AsEnvelope> {
        LocalListenerBuilder {
            hub: self.hub,
            callbacks: self.callbacks,
            name: self.name,
            replay: self.replay,
            told: PhantomData,
        }
    }

    /// Registers the listener, as [`LocalWorker::listen_local`] does.
    #[track_caller]
    pub fn listen(self, mut callback: impl FnMut(&C::Event) + 'static) -> Subscription {
        let callback = move |event: &Envelope<C>| callback(event.payload());
        self.register(false, false, callback, Location::caller())
    }

    /// Registers the listener for one event, as [`Hub::once`](crate::Hub::once) does. A replayed event
    /// counts.
    #[must_use = "the callback of `once` is never called after its guard is dropped: keep the guard until the event has come, or call `detach()`"]
    #[track_caller]
    pub fn once(self, callback: impl FnOnce(&C::Event) + 'static) -> Subscription {
        let callback = at_most_once(|event: &Envelope<C>| callback(event.payload()));
        self.register(true, false, callback, Location::caller())
    }
}

impl<C: Channel> LocalListenerBuilder<C, AsEnvelope> {
    /// Registers the listener, as [`LocalWorker::listen_local`] does.
    #[track_caller]
    pub fn listen(self, callback: impl FnMut(&Envelope<C>) + 'static) -> Subscription {
        self.register(false, true, callback, Location::caller())
    }

    /// Registers the listener for one event, as [`Hub::once`](crate::Hub::once) does. A replayed event
    /// counts.
    #[must_use = "the callback of `once` is never called after its guard is dropped: keep the guard until the event has come, or call `detach()`"]
    #[track_caller]
    pub fn once(self, callback: impl FnOnce(&Envelope<C>) + 'static) -> Subscription {
        self.register(true, true, at_most_once(callback), Location::caller())
    }
}

impl<C: Channel, Told> LocalListenerBuilder<C, Told> {
    /// The listener's name in reports and panic messages. The default is the file and line that
    /// registered it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Which retained events the listener gets before live ones. The default is none.
    pub fn replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    fn register<F: FnMut(&Envelope<C>) + 'static>(
        self,
        once: bool,
        timed: bool,
        callback: F,
        registered: Source,
    ) -> Subscription {
        let name = ListenerName::new(self.name, registered);
        let Some(hub) = self.hub.upgrade() else {
            return unheard(name, C::NAME, &self.callbacks);
        };
        let local = self.callbacks.add(name.clone(), C::NAME, callback);
        let listener = NewListener {
            name,
            timed,
            once,
            callback: Box::new(move |event: &Envelope<C>| {
                local.with::<F>(|callback| callback(event));
            }),
        };
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        hub.start_dispatcher();
        hub.register(self.replay, listener)
    }
}

impl<C: Channel, Told> fmt::Debug for LocalListenerBuilder<C, Told> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalListenerBuilder")
            .field("channel", &C::NAME)
            .field("name", &self.name)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

fn listen_any<F: FnMut(&AnyEnvelope<'_>) + 'static>(
    hub: Option<Hub>,
    callbacks: &LocalCallbacks,
    callback: F,
    registered: Source,
) -> Subscription {
    let name = ListenerName::new(None, registered);
    let Some(hub) = hub else {
        return unheard(name, ANY, callbacks);
    };
    let local = callbacks.add(name.clone(), ANY, callback);
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    hub.start_dispatcher();
    hub.register_any(name, move |event| {
        local.with::<F>(|callback| callback(event));
    })
}

fn unheard(name: ListenerName, channel: &'static str, callbacks: &LocalCallbacks) -> Subscription {
    let shared = Arc::clone(callbacks.shared());
    Subscription::new(Arc::new(Unheard {
        name,
        channel,
        shared,
    }))
}

/// A listener of a hub that had ended: it has no callback.
struct Unheard {
    name: ListenerName,
    channel: &'static str,
    shared: Arc<HubShared>,
}

impl Unsubscribe for Unheard {
    fn name(&self) -> &ListenerName {
        &self.name
    }

    fn channel(&self) -> &'static str {
        self.channel
    }

    fn kind(&self) -> &'static str {
        "queued"
    }

    fn is_listening(&self) -> bool {
        false
    }

    fn unsubscribe(&self) {}

    fn call_under_way(self: Arc<Self>) -> CallUnderWay {
        CallUnderWay::new(Arc::clone(&self.shared), |_| false)
    }
}
