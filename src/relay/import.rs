//! The task that publishes the events of other processes.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::broker::{Deliveries, Delivery, Guarantee};
use super::cloud_event::CloudEvent;
use super::export::HEARTBEAT;
use super::origin::Origin;
use super::remote::sealed::Import;
use super::report::Counters;
use super::sequence::{Origins, Run, Verdict};
use super::status::{RelayEvent, Unreadable, tell};
use super::task::{Signals, imported, isolated, isolated_task, tell_stopped};
use crate::channel::Channel;
use crate::hub::WeakHub;

/// The runs of a relay's own exports.
pub(super) type OwnRuns = Arc<Mutex<HashSet<Run>>>;

pub(super) struct Importing {
    pub(super) hub: WeakHub,
    pub(super) origin: Arc<str>,
    pub(super) own_runs: OwnRuns,
    pub(super) guarantee: Guarantee,
    /// How large the data of a message may be, in bytes.
    pub(super) max_bytes: usize,
    pub(super) origins: Origins,
    /// Whether what the broker had stored has been delivered.
    pub(super) has_caught_up: bool,
    /// Whether it has told that another process uses its origin.
    pub(super) has_told_origin: bool,
    pub(super) signals: Signals,
    pub(super) counters: Arc<Counters>,
}

/// How often the position in the messages is stored, and how long after an attempt has failed.
const STORE: Duration = Duration::from_millis(250);
const STORE_AGAIN: Duration = Duration::from_secs(5);

type Flushing = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Importing {
    /// Publishes what the subscription delivers until the relay is closing.
    ///
    /// Returns whether it has ended in time, with its position stored. After a panic it is not: whether the last
    /// event has reached the listeners is not known.
    pub(super) async fn run<C: Import>(self, deliveries: impl Deliveries) -> bool {
        let (hub, signals) = (self.hub.clone(), self.signals.clone());
        let ended = isolated_task(self.deliver_all::<C>(deliveries)).await;
        if ended.is_none() || !signals.is_closing() {
            tell_stopped::<C>(&hub, signals).await;
        }
        ended.unwrap_or(false)
    }

    async fn deliver_all<C: Import>(mut self, mut deliveries: impl Deliveries) -> bool {
        let mut signals = self.signals.clone();
        let timeout = self.signals.clone().timeout();
        let stores = self.guarantee == Guarantee::AtLeastOnce;
        let importing = async {
            let mut closed = pin!(signals.closed());
            // When the position is stored next: first the listeners get the events before it.
            let mut due = None;
            let mut flushing: Option<Flushing> = None;
            // While messages wait, the branch of `closed` is not polled: hence the flag.
            while !self.signals.is_closing() {
                tokio::select! {
                    biased;
                    () = flushed(&mut flushing) => {
                        flushing = None;
                        if !deliveries.store().await {
                            due = Some(Instant::now() + STORE_AGAIN);
                        }
                    }
                    () = reached(due), if flushing.is_none() => {
                        due = None;
                        deliveries.mark();
                        flushing = Some(Box::pin(flush(self.hub.clone())));
                    }
                    delivery = deliveries.next() => {
                        let Some(delivery) = delivery else { break };
                        self.deliver::<C>(delivery).await;
                        if stores && due.is_none() {
                            due = Some(Instant::now() + STORE);
                        }
                    }
                    () = &mut closed => break,
                }
            }
            let mut is_stored = true;
            if stores {
                deliveries.mark();
                flush(self.hub.clone()).await;
                // A broker that has lost its positions makes them anew in the second attempt.
                is_stored = deliveries.store().await || deliveries.store().await;
            }
            deliveries.close().await;
            is_stored
        };
        tokio::select! {
            is_stored = importing => is_stored,
            () = timeout => !stores,
        }
    }

    async fn deliver<C: Import>(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Event(event) => self.event::<C>(event).await,
            Delivery::Unreadable { source, reason } => {
                let origin = source.map(|source| self.origins.named(&source));
                self.unreadable::<C>(origin, reason).await;
            }
            Delivery::CaughtUp => {
                self.has_caught_up = true;
                let channel = C::NAME;
                self.tell(RelayEvent::CaughtUp { channel }).await;
            }
        }
    }

    async fn event<C: Import>(&mut self, event: CloudEvent) {
        let channel = C::NAME;
        let numbered = Run::parse(&event.id).or_else(|| Run::parse_heartbeat(&event.id));
        if event.source == *self.origin {
            return self.own(channel, numbered).await;
        }
        if let Some(kind) = event.kind.strip_suffix(HEARTBEAT)
            && kind == C::Wire::NAME
            && let Some((run, number)) = Run::parse_heartbeat(&event.id)
        {
            let (origin, missed) = self.origins.heartbeat(&event.source, run, number);
            return self.lagged(channel, origin, missed).await;
        }
        let origin = match numbered {
            None => self.origins.named(&event.source),
            Some((run, number)) => match self.origins.event(&event.source, run, number) {
                (_, Verdict::Again) => return,
                (origin, Verdict::New { missed }) => {
                    self.lagged(channel, origin.clone(), missed).await;
                    origin
                }
            },
        };
        match self.read::<C>(&event) {
            Err(reason) => self.unreadable::<C>(Some(origin), reason).await,
            Ok(event) => {
                if let Some(hub) = self.hub.upgrade() {
                    self.counters.received();
                    C::publish(&hub, origin, event, imported()).await;
                }
            }
        }
    }

    fn read<C: Import>(
        &self,
        event: &CloudEvent,
    ) -> Result<<C::Wire as Channel>::Event, Unreadable> {
        if event.kind != C::Wire::NAME {
            return Err(Unreadable::OtherType);
        }
        let bytes = event.data.len();
        if bytes > self.max_bytes {
            return Err(Unreadable::TooLarge { bytes });
        }
        // A panic of the user's code costs this event, and not the import.
        let read = isolated(|| serde_json::from_slice(&event.data));
        read.ok_or(Unreadable::Panicked)?
            .map_err(|error| Unreadable::OtherSchema {
                line: error.line(),
                column: error.column(),
            })
    }

    /// Handles a message with this process's origin: from its own export, from an earlier run (in a stream), or
    /// from another process of the same name.
    async fn own(&mut self, channel: &'static str, numbered: Option<(Run, u64)>) {
        let is_own = numbered.is_some_and(|(run, _)| {
            let runs = self.own_runs.lock();
            runs.unwrap_or_else(PoisonError::into_inner).contains(&run)
        });
        let is_stored = self.guarantee == Guarantee::AtLeastOnce && !self.has_caught_up;
        if !is_own && !is_stored && !self.has_told_origin {
            self.has_told_origin = true;
            self.tell(RelayEvent::OriginInUse { channel }).await;
        }
    }

    async fn lagged(&self, channel: &'static str, origin: Origin, missed: u64) {
        if missed > 0 {
            self.counters.missed(missed);
            let event = RelayEvent::Lagged {
                channel,
                origin,
                missed,
            };
            self.tell(event).await;
        }
    }

    async fn unreadable<C: Import>(&self, origin: Option<Origin>, reason: Unreadable) {
        self.counters.unreadable();
        let event = RelayEvent::Unreadable {
            channel: C::NAME,
            origin,
            reason,
        };
        self.tell(event).await;
    }

    async fn tell(&self, event: RelayEvent) {
        if let Some(hub) = self.hub.upgrade() {
            tell(&hub, event).await;
        }
    }
}

/// Waits until the hub has delivered what it has accepted.
async fn flush(hub: WeakHub) {
    if let Some(hub) = hub.upgrade() {
        hub.flush_async().await;
    }
}

async fn flushed(flushing: &mut Option<Flushing>) {
    match flushing {
        Some(flushing) => flushing.await,
        None => pending().await,
    }
}

async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
