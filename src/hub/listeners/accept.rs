//! The way of an event to one channel's listeners.

use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::SystemTime;

use super::Listeners;
use crate::channel::Channel;
use crate::delivery::audience::Present;
use crate::delivery::inline::Desk;
use crate::delivery::inside;
use crate::delivery::queue::{Limit, Queue};
use crate::delivery::tasks::Place;
use crate::envelope::{Envelope, Payload, Portions, Source};

/// What lets no more in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Full {
    Queue,
    Receiver,
}

/// Where an async publisher waits for room.
#[derive(Default)]
pub(in crate::hub) struct Seat {
    queue: Option<Place>,
    log: Option<Place>,
}

/// An event that was not accepted, and why.
type Refused<C> = (Payload<<C as Channel>::Event>, Full);

impl<C: Channel> Listeners<C> {
    /// Publishes an event; waits for room. The desk is the publisher's own, if it has one.
    #[inline]
    pub(in crate::hub) fn publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        let present = self.audience.present();
        if C::RETAIN == 0 && present.inline_at_most() {
            // Nothing is in the way here.
            if !present.inline {
                return self.note(source, desk);
            }
            self.sources.note(source);
            if self.inline().is_calling_here() {
                self.inline().defer(Payload::Own(event));
            } else {
                self.inline().publish_now(&event, desk);
            }
        } else {
            self.publish_queued(queue, event, source, desk);
        }
    }

    /// Apart, so that the way above is short.
    #[inline(never)]
    fn publish_queued(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        // Where nobody shares the event, it goes at once where it is to lie.
        let present = self.audience.present();
        let refused = match (present.inline, present.queued, present.pulled) {
            (false, true, false) if C::RETAIN == 0 => {
                let queued = self.queued();
                let time = queued.wants_time().then(SystemTime::now);
                let envelope = Envelope::<C>::new(Payload::Own(event), source, time);
                let pushed = queue.push(queued, envelope, Limit::Capacity);
                pushed.map(|_| ()).map_err(Envelope::into_payload)
            }
            (false, false, true) if C::RETAIN == 0 => self.log().push(Payload::Own(event)),
            _ => Err(Payload::Own(event)),
        };
        match refused {
            Ok(()) => self.note(source, desk),
            Err(event) => self.publish_to_all(queue, event, source, desk),
        }
    }

    fn publish_to_all(
        &self,
        queue: &Queue,
        mut event: Payload<C::Event>,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        while let Err((refused, full)) = self.offer(queue, event, source, desk) {
            event = refused;
            match full {
                Full::Queue => queue.wait_for_room(),
                Full::Receiver => self.log().wait_for_room(),
            }
        }
    }

    #[inline]
    fn note(&self, source: Source, desk: Option<&Desk<C>>) {
        self.sources.note(source);
        self.count(desk);
    }

    #[inline]
    fn count(&self, desk: Option<&Desk<C>>) {
        match desk {
            Some(desk) => desk.count(|| self.inline()),
            None => drop(self.published.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Publishes an event, or hands it back where there is no room.
    pub(in crate::hub) fn try_publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), C::Event> {
        let event = Payload::Own(event);
        self.attempt(queue, event, source, Limit::Capacity, desk)
            .map_err(|(refused, _)| refused.into_inner().expect("nobody shares a refused event"))
    }

    /// Publishes an event beyond every capacity, where that is needed.
    pub(in crate::hub) fn publish_unbounded(&self, queue: &Queue, event: C::Event, source: Source) {
        let accepted = self.attempt(queue, Payload::Own(event), source, Limit::None, None);
        debug_assert!(accepted.is_ok(), "what has no limit refuses nothing");
    }

    /// Publishes an event; where there is no room, hands it back and has the task woken when there
    /// may be some.
    pub(in crate::hub) fn poll_publish(
        &self,
        queue: &Queue,
        mut event: Payload<C::Event>,
        source: Source,
        seat: &mut Seat,
        task: &Waker,
    ) -> Result<(), Payload<C::Event>> {
        while let Err((refused, full)) = self.offer(queue, event, source, None) {
            event = refused;
            let waits = match full {
                Full::Queue => queue.wake_at_room(&mut seat.queue, task.clone()),
                Full::Receiver => self.log().wake_at_room(&mut seat.log, task.clone()),
            };
            if waits {
                return Err(event);
            }
        }
        Ok(())
    }

    /// The task does not wait any more.
    pub(in crate::hub) fn stand_up(&self, queue: &Queue, seat: &mut Seat) {
        if let Some(place) = seat.queue.take() {
            queue.forget(place);
        }
        if let Some(place) = seat.log.take() {
            self.log().forget(place);
        }
    }

    /// An attempt that goes beyond the capacity where to wait might be for ever: inside a callback
    /// or a predicate, and on the thread of the hub's worker.
    fn offer(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), Refused<C>> {
        self.attempt(queue, event, source, Limit::Capacity, desk)
            .or_else(|(refused, full)| {
                if inside::any_callback_or_predicate() || queue.may_be_attended_here() {
                    self.attempt(queue, refused, source, Limit::None, desk)
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
        desk: Option<&Desk<C>>,
    ) -> Result<(), Refused<C>> {
        let present = self.audience.present();
        let inline = if C::RETAIN > 0 || present.pulled {
            self.keep(queue, event, source, limit)?
        } else if present.queued {
            self.enqueue(queue, event, source, limit, present)?
        } else {
            Some(event).filter(|_| present.inline)
        };
        self.sources.note(source);
        match inline {
            Some(event) => self.inline().publish(event, desk),
            None => self.count(desk),
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
        present: Present,
    ) -> Result<Option<Payload<C::Event>>, Refused<C>> {
        let queued = self.queued();
        let mut portions = Portions::new(event, 1 + usize::from(present.inline));
        let time = queued.wants_time().then(SystemTime::now);
        let envelope = Envelope::<C>::new(portions.next(), source, time);
        match queue.push(queued, envelope, limit) {
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
        let retained = (C::RETAIN > 0).then(|| self.retained().lock());
        // Looked at under that lock: a listener joins in it that is told of the past.
        let present = self.audience.present();
        let log = present.pulled.then(|| self.log().lock());
        if log.as_ref().is_some_and(|log| log.is_full(limit)) {
            return Err((event, Full::Receiver));
        }
        let queued = present.queued.then(|| self.queued());
        let parties = [
            retained.is_some(),
            log.is_some(),
            queued.is_some(),
            present.inline,
        ];
        let parties = parties.into_iter().filter(|party| *party).count();
        let mut portions = Portions::new(event, parties);
        let timed = C::RETAIN > 0 || queued.is_some_and(|queued| queued.wants_time());
        let time = timed.then(SystemTime::now);
        let sequence = if let Some(queued) = queued {
            let envelope = Envelope::<C>::new(portions.next(), source, time);
            match queue.push(queued, envelope, limit) {
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
            self.log().settle(pushed);
        }
        self.audience.context.discard_event::<C>(evicted);
        Ok(portions.rest())
    }
}
