//! Which callbacks and predicates the current thread is inside.
//!
//! Inside either, a publish must not wait. Inside a callback, `flush` and `close` do not wait, and
//! the events that an inline callback publishes are delivered after the current one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::HubId;

/// A kind of callback, or a predicate, and its hub, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Scope(u64);

impl Scope {
    const OUTSIDE: Self = Self(0);

    /// A waker that a callback's scope runs.
    const WAKER: Self = Self(3);

    fn inline(hub: HubId) -> Self {
        Self(hub.get() << 2)
    }

    fn dispatch(hub: HubId) -> Self {
        Self(hub.get() << 2 | 1)
    }

    fn predicate(hub: HubId) -> Self {
        Self(hub.get() << 2 | 2)
    }

    fn is_dispatch(self) -> bool {
        self.0 & 3 == 1
    }

    fn is_callback(self) -> bool {
        self != Self::OUTSIDE && self.0 & 3 != 2
    }
}

pub(crate) type Job = Box<dyn FnOnce()>;

thread_local! {
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::OUTSIDE) };
    /// The scopes around the current one: empty unless callbacks of several kinds or hubs nest.
    static OUTER: RefCell<Vec<Scope>> = const { RefCell::new(Vec::new()) };
    static DEFERRED: RefCell<VecDeque<(HubId, Job)>> = const { RefCell::new(VecDeque::new()) };
    /// How many jobs are deferred: cheaper to read than the list.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is inside a callback of any hub, or a predicate, and must not wait for room.
#[inline]
pub(crate) fn any_callback_or_predicate() -> bool {
    CURRENT.get() != Scope::OUTSIDE
}

/// Whether this thread is inside a callback of any hub, and must wait neither for a hub nor for a
/// listener: a callback of the other one may be waiting for this one.
pub(crate) fn any_callback() -> bool {
    CURRENT.get().is_callback()
        || outer(|scopes| scopes.iter().any(|scope| scope.is_callback())).unwrap_or(false)
}

/// Whether this thread is inside a callback of this hub.
pub(crate) fn callback_of(hub: HubId) -> bool {
    is_in(Scope::inline(hub)) || is_in(Scope::dispatch(hub))
}

/// Whether this thread is inside a queued callback of any hub.
pub(crate) fn any_dispatch() -> bool {
    CURRENT.get().is_dispatch()
        || outer(|scopes| scopes.iter().any(|scope| scope.is_dispatch())).unwrap_or(false)
}

/// Runs queued callbacks of this hub.
pub(crate) fn dispatch<R>(hub: HubId, callbacks: impl FnOnce() -> R) -> R {
    let _entered = Entered::enter(Scope::dispatch(hub));
    callbacks()
}

/// Runs a waker, which is part of the scope around it. A future that it polls is not polled by a
/// callback.
pub(crate) fn waker<R>(wake: impl FnOnce() -> R) -> R {
    let is_outside = CURRENT.get() == Scope::OUTSIDE;
    let _entered = (!is_outside).then(|| Entered::enter(Scope::WAKER));
    wake()
}

/// Whether a future that waits for a hub or for a listener is polled by a callback, and must not
/// wait: the callback may block until the future is ready.
pub(crate) fn is_polled_by_callback() -> bool {
    any_callback() && CURRENT.get() != Scope::WAKER
}

/// Runs a predicate of `wait_for`. A publish inside it must not wait, because its own thread may be
/// the only one that makes room; `flush` and `close` may wait.
pub(crate) fn predicate<R>(hub: HubId, predicate: impl FnOnce() -> R) -> R {
    let _entered = Entered::enter(Scope::predicate(hub));
    predicate()
}

/// Whether this thread is inside an inline callback of this hub.
#[inline]
pub(crate) fn inline_of(hub: HubId) -> bool {
    is_in(Scope::inline(hub))
}

/// Runs inline callbacks of this hub, then the jobs that they deferred.
#[expect(
    clippy::inline_always,
    reason = "two places call it, and a call costs as much as it does"
)]
#[inline(always)]
pub(crate) fn inline(hub: HubId, callbacks: impl FnOnce()) {
    let _entered = Entered::enter(Scope::inline(hub));
    callbacks();
    if WAITING.get() != 0 {
        run_deferred(hub);
    }
}

#[cold]
fn run_deferred(hub: HubId) {
    while let Some(job) = next_deferred(hub) {
        job();
    }
}

/// Runs the job when the inline callbacks of this hub have returned. Called inside one of them.
pub(crate) fn defer(hub: HubId, job: Job) {
    let mut job = Some((hub, job));
    let deferred = DEFERRED.try_with(|jobs| {
        jobs.borrow_mut().extend(job.take());
        WAITING.set(WAITING.get() + 1);
    });
    if deferred.is_err()
        && let Some((_, job)) = job
    {
        // The thread is ending, and its list is gone.
        job();
    }
}

fn next_deferred(hub: HubId) -> Option<Job> {
    let next = DEFERRED.try_with(|jobs| {
        let mut jobs = jobs.borrow_mut();
        let next = jobs.iter().position(|(of, _)| *of == hub)?;
        WAITING.set(WAITING.get() - 1);
        jobs.remove(next).map(|(_, job)| job)
    });
    next.ok().flatten()
}

#[inline]
fn is_in(scope: Scope) -> bool {
    match CURRENT.get() {
        Scope::OUTSIDE => false,
        innermost if innermost == scope => true,
        _ => is_outer(scope),
    }
}

#[cold]
fn is_outer(scope: Scope) -> bool {
    outer(|scopes| scopes.contains(&scope)).unwrap_or(false)
}

/// `None` in the destructors of an ending thread, where the list is gone.
fn outer<R>(look: impl FnOnce(&mut Vec<Scope>) -> R) -> Option<R> {
    OUTER.try_with(|outer| look(&mut outer.borrow_mut())).ok()
}

#[cold]
fn push(before: Scope) {
    outer(|scopes| scopes.push(before));
}

#[cold]
fn pop() {
    outer(Vec::pop);
}

/// Restores the previous scope on drop.
struct Entered {
    before: Scope,
}

impl Entered {
    #[inline]
    fn enter(scope: Scope) -> Self {
        let before = CURRENT.replace(scope);
        if before != Scope::OUTSIDE {
            push(before);
        }
        Self { before }
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.before);
        if self.before != Scope::OUTSIDE {
            pop();
        }
    }
}
