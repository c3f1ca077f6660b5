//! The way of an event to a channel's listeners: here it is decided which way it goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::SystemTime;

use super::Listeners;
use crate::channel::Channel;
use crate::delivery::inline::{Desk, Sheet};
use crate::delivery::inside;
use crate::delivery::kinds::KindSet;
use crate::delivery::queue::{Limit, Queue, QueueGuard};
use crate::delivery::tasks::Place;
use crate::envelope::{Envelope, Payload, Source};

/// What has no room for an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) enum Bound {
    Queue,
    Receiver,
}

/// An event that was not accepted, and why.
pub(in crate::hub) type Rejected<C> = (<C as Channel>::Event, Bound);

/// What comes of an attempt that looked at the kinds of listeners, then took their locks.
enum Attempt<C: Channel> {
    Accepted,
    Rejected(Rejected<C>),
    /// Another kind of listener has joined in between: to be tried again.
    Outdated(C::Event),
}

/// Where an async publisher waits for room.
#[derive(Default)]
pub(in crate::hub) struct PublishWaiter {
    queue: Option<Place>,
    log: Option<Place>,
}

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
        if let Err(rejected) = self.try_accept(queue, event, source, Limit::Capacity, desk) {
            self.publish_at_room(queue, rejected, source, desk);
        }
    }

    #[cold]
    fn publish_at_room(
        &self,
        queue: &Queue,
        mut rejected: Rejected<C>,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        let limit = limit_of_waiting(queue);
        loop {
            let (event, bound) = rejected;
            match bound {
                _ if limit == Limit::None => {}
                Bound::Queue => queue.wait_for_room(),
                Bound::Receiver => self.log().wait_for_room(),
            }
            match self.try_accept(queue, event, source, limit, desk) {
                Ok(()) => return,
                Err(again) => rejected = again,
            }
        }
    }

    /// Publishes an event, or hands it back when there is no room.
    pub(in crate::hub) fn try_publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), C::Event> {
        self.try_accept(queue, event, source, Limit::Capacity, desk)
            .map_err(|(event, _)| event)
    }

    /// Publishes an event beyond every capacity, when that is needed.
    pub(in crate::hub) fn publish_unbounded(&self, queue: &Queue, event: C::Event, source: Source) {
        let accepted = self.try_accept(queue, event, source, Limit::None, None);
        debug_assert!(accepted.is_ok(), "what has no limit rejects nothing");
    }

    /// Publishes an event or, when there is no room and it may be waited for, hands it back.
    pub(in crate::hub) fn publish_or_wait(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
    ) -> Result<(), Rejected<C>> {
        self.try_accept(queue, event, source, Limit::Capacity, None)
            .or_else(|(event, bound)| match limit_of_waiting(queue) {
                Limit::Capacity => Err((event, bound)),
                Limit::None => self.try_accept(queue, event, source, Limit::None, None),
            })
    }

    /// Has an event accepted by all kinds of listeners that the channel has, or by none: every way that
    /// an event can go is here.
    #[inline]
    fn try_accept(
        &self,
        queue: &Queue,
        mut event: C::Event,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
    ) -> Result<(), Rejected<C>> {
        loop {
            let kinds = self.kinds.load();
            let attempt = match (C::RETAIN, kinds.inline, kinds.queued, kinds.receivers) {
                (0, false, false, false) => {
                    self.sources.note(source);
                    self.count(desk);
                    return Ok(());
                }
                (0, true, false, false) => self.accept_inline(event, source, desk),
                (0, false, true, false) => self.accept_queued(queue, event, source, limit, desk),
                (0, false, false, true) => self.accept_received(event, source, limit, desk),
                _ => self.accept_shared(queue, event, source, limit, desk, kinds),
            };
            match attempt {
                Attempt::Accepted => return Ok(()),
                Attempt::Rejected(rejected) => return Err(rejected),
                Attempt::Outdated(refused) => event = refused,
            }
        }
    }

    /// By inline listeners alone, without a lock.
    #[inline]
    fn accept_inline(&self, event: C::Event, source: Source, desk: Option<&Desk<C>>) -> Attempt<C> {
        match self.inline().accept(desk) {
            Ok(sheet) => {
                self.sources.note(source);
                self.call_inline(sheet, Payload::Own(event));
                Attempt::Accepted
            }
            Err(outdated) => {
                drop(outdated);
                Attempt::Outdated(event)
            }
        }
    }

    /// By queued listeners alone, under the queue's lock.
    #[inline(never)]
    fn accept_queued(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
    ) -> Attempt<C> {
        let queued = self.queued();
        let queue = queue.lock();
        let present = self.kinds.load();
        if present.inline | present.receivers {
            return Attempt::Outdated(event);
        }
        if queue.is_full(limit) {
            return Attempt::Rejected((event, Bound::Queue));
        }
        if queue.is_consumed() {
            let time = queued.wants_time().then(SystemTime::now);
            queue.push(queued, Envelope::new(Payload::Own(event), source, time));
        }
        self.sources.note(source);
        self.count(desk);
        Attempt::Accepted
    }

    /// By receivers alone, under their log's lock.
    #[inline(never)]
    fn accept_received(
        &self,
        event: C::Event,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
    ) -> Attempt<C> {
        let log = self.log().lock();
        let present = self.kinds.load();
        if present.inline | present.queued {
            return Attempt::Outdated(event);
        }
        if log.is_full(limit) {
            return Attempt::Rejected((event, Bound::Receiver));
        }
        self.log().settle(log.push(Payload::Own(event)));
        self.sources.note(source);
        self.count(desk);
        Attempt::Accepted
    }

    /// By several kinds, or on a channel that retains events: the locks, taken in this order, are held
    /// until each has it.
    #[inline(never)]
    fn accept_shared(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
        kinds: KindSet,
    ) -> Attempt<C> {
        let retained = (C::RETAIN > 0).then(|| self.retained().lock());
        let log = kinds.receivers.then(|| self.log().lock());
        let numbers = (C::RETAIN > 0 || kinds.queued).then(|| queue.lock());
        let inline = kinds.inline.then(|| self.inline().snapshot(desk));

        let is_outdated = !kinds.contains(self.kinds.load());
        let no_room = if log.as_ref().is_some_and(|log| log.is_full(limit)) {
            Some(Bound::Receiver)
        } else if kinds.queued && numbers.as_ref().is_some_and(|queue| queue.is_full(limit)) {
            Some(Bound::Queue)
        } else {
            None
        };
        if is_outdated || no_room.is_some() {
            // The snapshot last: it may be the last to hold a listener, which is user code.
            drop((numbers, log, retained));
            drop(inline);
            return match no_room {
                Some(bound) if !is_outdated => Attempt::Rejected((event, bound)),
                _ => Attempt::Outdated(event),
            };
        }

        let is_consumed = numbers.as_ref().is_some_and(QueueGuard::is_consumed);
        let queued = (kinds.queued && is_consumed).then(|| self.queued());
        let timed = C::RETAIN > 0 || queued.is_some_and(|queued| queued.wants_time());
        let time = timed.then(SystemTime::now);
        let event = Arc::new(event);
        let share = || Payload::Shared(Arc::clone(&event));
        let sequence = match (numbers, queued) {
            (Some(queue), Some(queued)) => queue.push(queued, Envelope::new(share(), source, time)),
            (Some(queue), None) => queue.number(),
            (None, _) => 0,
        };
        let pushed = log.map(|log| log.push(share()));
        let evicted = retained.map(|retained| {
            let mut envelope = Envelope::<C>::new(share(), source, time);
            envelope.accept(sequence);
            retained.keep(envelope)
        });
        // All locks are released: user code may run from here.
        if let Some(pushed) = pushed {
            self.log().settle(pushed);
        }
        self.kinds.context.discard_event::<C>(evicted);
        self.sources.note(source);
        if let Some(sheet) = inline {
            self.inline().count(desk);
            self.call_inline(sheet, Payload::Shared(event));
        } else {
            self.count(desk);
            self.kinds.context.discard_event::<C>(event);
        }
        Attempt::Accepted
    }

    #[inline]
    fn call_inline(&self, sheet: Arc<Sheet<C>>, event: Payload<C::Event>) {
        let inline = self.inline();
        if inline.is_calling_here() {
            inline.defer(sheet, event);
        } else {
            inline.call(sheet, &event);
            if let Payload::Shared(event) = event {
                self.kinds.context.discard_event::<C>(event);
            }
        }
    }

    /// Counts an event that no inline listener counts.
    #[inline]
    fn count(&self, desk: Option<&Desk<C>>) {
        match desk {
            Some(desk) => desk.count(|| self.inline()),
            None => drop(self.published.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Waits for room as a task does: has it woken when there may be some. `false` when there is some
    /// already.
    pub(in crate::hub) fn wait(
        &self,
        queue: &Queue,
        bound: Bound,
        waiter: &mut PublishWaiter,
        task: Waker,
    ) -> bool {
        match bound {
            Bound::Queue => queue.wake_at_room(&mut waiter.queue, task),
            Bound::Receiver => self.log().wake_at_room(&mut waiter.log, task),
        }
    }

    /// The task does not wait any more.
    pub(in crate::hub) fn cancel_wait(&self, queue: &Queue, waiter: &mut PublishWaiter) {
        if let Some(place) = waiter.queue.take() {
            queue.forget(place);
        }
        if let Some(place) = waiter.log.take() {
            self.log().forget(place);
        }
    }
}

/// The limit for a publisher that would wait. It goes beyond the capacity when to wait might be for
/// ever: inside a callback or a predicate, and on the thread of the hub's worker.
fn limit_of_waiting(queue: &Queue) -> Limit {
    if inside::any_callback_or_predicate() || queue.is_consumed_here() {
        Limit::None
    } else {
        Limit::Capacity
    }
}
