//! The floors: what each way of delivery costs in safe Rust when it keeps the promises of the hub
//! and does nothing else.
//!
//! A floor makes every check and every write that the promises need on the path that is measured.
//! A check that finds a case which no workload has, such as a listener that publishes, panics
//! instead of handling it. Names, reports, replay and async are left out.

mod inline;
mod log;
mod queued;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use inline::Inline;
pub(crate) use log::Logged;
pub(crate) use queued::Queued;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Calls a listener. Its panic is counted, and harms neither the publisher nor another listener.
#[inline]
fn isolated(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }
}
