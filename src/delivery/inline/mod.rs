//! Inline listeners: called at once, on the publisher's thread, before `publish` returns.
//!
//! This module holds the listeners of a channel, each a [`listener`]. A publish reaches them
//! through a [`cache`]: the publisher's own or, without a publisher, one of the thread's
//! [`thread_caches`].

mod cache;
mod listener;
mod thread_caches;

use std::sync::{Arc, Weak};

use crate::channel::Channel;
use crate::delivery::listener::set::{ListenerSet, Snapshot};
use crate::delivery::listener::subscription::Subscription;
use crate::delivery::listener::{Listener, ListenerName};
use crate::delivery::shared::kinds::{ActiveKinds, KindSet};
use crate::delivery::shared::scope;
use crate::envelope::Payload;
use crate::sync::{Mutex, MutexGuard};

use cache::LocalCounter;
pub(crate) use cache::{CachedSnapshot, SnapshotCache};
use listener::{Inline, InlineListener};
use thread_caches::SlotId;

/// The inline listeners of one channel.
pub(crate) struct InlineListeners<C: Channel> {
    kinds: Arc<ActiveKinds>,
    slot: SlotId,
    state: Mutex<State<C>>,
}

struct State<C: Channel> {
    set: ListenerSet<dyn Inline<C>>,
    /// The list that publishers read without the lock. The first publish after a change makes it.
    snapshot: Option<Members<C>>,
    /// The snapshots of the caches that have one.
    snapshots: Vec<Arc<CachedSnapshot<C>>>,
    /// The counters of every cache, and of some that are gone.
    counters: Vec<Arc<LocalCounter>>,
    /// How many events have been accepted without a cache, or through caches that are forgotten.
    published: u64,
}

type Members<C> = Arc<Snapshot<dyn Inline<C>>>;

impl<C: Channel> InlineListeners<C> {
    pub(crate) fn new(kinds: Arc<ActiveKinds>) -> Self {
        Self {
            kinds,
            slot: SlotId::take(),
            state: Mutex::new(State {
                set: ListenerSet::new(),
                snapshot: None,
                snapshots: Vec::new(),
                counters: Vec::new(),
                published: 0,
            }),
        }
    }

    /// The counter for a cache that opens.
    fn new_counter(&self) -> Arc<LocalCounter> {
        let counter = Arc::default();
        let mut state = self.state.lock();
        if state.counters.len() == state.counters.capacity() {
            state.forget_caches();
        }
        state.counters.push(Arc::clone(&counter));
        counter
    }

    /// Accepts an event on a channel that has only inline listeners, and returns the listeners that
    /// get it. `None` when the event is not accepted: the channel has listeners of another kind by
    /// now, or there is no cache. Not called inside an inline callback of this hub.
    #[inline]
    pub(crate) fn counted_snapshot(
        self: &Arc<Self>,
        cache: Option<&SnapshotCache<C>>,
    ) -> Option<Arc<CachedSnapshot<C>>> {
        match cache {
            Some(cache) => self.counted_snapshot_in(cache),
            None => {
                thread_caches::with_own(self, |cache| self.counted_snapshot_in(cache)).flatten()
            }
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "two places call it, and a call costs as much as it does"
    )]
    #[inline(always)]
    pub(super) fn counted_snapshot_in(
        &self,
        cache: &SnapshotCache<C>,
    ) -> Option<Arc<CachedSnapshot<C>>> {
        // First: its atomic read-modify-write would wait for earlier stores.
        let snapshot = self.snapshot_in(cache);
        if !KindSet::INLINE.contains(self.kinds.load()) {
            self.release(snapshot);
            return None;
        }
        cache.count(|| self);
        Some(snapshot)
    }

    /// The current listeners, for an event that other kinds get too, or that is deferred.
    pub(crate) fn snapshot(
        self: &Arc<Self>,
        cache: Option<&SnapshotCache<C>>,
    ) -> Arc<CachedSnapshot<C>> {
        match cache {
            // The call under way holds its cache's snapshot, current or not.
            _ if self.is_reentrant() => self.uncached_snapshot(),
            Some(cache) => self.snapshot_in(cache),
            None => thread_caches::with_own(self, |cache| self.snapshot_in(cache))
                .unwrap_or_else(|| self.uncached_snapshot()),
        }
    }

    #[inline]
    fn snapshot_in(&self, cache: &SnapshotCache<C>) -> Arc<CachedSnapshot<C>> {
        cache.snapshot().unwrap_or_else(|| self.new_snapshot(cache))
    }

    /// A snapshot that no cache holds.
    #[cold]
    pub(super) fn uncached_snapshot(&self) -> Arc<CachedSnapshot<C>> {
        let listeners = self.state.lock().snapshot();
        Arc::new(CachedSnapshot { listeners })
    }

    /// Counts the event of a [snapshot](Self::snapshot).
    pub(crate) fn count(self: &Arc<Self>, cache: Option<&SnapshotCache<C>>) {
        match cache {
            Some(cache) => cache.count(|| self),
            None => thread_caches::with_own(self, |cache| cache.count(|| self))
                .unwrap_or_else(|| self.count_uncached()),
        }
    }

    #[cold]
    pub(super) fn count_uncached(&self) {
        self.state.lock().published += 1;
    }

    /// Whether this thread is inside an inline callback of this hub, so that the event has to be
    /// [deferred](Self::defer).
    #[inline]
    pub(crate) fn is_reentrant(&self) -> bool {
        scope::inline_of(self.kinds.shared.hub)
    }

    /// Calls `before`, then every listener of the snapshot with the event. `before` runs inside the
    /// callbacks' scope too, because the snapshot is in use: it may listen, publish and close.
    #[inline]
    pub(crate) fn call(
        &self,
        snapshot: Arc<CachedSnapshot<C>>,
        event: &C::Event,
        before: impl FnOnce(),
    ) {
        scope::inline(self.kinds.shared.hub, || {
            before();
            self.call_all(&snapshot, event);
            self.release(snapshot);
        });
    }

    /// Calls the listeners of the snapshot when the current event has reached every listener.
    /// Called inside an inline callback of the same hub.
    #[cold]
    pub(crate) fn defer(&self, snapshot: Arc<CachedSnapshot<C>>, event: Payload<C::Event>) {
        // Held weakly: `close` waits for calls under way, not for deferred ones.
        let members = snapshot.listeners.members();
        let listeners: Vec<_> = members.iter().map(Arc::downgrade).collect();
        self.release(snapshot);
        self.release_members(members);
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
    pub(super) fn call_all(&self, snapshot: &CachedSnapshot<C>, event: &C::Event) {
        let shared = &*self.kinds.shared;
        snapshot
            .listeners
            .for_each(|listener| listener.call(event, shared));
    }

    #[cold]
    fn new_snapshot(&self, cache: &SnapshotCache<C>) -> Arc<CachedSnapshot<C>> {
        let mut state = self.state.lock();
        let listeners = state.snapshot();
        let snapshot = Arc::new(CachedSnapshot { listeners });
        cache.store(&snapshot);
        state.snapshots.push(Arc::clone(&snapshot));
        snapshot
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
        let before = self.changed(state);
        self.release_list(before);
        Subscription::new(listener)
    }

    fn leave(&self, listener: &Listener) {
        let mut state = self.state.lock();
        let left = state.set.remove(listener);
        let before = self.changed(state);
        self.release_list(before);
        drop(left);
    }

    /// Removes all listeners: the hub has ended.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        let left = state.set.clear();
        let before = self.changed(state);
        self.release_list(before);
        self.release_members(left.into_unshared_members());
    }

    /// Drops a snapshot, which may hold the last references to listeners that have ended.
    #[inline]
    pub(crate) fn release(&self, snapshot: Arc<CachedSnapshot<C>>) {
        if let Some(CachedSnapshot { listeners }) = Arc::into_inner(snapshot) {
            self.release_list(Some(listeners));
        }
    }

    #[cold]
    fn release_list(&self, list: Option<Members<C>>) {
        if let Some(list) = list.and_then(Arc::into_inner) {
            self.release_members(list.into_unshared_members());
        }
    }

    /// Drops references to listeners. User code runs when none is left: the drop of one's captures
    /// may close another one, and `close` waits for the drop of neither.
    fn release_members(&self, members: impl IntoIterator<Item = Arc<dyn Inline<C>>>) {
        let members = members.into_iter();
        let ended: Vec<_> = members.filter_map(Inline::into_last).collect();
        if ended
            .iter()
            .any(|listener| (**listener).as_ref().is_closing())
        {
            self.kinds.shared.listener_ended();
        }
        drop(ended);
    }

    /// Updates the kinds, invalidates the snapshots and unlocks. Returns the outdated list for the
    /// caller to drop.
    fn changed(&self, mut state: MutexGuard<'_, State<C>>) -> Option<Members<C>> {
        self.kinds.set(KindSet::INLINE, !state.set.is_empty());
        let before = state.snapshot.take();
        // Under the lock: the next change must find no cache with an older snapshot. No listener is
        // dropped here, because `before` holds the same ones.
        state.snapshots.clear();
        before
    }

    /// How many events have been accepted, through a cache or without one.
    pub(crate) fn published(&self) -> u64 {
        self.state.lock().published()
    }

    pub(crate) fn listener_count(&self) -> usize {
        self.state.lock().set.len()
    }

    /// Calls `look` with each listener, in the order of registration, and the number of its
    /// deliveries.
    pub(crate) fn listeners<R>(&self, look: impl Fn(&Listener, u64) -> R) -> Vec<R> {
        let state = self.state.lock();
        let published = state.published();
        let listeners = state.set.snapshot();
        drop(state);
        let mut seen = Vec::new();
        listeners.for_each(|listener| {
            let delivered = published - listener.published_before();
            seen.push(look((**listener).as_ref(), delivered));
        });
        self.release_members(listeners.into_unshared_members());
        seen
    }
}

impl<C: Channel> State<C> {
    fn published(&self) -> u64 {
        let in_caches = self.counters.iter().map(|counter| counter.published());
        self.published + in_caches.sum::<u64>()
    }

    /// Forgets the caches that are gone: no other reference to their counters and snapshots is
    /// left. No listener is dropped, because the snapshots are current.
    fn forget_caches(&mut self) {
        self.snapshots
            .retain_mut(|snapshot| Arc::get_mut(snapshot).is_none());
        self.counters.retain_mut(|counter| {
            let gone = Arc::get_mut(counter).map(|counter| counter.published());
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
