//! The events of one channel on their way to its queued listeners, and the calls of their callbacks.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::vec;

use super::QueuedListeners;
use super::budget::Budget;
use super::listener::{CallbackSlot, QueuedListener};
use super::queue_buffer::{AnyChannelBuffer, KEPT};
use crate::channel::Channel;
use crate::delivery::listener::subscription::Unsubscribe as _;
use crate::delivery::shared::HubShared;
use crate::delivery::shared::trace;
use crate::envelope::Envelope;

/// The events of one channel in one queue buffer.
pub(crate) struct ChannelBuffer<C: Channel> {
    listeners: Arc<QueuedListeners<C>>,
    events: VecDeque<Envelope<C>>,
    /// Filled during a delivery.
    active: Vec<ActiveListener<C>>,
}

impl<C: Channel> ChannelBuffer<C> {
    pub(crate) fn new(listeners: &Arc<QueuedListeners<C>>) -> Self {
        Self {
            listeners: Arc::clone(listeners),
            events: VecDeque::new(),
            active: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, envelope: Envelope<C>) {
        self.events.push_back(envelope);
    }

    /// How many events there is room for.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn room(&mut self) -> usize {
        self.events.capacity()
    }

    /// Borrows the listeners' callbacks for a delivery, unless it has them.
    fn borrow_callbacks(&mut self) {
        if self.active.is_empty() {
            let listeners = self.listeners.listeners();
            listeners
                .for_each(|listener| self.active.push(ActiveListener::take(Arc::clone(listener))));
        }
    }
}

impl<C: Channel> AnyChannelBuffer for ChannelBuffer<C> {
    fn deliver(&mut self, count: usize) {
        self.borrow_callbacks();
        let shared = &self.listeners.kinds.shared;
        // The events stay in place: moving one costs as much as a call.
        if !mem::needs_drop::<C::Event>() {
            for event in self.events.iter().take(count) {
                tell(&mut self.active, event);
                shared.event_done(event.sequence() + 1);
            }
            self.events.drain(..count);
            return;
        }
        for _ in 0..count {
            let Some(event) = self.events.front() else {
                return;
            };
            let sequence = event.sequence();
            tell(&mut self.active, event);
            discard_event(shared, self.events.pop_front(), sequence);
            shared.event_done(sequence + 1);
        }
    }

    fn replay(&mut self, sequence: u64, budget: &mut Budget) -> (usize, bool) {
        self.borrow_callbacks();
        let joined = |active: &&mut ActiveListener<C>| active.listener.since <= sequence;
        let mut replayed = 0;
        for active in self.active.iter_mut().filter(joined) {
            let (count, is_done) = active.replay(sequence, budget);
            replayed += count;
            if !is_done {
                return (replayed, false);
            }
        }
        (replayed, true)
    }

    fn next(&self) -> Option<u64> {
        self.events.front().map(Envelope::sequence)
    }

    fn finish(&mut self, end: u64) {
        for active in self.active.drain(..) {
            active.return_callback(end);
        }
    }

    fn shrink(&mut self) {
        self.events.shrink_to(KEPT);
    }

    fn discard(&mut self) {
        for event in self.events.drain(..) {
            self.listeners.kinds.shared.discard_event::<C>(event);
        }
    }
}

/// Calls every listener that had joined when the event was accepted.
#[inline]
fn tell<C: Channel>(active: &mut [ActiveListener<C>], event: &Envelope<C>) {
    let sequence = event.sequence();
    for active in active {
        if sequence >= active.listener.since {
            active.call(event, sequence);
        }
    }
}

/// Drops a delivered event. User code runs only when the event is no longer shared, and then no
/// listener is being called: `close` does not wait for it.
fn discard_event<C: Channel>(shared: &HubShared, event: Option<Envelope<C>>, sequence: u64) {
    if mem::needs_drop::<C::Event>()
        && let Some(event) = event.and_then(|event| event.into_payload().into_inner())
    {
        shared.end_call(sequence);
        shared.discard_event::<C>(event);
    }
}

/// A listener whose callback the dispatcher has borrowed.
///
/// The callback is moved, not locked: no lock is held while it runs, and a guard that ends the
/// listener meanwhile finds the slot empty and leaves the drop to the dispatcher.
struct ActiveListener<C: Channel> {
    listener: Arc<QueuedListener<C>>,
    slot: Option<CallbackSlot<C>>,
}

impl<C: Channel> ActiveListener<C> {
    fn take(listener: Arc<QueuedListener<C>>) -> Self {
        let slot = listener.slot.lock().take();
        Self { listener, slot }
    }

    /// Delivers the listener's replay as far as the budget goes; returns the number of events, and
    /// whether that was everything.
    fn replay(&mut self, sequence: u64, budget: &mut Budget) -> (usize, bool) {
        let mut count = 0;
        // Taken out one by one: the callback may end its own listener, and the rest of the replay.
        while let Some(slot) = &mut self.slot
            && self.listener.common.is_active()
            && !slot.replay.as_slice().is_empty()
        {
            if !budget.spend() {
                return (count, false);
            }
            if let Some(event) = slot.replay.next() {
                self.call(&event, sequence);
                discard_event(&self.listener.shared, Some(event), sequence);
                count += 1;
            }
        }
        if let Some(slot) = &mut self.slot
            && slot.replay.as_slice().is_empty()
        {
            // Its memory would be kept as long as the listener.
            slot.replay = vec::IntoIter::default();
        }
        (count, true)
    }

    /// `sequence` is how far the dispatcher has come: a retained event has an older number of its
    /// own.
    #[inline]
    fn call(&mut self, event: &Envelope<C>, sequence: u64) {
        let listener = &*self.listener;
        let Some(CallbackSlot { callback, .. }) = &mut self.slot else {
            return;
        };
        listener.shared.begin_call(listener.id, sequence);
        if listener.common.is_active() {
            listener.count();
            listener.common.isolate(&listener.shared, C::NAME, || {
                trace::delivery(C::NAME, &listener.common.name);
                callback(event);
            });
            if listener.once {
                listener.unsubscribe();
            }
        }
        if !listener.common.is_active() {
            self.discard(sequence);
        }
    }

    fn return_callback(mut self, sequence: u64) {
        let mut home = self.listener.slot.lock();
        if self.listener.common.is_active() {
            *home = self.slot;
        } else {
            drop(home);
            self.discard(sequence);
        }
    }

    /// Drops the callback of an ended listener. The call is over: `close` does not wait for the
    /// drop of captures.
    #[cold]
    #[inline(never)]
    fn discard(&mut self, sequence: u64) {
        if let Some(slot) = self.slot.take() {
            self.listener.shared.end_call(sequence);
            self.listener.discard(Some(slot));
        }
    }
}
