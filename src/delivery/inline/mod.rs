//! Inline listeners: called at once, on the publisher's thread, before `publish` returns.
//!
//! Here are the listeners of a channel, of which each is a [`listener`]; they are called from a
//! [`desk`]: a publisher's own or, for whoever publishes without one, one of the [`desks`] of the
//! thread.

mod desk;
mod desks;
mod listener;

use std::sync::Arc;

use super::audience::{Audience, Way};
use super::inside;
use super::listener::{Label, Listener};
use super::roster::{Roster, View};
use super::subscription::Subscription;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::sync::{Mutex, MutexGuard};

pub(crate) use desk::Desk;
use desk::{Sheet, Tally};
use desks::Number;
use listener::{Inline, InlineListener};

/// The inline listeners of one channel.
pub(crate) struct InlineListeners<C: Channel> {
    audience: Arc<Audience>,
    number: Number,
    state: Mutex<State<C>>,
}

struct State<C: Channel> {
    roster: Roster<dyn Inline<C>>,
    /// What publishers go through, without the lock. The first publish after a change makes it.
    snapshot: Option<Snapshot<C>>,
    /// Of the desks that have one.
    sheets: Vec<Arc<Sheet<C>>>,
    /// Of every desk there is, and of some that are gone.
    tallies: Vec<Arc<Tally>>,
    /// How many events have been accepted apart from a desk, or at desks that are forgotten.
    published: u64,
}

type Snapshot<C> = Arc<View<dyn Inline<C>>>;

impl<C: Channel> InlineListeners<C> {
    pub(crate) fn new(audience: Arc<Audience>) -> Self {
        Self {
            audience,
            number: Number::take(),
            state: Mutex::new(State {
                roster: Roster::new(),
                snapshot: None,
                sheets: Vec::new(),
                tallies: Vec::new(),
                published: 0,
            }),
        }
    }

    /// For a desk that opens.
    fn new_tally(&self) -> Arc<Tally> {
        let tally = Arc::default();
        let mut state = self.state.lock();
        if state.tallies.len() == state.tallies.capacity() {
            state.forget_desks();
        }
        state.tallies.push(Arc::clone(&tally));
        tally
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
    pub(crate) fn publish_now(self: &Arc<Self>, event: &C::Event, desk: Option<&Desk<C>>) {
        // Before anything else is written: the atomic write in it would wait for that.
        let sheet = match desk {
            Some(desk) => self.accept_at(desk),
            None => desks::accept(self).unwrap_or_else(|| self.accept_apart()),
        };
        inside::inline(self.audience.context.hub, || {
            self.call(&sheet.listeners, event);
            // It may be the last to hold a listener that has ended: others' code, as the calls are.
            drop(sheet);
        });
    }

    /// From inside an inline callback of the same hub: calls everybody who is there now, as soon as
    /// the present event has reached every listener.
    #[cold]
    pub(crate) fn defer(self: &Arc<Self>, event: Payload<C::Event>) {
        let listeners = self.accept();
        let channel = Arc::clone(self);
        let job = move || {
            channel.call(&listeners, &event);
            channel.audience.context.discard_event::<C>(event);
        };
        inside::defer(self.audience.context.hub, Box::new(job));
    }

    /// Counts an event, and says who is there for it.
    pub(super) fn accept(&self) -> Snapshot<C> {
        let mut state = self.state.lock();
        state.published += 1;
        state.snapshot()
    }

    /// The same where there is no desk.
    #[cold]
    fn accept_apart(&self) -> Arc<Sheet<C>> {
        let listeners = self.accept();
        Arc::new(Sheet { listeners })
    }

    /// The same at a desk.
    #[inline]
    pub(super) fn accept_at(&self, desk: &Desk<C>) -> Arc<Sheet<C>> {
        let sheet = desk.sheet().unwrap_or_else(|| self.new_sheet(desk));
        desk.count(|| self);
        sheet
    }

    #[inline]
    pub(super) fn call(&self, listeners: &View<dyn Inline<C>>, event: &C::Event) {
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
        let published = state.published();
        let listener = InlineListener::new(label, callback, published, Arc::clone(self));
        let listener = Arc::new(listener);
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
        let before = state.snapshot.take();
        // Under the lock: whoever changes them next must find no desk with a sheet of before. No
        // listener is dropped here, for `before` lists the same.
        state.sheets.clear();
        before
    }

    /// How many events have been accepted here: at a desk, or apart.
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
            let delivered = published - listener.published_before();
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

    /// Only what nobody else holds is a desk's that is gone. No listener is dropped: the sheets are up
    /// to date.
    fn forget_desks(&mut self) {
        self.sheets
            .retain_mut(|sheet| Arc::get_mut(sheet).is_none());
        self.tallies.retain_mut(|tally| {
            let gone = Arc::get_mut(tally).map(|tally| tally.published());
            self.published += gone.unwrap_or_default();
            gone.is_none()
        });
    }

    fn snapshot(&mut self) -> Snapshot<C> {
        let snapshot = self
            .snapshot
            .get_or_insert_with(|| Arc::new(self.roster.view()));
        Arc::clone(snapshot)
    }
}
