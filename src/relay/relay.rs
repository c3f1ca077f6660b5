//! The relay, and its options.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use typed_builder::TypedBuilder;

use super::broker::{Broker, BrokerError, Guarantee};
use super::error::{CloseError, ConnectError, ExportError, ImportError};
use super::export::Export;
use super::import::{Importing, OwnRuns};
use super::name;
use super::remote::Importable;
use super::remote::sealed::Import;
use super::report::{Counters, RelayReport};
use super::sequence::{Origins, Run};
use super::status::{KEY, RelayStatus};
use super::task::{Signals, bounded};
use super::watch::watch;
use crate::channel::Channel;
use crate::delivery::receiver::log::Overflow;
use crate::hub::{Claim, Hub, ReceiverOptions};

/// The options of a [`Relay`].
#[derive(Clone, Debug, TypedBuilder)]
#[builder(doc)]
pub struct RelayOptions {
    #[builder(setter(
        into,
        doc = "What the subjects begin with, such as the name of the system. Processes with the same prefix hear each other: a channel's subject is `prefix.channel`."
    ))]
    prefix: String,

    #[builder(setter(
        into,
        doc = "The name of this process. Each process has a name of its own, and keeps it over a restart: a broker that stores messages knows by it the position of the process."
    ))]
    origin: String,

    #[builder(
        default = 1 << 20,
        setter(
            doc = "How large the data of an imported message may be, in bytes. The default is 1 MiB, the limit that a NATS server begins with."
        )
    )]
    max_bytes: usize,

    #[builder(
        default = Duration::from_secs(5),
        setter(
            doc = "How often an export tells importers how many events it has sent, so that they see when the last ones were lost. The default is 5 s. Only a broker that delivers at most once needs it."
        )
    )]
    heartbeat: Duration,

    #[builder(
        default = Duration::from_secs(5),
        setter(
            doc = "How long `close` waits for events to be sent, and for listeners to make room. The default is 5 s."
        )
    )]
    close_timeout: Duration,
}

/// How many events of a channel wait to be sent, unless the application says otherwise.
const EXPORT_CAPACITY: usize = 1 << 16;

/// Carries channels of a hub to other processes, and theirs to this one. See the [module](super).
///
/// It is a handle of its hub. Keep it in `main`, and [`close`](Self::close) it in the end, which sends what
/// waits; dropping a relay ends it at once, and the events that wait are lost.
#[must_use = "dropping a relay ends it"]
pub struct Relay<B: Broker> {
    hub: Hub,
    _claim: Claim<RelayStatus>,
    runtime: Handle,
    broker: Arc<B>,
    options: RelayOptions,
    origin: Arc<str>,
    own_runs: OwnRuns,
    closing: watch::Sender<Option<Instant>>,
    signals: Signals,
    is_connected: Arc<AtomicBool>,
    state: Mutex<State>,
    /// Publishes what happens to the connection.
    _watcher: JoinSet<()>,
}

#[derive(Default)]
struct State {
    /// The channels that are carried, by their names.
    channels: HashMap<&'static str, Carried>,
    /// What each of them has carried, by the name and the type of the channel that is published on.
    counters: BTreeMap<(&'static str, TypeId), Arc<Counters>>,
    exports: JoinSet<Option<u64>>,
    imports: JoinSet<bool>,
}

struct Carried {
    channel: TypeId,
    is_exported: bool,
    /// The channels that its events are published on.
    imported_as: Vec<TypeId>,
}

impl<B: Broker> Relay<B> {
    /// Connects a hub to the other processes. Its tasks run on the tokio runtime of the caller.
    ///
    /// One hub has one relay. [`RelayStatus`] tells when the broker is there.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the prefix or the origin cannot be used, when the hub has a relay, or when the
    /// broker does not serve them.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect(
        hub: &Hub,
        broker: B,
        options: RelayOptions,
    ) -> Result<Self, ConnectError> {
        name::check(&options.prefix).map_err(ConnectError::Prefix)?;
        name::check(&options.origin).map_err(ConnectError::Origin)?;
        let claim = hub.claim(&KEY).ok_or(ConnectError::HubTaken)?;

        let broker = Arc::new(broker);
        let (closing, closing_seen) = watch::channel(None);
        let (connects, connects_seen) = watch::channel(0);
        // While the broker is waited for, it is told why.
        let is_connected = Arc::new(AtomicBool::new(false));
        let watching = watch(
            Arc::clone(&broker),
            hub.downgrade(),
            connects,
            Arc::clone(&is_connected),
        );
        let mut watcher = JoinSet::new();
        watcher.spawn(watching);
        let opened = broker.open(&options.prefix, &options.origin).await;
        opened.map_err(BrokerError::cleaned)?;
        Ok(Self {
            hub: hub.clone(),
            _claim: claim,
            runtime: Handle::current(),
            broker,
            origin: Arc::from(&*options.origin),
            options,
            own_runs: OwnRuns::default(),
            closing,
            signals: Signals {
                closing: closing_seen,
                connects: connects_seen,
            },
            is_connected,
            state: Mutex::default(),
            _watcher: watcher,
        })
    }

    /// Sends the events that are published on channel `C` from now on to the other processes, open or
    /// protected. Up to 65,536 events wait, while the broker is away or slower than their publishers, and then
    /// the oldest are dropped and told as [`Dropped`](super::RelayEvent::Dropped); [`export_with`](Self::export_with) changes
    /// both. A channel is exported until the relay ends.
    ///
    /// # Errors
    ///
    /// [`ExportError`] when the channel's name cannot be used, or is in use.
    pub fn export<C: Channel<Event: Serialize>>(&self) -> Result<(), ExportError> {
        let options = ReceiverOptions::builder()
            .capacity(EXPORT_CAPACITY)
            .overflow(Overflow::DropOldest);
        self.export_with::<C>(options.build())
    }

    /// Exports a channel as [`export`](Self::export) does, with the options of the receiver in which events
    /// wait: how many, what happens when there are more, and whether retained events are sent first. With
    /// [`Overflow::Block`] none is dropped, and `publish` waits for the broker: in a task use
    /// [`publish_async`](Hub::publish_async) then.
    ///
    /// # Errors
    ///
    /// [`ExportError`] when the channel's name cannot be used, or is in use.
    pub fn export_with<C: Channel<Event: Serialize>>(
        &self,
        options: ReceiverOptions,
    ) -> Result<(), ExportError> {
        if TypeId::of::<C>() == TypeId::of::<RelayStatus>() {
            return Err(ExportError::Status);
        }
        name::check(C::NAME)?;
        let mut state = self.state();
        let carried = state.carried::<C>().ok_or(ExportError::NameTaken)?;
        if carried.is_exported {
            return Err(ExportError::Twice);
        }
        carried.is_exported = true;
        let run = Run::new();
        let own_runs = self.own_runs.lock();
        own_runs.unwrap_or_else(PoisonError::into_inner).insert(run);
        let export = Export::<C, B> {
            hub: self.hub.downgrade(),
            broker: Arc::clone(&self.broker),
            subject: self.subject(C::NAME),
            origin: Arc::clone(&self.origin),
            receiver: self.hub.receiver_with::<C>(options.with_envelopes()),
            run,
            signals: self.signals.clone(),
            counters: state.counters::<C>(),
            heartbeat: self.options.heartbeat,
        };
        state.exports.spawn_on(export.run(), &self.runtime);
        Ok(())
    }

    /// Publishes the events of the other processes on channel `C`: on an open channel as if they had been
    /// published here, on [`Remote<C>`](super::Remote) with their origin. It returns when the broker has the
    /// subscription, and waits for the broker while that is away. Dropping the future imports nothing.
    ///
    /// Listen before you import: what a broker has stored for this process arrives at once, and counts as
    /// delivered when no listener is there.
    ///
    /// Events wait in the broker's client while the hub's queue, or a receiver that blocks, is full.
    ///
    /// # Errors
    ///
    /// [`ImportError`] when the channel's name cannot be used, or is in use, or when the broker does not
    /// permit the subscription.
    pub async fn import<C: Importable>(&self) -> Result<(), ImportError> {
        let name = <<C as Import>::Wire as Channel>::NAME;
        name::check(name)?;
        let claim = ImportClaim::<C>::new(&self.state)?;
        let subscribed = self.broker.subscribe(&self.subject(name), C::NAME).await;
        let deliveries = subscribed.map_err(BrokerError::cleaned)?;
        claim.keep();
        let importing = Importing {
            hub: self.hub.downgrade(),
            origin: Arc::clone(&self.origin),
            own_runs: Arc::clone(&self.own_runs),
            guarantee: self.broker.guarantee(),
            max_bytes: self.options.max_bytes,
            origins: Origins::default(),
            has_caught_up: false,
            has_told_origin: false,
            signals: self.signals.clone(),
            counters: self.state().counters::<C>(),
        };
        let importing = importing.run::<C>(deliveries);
        self.state().imports.spawn_on(importing, &self.runtime);
        Ok(())
    }

    /// Whether the broker is there, for a readiness probe.
    pub fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// What the relay has carried, and what was lost.
    ///
    /// ```
    /// # use typed_hub::relay::{Broker, Relay};
    /// # fn log(relay: &Relay<impl Broker>) {
    /// println!("{}", relay.report()); // a table
    /// # }
    /// ```
    pub fn report(&self) -> RelayReport {
        let state = self.state();
        let channels = state.counters.iter();
        RelayReport {
            is_connected: self.is_connected(),
            channels: channels
                .map(|((name, _), counters)| counters.report(name))
                .collect(),
        }
    }

    /// What the broker promises of the events that it has accepted.
    pub fn guarantee(&self) -> Guarantee {
        self.broker.guarantee()
    }

    /// Ends the relay: sends the events that were published before, waits until the broker has them, and
    /// publishes no more events of other processes. It takes at most the option `close_timeout`.
    ///
    /// # Errors
    ///
    /// [`CloseError`] with the number of events that were not sent. The number may be 0, when the broker has not
    /// confirmed the last events, or not stored what this process has had: the next run gets that again. It may
    /// also be 0 when an export or an import has panicked, which was told as `Stopped`.
    pub async fn close(self) -> Result<(), CloseError> {
        let end = Instant::now() + bounded(self.options.close_timeout);
        self.closing.send_replace(Some(end));
        let State {
            mut exports,
            mut imports,
            ..
        } = std::mem::take(&mut *lock(&self.state));
        let (mut unsent, mut is_known) = (0, true);
        while let Some(ended) = exports.join_next().await {
            match ended {
                Ok(Some(of_channel)) => unsent += of_channel,
                Ok(None) | Err(_) => is_known = false,
            }
        }
        while let Some(ended) = imports.join_next().await {
            is_known &= ended.unwrap_or_default();
        }
        // A broker that has stored each message has nothing to flush, however late it is.
        let grace = Instant::now() + Duration::from_millis(100);
        let flushed = timeout_at(end.max(grace), self.broker.flush()).await;
        if unsent == 0 && is_known && matches!(flushed, Ok(Ok(()))) {
            Ok(())
        } else {
            Err(CloseError { unsent })
        }
    }

    fn subject(&self, channel: &str) -> String {
        format!("{}.{channel}", self.options.prefix)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn counters<C: Channel>(&mut self) -> Arc<Counters> {
        Arc::clone(
            self.counters
                .entry((C::NAME, TypeId::of::<C>()))
                .or_default(),
        )
    }

    /// What is carried under the name of channel `C`; `None` when that is another channel.
    fn carried<C: Channel>(&mut self) -> Option<&mut Carried> {
        let channel = TypeId::of::<C>();
        let carried = self.channels.entry(C::NAME).or_insert(Carried {
            channel,
            is_exported: false,
            imported_as: Vec::new(),
        });
        (carried.channel == channel).then_some(carried)
    }
}

/// Reserves the import of channel `C`. Dropping it before [`keep`](Self::keep) releases it.
struct ImportClaim<'a, C: Import> {
    state: &'a Mutex<State>,
    is_kept: bool,
    channel: PhantomData<fn() -> C>,
}

impl<'a, C: Import> ImportClaim<'a, C> {
    fn new(state: &'a Mutex<State>) -> Result<Self, ImportError> {
        let mut channels = lock(state);
        let carried = channels
            .carried::<C::Wire>()
            .ok_or(ImportError::NameTaken)?;
        if carried.imported_as.contains(&TypeId::of::<C>()) {
            return Err(ImportError::Twice);
        }
        carried.imported_as.push(TypeId::of::<C>());
        Ok(Self {
            state,
            is_kept: false,
            channel: PhantomData,
        })
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl<C: Import> Drop for ImportClaim<'_, C> {
    fn drop(&mut self) {
        if !self.is_kept
            && let Some(carried) = lock(self.state).carried::<C::Wire>()
        {
            carried
                .imported_as
                .retain(|other| *other != TypeId::of::<C>());
        }
    }
}

impl<B: Broker> fmt::Debug for Relay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut channels: Vec<_> = self.state().channels.keys().copied().collect();
        channels.sort_unstable();
        f.debug_struct("Relay")
            .field("prefix", &self.options.prefix)
            .field("origin", &self.options.origin)
            .field("channels", &channels)
            .finish_non_exhaustive()
    }
}
