//! Inline listeners: called at once, on the publisher's thread, before `publish` returns.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::context::Context;
use super::inside;
use super::listener::{Label, Listener};
use super::roster::Roster;
use super::subscription::{Ending, Subscription};
use super::trace;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;

pub(crate) type Callback<C> = Box<dyn Fn(&<C as Channel>::Event) + Send + Sync>;

/// The inline listeners of one channel.
pub(crate) struct InlineListeners<C: Channel> {
    context: Arc<Context>,
    count: AtomicUsize,
    state: Mutex<State<C>>,
}

struct State<C: Channel> {
    roster: Roster<InlineListener<C>>,
    /// What publishers go through, without the lock. The first publish after a change makes it.
    snapshot: Option<Snapshot<C>>,
    /// How many events have gone through the listeners.
    published: u64,
}

type Snapshot<C> = Arc<[Arc<InlineListener<C>>]>;

impl<C: Channel> InlineListeners<C> {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            count: AtomicUsize::new(0),
            state: Mutex::new(State {
                roster: Roster::new(),
                snapshot: None,
                published: 0,
            }),
        }
    }

    /// Calls every listener with the event, now or, from inside an inline callback of the same
    /// hub, as soon as the present event has reached every listener.
    pub(crate) fn publish(self: &Arc<Self>, event: Payload<C::Event>) {
        let hub = self.context.hub;
        if inside::inline_of(hub) {
            let listeners = Arc::clone(self);
            inside::defer(hub, Box::new(move || listeners.call_deferred(event)));
        } else {
            inside::inline(hub, || self.publish_here(&event));
        }
    }

    /// Calls every listener with the event.
    pub(super) fn publish_here(&self, event: &C::Event) {
        let mut state = self.state.lock();
        state.published += 1;
        let snapshot = state.snapshot();
        drop(state);
        for listener in &*snapshot {
            listener.call(event);
        }
    }

    fn call_deferred(&self, event: Payload<C::Event>) {
        self.publish_here(&event);
        self.context.discard_event::<C>(event);
    }

    pub(crate) fn listen(self: &Arc<Self>, label: Label, callback: Callback<C>) -> Subscription {
        let mut state = self.state.lock();
        let listener = Arc::new(InlineListener {
            common: Listener::new(label),
            callback,
            published_before: state.published,
            channel: Arc::downgrade(self),
            context: Arc::clone(&self.context),
        });
        state.roster.join(Arc::clone(&listener));
        self.changed(&state);
        let before = state.snapshot.take();
        drop(state);
        drop(before);
        Subscription::new(listener)
    }

    fn leave(&self, listener: &InlineListener<C>) {
        let mut state = self.state.lock();
        let left = state.roster.leave(listener);
        self.changed(&state);
        let before = state.snapshot.take();
        drop(state);
        drop((left, before));
    }

    fn changed(&self, state: &State<C>) {
        self.count.store(state.roster.len(), Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// The listeners in the order of registration, each with the number of its deliveries.
    pub(crate) fn listeners(&self) -> Vec<(Arc<InlineListener<C>>, u64)> {
        let state = self.state.lock();
        let published = state.published;
        let listeners = state.roster.in_order();
        drop(state);
        listeners
            .into_iter()
            .map(|listener| {
                let delivered = published - listener.published_before;
                (listener, delivered)
            })
            .collect()
    }
}

impl<C: Channel> State<C> {
    fn snapshot(&mut self) -> Snapshot<C> {
        let snapshot = self
            .snapshot
            .get_or_insert_with(|| self.roster.in_order().into());
        Arc::clone(snapshot)
    }
}

pub(crate) struct InlineListener<C: Channel> {
    common: Listener,
    callback: Callback<C>,
    /// Every publish since then has called this listener: how many is derived, not counted.
    published_before: u64,
    channel: Weak<InlineListeners<C>>,
    context: Arc<Context>,
}

impl<C: Channel> InlineListener<C> {
    fn call(&self, event: &C::Event) {
        if self.common.is_active() {
            self.common.isolate(&self.context, C::NAME, || {
                trace::delivery(C::NAME, &self.common.label);
                (self.callback)(event);
            });
        }
    }
}

impl<C: Channel> AsRef<Listener> for InlineListener<C> {
    fn as_ref(&self) -> &Listener {
        &self.common
    }
}

impl<C: Channel> Ending for InlineListener<C> {
    fn label(&self) -> &Label {
        &self.common.label
    }

    fn end(&self) {
        self.common.deactivate();
        if let Some(channel) = self.channel.upgrade() {
            channel.leave(self);
        }
    }

    /// Publishers share the listener through their snapshots: when it has been dropped, no call
    /// is under way.
    fn wait_out(self: Arc<Self>) {
        let context = Arc::clone(&self.context);
        let listener = Arc::downgrade(&self);
        drop(self);
        if !inside::callback_of(context.hub) {
            context.progress.wait_while(|| listener.strong_count() != 0);
        }
    }
}

/// The last publisher that could call it lets go of it: under no lock.
impl<C: Channel> Drop for InlineListener<C> {
    fn drop(&mut self) {
        let callback = std::mem::replace(&mut self.callback, Box::new(|_| {}));
        self.common
            .isolate(&self.context, C::NAME, || drop(callback));
        self.context.progress.wake();
    }
}
