//! The task that sends the events of one channel.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::broker::{Broker, Guarantee, PublishError};
use super::cloud_event::CloudEvent;
use super::origin::clean;
use super::sequence::Run;
use super::status::{DropReason, RelayEvent, tell};
use crate::channel::Channel;
use crate::delivery::receiver::Receiver;
use crate::delivery::receiver::received::Received;
use crate::envelope::{Envelope, Source};
use crate::error::{RecvError, TryRecvError};
use crate::hub::WeakHub;

/// The source of every event that a relay has imported, by which an export knows it.
pub(super) fn imported() -> Source {
    Location::caller()
}

/// What a heartbeat's type is: the channel's name, and this.
pub(super) const HEARTBEAT: &str = ".heartbeat";

/// What the tasks of a relay see of it.
#[derive(Clone)]
pub(super) struct Signals {
    /// The time by which a relay that is closing has to end.
    pub(super) closing: watch::Receiver<Option<Instant>>,
    /// How often the broker has become reachable.
    pub(super) connects: watch::Receiver<u64>,
}

impl Signals {
    /// Waits until the relay is closing.
    pub(super) async fn closed(&mut self) {
        // Without its sender the relay is gone, and this task with it.
        let _ = self.closing.wait_for(Option::is_some).await;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.borrow().is_some()
    }

    /// Waits until the relay is closing and its time is over.
    pub(super) async fn timeout(mut self) {
        self.closed().await;
        let end = *self.closing.borrow();
        if let Some(end) = end {
            sleep_until(end).await;
        }
    }
}

pub(super) struct Export<C: Channel, B> {
    pub(super) hub: WeakHub,
    pub(super) broker: Arc<B>,
    pub(super) subject: String,
    pub(super) origin: Arc<str>,
    pub(super) receiver: Receiver<C>,
    pub(super) run: Run,
    pub(super) signals: Signals,
    /// How often it tells importers how far it is.
    pub(super) heartbeat: Duration,
}

impl<C: Channel<Event: Serialize>, B: Broker> Export<C, B> {
    /// Sends events until the relay is closing and none waits, and returns how many it has not sent.
    pub(super) async fn run(self) -> u64 {
        let timeout = self.signals.clone().timeout();
        let mut sending = Sending {
            number: 0,
            in_flight: false,
            export: self,
        };
        tokio::select! {
            biased;
            () = sending.run() => 0,
            () = timeout => {
                let waiting = sending.export.receiver.len() as u64;
                waiting + u64::from(sending.in_flight)
            }
        }
    }
}

struct Sending<C: Channel, B> {
    export: Export<C, B>,
    /// The number of the last event.
    number: u64,
    /// Whether an event has been taken and is not sent yet.
    in_flight: bool,
}

impl<C: Channel<Event: Serialize>, B: Broker> Sending<C, B> {
    async fn run(&mut self) {
        let mut heartbeat = interval(self.export.heartbeat.max(Duration::from_millis(1)));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beats = self.export.broker.guarantee() == Guarantee::AtMostOnce;
        loop {
            match self.export.receiver.try_recv() {
                Ok(event) => {
                    self.send(event).await;
                    continue;
                }
                Err(TryRecvError::Lagged(lagged)) => {
                    self.skip(lagged.missed, DropReason::Overflow).await;
                    continue;
                }
                Err(TryRecvError::Closed) => break,
                Err(TryRecvError::Empty) if self.export.signals.is_closing() => break,
                Err(TryRecvError::Empty) => {}
            }
            let Export {
                receiver, signals, ..
            } = &mut self.export;
            let Signals { closing, connects } = signals;
            let woken = tokio::select! {
                biased;
                received = receiver.recv_async() => Woken::Received(received),
                _ = closing.changed() => Woken::Closing,
                Ok(()) = connects.changed(), if beats => Woken::Heartbeat,
                _ = heartbeat.tick(), if beats => Woken::Heartbeat,
            };
            match woken {
                Woken::Received(Ok(event)) => self.send(event).await,
                Woken::Received(Err(RecvError::Lagged(lagged))) => {
                    self.skip(lagged.missed, DropReason::Overflow).await;
                }
                Woken::Received(Err(RecvError::Closed)) => break,
                Woken::Heartbeat => self.beat().await,
                Woken::Closing => {}
            }
        }
        if beats {
            self.beat().await;
        }
    }

    async fn send(&mut self, event: Received<C>) {
        let envelope = Received::envelope(&event);
        if envelope.is_some_and(|envelope| envelope.source() == imported()) {
            return;
        }
        let time = envelope.map(Envelope::time);
        // A panic of the user's code costs this event, and not the export.
        let json = catch_unwind(AssertUnwindSafe(|| serde_json::to_vec(&*event)));
        drop(event);
        let data = match json {
            Ok(Ok(json)) => Bytes::from(json),
            Ok(Err(_)) => return self.skip(1, DropReason::NotSerialised).await,
            Err(_) => return self.skip(1, DropReason::Panicked).await,
        };
        self.number += 1;
        let message = CloudEvent {
            id: self.export.run.id(self.number),
            source: String::from(&*self.export.origin),
            kind: C::NAME.to_owned(),
            time,
            data,
        };
        self.in_flight = true;
        let sent = self
            .export
            .broker
            .publish(&self.export.subject, message)
            .await;
        self.in_flight = false;
        match sent {
            Ok(()) => {}
            Err(PublishError::TooLarge) => self.tell(1, DropReason::TooLarge).await,
            Err(PublishError::Refused { message }) => {
                let message = clean(&message);
                self.tell(1, DropReason::Refused { message }).await;
            }
        }
    }

    /// Leaves out the numbers of events that are lost, so that importers see the gap.
    async fn skip(&mut self, missed: u64, reason: DropReason) {
        self.number += missed;
        self.tell(missed, reason).await;
    }

    async fn tell(&self, missed: u64, reason: DropReason) {
        let event = RelayEvent::Dropped {
            channel: C::NAME,
            missed,
            reason,
        };
        if let Some(hub) = self.export.hub.upgrade() {
            tell(&hub, event).await;
        }
    }

    /// Tells importers the number of the last event. A heartbeat that cannot be sent has nothing to tell.
    async fn beat(&self) {
        let message = CloudEvent {
            id: self.export.run.id(self.number),
            source: String::from(&*self.export.origin),
            kind: format!("{}{HEARTBEAT}", C::NAME),
            time: None,
            data: Bytes::from_static(b"null"),
        };
        let _ = self
            .export
            .broker
            .publish(&self.export.subject, message)
            .await;
    }
}

enum Woken<C: Channel> {
    Received(Result<Received<C>, RecvError>),
    Heartbeat,
    Closing,
}
