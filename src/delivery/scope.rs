//! Which callbacks the current thread is inside of, and which predicates.
//!
//! From inside either a publish must not wait. From inside a callback `flush` and `close` do not wait,
//! and an inline callback's own events have their turn after the present one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::shared::HubId;

/// A kind of callback, or a predicate, and the hub whose it is, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(u64);

impl Place {
    const OUTSIDE: Self = Self(0);

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
    static INNERMOST: Cell<Place> = const { Cell::new(Place::OUTSIDE) };
    /// The places around the innermost one: empty unless callbacks of several kinds or hubs nest.
    static AROUND: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    static DEFERRED: RefCell<VecDeque<(HubId, Job)>> = const { RefCell::new(VecDeque::new()) };
    /// How many jobs are deferred: unlike the list, to be looked at for nothing.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is inside a callback of any hub, or a predicate, and must not wait for room.
#[inline]
pub(crate) fn any_callback_or_predicate() -> bool {
    INNERMOST.get() != Place::OUTSIDE
}

/// Whether this thread is inside a callback of any hub, and must wait neither for a hub nor for a
/// listener: a callback of the other one may be waiting for this one.
pub(crate) fn any_callback() -> bool {
    INNERMOST.get().is_callback()
        || around(|places| places.iter().any(|place| place.is_callback())).unwrap_or(false)
}

/// Whether this thread is inside a callback of this hub.
pub(crate) fn callback_of(hub: HubId) -> bool {
    within(Place::inline(hub)) || within(Place::dispatch(hub))
}

/// Whether this thread is inside a queued callback of any hub.
pub(crate) fn any_dispatch() -> bool {
    INNERMOST.get().is_dispatch()
        || around(|places| places.iter().any(|place| place.is_dispatch())).unwrap_or(false)
}

/// Runs queued callbacks of this hub.
pub(crate) fn dispatch<R>(hub: HubId, callbacks: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter(Place::dispatch(hub));
    callbacks()
}

/// Runs what decides whether an event was waited for. A publish in it must not wait, for its
/// own thread may be the only one to make room; `flush` and `close` may.
pub(crate) fn predicate<R>(hub: HubId, predicate: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter(Place::predicate(hub));
    predicate()
}

/// Whether this thread is inside an inline callback of this hub.
#[inline]
pub(crate) fn inline_of(hub: HubId) -> bool {
    within(Place::inline(hub))
}

/// Runs inline callbacks of this hub, then what they deferred.
#[expect(
    clippy::inline_always,
    reason = "two places call it, and a call costs as much as it does"
)]
#[inline(always)]
pub(crate) fn inline(hub: HubId, callbacks: impl FnOnce()) {
    let _inside = Inside::enter(Place::inline(hub));
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

/// From inside an inline callback of this hub: runs the job when the callbacks are through.
pub(crate) fn defer(hub: HubId, job: Job) {
    let mut job = Some((hub, job));
    let deferred = DEFERRED.try_with(|jobs| {
        jobs.borrow_mut().extend(job.take());
        WAITING.set(WAITING.get() + 1);
    });
    if deferred.is_err()
        && let Some((_, job)) = job
    {
        // This thread is ending and has nowhere left to keep it.
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
fn within(place: Place) -> bool {
    match INNERMOST.get() {
        Place::OUTSIDE => false,
        innermost if innermost == place => true,
        _ => is_around(place),
    }
}

#[cold]
fn is_around(place: Place) -> bool {
    around(|places| places.contains(&place)).unwrap_or(false)
}

/// `None` in the destructors of an ending thread, where the list is gone.
fn around<R>(look: impl FnOnce(&mut Vec<Place>) -> R) -> Option<R> {
    AROUND
        .try_with(|around| look(&mut around.borrow_mut()))
        .ok()
}

#[cold]
fn nest(before: Place) {
    around(|places| places.push(before));
}

#[cold]
fn unnest() {
    around(Vec::pop);
}

/// Restores on drop what was innermost before.
struct Inside {
    before: Place,
}

impl Inside {
    #[inline]
    fn enter(place: Place) -> Self {
        let before = INNERMOST.replace(place);
        if before != Place::OUTSIDE {
            nest(before);
        }
        Self { before }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INNERMOST.set(self.before);
        if self.before != Place::OUTSIDE {
            unnest();
        }
    }
}
