//! Inline listeners: called at once, on the publisher's thread, before `publish` returns.
//!
//! Here are the listeners; at a [`desk`] a publisher calls them.

mod desk;

use std::mem;
use std::sync::Arc;

use super::audience::{Audience, Way};
use super::context::Context;
use super::inside;
use super::listener::{Label, Listener};
use super::roster::{Roster, View};
use super::subscription::{Ending, Subscription};
use super::trace;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::sync::{Mutex, MutexGuard};

pub(crate) use desk::Desk;
use desk::{Sheet, Tally};

/// The inline listeners of one channel.
pub(crate) struct InlineListeners<C: Channel> {
    audience: Arc<Audience>,
    state: Mutex<State<C>>,
}

struct State<C: Channel> {
    roster: Roster<dyn Inline<C>>,
    /// What publishers go through, without the lock. The first publish after a change makes it.
    snapshot: Option<Snapshot<C>>,
    /// Of the desks that have one.
    sheets: Vec<Arc<Sheet<C>>>,
    /// Of every desk there is.
    tallies: Vec<Arc<Tally>>,
    /// How many events have gone through the listeners, or over desks that are gone.
    published: u64,
}

type Snapshot<C> = Arc<View<dyn Inline<C>>>;

impl<C: Channel> InlineListeners<C> {
    pub(crate) fn new(audience: Arc<Audience>) -> Self {
        Self {
            audience,
            state: Mutex::new(State {
                roster: Roster::new(),
                snapshot: None,
                sheets: Vec::new(),
                tallies: Vec::new(),
                published: 0,
            }),
        }
    }

    /// A desk of one's own, until it is [closed](Self::close_desk).
    pub(crate) fn open_desk(&self) -> Desk<C> {
        let desk = Desk::new();
        self.state.lock().tallies.push(Arc::clone(desk.tally()));
        desk
    }

    pub(crate) fn close_desk(&self, desk: &Desk<C>) {
        let mut state = self.state.lock();
        state.published += desk.tally().published();
        let is_its = |tally: &Arc<Tally>| Arc::ptr_eq(tally, desk.tally());
        if let Some(place) = state.tallies.iter().position(is_its) {
            state.tallies.swap_remove(place);
        }
        let sheet = state.sheets.iter().position(|sheet| desk.has(sheet));
        let sheet = sheet.map(|place| state.sheets.swap_remove(place));
        drop(state);
        drop(sheet);
    }

    /// Calls every listener with the event, now or, from inside an inline callback of the same
    /// hub, as soon as the present event has reached every listener.
    pub(crate) fn publish(self: &Arc<Self>, event: Payload<C::Event>, desk: Option<&Desk<C>>) {
        if self.is_calling_here() {
            self.defer(event);
        } else {
            self.publish_now(&event, desk);
        }
    }

    /// Whether this thread is inside an inline callback of this hub, so that others wait their turn.
    #[inline]
    pub(crate) fn is_calling_here(&self) -> bool {
        inside::inline_of(self.audience.context.hub)
    }

    /// Calls every listener with the event, where none is being called here.
    #[inline]
    pub(crate) fn publish_now(&self, event: &C::Event, desk: Option<&Desk<C>>) {
        inside::inline(self.audience.context.hub, || match desk {
            Some(desk) => self.publish_at(desk, event),
            None => self.publish_here(event),
        });
    }

    #[cold]
    fn defer(self: &Arc<Self>, event: Payload<C::Event>) {
        let listeners = Arc::clone(self);
        let job = move || {
            listeners.publish_here(&event);
            listeners.audience.context.discard_event::<C>(event);
        };
        inside::defer(self.audience.context.hub, Box::new(job));
    }

    /// Calls every listener with the event.
    pub(super) fn publish_here(&self, event: &C::Event) {
        let mut state = self.state.lock();
        state.published += 1;
        let listeners = state.snapshot();
        drop(state);
        self.call(&listeners, event);
    }

    /// The same from a desk.
    #[inline]
    pub(super) fn publish_at(&self, desk: &Desk<C>, event: &C::Event) {
        desk.count();
        let sheet = desk.sheet().unwrap_or_else(|| self.new_sheet(desk));
        self.call(&sheet.listeners, event);
    }

    #[inline]
    fn call(&self, listeners: &View<dyn Inline<C>>, event: &C::Event) {
        let context = &*self.audience.context;
        listeners.for_each(|listener| listener.call(event, context));
    }

    #[cold]
    fn new_sheet(&self, desk: &Desk<C>) -> Arc<Sheet<C>> {
        let mut state = self.state.lock();
        let listeners = state.snapshot();
        let sheet = Arc::new(Sheet { listeners });
        desk.learn(&sheet);
        state.sheets.push(Arc::clone(&sheet));
        sheet
    }

    pub(crate) fn listen(
        self: &Arc<Self>,
        label: Label,
        callback: impl Fn(&C::Event) + Send + Sync + 'static,
    ) -> Subscription {
        let mut state = self.state.lock();
        let listener = Arc::new(InlineListener {
            callback: Some(callback),
            common: Listener::new(label),
            published_before: state.published(),
            channel: Arc::clone(self),
        });
        state.roster.join(Arc::clone(&listener) as _);
        drop(self.changed(state));
        Subscription::new(listener)
    }

    fn leave(&self, listener: &Listener) {
        let mut state = self.state.lock();
        let left = state.roster.leave(listener);
        let before = self.changed(state);
        drop((left, before));
    }

    /// The hub is gone: nobody listens any more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        let left = state.roster.clear();
        let before = self.changed(state);
        drop((left, before));
    }

    /// Tells publishers, and unlocks. What is not up to date any more is for the caller, to drop.
    fn changed(&self, mut state: MutexGuard<'_, State<C>>) -> impl Sized + use<C> {
        self.audience.changed(Way::Inline, !state.roster.is_empty());
        (state.snapshot.take(), mem::take(&mut state.sheets))
    }

    /// How many events have gone through the listeners, or over a desk.
    pub(crate) fn published(&self) -> u64 {
        self.state.lock().published()
    }

    /// The listeners in the order of registration, each with the number of its deliveries.
    pub(crate) fn listeners(&self) -> Vec<(Arc<dyn Inline<C>>, u64)> {
        let state = self.state.lock();
        let published = state.published();
        let view = state.roster.view();
        drop(state);
        let listeners = view.members().into_iter().map(|listener| {
            let delivered = published.saturating_sub(listener.published_before());
            (listener, delivered)
        });
        listeners.collect()
    }
}

impl<C: Channel> State<C> {
    fn published(&self) -> u64 {
        let at_desks = self.tallies.iter().map(|tally| tally.published());
        self.published + at_desks.sum::<u64>()
    }

    fn snapshot(&mut self) -> Snapshot<C> {
        let snapshot = self
            .snapshot
            .get_or_insert_with(|| Arc::new(self.roster.view()));
        Arc::clone(snapshot)
    }
}

/// A listener, whatever its callback is: the callback lies in place, so that to call it takes no
/// more steps than to call a boxed closure.
pub(crate) trait Inline<C: Channel>: AsRef<Listener> + Send + Sync {
    /// Calls it, unless it has ended.
    fn call(&self, event: &C::Event, context: &Context);

    /// Every publish since then has called this listener: how many is derived, not counted.
    fn published_before(&self) -> u64;
}

/// In this order, so that what a call needs is close together.
#[repr(C)]
struct InlineListener<C: Channel, F> {
    /// There until it is dropped.
    callback: Option<F>,
    common: Listener,
    published_before: u64,
    /// A circle as long as it listens: the end of its guard opens it, or that of the hub.
    channel: Arc<InlineListeners<C>>,
}

impl<C: Channel, F: Fn(&C::Event) + Send + Sync> Inline<C> for InlineListener<C, F> {
    #[inline]
    fn call(&self, event: &C::Event, context: &Context) {
        if let Some(callback) = &self.callback
            && self.common.is_active()
        {
            self.common.isolate(context, C::NAME, || {
                trace::delivery(C::NAME, &self.common.label);
                callback(event);
            });
        }
    }

    fn published_before(&self) -> u64 {
        self.published_before
    }
}

impl<C: Channel, F> AsRef<Listener> for InlineListener<C, F> {
    fn as_ref(&self) -> &Listener {
        &self.common
    }
}

impl<C: Channel, F: Send + Sync> Ending for InlineListener<C, F> {
    fn label(&self) -> &Label {
        &self.common.label
    }

    fn end(&self) {
        self.common.deactivate();
        self.channel.leave(&self.common);
    }

    /// Publishers share the listener through their lists: when it has been dropped, no call is
    /// under way.
    fn wait_out(self: Arc<Self>) {
        let channel = Arc::clone(&self.channel);
        self.common.await_drop();
        let listener = Arc::downgrade(&self);
        drop(self);
        let context = &channel.audience.context;
        if !inside::callback_of(context.hub) {
            context.progress.wait_while(|| listener.strong_count() != 0);
        }
    }
}

/// The last publisher that could call it lets go of it: under no lock.
impl<C: Channel, F> Drop for InlineListener<C, F> {
    fn drop(&mut self) {
        let callback = self.callback.take();
        let context = &self.channel.audience.context;
        self.common.isolate(context, C::NAME, || drop(callback));
        if self.common.is_awaited() {
            context.progress.wake();
        }
    }
}
