//! The task that sends the events of one channel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::broker::{Broker, Guarantee, PublishError};
use super::cloud_event::CloudEvent;
use super::report::Counters;
use super::sequence::Run;
use super::status::{DropReason, RelayEvent, tell};
use super::task::{Signals, bounded, is_imported, isolated, isolated_task, tell_stopped};
use crate::channel::Channel;
use crate::delivery::receiver::Receiver;
use crate::delivery::receiver::received::Received;
use crate::envelope::Envelope;
use crate::error::{RecvError, TryRecvError};
use crate::hub::WeakHub;
use crate::text::sanitize;

/// Appended to the channel's name, this is the type of a heartbeat.
pub(super) const HEARTBEAT: &str = ".heartbeat";

pub(super) struct Export<C: Channel, B> {
    pub(super) hub: WeakHub,
    pub(super) broker: Arc<B>,
    pub(super) subject: String,
    pub(super) origin: Arc<str>,
    pub(super) receiver: Receiver<C>,
    pub(super) run: Run,
    pub(super) signals: Signals,
    pub(super) counters: Arc<Counters>,
    /// How often it tells importers how far it is.
    pub(super) heartbeat: Duration,
}

impl<C: Channel<Event: Serialize>, B: Broker> Export<C, B> {
    /// Sends events until the relay closes, then those that wait. Returns the number of unsent events;
    /// `None` when the task has panicked.
    pub(super) async fn run(self) -> Option<u64> {
        let (hub, signals) = (self.hub.clone(), self.signals.clone());
        let timeout = signals.clone().timeout();
        let mut sending = Sending {
            number: 0,
            left: None,
            in_flight: false,
            untold: 0,
            heartbeats: 0,
            export: self,
        };
        let ended = isolated_task(async {
            tokio::select! {
                biased;
                () = sending.run() => 0,
                () = timeout => sending.unsent(),
            }
        });
        let unsent = ended.await;
        if unsent.is_none() {
            // A listener may let this wait, but not the channel's publishers.
            drop(sending);
            tell_stopped::<C>(&hub, signals).await;
        }
        unsent
    }
}

struct Sending<C: Channel, B> {
    export: Export<C, B>,
    /// The number of the last event.
    number: u64,
    /// How many events are left to send, when the relay is closing.
    left: Option<usize>,
    /// Whether an event has been taken and is not sent yet.
    in_flight: bool,
    /// How many events are lost, and the loss is being told.
    untold: u64,
    /// How many heartbeats it has sent.
    heartbeats: u64,
}

impl<C: Channel<Event: Serialize>, B: Broker> Sending<C, B> {
    async fn run(&mut self) {
        let period = bounded(self.export.heartbeat);
        let mut heartbeat = interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beats = self.export.broker.guarantee() == Guarantee::AtMostOnce;
        if beats {
            // Importers count from here.
            self.beat().await;
        }
        loop {
            if self.export.signals.is_closing() {
                let waiting = self.export.receiver.len();
                if *self.left.get_or_insert(waiting) == 0 {
                    // The newest may have been dropped behind those that were sent.
                    if let Err(TryRecvError::Lagged(lagged)) = self.export.receiver.try_recv() {
                        self.skip(lagged.missed, DropReason::Overflow).await;
                    }
                    break;
                }
            }
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
                Err(TryRecvError::Empty) if self.left.is_some() => break,
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
        self.left = self.left.map(|left| left.saturating_sub(1));
        if is_from_elsewhere(&event) {
            return;
        }
        let time = Received::envelope(&event).map(Envelope::time);
        // A panic of the user's code costs this event, and not the export.
        let json = isolated(|| serde_json::to_vec(&*event));
        drop(event);
        let data = match json {
            Some(Ok(json)) => Bytes::from(json),
            Some(Err(_)) => return self.skip(1, DropReason::NotSerialised).await,
            None => return self.skip(1, DropReason::Panicked).await,
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
            Ok(()) => self.export.counters.sent(),
            Err(PublishError::TooLarge) => self.tell(1, DropReason::TooLarge).await,
            Err(PublishError::Refused { message }) => {
                let message = sanitize(&message);
                self.tell(1, DropReason::Refused { message }).await;
            }
        }
    }

    /// Counts the events that were not sent and those whose loss was not told, when the time is over. Nothing
    /// is told any more, since a listener could let it wait.
    fn unsent(&mut self) -> u64 {
        let mut unsent = u64::from(self.in_flight) + self.untold;
        let mut waiting = self.left.unwrap_or_else(|| self.export.receiver.len());
        loop {
            match self.export.receiver.try_recv() {
                // It was published after the relay began to close.
                Ok(_) if waiting == 0 => break,
                Ok(event) => {
                    waiting -= 1;
                    unsent += u64::from(!is_from_elsewhere(&event));
                }
                Err(TryRecvError::Lagged(lagged)) => unsent += lagged.missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        unsent
    }

    /// Leaves out the numbers of events that are lost, so that importers see the gap.
    async fn skip(&mut self, missed: u64, reason: DropReason) {
        self.number += missed;
        self.tell(missed, reason).await;
    }

    async fn tell(&mut self, missed: u64, reason: DropReason) {
        self.export.counters.dropped(missed);
        self.untold = missed;
        let event = RelayEvent::Dropped {
            channel: C::NAME,
            missed,
            reason,
        };
        if let Some(hub) = self.export.hub.upgrade() {
            tell(&hub, event).await;
        }
        self.untold = 0;
    }

    /// Tells importers the number of the last event. A failed heartbeat is ignored: the next one carries the
    /// same number.
    async fn beat(&mut self) {
        self.heartbeats += 1;
        let message = CloudEvent {
            id: self.export.run.heartbeat_id(self.number, self.heartbeats),
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

/// Whether a relay has imported the event.
fn is_from_elsewhere<C: Channel>(event: &Received<C>) -> bool {
    let envelope = Received::envelope(event);
    envelope.is_some_and(|envelope| is_imported(envelope.source()))
}

enum Woken<C: Channel> {
    Received(Result<Received<C>, RecvError>),
    Heartbeat,
    Closing,
}
