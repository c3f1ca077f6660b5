//! The publish path of a channel: the one place that decides which way an event goes to the
//! listeners.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use super::ChannelState;
use crate::channel::Channel;
use crate::delivery::inline::SnapshotCache;
use crate::delivery::queued::queue::{Queue, QueueGuard, Wake};
use crate::delivery::room::Limit;
use crate::delivery::shared::kinds::KindSet;
use crate::delivery::shared::scope;
use crate::delivery::shared::wakers::WakerKey;
use crate::envelope::{Envelope, Payload, Source};
use crate::sync::{CAN_BLOCK, now};

/// The buffer that has no room for an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::hub) enum Bound {
    Queue,
    Receiver,
}

/// An event for which there was no room, handed back.
pub(in crate::hub) struct Rejected<E> {
    pub(in crate::hub) event: E,
    pub(in crate::hub) bound: Bound,
}

/// The result of an attempt that read the kinds of listeners, then took their locks.
enum Attempt<E> {
    /// The event has been accepted, but not yet noted and counted.
    Accepted,
    /// The event has been accepted, noted and counted.
    AcceptedInline,
    Rejected(Rejected<E>),
    /// Another kind of listener has joined in between: the caller tries again.
    Outdated(E),
}

/// The keys under which an async publisher waits for room.
#[derive(Default)]
pub(in crate::hub) struct PublishWaiter {
    queue: Option<WakerKey>,
    log: Option<WakerKey>,
}

impl<C: Channel> ChannelState<C> {
    /// Publishes an event; blocks until there is room. `cache` belongs to the
    /// [`Publisher`](crate::Publisher), if there is one.
    #[inline]
    pub(in crate::hub) fn publish(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        cache: Option<&SnapshotCache<C>>,
    ) {
        if self.accept_without_locks(&event, source, cache) {
            return;
        }
        if let Err(rejected) = self.try_accept(queue, event, source, Limit::Capacity, cache) {
            self.publish_at_room(queue, rejected, source, cache);
        }
    }

    #[cold]
    #[inline(never)]
    fn publish_at_room(
        &self,
        queue: &Queue,
        mut rejected: Rejected<C::Event>,
        source: Source,
        cache: Option<&SnapshotCache<C>>,
    ) {
        let limit = if CAN_BLOCK {
            limit_of_waiting(queue)
        } else {
            Limit::None
        };
        loop {
            match rejected.bound {
                _ if limit == Limit::None => {}
                Bound::Queue => queue.wait_for_room(),
                Bound::Receiver => self.log().wait_for_room(),
            }
            match self.try_accept(queue, rejected.event, source, limit, cache) {
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
        cache: Option<&SnapshotCache<C>>,
    ) -> Result<(), C::Event> {
        if self.accept_without_locks(&event, source, cache) {
            return Ok(());
        }
        self.try_accept(queue, event, source, Limit::Capacity, cache)
            .map_err(|rejected| rejected.event)
    }

    /// Publishes an event, and exceeds every capacity if needed.
    #[cfg(feature = "auth")]
    pub(in crate::hub) fn publish_unbounded(&self, queue: &Queue, event: C::Event, source: Source) {
        let accepted = self.try_accept(queue, event, source, Limit::None, None);
        debug_assert!(accepted.is_ok(), "what has no limit rejects nothing");
    }

    /// Publishes an event, or hands it back when there is no room and the publisher may wait.
    pub(in crate::hub) fn publish_or_wait(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
    ) -> Result<(), Rejected<C::Event>> {
        self.try_accept(queue, event, source, Limit::Capacity, None)
            .or_else(|rejected| match limit_of_waiting(queue) {
                Limit::Capacity => Err(rejected),
                Limit::None => self.try_accept(queue, rejected.event, source, Limit::None, None),
            })
    }

    /// The fast path of a channel without listeners, or with inline listeners only: it takes no
    /// lock. `false` when the event has to go another way.
    #[inline]
    fn accept_without_locks(
        &self,
        event: &C::Event,
        source: Source,
        cache: Option<&SnapshotCache<C>>,
    ) -> bool {
        match self.kinds.load() {
            KindSet::NONE if C::RETAIN == 0 => {
                self.note(source, cache);
                true
            }
            KindSet::INLINE if C::RETAIN == 0 => self.accept_inline(event, source, cache),
            _ => false,
        }
    }

    /// Accepts an event for all kinds of listeners that the channel has, or for none. Every way
    /// that an event can go under locks is here.
    #[inline(never)]
    fn try_accept(
        &self,
        queue: &Queue,
        mut event: C::Event,
        source: Source,
        limit: Limit,
        cache: Option<&SnapshotCache<C>>,
    ) -> Result<(), Rejected<C::Event>> {
        loop {
            let attempt = match self.kinds.load() {
                KindSet::QUEUED if C::RETAIN == 0 => {
                    self.accept_queued(queue, event, source, limit)
                }
                KindSet::NONE if C::RETAIN > 0 => self.accept_retained(queue, event, source),
                KindSet::RECEIVERS if C::RETAIN == 0 => self.accept_received(event, source, limit),
                kinds => self.accept_shared(queue, event, source, limit, cache, kinds),
            };
            match attempt {
                Attempt::Accepted => {
                    self.note(source, cache);
                    return Ok(());
                }
                Attempt::AcceptedInline => return Ok(()),
                Attempt::Rejected(rejected) => return Err(rejected),
                Attempt::Outdated(again) => event = again,
            }
        }
    }

    /// Accepts an event for inline listeners alone, without a lock. `false` when the event has to
    /// wait its turn, or when another kind of listener has joined.
    #[inline(never)]
    fn accept_inline(
        &self,
        event: &C::Event,
        source: Source,
        cache: Option<&SnapshotCache<C>>,
    ) -> bool {
        let inline = self.inline();
        if inline.is_reentrant() {
            return false;
        }
        let Some(snapshot) = inline.counted_snapshot(cache) else {
            return false;
        };
        self.sites.note(source);
        inline.call(snapshot, event, || {});
        true
    }

    /// Accepts an event for queued listeners alone, under the queue's lock.
    #[inline]
    fn accept_queued(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        limit: Limit,
    ) -> Attempt<C::Event> {
        let queued = self.queued();
        let locked = queue.lock();
        if self.kinds.load() != KindSet::QUEUED {
            return Attempt::Outdated(event);
        }
        if locked.is_full(limit) {
            let bound = Bound::Queue;
            return Attempt::Rejected(Rejected { event, bound });
        }
        if locked.is_consumed() {
            let time = queued.wants_time().then(now);
            let (_, wake) = locked.push(queued, Envelope::new(Payload::Own(event), source, time));
            queue.wake(wake);
        } else {
            drop(locked);
            drop(event);
        }
        Attempt::Accepted
    }

    /// Accepts an event for receivers alone, under their log's lock.
    #[inline]
    fn accept_received(&self, event: C::Event, source: Source, limit: Limit) -> Attempt<C::Event> {
        let log = self.log();
        let guard = log.lock();
        if self.kinds.load() != KindSet::RECEIVERS {
            return Attempt::Outdated(event);
        }
        if guard.is_full(limit) {
            let bound = Bound::Receiver;
            return Attempt::Rejected(Rejected { event, bound });
        }
        let envelope = Envelope::new(Payload::Own(event), source, None);
        if let Some(mut pushed) = guard.push(envelope) {
            log.wake(&mut pushed);
        }
        Attempt::Accepted
    }

    /// Accepts an event on a channel that retains it and has no listener.
    #[inline]
    fn accept_retained(&self, queue: &Queue, event: C::Event, source: Source) -> Attempt<C::Event> {
        let retained = self.history().lock();
        let numbers = queue.lock();
        if self.kinds.load() != KindSet::NONE {
            drop((numbers, retained));
            return Attempt::Outdated(event);
        }
        let envelope = Envelope::new(Payload::Own(event), source, Some(now()));
        let evicted = retained.push(envelope.accepted(numbers.number()));
        self.kinds.shared.discard_event::<C>(evicted);
        Attempt::Accepted
    }

    /// Accepts an event that is shared: for several kinds, for listeners of a channel that retains
    /// it, for receivers that want envelopes, or for inline listeners inside one of their callbacks.
    /// The locks are taken in this order, and each is released when its kind has the event; the one
    /// of the retained events is the last.
    #[inline(never)]
    fn accept_shared(
        &self,
        queue: &Queue,
        event: C::Event,
        source: Source,
        limit: Limit,
        cache: Option<&SnapshotCache<C>>,
        kinds: KindSet,
    ) -> Attempt<C::Event> {
        let has = |kind| kinds.contains(kind);
        let retained = (C::RETAIN > 0).then(|| self.history().lock());
        let log = has(KindSet::RECEIVERS).then(|| self.log().lock());
        let enveloped = C::RETAIN > 0 || has(KindSet::ENVELOPES);
        let numbers = (enveloped || has(KindSet::QUEUED)).then(|| queue.lock());
        let inline = has(KindSet::INLINE).then(|| self.inline().snapshot(cache));

        let is_outdated = !kinds.contains(self.kinds.load());
        let no_room = if log.as_ref().is_some_and(|log| log.is_full(limit)) {
            Some(Bound::Receiver)
        } else if has(KindSet::QUEUED) && numbers.as_ref().is_some_and(|queue| queue.is_full(limit))
        {
            Some(Bound::Queue)
        } else {
            None
        };
        if is_outdated || no_room.is_some() {
            // The snapshot is dropped last: it may hold the last reference to a listener, whose
            // drop is user code.
            drop((numbers, log, retained));
            if let Some(snapshot) = inline {
                self.inline().release(snapshot);
            }
            return match no_room {
                Some(bound) if !is_outdated => Attempt::Rejected(Rejected { event, bound }),
                _ => Attempt::Outdated(event),
            };
        }

        let is_consumed = numbers.as_ref().is_some_and(QueueGuard::is_consumed);
        let queued = (has(KindSet::QUEUED) && is_consumed).then(|| self.queued());
        let timed = enveloped || queued.is_some_and(|queued| queued.wants_time());
        let time = timed.then(now);
        let event = Arc::new(event);
        let envelope = || Envelope::<C>::new(Payload::Shared(Arc::clone(&event)), source, time);
        let (sequence, wake_consumer) = match (numbers, queued) {
            (Some(numbers), Some(queued)) => numbers.push(queued, envelope()),
            (Some(numbers), None) => (numbers.number(), Wake::Nothing),
            (None, _) => (0, Wake::Nothing),
        };
        let envelope = || envelope().accepted(sequence);
        let mut pushed = log.and_then(|log| log.push(envelope()));
        let evicted = retained.map(|retained| retained.push(envelope()));
        // All locks are released: user code may run from here. Drops come last: until the inline
        // listeners have been called, their snapshot is in use.
        let mut wake = || {
            queue.wake(wake_consumer);
            if let Some(pushed) = &mut pushed {
                self.log().wake(pushed);
            }
        };
        let shared = &self.kinds.shared;
        let Some(snapshot) = inline else {
            wake();
            drop(pushed);
            shared.discard_event::<C>(evicted);
            shared.discard_event::<C>(event);
            return Attempt::Accepted;
        };
        let inline = self.inline();
        self.sites.note(source);
        inline.count(cache);
        if inline.is_reentrant() {
            // Before user code that may publish on this channel.
            inline.defer(snapshot, Payload::Shared(event));
            wake();
        } else {
            inline.call(snapshot, &event, wake);
            shared.discard_event::<C>(event);
        }
        drop(pushed);
        shared.discard_event::<C>(evicted);
        Attempt::AcceptedInline
    }

    /// Notes the line that published an event, and counts the event. Not for events that the inline
    /// listeners have counted.
    #[inline]
    fn note(&self, source: Source, cache: Option<&SnapshotCache<C>>) {
        self.sites.note(source);
        match cache {
            Some(cache) => cache.count(|| self.inline()),
            None => drop(self.published.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Registers the waker `task`, to be woken when there may be room. `false` when there is room
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

    /// Removes the wakers of a task that no longer waits.
    pub(in crate::hub) fn cancel_wait(&self, queue: &Queue, waiter: &mut PublishWaiter) {
        if let Some(key) = waiter.queue.take() {
            queue.forget(key);
        }
        if let Some(key) = waiter.log.take() {
            self.log().forget(key);
        }
    }
}

/// The limit for a publisher that finds no room. It exceeds the capacity when waiting might never
/// end: inside a callback or a predicate, and on the thread of the hub's worker. In a page, every task is
/// on that thread, and an async publisher waits all the same: the worker is another task.
fn limit_of_waiting(queue: &Queue) -> Limit {
    if scope::any_callback_or_predicate() || (CAN_BLOCK && queue.is_consumed_here()) {
        Limit::None
    } else {
        Limit::Capacity
    }
}
