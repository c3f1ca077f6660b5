//! The hot paths whose instructions `benches/instructions` counts. Each is a job of the benches,
//! in one thread, so that its count is the same every time.

use crate::harness::contestant::{Contestant, Job};
use crate::ours;

/// A path's name, and its job as the contestants of the hub do it.
type Path = (&'static str, fn(&dyn Contestant) -> Option<Job>);

/// The first contestant that does a job does it: for inline listeners that is the `Publisher`.
const PATHS: [Path; 11] = [
    ("publisher-inline-0", |who| who.inline(0)),
    ("publisher-inline-1", |who| who.inline(1)),
    ("publisher-inline-4", |who| who.inline(4)),
    ("publisher-inline-64", |who| who.inline(64)),
    ("hub-inline-1", |who| by_hub(who)?.inline(1)),
    ("hub-inline-1-of-100-channels", |who| {
        who.inline_among_channels(1)
    }),
    ("queued-1", |who| who.callbacks_in_one_thread(1)),
    ("queued-4", |who| who.callbacks_in_one_thread(4)),
    ("receivers-1", |who| who.readers_in_one_thread(1)),
    ("receivers-4", |who| who.readers_in_one_thread(4)),
    ("listen-and-drop-inline-100", |who| {
        who.listen_and_drop_inline(100)
    }),
];

fn by_hub(who: &dyn Contestant) -> Option<&dyn Contestant> {
    Some(who).filter(|who| who.name().contains("Hub::publish"))
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PATHS.iter().map(|(name, _)| *name)
}

/// Goes along a path so many times; `None` where there is none of that name.
pub(crate) fn run(name: &str, times: u64) -> Option<()> {
    let (_, job) = PATHS.iter().find(|(known, _)| *known == name)?;
    let mut job = ours::all().iter().find_map(|who| job(&**who))?;
    job(times);
    Some(())
}
