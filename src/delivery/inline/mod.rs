//! Inline listeners: called at once, on the publisher's thread, before `publish` returns.
//!
//! Here are the listeners of a channel, of which each is a [`listener`]; they are called from a
//! [`cache`]: a publisher's own or, for whoever publishes without one, one of the [`thread_caches`] of the
//! thread.

mod cache;
mod listener;
mod thread_caches;

use std::sync::{Arc, Weak};

use super::kinds::{ActiveKinds, KindSet};
use super::listener::{Listener, ListenerName};
use super::listener_set::{ListenerSet, Snapshot};
use super::scope;
use super::subscription::Subscription;
use crate::channel::Channel;
use crate::envelope::Payload;
use crate::sync::{Mutex, MutexGuard};

use cache::Tally;
pub(crate) use cache::{Desk, Sheet};
use listener::{Inline, InlineListener};
use thread_caches::Number;

/// The inline listeners of one channel.
pub(crate) struct InlineListeners<C: Channel> {
    kinds: Arc<ActiveKinds>,
    number: Number,
    state: Mutex<State<C>>,
}

struct State<C: Channel> {
    set: ListenerSet<dyn Inline<C>>,
    /// What publishers go through, without the lock. The first publish after a change makes it.
    snapshot: Option<Members<C>>,
    /// Of the desks that have one.
    sheets: Vec<Arc<Sheet<C>>>,
    /// Of every desk there is, and of some that are gone.
    tallies: Vec<Arc<Tally>>,
    /// How many events have been accepted apart from a desk, or at desks that are forgotten.
    published: u64,
}

type Members<C> = Arc<Snapshot<dyn Inline<C>>>;

impl<C: Channel> InlineListeners<C> {
    pub(crate) fn new(kinds: Arc<ActiveKinds>) -> Self {
        Self {
            kinds,
            number: Number::take(),
            state: Mutex::new(State {
                set: ListenerSet::new(),
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

    /// Accepts an event on a channel that has only inline listeners: those that are there for it. `None`
    /// when there are listeners of another kind by the time these have been looked up, or when there is
    /// no desk: the event has not been accepted then. Not from inside an inline callback of this hub.
    #[inline]
    pub(crate) fn accept(self: &Arc<Self>, desk: Option<&Desk<C>>) -> Option<Arc<Sheet<C>>> {
        match desk {
            Some(desk) => self.accept_at(desk),
            None => thread_caches::with_own(self, |desk| self.accept_at(desk)).flatten(),
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "two places call it, and a call costs as much as it does"
    )]
    #[inline(always)]
    pub(super) fn accept_at(&self, desk: &Desk<C>) -> Option<Arc<Sheet<C>>> {
        // First: its atomic read-modify-write would wait for earlier stores.
        let sheet = self.snapshot_at(desk);
        if !KindSet::INLINE.contains(self.kinds.load()) {
            return None;
        }
        desk.count(|| self);
        Some(sheet)
    }

    /// The listeners that are there now, for an event that other kinds are told of too, or that has to
    /// wait its turn.
    pub(crate) fn snapshot(self: &Arc<Self>, desk: Option<&Desk<C>>) -> Arc<Sheet<C>> {
        match desk {
            // The call under way holds its desk's sheet, current or not.
            _ if self.is_calling_here() => self.snapshot_apart(),
            Some(desk) => self.snapshot_at(desk),
            None => thread_caches::with_own(self, |desk| self.snapshot_at(desk))
                .unwrap_or_else(|| self.snapshot_apart()),
        }
    }

    #[inline]
    fn snapshot_at(&self, desk: &Desk<C>) -> Arc<Sheet<C>> {
        desk.sheet().unwrap_or_else(|| self.new_sheet(desk))
    }

    /// Without a desk.
    #[cold]
    pub(super) fn snapshot_apart(&self) -> Arc<Sheet<C>> {
        let listeners = self.state.lock().snapshot();
        Arc::new(Sheet { listeners })
    }

    /// Counts the event of a [snapshot](Self::snapshot).
    pub(crate) fn count(self: &Arc<Self>, desk: Option<&Desk<C>>) {
        match desk {
            Some(desk) => desk.count(|| self),
            None => thread_caches::with_own(self, |desk| desk.count(|| self))
                .unwrap_or_else(|| self.count_apart()),
        }
    }

    #[cold]
    pub(super) fn count_apart(&self) {
        self.state.lock().published += 1;
    }

    /// Whether this thread is inside an inline callback of this hub, so that the event has to be
    /// [deferred](Self::defer).
    #[inline]
    pub(crate) fn is_calling_here(&self) -> bool {
        scope::inline_of(self.kinds.shared.hub)
    }

    /// Calls every listener of the sheet with the event.
    #[inline]
    pub(crate) fn call(&self, sheet: Arc<Sheet<C>>, event: &C::Event) {
        scope::inline(self.kinds.shared.hub, || {
            self.call_all(&sheet, event);
            // It may be the last to hold a listener that has ended: others' code, as the calls are.
            drop(sheet);
        });
    }

    /// From inside an inline callback of the same hub: calls the listeners of the sheet as soon as the
    /// present event has reached every listener.
    #[cold]
    pub(crate) fn defer(&self, sheet: Arc<Sheet<C>>, event: Payload<C::Event>) {
        // Held weakly: `close` waits for calls under way, not for those that have still to come.
        let members = sheet.listeners.members();
        let listeners: Vec<_> = members.iter().map(Arc::downgrade).collect();
        drop((members, sheet));
        let shared = Arc::clone(&self.kinds.shared);
        let hub = shared.hub;
        let job = move || {
            for listener in listeners.iter().filter_map(Weak::upgrade) {
                listener.call(&event, &shared);
            }
            shared.discard_event::<C>(event);
        };
        scope::defer(hub, Box::new(job));
    }

    #[inline]
    pub(super) fn call_all(&self, sheet: &Sheet<C>, event: &C::Event) {
        let shared = &*self.kinds.shared;
        sheet
            .listeners
            .for_each(|listener| listener.call(event, shared));
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
        name: ListenerName,
        callback: impl Fn(&C::Event) + Send + Sync + 'static,
    ) -> Subscription {
        let mut state = self.state.lock();
        let published = state.published();
        let listener = InlineListener::new(name, callback, published, Arc::clone(self));
        let listener = Arc::new(listener);
        state.set.insert(Arc::clone(&listener) as _);
        drop(self.changed(state));
        Subscription::new(listener)
    }

    fn leave(&self, listener: &Listener) {
        let mut state = self.state.lock();
        let left = state.set.remove(listener);
        let before = self.changed(state);
        drop((left, before));
    }

    /// The hub is gone: nobody listens any more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        let left = state.set.clear();
        let before = self.changed(state);
        drop((left, before));
    }

    /// Tells publishers, and unlocks. What is not up to date any more is for the caller, to drop.
    fn changed(&self, mut state: MutexGuard<'_, State<C>>) -> impl Sized + use<C> {
        self.kinds.set(KindSet::INLINE, !state.set.is_empty());
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

    pub(crate) fn listener_count(&self) -> usize {
        self.state.lock().set.len()
    }

    /// The listeners in the order of registration, each with the number of its deliveries.
    pub(crate) fn listeners(&self) -> Vec<(Arc<dyn Inline<C>>, u64)> {
        let state = self.state.lock();
        let published = state.published();
        let view = state.set.snapshot();
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

    fn snapshot(&mut self) -> Members<C> {
        let snapshot = self
            .snapshot
            .get_or_insert_with(|| Arc::new(self.set.snapshot()));
        Arc::clone(snapshot)
    }
}
