//! Queued listeners: the hub's dispatcher calls them, one at a time, in the order of acceptance.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::batch::AnyLane;
use super::context::Context;
use super::inside;
use super::listener::{Label, Listener};
use super::roster::Roster;
use super::subscription::{Ending, Subscription};
use crate::channel::Channel;
use crate::envelope::Envelope;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize};

pub(crate) type Callback<C> = Box<dyn FnMut(&Envelope<C>) + Send>;

/// The queued listeners of one channel.
pub(crate) struct QueuedListeners<C: Channel> {
    /// The number of the channel's lane in every batch of its hub.
    lane: usize,
    context: Arc<Context>,
    count: AtomicUsize,
    /// How many of them may ask for the time of events.
    timed: AtomicUsize,
    roster: Mutex<Roster<QueuedListener<C>>>,
}

impl<C: Channel> QueuedListeners<C> {
    pub(crate) fn new(lane: usize, context: Arc<Context>) -> Self {
        Self {
            lane,
            context,
            count: AtomicUsize::new(0),
            timed: AtomicUsize::new(0),
            roster: Mutex::new(Roster::new()),
        }
    }

    /// Registers a listener for the events from sequence number `since` on; `timed` where it may
    /// ask for their time.
    pub(crate) fn listen(
        self: &Arc<Self>,
        label: Label,
        since: u64,
        timed: bool,
        callback: Callback<C>,
    ) -> Subscription {
        let listener = Arc::new(QueuedListener {
            listener: Listener::new(label),
            since,
            timed,
            callback: Mutex::new(Some(callback)),
            delivered: AtomicU64::new(0),
            channel: Arc::downgrade(self),
            context: Arc::clone(&self.context),
        });
        if timed {
            self.timed.fetch_add(1, Ordering::Release);
        }
        let mut roster = self.roster.lock();
        roster.join(Arc::clone(&listener));
        self.changed(&roster);
        drop(roster);
        Subscription::new(listener)
    }

    fn leave(&self, listener: &QueuedListener<C>) {
        let mut roster = self.roster.lock();
        let left = roster.leave(listener);
        self.changed(&roster);
        drop(roster);
        if left.is_some_and(|left| left.timed) {
            self.timed.fetch_sub(1, Ordering::Release);
        }
    }

    fn changed(&self, roster: &Roster<QueuedListener<C>>) {
        self.count.store(roster.len(), Ordering::Release);
    }

    /// Whether an event needs to know when it was published.
    pub(crate) fn wants_time(&self) -> bool {
        self.timed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(crate) fn lane(&self) -> usize {
        self.lane
    }

    /// The listeners in the order of registration.
    pub(crate) fn listeners(&self) -> Vec<Arc<QueuedListener<C>>> {
        self.roster.lock().in_order()
    }
}

pub(crate) struct QueuedListener<C: Channel> {
    listener: Listener,
    since: u64,
    timed: bool,
    /// Away while the dispatcher delivers.
    callback: Mutex<Option<Callback<C>>>,
    delivered: AtomicU64,
    channel: Weak<QueuedListeners<C>>,
    context: Arc<Context>,
}

impl<C: Channel> QueuedListener<C> {
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Drops the callback, which is a user's code, isolated and under no lock.
    fn discard(&self, callback: Option<Callback<C>>) {
        if callback.is_some() {
            self.isolate(|| drop(callback));
        }
    }

    fn isolate(&self, code: impl FnOnce()) {
        if !self.context.isolate(C::NAME, &self.listener.label, code) {
            self.listener.count_panic();
        }
    }
}

impl<C: Channel> AsRef<Listener> for QueuedListener<C> {
    fn as_ref(&self) -> &Listener {
        &self.listener
    }
}

impl<C: Channel> Ending for QueuedListener<C> {
    fn label(&self) -> &Label {
        &self.listener.label
    }

    fn end(&self) {
        self.listener.deactivate();
        if let Some(channel) = self.channel.upgrade() {
            channel.leave(self);
        }
        let callback = self.callback.lock().take();
        self.discard(callback);
    }

    fn wait_out(self: Arc<Self>) {
        if !inside::callback_of(self.context.hub) {
            self.context.progress.wait_out(self.listener.id);
        }
    }
}

impl<C: Channel> Drop for QueuedListener<C> {
    fn drop(&mut self) {
        let callback = self.callback.lock().take();
        self.discard(callback);
    }
}

/// The events of one channel in one batch.
pub(crate) struct Lane<C: Channel> {
    listeners: Arc<QueuedListeners<C>>,
    events: VecDeque<Envelope<C>>,
    /// Filled for the time of a delivery.
    seats: Vec<Seat<C>>,
}

impl<C: Channel> Lane<C> {
    pub(crate) fn new(listeners: &Arc<QueuedListeners<C>>) -> Self {
        Self {
            listeners: Arc::clone(listeners),
            events: VecDeque::new(),
            seats: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, envelope: Envelope<C>) {
        self.events.push_back(envelope);
    }
}

impl<C: Channel> AnyLane for Lane<C> {
    fn deliver(&mut self, count: usize) {
        if self.seats.is_empty() {
            let listeners = self.listeners.listeners();
            self.seats.extend(listeners.into_iter().map(Seat::take));
        }
        let context = &self.listeners.context;
        for event in self.events.drain(..count) {
            for seat in &mut self.seats {
                seat.call(&event);
            }
            let next = event.sequence() + 1;
            context.discard_event::<C>(event);
            context.progress.pass(next);
        }
    }

    fn finish(&mut self) {
        self.seats.drain(..).for_each(Seat::give_back);
    }
}

/// A listener whose callback the dispatcher has.
///
/// The callback is moved, not locked: no lock is held while it runs, and a guard that ends the
/// listener meanwhile finds the callback away and leaves its drop to the dispatcher.
struct Seat<C: Channel> {
    listener: Arc<QueuedListener<C>>,
    callback: Option<Callback<C>>,
}

impl<C: Channel> Seat<C> {
    fn take(listener: Arc<QueuedListener<C>>) -> Self {
        let callback = listener.callback.lock().take();
        Self { listener, callback }
    }

    fn call(&mut self, event: &Envelope<C>) {
        let listener = &*self.listener;
        let Some(callback) = &mut self.callback else {
            return;
        };
        if event.sequence() < listener.since {
            return;
        }
        let progress = &listener.context.progress;
        progress.enter(listener.listener.id, event.sequence());
        if listener.listener.is_active() {
            listener.delivered.fetch_add(1, Ordering::Relaxed);
            listener.isolate(|| callback(event));
        } else {
            listener.discard(self.callback.take());
        }
    }

    fn give_back(self) {
        let mut home = self.listener.callback.lock();
        if self.listener.listener.is_active() {
            *home = self.callback;
        } else {
            drop(home);
            self.listener.discard(self.callback);
        }
    }
}
