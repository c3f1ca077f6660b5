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
pub(in crate::hub) type Rejected<C> = (Payload<<C as Channel>::Event>, Bound);

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
        // The ways that take no lock.
        if C::RETAIN == 0 {
            let kinds = self.kinds.load();
            if kinds == KindSet::NONE {
                self.sources.note(source);
                return self.count(desk);
            }
            if kinds == KindSet::INLINE {
                match self.inline().accept(desk) {
                    Ok(sheet) => {
                        self.sources.note(source);
                        return self.call_inline(sheet, Payload::Own(event));
                    }
                    Err(outdated) => drop(outdated),
                }
            }
        }
        self.publish_under_locks(queue, event, source, desk);
    }

    #[inline(never)]
    fn publish_under_locks(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        let mut event = Payload::Own(event);
        while let Err((rejected, bound)) = self.accept(queue, event, source, desk) {
            event = rejected;
            match bound {
                Bound::Queue => queue.wait_for_room(),
                Bound::Receiver => self.log().wait_for_room(),
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
        let event = Payload::Own(event);
        self.try_accept(queue, event, source, Limit::Capacity, desk)
            .map_err(|(rejected, _)| {
                rejected
                    .into_inner()
                    .expect("a rejected event is not shared")
            })
    }

    /// Publishes an event beyond every capacity, when that is needed.
    pub(in crate::hub) fn publish_unbounded(&self, queue: &Queue, event: C::Event, source: Source) {
        let accepted = self.try_accept(queue, Payload::Own(event), source, Limit::None, None);
        debug_assert!(accepted.is_ok(), "what has no limit rejects nothing");
    }

    /// Has an event accepted. It goes beyond the capacity when to wait might be for ever: inside a
    /// callback or a predicate, and on the thread of the hub's worker.
    pub(in crate::hub) fn accept(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), Rejected<C>> {
        self.try_accept(queue, event, source, Limit::Capacity, desk)
            .or_else(|(rejected, bound)| {
                if inside::any_callback_or_predicate() || queue.is_consumed_here() {
                    self.try_accept(queue, rejected, source, Limit::None, desk)
                } else {
                    Err((rejected, bound))
                }
            })
    }

    /// Has an event accepted by all kinds of listeners that the channel has, or by none: every way that
    /// an event can go is here. The locks of the kinds, taken in this order, are held until each has it.
    fn try_accept(
        &self,
        queue: &Queue,
        event: Payload<C::Event>,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
    ) -> Result<(), Rejected<C>> {
        let has = KindSet::contains;
        let mut kinds = self.kinds.load();
        loop {
            let retained = (C::RETAIN > 0).then(|| self.retained().lock());
            let log = has(kinds, KindSet::RECEIVERS).then(|| self.log().lock());
            let numbers = (C::RETAIN > 0 || has(kinds, KindSet::QUEUED)).then(|| queue.lock());
            let inline = has(kinds, KindSet::INLINE).then(|| self.inline().snapshot(desk));

            // The locks order the event, and a kind that has come meanwhile gets it too.
            let present = self.kinds.load();
            let no_room = if log.as_ref().is_some_and(|log| log.is_full(limit)) {
                Some(Bound::Receiver)
            } else if has(kinds, KindSet::QUEUED)
                && numbers.as_ref().is_some_and(|queue| queue.is_full(limit))
            {
                Some(Bound::Queue)
            } else {
                None
            };
            if !has(kinds, present) || no_room.is_some() {
                // The snapshot last: it may be the last to hold a listener, which is user code.
                drop((numbers, log, retained));
                drop(inline);
                match no_room {
                    Some(bound) if has(kinds, present) => return Err((event, bound)),
                    _ => kinds = present,
                }
                continue;
            }

            let queued = (has(kinds, KindSet::QUEUED)
                && numbers.as_ref().is_some_and(QueueGuard::is_consumed))
            .then(|| self.queued());
            let timed = C::RETAIN > 0 || queued.is_some_and(|queued| queued.wants_time());
            let time = timed.then(SystemTime::now);
            self.sources.note(source);
            match (retained, log, numbers, queued, inline) {
                // One kind alone gets the event in place.
                (None, None, None, None, Some(sheet)) => {
                    self.inline().count(desk);
                    self.call_inline(sheet, event);
                    return Ok(());
                }
                (None, None, Some(queue), Some(queued), None) => {
                    queue.push(queued, Envelope::new(event, source, time));
                }
                (None, Some(log), None, None, None) => self.log().settle(log.push(event)),
                // Several share it.
                (retained, log, numbers, queued, inline) => {
                    let event = event.into_shared();
                    let share = || Payload::Shared(Arc::clone(&event));
                    let sequence = match (numbers, queued) {
                        (Some(queue), Some(queued)) => {
                            queue.push(queued, Envelope::new(share(), source, time))
                        }
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
                    let event = Payload::Shared(event);
                    if let Some(sheet) = inline {
                        self.inline().count(desk);
                        self.call_inline(sheet, event);
                        return Ok(());
                    }
                    self.kinds.context.discard_event::<C>(event);
                }
            }
            self.count(desk);
            return Ok(());
        }
    }

    #[inline]
    fn call_inline(&self, sheet: Arc<Sheet<C>>, event: Payload<C::Event>) {
        let inline = self.inline();
        if inline.is_calling_here() {
            inline.defer(sheet, event);
        } else {
            inline.call(sheet, &event);
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
