//! The task that publishes the events of other processes.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::broker::{Deliveries, Delivery, Guarantee};
use super::cloud_event::CloudEvent;
use super::export::{HEARTBEAT, Signals, imported};
use super::origin::Origin;
use super::remote::sealed::Import;
use super::sequence::{Origins, Run, Verdict};
use super::status::{RelayEvent, Unreadable, tell};
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
    /// Whether it has told that another process uses its origin.
    pub(super) has_told_origin: bool,
    pub(super) signals: Signals,
}

impl Importing {
    /// Publishes what the subscription delivers until the relay is closing.
    pub(super) async fn run<C: Import>(mut self, mut deliveries: impl Deliveries) {
        let mut signals = self.signals.clone();
        let timeout = self.signals.clone().timeout();
        let importing = async {
            let mut closed = std::pin::pin!(signals.closed());
            // Where messages wait it does not ask to be woken when the relay closes.
            while !self.signals.is_closing() {
                let delivery = tokio::select! {
                    biased;
                    delivery = deliveries.next() => delivery,
                    () = &mut closed => break,
                };
                match delivery {
                    Some(delivery) => self.deliver::<C>(delivery).await,
                    None => break,
                }
            }
            deliveries.close().await;
        };
        tokio::select! {
            () = importing => {}
            () = timeout => {}
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
                let channel = C::Wire::NAME;
                self.tell(RelayEvent::CaughtUp { channel }).await;
            }
        }
    }

    async fn event<C: Import>(&mut self, event: CloudEvent) {
        let channel = C::Wire::NAME;
        let place = Run::parse(&event.id);
        if event.source == *self.origin {
            return self.own(channel, place).await;
        }
        if let (Some((run, number)), Some(kind)) = (place, event.kind.strip_suffix(HEARTBEAT))
            && kind == channel
        {
            let (origin, missed) = self.origins.heartbeat(&event.source, run, number);
            return self.lagged(channel, origin, missed).await;
        }
        let origin = match place {
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
        let read = catch_unwind(AssertUnwindSafe(|| serde_json::from_slice(&event.data)));
        read.map_err(|_| Unreadable::Panicked)?
            .map_err(|error| Unreadable::OtherSchema {
                line: error.line(),
                column: error.column(),
            })
    }

    /// A message with the origin of this process: its own, or that of a run before; at most once it can
    /// only be that of another process.
    async fn own(&mut self, channel: &'static str, place: Option<(Run, u64)>) {
        let is_own = place.is_some_and(|(run, _)| {
            let runs = self.own_runs.lock();
            runs.unwrap_or_else(PoisonError::into_inner).contains(&run)
        });
        if !is_own && self.guarantee == Guarantee::AtMostOnce && !self.has_told_origin {
            self.has_told_origin = true;
            self.tell(RelayEvent::OriginInUse { channel }).await;
        }
    }

    async fn lagged(&self, channel: &'static str, origin: Origin, missed: u64) {
        if missed > 0 {
            let event = RelayEvent::Lagged {
                channel,
                origin,
                missed,
            };
            self.tell(event).await;
        }
    }

    async fn unreadable<C: Import>(&self, origin: Option<Origin>, reason: Unreadable) {
        let event = RelayEvent::Unreadable {
            channel: C::Wire::NAME,
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
