//! The limits: code written by hand for one workload, with no features. What they leave out
//! (isolation, ends, order, bounds where they are not asked for) is what a hub is for; how much
//! that costs is the question of these benches. [`floor`] answers it for the one workload: it is
//! written by hand as well, and keeps the promises.

mod floor;
mod lists;
mod parked;
mod ring;

use super::harness::broadcast::Readers;
use super::harness::callbacks::Inline;
use super::harness::contestant::Contestant;

/// The limit of latency before the ring, which sleeps as well, and the floors last: the first row of
/// a table is what the others are compared with.
pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(Inline::<lists::Loop>::new()),
        Box::new(lists::Batch),
        Box::new(parked::Parking),
        Box::new(Readers::<ring::Ring>::new()),
        Box::new(Inline::<floor::Inline>::new()),
        Box::new(floor::Queued),
        Box::new(floor::Logged),
    ]
}
