//! Which callbacks the current thread is inside of.
//!
//! From inside a callback a publish must not wait, `flush` and `close` cannot wait for
//! themselves, and an inline callback's own events have their turn after the present one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::context::HubId;

/// A kind of callback, and the hub whose it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Inline(HubId),
    Dispatch(HubId),
}

pub(crate) type Job = Box<dyn FnOnce()>;

thread_local! {
    static INNERMOST: Cell<Place> = const { Cell::new(Place::Outside) };
    /// The places around the innermost one: empty unless callbacks of several kinds or hubs nest.
    static AROUND: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    static DEFERRED: RefCell<VecDeque<(HubId, Job)>> = const { RefCell::new(VecDeque::new()) };
}

/// Whether this thread is inside a callback of any hub.
pub(crate) fn any_callback() -> bool {
    INNERMOST.get() != Place::Outside
}

/// Whether this thread is inside a callback of this hub.
pub(crate) fn callback_of(hub: HubId) -> bool {
    within(Place::Inline(hub)) || within(Place::Dispatch(hub))
}

/// Whether this thread is inside a queued callback of any hub.
pub(crate) fn any_dispatch() -> bool {
    let is_dispatch = |place: &Place| matches!(place, Place::Dispatch(_));
    is_dispatch(&INNERMOST.get())
        || around(|places| places.iter().any(is_dispatch)).unwrap_or(false)
}

/// Runs queued callbacks of this hub.
pub(crate) fn dispatch<R>(hub: HubId, callbacks: impl FnOnce() -> R) -> R {
    let _inside = Inside::enter(Place::Dispatch(hub));
    callbacks()
}

/// Whether this thread is inside an inline callback of this hub.
pub(crate) fn inline_of(hub: HubId) -> bool {
    within(Place::Inline(hub))
}

/// Runs inline callbacks of this hub, then what they deferred.
pub(crate) fn inline(hub: HubId, callbacks: impl FnOnce()) {
    let _inside = Inside::enter(Place::Inline(hub));
    callbacks();
    while let Some(job) = next_deferred(hub) {
        job();
    }
}

/// From inside an inline callback of this hub: runs the job when the callbacks are through.
pub(crate) fn defer(hub: HubId, job: Job) {
    let mut job = Some((hub, job));
    let deferred = DEFERRED.try_with(|jobs| jobs.borrow_mut().extend(job.take()));
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
        jobs.remove(next).map(|(_, job)| job)
    });
    next.ok().flatten()
}

fn within(place: Place) -> bool {
    match INNERMOST.get() {
        Place::Outside => false,
        innermost if innermost == place => true,
        _ => around(|places| places.contains(&place)).unwrap_or(false),
    }
}

/// `None` in the destructors of an ending thread, where the list is gone.
fn around<R>(look: impl FnOnce(&mut Vec<Place>) -> R) -> Option<R> {
    AROUND
        .try_with(|around| look(&mut around.borrow_mut()))
        .ok()
}

/// Restores on drop what was innermost before.
struct Inside {
    before: Place,
}

impl Inside {
    fn enter(place: Place) -> Self {
        let before = INNERMOST.replace(place);
        if before != Place::Outside {
            around(|places| places.push(before));
        }
        Self { before }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INNERMOST.set(self.before);
        if self.before != Place::Outside {
            around(Vec::pop);
        }
    }
}
