//! The hub, its options and its reports.
//!
//! `listen` has the methods of [`Hub`] that listen, `publish` those that publish, `receive` those
//! that pull, `flush` the one that waits for deliveries, `blocking` those that block; `listener_builder` has the options of a listener, `any` the listeners of every
//! channel, `local` those that stay on one thread. A `registry` finds a channel by its type. `channel` is one channel's state, and
//! `channel::publish` decides which way an event goes to its listeners; `publish_sites` remembers
//! the lines that published, a `publish_future` waits for room, and a `publisher` is a channel looked
//! up once. A `claim` is the exclusive use of a protected channel. `options` has the options of hubs
//! and receivers, `report` what `inspect` returns, `debug` the `Debug` output of the handles.

mod any;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod blocking;
mod channel;
#[cfg(any(feature = "auth", feature = "relay"))]
mod claim;
mod debug;
mod flush;
mod listen;
mod listener_builder;
mod local;
#[cfg(all(test, loom))]
mod models;
mod options;
mod publish;
mod publish_future;
mod publish_sites;
mod publisher;
mod receive;
mod registry;
mod report;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock, Weak};

use crate::channel::Channel;
use crate::delivery::queued::Dispatcher;
use crate::delivery::queued::dispatcher::Worker;
use crate::delivery::queued::queue::Queue;
use crate::delivery::shared::{HubId, HubShared};
use any::Channels;
use channel::ChannelState;
use registry::Registry;

#[cfg(any(feature = "auth", feature = "relay"))]
pub(crate) use claim::Claim;
pub use listener_builder::{AsEnvelope, AsEvent, InlineListenerBuilder, ListenerBuilder};
pub use local::{LocalListenerBuilder, LocalWorker};
pub use options::{HubBuilder, HubOptions, ReceiverOptions};
pub use publisher::Publisher;
pub use report::{ChannelReport, DeliveryKind, HubReport, ListenerReport, QueueReport};

/// An event hub: events are published on it and listened to.
///
/// A `Hub` is a handle: a clone is the same hub. Each channel is created on first use.
///
/// | to … | call | where it runs |
/// |---|---|---|
/// | publish | [`publish`](Self::publish), [`publish_async`](Self::publish_async), [`try_publish`](Self::try_publish); [`publish_protected`](Self::publish_protected) and so on with a key | the caller, until the event is accepted |
/// | publish often on one channel | [`publisher`](Self::publisher) | the same |
/// | listen | [`listen`](Self::listen); with a name, a replay, envelopes: [`listener`](Self::listener) | the hub's thread, in order |
/// | listen to every channel | [`listen_any`](Self::listen_any) | the hub's thread, in order |
/// | hear one event | [`once`](Self::once); [`wait_for`](Self::wait_for), [`wait_for_async`](Self::wait_for_async) | the hub's thread; the caller, which blocks, or its task |
/// | listen within `publish` | [`listen_inline`](Self::listen_inline), [`inline_listener`](Self::inline_listener) | the publisher's thread |
/// | pull events | [`receiver`](Self::receiver), [`receiver_with`](Self::receiver_with) | a thread or task of yours |
/// | run callbacks that are not `Send` | [`build_with_local_worker`](crate::HubBuilder::build_with_local_worker); in a page: `Hub::listen_local`, `Hub::listen_any_local` | where the [`LocalWorker`] is; in a page: the microtask queue |
/// | run callbacks on your thread | [`builder`](Self::builder), [`build_with_worker`](crate::HubBuilder::build_with_worker) | where the [`Worker`] runs |
/// | wait for deliveries | [`flush`](Self::flush), [`flush_async`](Self::flush_async) | the caller |
/// | inspect | [`inspect`](Self::inspect), [`has_listeners`](Self::has_listeners), [`last`](Self::last) | the caller |
///
/// # Order
///
/// [`publish`](Self::publish) returns when the event is *accepted*. Callbacks of
/// [`listen`](Self::listen) run on the hub's own thread, one at a time. Each event reaches every
/// listener of its channel before the next event reaches any, so that all listeners see the hub's
/// events in one order, across channels: the order of acceptance. An event that a callback
/// publishes comes after everything accepted before it. Callbacks of
/// [`listen_inline`](Self::listen_inline) run on the publisher's thread before `publish` returns.
///
/// # Shutdown
///
/// Dropping the last handle delivers the accepted events, then ends the hub's thread. The drop
/// waits for that, unless it happens inside a queued callback of any hub. In a page it does not wait.
/// A [`Publisher`] and an `AuthClient` are handles too; a [`WeakHub`] and a
/// [`Subscription`](crate::Subscription) are not.
/// If the hub has a [`Worker`], the worker delivers what is left.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    shared: Arc<HubShared>,
    registry: Registry,
    channels: Arc<Channels>,
    /// The thread, in a page the task, that the first `listen` has started; `None` when a [`Worker`]
    /// dispatches.
    dispatcher: OnceLock<Option<Dispatcher>>,
}

impl Hub {
    /// A new hub with default options.
    ///
    /// ```
    /// let hub = typed_hub::Hub::new();
    /// assert!(hub.inspect().channels.is_empty());
    /// ```
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets the options of a new hub.
    ///
    /// ```
    /// use typed_hub::Hub;
    ///
    /// let hub = Hub::builder()
    ///     .capacity(64)
    ///     .on_panic(|panic| eprintln!("{panic}"))
    ///     .build();
    /// assert_eq!(hub.inspect().queue.capacity, 64);
    /// ```
    pub fn builder() -> HubBuilder {
        HubOptions::builder()
    }

    /// The process's default hub. It never ends: [`flush`](Self::flush) it before `main` returns if
    /// its last events matter.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// Hub::global()
    ///     .listen::<Auth>(|event| println!("{}", event.kind()))
    ///     .detach();
    /// Hub::global().flush();
    /// ```
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Hub> = OnceLock::new();
        GLOBAL.get_or_init(Self::new)
    }

    /// A handle that does not keep the hub alive: for a detached callback that publishes on the
    /// hub it listens to.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let weak = hub.downgrade();
    /// hub.listen::<Custom<Ticks>>(move |tick| {
    ///     if let Some(hub) = weak.upgrade()
    ///         && *tick > 0
    ///     {
    ///         hub.publish::<Custom<Ticks>>(tick - 1);
    ///     }
    /// })
    /// .detach();
    /// hub.publish::<Custom<Ticks>>(3);
    /// drop(hub); // ends, although the listener stays
    /// ```
    pub fn downgrade(&self) -> WeakHub {
        WeakHub {
            id: self.inner.shared.hub,
            inner: Arc::downgrade(&self.inner),
        }
    }

    /// A report of the hub's channels, its listeners, their counts, and the queue's depth.
    ///
    /// ```
    /// use typed_hub::{Auth, Hub};
    ///
    /// let hub = Hub::new();
    /// let guard = hub.listen::<Auth>(|event| println!("{}", event.kind()));
    /// let report = hub.inspect();
    /// assert_eq!(report.channels[0].listeners.len(), 1);
    /// println!("{report}"); // a table
    /// # drop(guard);
    /// ```
    pub fn inspect(&self) -> HubReport {
        let channels = self.inner.channels.all();
        HubReport::new(
            &self.inner.queue.depth(),
            channels.iter().map(|channel| channel.report()).collect(),
        )
    }

    fn with(options: HubOptions) -> Self {
        let shared = Arc::new(HubShared::new(options.on_panic));
        Self {
            inner: Arc::new(Inner {
                queue: Arc::new(Queue::new(options.capacity, Arc::clone(&shared))),
                shared,
                registry: Registry::default(),
                channels: Arc::new(Channels::new()),
                dispatcher: OnceLock::new(),
            }),
        }
    }

    fn with_worker(options: HubOptions) -> (Self, Worker) {
        let hub = Self::with(options);
        let worker = Worker::new(Arc::clone(&hub.inner.queue), Arc::clone(&hub.inner.shared));
        hub.inner.dispatcher.get_or_init(|| None);
        hub.inner.queue.consume_here();
        (hub, worker)
    }

    fn with_local_worker(options: HubOptions) -> (Self, LocalWorker) {
        let (hub, worker) = Self::with_worker(options);
        let worker = LocalWorker::new(&hub, worker);
        (hub, worker)
    }

    fn channel<C: Channel>(&self) -> &ChannelState<C> {
        self.inner.registry.state(|| self.new_channel())
    }

    fn new_channel<C: Channel>(&self) -> Arc<ChannelState<C>> {
        let channel = Arc::new(ChannelState::new(&self.inner.shared));
        self.inner
            .channels
            .add(self.queue(), Arc::clone(&channel) as _);
        channel
    }

    fn queue(&self) -> &Queue {
        &self.inner.queue
    }
}

/// Handles of one hub are equal, and hash alike.
impl PartialEq for Hub {
    fn eq(&self, other: &Self) -> bool {
        self.inner.shared.hub == other.inner.shared.hub
    }
}

impl Eq for Hub {}

impl Hash for Hub {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.shared.hub.get().hash(state);
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for channel in self.channels.all() {
            channel.close();
        }
        self.queue.close();
        if let Some(Some(dispatcher)) = self.dispatcher.take() {
            dispatcher.join();
        }
        self.shared.close();
    }
}

/// A handle of a [`Hub`] that does not keep it alive, from [`Hub::downgrade`].
///
/// ```
/// use typed_hub::Hub;
///
/// let hub = Hub::new();
/// let weak = hub.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(hub);
/// assert!(weak.upgrade().is_none());
/// ```
#[derive(Clone)]
pub struct WeakHub {
    id: HubId,
    inner: Weak<Inner>,
}

impl WeakHub {
    /// The hub, unless its last handle has been dropped.
    pub fn upgrade(&self) -> Option<Hub> {
        self.inner.upgrade().map(|inner| Hub { inner })
    }
}
