//! The way of an event to a channel's listeners: the one place that decides which way it goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::SystemTime;

use super::ChannelState;
use crate::channel::Channel;
use crate::delivery::inline::Desk;
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

/// What comes of an attempt that looked at the kinds of listeners, then took their locks.
enum Attempt {
    /// The event has been taken.
    Accepted,
    Rejected(Bound),
    /// Another kind of listener has joined in between: to be tried again.
    Outdated,
}

/// Where an async publisher waits for room.
#[derive(Default)]
pub(in crate::hub) struct PublishWaiter {
    queue: Option<Place>,
    log: Option<Place>,
}

impl<C: Channel> ChannelState<C> {
    /// Publishes an event; waits for room. The desk is the publisher's own, if it has one.
    #[inline]
    pub(in crate::hub) fn publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) {
        if let Err(event) = self.accept_without_locks(event, source, desk) {
            let mut event = Some(event);
            let accepted = self.try_accept(queue, &mut event, source, Limit::Capacity, desk);
            if let Err(bound) = accepted {
                self.publish_at_room(queue, event, source, desk, bound);
            }
        }
    }

    #[cold]
    fn publish_at_room(
        &self,
        queue: &Queue,
        mut event: Option<C::Event>,
        source: Source,
        desk: Option<&Desk<C>>,
        mut bound: Bound,
    ) {
        let limit = limit_of_waiting(queue);
        loop {
            match bound {
                _ if limit == Limit::None => {}
                Bound::Queue => queue.wait_for_room(),
                Bound::Receiver => self.log().wait_for_room(),
            }
            match self.try_accept(queue, &mut event, source, limit, desk) {
                Ok(()) => return,
                Err(again) => bound = again,
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
        self.accept_without_locks(event, source, desk)
            .or_else(|event| {
                let mut event = Some(event);
                let _ = self.try_accept(queue, &mut event, source, Limit::Capacity, desk);
                event.map_or(Ok(()), Err)
            })
    }

    /// Publishes an event beyond every capacity, when that is needed.
    pub(in crate::hub) fn publish_unbounded(&self, queue: &Queue, event: C::Event, source: Source) {
        let accepted = self.try_accept(queue, &mut Some(event), source, Limit::None, None);
        debug_assert!(accepted.is_ok(), "what has no limit rejects nothing");
    }

    /// Publishes an event or, when there is no room and it may be waited for, leaves it and says what has
    /// no room.
    pub(in crate::hub) fn publish_or_wait(
        &self,
        queue: &Queue,
        event: &mut Option<C::Event>,
        source: Source,
    ) -> Result<(), Bound> {
        self.try_accept(queue, event, source, Limit::Capacity, None)
            .or_else(|bound| match limit_of_waiting(queue) {
                Limit::Capacity => Err(bound),
                Limit::None => self.try_accept(queue, event, source, Limit::None, None),
            })
    }

    /// The two ways that take no lock: to no listener, and to inline ones alone.
    #[inline]
    fn accept_without_locks(
        &self,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), C::Event> {
        let kinds = self.kinds.load();
        if C::RETAIN > 0 || kinds.queued || kinds.receivers {
            return Err(event);
        }
        if kinds.inline {
            return self.accept_inline(event, source, desk);
        }
        self.sources.note(source);
        self.count(desk);
        Ok(())
    }

    /// Apart, so that the other ways are short.
    #[inline(never)]
    fn accept_inline(
        &self,
        event: C::Event,
        source: Source,
        desk: Option<&Desk<C>>,
    ) -> Result<(), C::Event> {
        let inline = self.inline();
        if inline.is_calling_here() {
            return Err(event); // It has to wait its turn.
        }
        let Some(sheet) = inline.accept(desk) else {
            return Err(event);
        };
        self.sources.note(source);
        inline.call(sheet, &event);
        Ok(())
    }

    /// Has an event accepted by all kinds of listeners that the channel has, or by none: with the two above,
    /// every way that an event can go is here. It takes the event when it has been accepted.
    #[inline(never)]
    fn try_accept(
        &self,
        queue: &Queue,
        event: &mut Option<C::Event>,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
    ) -> Result<(), Bound> {
        loop {
            let kinds = self.kinds.load();
            let attempt = match kinds {
                KindSet::QUEUED if C::RETAIN == 0 => {
                    self.accept_queued(queue, event, source, limit)
                }
                KindSet::RECEIVERS if C::RETAIN == 0 => self.accept_received(event, limit),
                _ => self.accept_shared(queue, event, source, limit, desk, kinds),
            };
            match attempt {
                Attempt::Accepted if kinds.inline => return Ok(()),
                Attempt::Accepted => {
                    self.sources.note(source);
                    self.count(desk);
                    return Ok(());
                }
                Attempt::Rejected(bound) => return Err(bound),
                Attempt::Outdated => {}
            }
        }
    }

    /// By queued listeners alone, under the queue's lock.
    #[inline]
    fn accept_queued(
        &self,
        queue: &Queue,
        event: &mut Option<C::Event>,
        source: Source,
        limit: Limit,
    ) -> Attempt {
        let queued = self.queued();
        let queue = queue.lock();
        if self.kinds.load() != KindSet::QUEUED {
            return Attempt::Outdated;
        }
        if queue.is_full(limit) {
            return Attempt::Rejected(Bound::Queue);
        }
        let is_consumed = queue.is_consumed();
        match event.take() {
            Some(event) if is_consumed => {
                let time = queued.wants_time().then(SystemTime::now);
                queue.push(queued, Envelope::new(Payload::Own(event), source, time));
            }
            unwanted => {
                drop(queue);
                drop(unwanted);
            }
        }
        Attempt::Accepted
    }

    /// By receivers alone, under their log's lock.
    #[inline]
    fn accept_received(&self, event: &mut Option<C::Event>, limit: Limit) -> Attempt {
        let log = self.log();
        let pushing = log.lock();
        if self.kinds.load() != KindSet::RECEIVERS {
            return Attempt::Outdated;
        }
        if pushing.is_full(limit) {
            return Attempt::Rejected(Bound::Receiver);
        }
        if let Some(event) = event.take() {
            log.settle(pushing.push(Payload::Own(event)));
        }
        Attempt::Accepted
    }

    /// By several kinds, or on a channel that retains events: the locks, taken in this order, are held
    /// until each has it.
    #[inline(never)]
    fn accept_shared(
        &self,
        queue: &Queue,
        event: &mut Option<C::Event>,
        source: Source,
        limit: Limit,
        desk: Option<&Desk<C>>,
        kinds: KindSet,
    ) -> Attempt {
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
                Some(bound) if !is_outdated => Attempt::Rejected(bound),
                _ => Attempt::Outdated,
            };
        }

        let is_consumed = numbers.as_ref().is_some_and(QueueGuard::is_consumed);
        let queued = (kinds.queued && is_consumed).then(|| self.queued());
        let timed = C::RETAIN > 0 || queued.is_some_and(|queued| queued.wants_time());
        let time = timed.then(SystemTime::now);
        let Some(event) = event.take().map(Arc::new) else {
            return Attempt::Accepted;
        };
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
        if let Some(sheet) = inline {
            let inline = self.inline();
            self.sources.note(source);
            inline.count(desk);
            if inline.is_calling_here() {
                inline.defer(sheet, Payload::Shared(event));
                return Attempt::Accepted;
            }
            inline.call(sheet, &event);
        }
        self.kinds.context.discard_event::<C>(event);
        Attempt::Accepted
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
