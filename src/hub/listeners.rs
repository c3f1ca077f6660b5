//! One channel's listeners, and the way of an event to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::SystemTime;

use super::registry::AnyChannel;
use super::report::{ChannelReport, DeliveryKind, ListenerReport};
use super::sources::Sources;
use crate::channel::Channel;
use crate::delivery::context::Context;
use crate::delivery::inline::InlineListeners;
use crate::delivery::inside;
use crate::delivery::listener::Label;
use crate::delivery::log::{Log, Overflow};
use crate::delivery::queue::{Limit, Queue};
use crate::delivery::queued::{NewListener, QueuedListeners};
use crate::delivery::receiver::Receiver;
use crate::delivery::retained::{Replay, Retained};
use crate::delivery::subscription::Subscription;
use crate::delivery::tasks::Place;
use crate::envelope::{Envelope, Payload, Portions, Source};

pub(super) struct Listeners<C: Channel> {
    published: AtomicU64,
    sources: Sources,
    pub(super) inline: Arc<InlineListeners<C>>,
    queued: Arc<QueuedListeners<C>>,
    log: Arc<Log<C>>,
    retained: Retained<C>,
    context: Arc<Context>,
}

/// What lets no more in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    Queue,
    Receiver,
}

/// Where an async publisher waits for room.
#[derive(Default)]
pub(super) struct Seat {
    queue: Option<Place>,
    log: Option<Place>,
}

/// An event that was not accepted, and why.
type Refused<C> = (Payload<<C as Channel>::Event>, Full);

impl<C: Channel> Listeners<C> {
    pub(super) fn new(lane: usize, context: &Arc<Context>) -> Self {
        Self {
            published: AtomicU64::new(0),
            sources: Sources::default(),
            inline: Arc::new(InlineListeners::new(Arc::clone(context))),
            queued: Arc::new(QueuedListeners::new(lane, Arc::clone(context))),
            log: Arc::new(Log::new(Arc::clone(context))),
            retained: Retained::new(),
            context: Arc::clone(context),
        }
    }

    /// Publishes an event; waits for room.
    pub(super) fn publish(&self, queue: &Queue, event: C::Event, source: Source) {
        let mut event = Payload::Own(event);
        while let Err((refused, full)) = self.offer(queue, event, source) {
            event = refused;
            match full {
                Full::Queue => queue.wait_for_room(),
                Full::Receiver => self.log.wait_for_room(),
            }
        }
    }

    /// Publishes an event, or hands it back where there is no room.
    pub(super) fn try_publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
    ) -> Result<(), C::Event> {
        let event = Payload::Own(event);
        self.attempt(queue, event, source, Limit::Capacity)
            .map_err(|(refused, _)| refused.into_inner().expect("nobody shares a refused event"))
    }

    /// Publishes an event; where there is no room, hands it back and has the task woken when there
    /// may be some.
    pub(super) fn poll_publish(
        &self,
        queue: &Queue,
        mut event: Payload<C::Event>,
        source: Source,
        seat: &mut Seat,
        task: &Waker,
    ) -> Result<(), Payload<C::Event>> {
        while let Err((refused, full)) = self.offer(queue, event, source) {
            event = refused;
            let waits = match full {
                Full::Queue => queue.wake_at_room(&mut seat.queue, task.clone()),
                Full::Receiver => self.log.wake_at_room(&mut seat.log, task.clone()),
            };
            if waits {
                return Err(event);
            }
        }
        Ok(())
    }

    /// The task does not wait any more.
    pub(super) fn stand_up(&self, queue: &Queue, seat: &mut Seat) {
        if let Some(place) = seat.queue.take() {
            queue.forget(place);
        }
        if let Some(place) = seat.log.take() {
            self.log.forget(place);
        }
    }

    /// An attempt that goes beyond the capacity where to wait might be for ever: inside a callback,
    /// and on the thread of the hub's worker.
    fn offer(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
    ) -> Result<(), Refused<C>> {
        self.attempt(queue, event, source, Limit::Capacity)
            .or_else(|(refused, full)| {
                if inside::any_callback() || queue.may_be_attended_here() {
                    self.attempt(queue, refused, source, Limit::None)
                } else {
                    Err((refused, full))
                }
            })
    }

    /// Has an event accepted, then calls the inline listeners. In this order, so that the event has
    /// its place in the queue before an inline listener publishes the next.
    fn attempt(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        limit: Limit,
    ) -> Result<(), Refused<C>> {
        let inline = if C::RETAIN > 0 || !self.log.is_empty() {
            self.keep(queue, event, source, limit)?
        } else if self.queued.is_empty() {
            Some(event).filter(|_| !self.inline.is_empty())
        } else {
            self.enqueue(queue, event, source, limit)?
        };
        self.published.fetch_add(1, Ordering::Relaxed);
        self.sources.note(source);
        if let Some(event) = inline {
            self.inline.publish(event);
        }
        Ok(())
    }

    /// Puts an event into the hub's queue. What comes back is for the inline listeners.
    fn enqueue(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        limit: Limit,
    ) -> Result<Option<Payload<C::Event>>, Refused<C>> {
        let mut portions = Portions::new(event, 1 + usize::from(!self.inline.is_empty()));
        let time = self.queued.wants_time().then(SystemTime::now);
        let envelope = Envelope::<C>::new(portions.next(), source, time);
        match queue.push(&self.queued, envelope, limit) {
            Ok(_) => Ok(portions.rest()),
            Err(refused) => Err((refused.into_payload(), Full::Queue)),
        }
    }

    /// Puts an event wherever it is to be kept: where the channel retains it, in the receivers'
    /// log, in the hub's queue. All of it or nothing, under the locks of all three, taken in this
    /// order. What comes back is for the inline listeners.
    fn keep(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        limit: Limit,
    ) -> Result<Option<Payload<C::Event>>, Refused<C>> {
        let retained = (C::RETAIN > 0).then(|| self.retained.lock());
        let log = (!self.log.is_empty()).then(|| self.log.lock());
        if log.as_ref().is_some_and(|log| log.is_full(limit)) {
            return Err((event, Full::Receiver));
        }
        let queued = !self.queued.is_empty();
        let parties = [
            retained.is_some(),
            log.is_some(),
            queued,
            !self.inline.is_empty(),
        ];
        let parties = parties.into_iter().filter(|party| *party).count();
        let mut portions = Portions::new(event, parties);
        let time = (C::RETAIN > 0 || self.queued.wants_time()).then(SystemTime::now);
        let sequence = if queued {
            let envelope = Envelope::<C>::new(portions.next(), source, time);
            match queue.push(&self.queued, envelope, limit) {
                Ok(sequence) => sequence,
                Err(refused) => return Err((refused.into_payload(), Full::Queue)),
            }
        } else if C::RETAIN > 0 {
            queue.number()
        } else {
            0
        };
        let pushed = log.map(|log| log.push(portions.next()));
        let evicted = retained.map(|retained| {
            let mut envelope = Envelope::<C>::new(portions.next(), source, time);
            envelope.accept(sequence);
            retained.keep(envelope)
        });
        // The locks are free again: here begins what others wrote.
        if let Some(pushed) = pushed {
            self.log.settle(pushed);
        }
        self.context.discard_event::<C>(evicted);
        Ok(portions.rest())
    }

    /// Registers a queued listener: for what is accepted from now on and, where it asks for
    /// `replay`, for what is retained of the time before.
    pub(super) fn listen(
        &self,
        queue: &Queue,
        replay: Replay,
        listener: NewListener<C>,
    ) -> Subscription {
        if C::RETAIN == 0 || replay == Replay::None {
            return self.queued.listen(listener, queue.next(), Vec::new());
        }
        let retained = self.retained.lock();
        let missed = retained.replay(replay);
        let subscription = self.queued.listen(listener, queue.next(), missed);
        queue.nudge(&self.queued);
        subscription
    }

    /// Registers a receiver, likewise.
    pub(super) fn receive(
        &self,
        label: Label,
        capacity: usize,
        overflow: Overflow,
        replay: Replay,
    ) -> Receiver<C> {
        let retained = self.retained.lock();
        let missed = retained.replay(replay);
        let missed = missed.into_iter().map(Envelope::into_payload).collect();
        Receiver::new(&self.log, label, capacity, overflow, missed)
    }
}

impl<C: Channel> AnyChannel for Listeners<C> {
    fn close(&self) {
        self.log.close();
    }

    fn report(&self) -> ChannelReport {
        let queued = self.queued.listeners();
        let queued = queued.iter().map(|listener| {
            ListenerReport::new(
                (**listener).as_ref(),
                DeliveryKind::Queued,
                listener.delivered(),
            )
        });
        let inline = self.inline.listeners();
        let inline = inline.iter().map(|(listener, delivered)| {
            ListenerReport::new((**listener).as_ref(), DeliveryKind::Inline, *delivered)
        });
        let receivers = self.log.readers(ListenerReport::of_reader);
        ChannelReport {
            name: C::NAME,
            type_name: std::any::type_name::<C>(),
            published: self.published.load(Ordering::Relaxed),
            retained: self.retained.len(),
            publishers: self.sources.lines(),
            listeners: inline.chain(queued).chain(receivers).collect(),
        }
    }
}
