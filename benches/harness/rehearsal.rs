//! A rehearsal of what a run seldom sees: contestants that stall, or panic.

use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::contestant::{Contestant, Entry, Job, Lap};
use super::rounds::{Outcome, Settings};
use super::table::Table;
use super::workloads;

/// Far more than the rehearsal takes.
const LIMIT: Duration = Duration::from_secs(60);

const SETTINGS: Settings = Settings {
    limit: Duration::from_secs(1),
    ..Settings::QUICK
};

/// Sees that contestants that stall are left behind, that the others go on, and that the tables say
/// so; and that a contestant that panics, as it does when it loses an event, ends the run.
///
/// # Panics
///
/// If that is not so, and if the run waits for a contestant for ever.
pub(crate) fn run() {
    eprintln!("Rehearsal: contestants that stall, and one that panics");
    let (done, rehearsed) = channel();
    thread::spawn(move || {
        let contestants: [Box<dyn Contestant>; 4] = [
            Box::new(Steady),
            Box::new(Stalls::Made),
            Box::new(Stalls::Run),
            Box::new(Stalls::Dropped),
        ];
        let entries = contestants.map(Entry::new);
        let after = "Publishing after a change";
        let tables = [workloads::INLINE, after].map(|title| {
            let mut tables = workloads::run(&entries, SETTINGS, title);
            tables.remove(0)
        });
        let _ = done.send(tables);
    });
    let [first, later] = rehearsed
        .recv_timeout(LIMIT)
        .expect("the run goes on without the contestants that stall");

    assert_eq!(outcomes(&first, "steady"), "done done done done done done");
    let stalled = "stalled stalled stalled stalled stalled";
    for name in ["stalls when made", "stalls when run", "stalls when dropped"] {
        assert_eq!(outcomes(&first, name), format!("done {stalled}"), "{name}");
        let text = first.to_string();
        let line = format!("\n{name} stalled in this workload ({})", workloads::INLINE);
        assert!(text.contains(&line), "{text}");
        assert!(text.contains("| stalled |"), "{text}");
    }
    assert_eq!(later.rows.len(), 1, "those left behind are not asked again");
    assert_eq!(outcomes(&later, "steady"), "done");

    let panics = || workloads::run(&[Entry::new(Box::new(Panics))], SETTINGS, workloads::INLINE);
    let panic = thread::spawn(panics).join().expect_err("it ends the run");
    assert_eq!(panic.downcast_ref(), Some(&PANIC));
}

fn outcomes(table: &Table, name: &str) -> String {
    let row = table.rows.iter().find(|row| row.name == name);
    let cells = row.iter().flat_map(|row| &row.cells);
    let words = cells.map(|cell| match cell {
        Outcome::Absent => "absent",
        Outcome::Stalled => "stalled",
        Outcome::Done(_) => "done",
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Does nothing, in a while.
fn nothing(times: u64) -> Lap {
    Lap::of(times, || thread::sleep(Duration::from_micros(100)))
}

/// Without the hook that prints panics, so that the rehearsal is not taken for a fault.
const PANIC: &str = "rehearsed";

struct Panics;

impl Contestant for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn inline(&self, _listeners: usize) -> Option<Job> {
        Some(Box::new(|_| resume_unwind(Box::new(PANIC))))
    }
}

/// Always answers.
struct Steady;

impl Contestant for Steady {
    fn name(&self) -> &'static str {
        "steady"
    }

    fn inline(&self, _listeners: usize) -> Option<Job> {
        Some(Box::new(nothing))
    }

    fn publish_after_change(&self, _listeners: usize) -> Option<Job> {
        Some(Box::new(nothing))
    }
}

/// Answers in the first column and stalls in the second, in one of three ways.
enum Stalls {
    Made,
    Run,
    Dropped,
}

impl Contestant for Stalls {
    fn name(&self) -> &'static str {
        match self {
            Self::Made => "stalls when made",
            Self::Run => "stalls when run",
            Self::Dropped => "stalls when dropped",
        }
    }

    fn inline(&self, listeners: usize) -> Option<Job> {
        if listeners == 0 {
            return Some(Box::new(nothing));
        }
        match self {
            Self::Made => stall(),
            Self::Run => Some(Box::new(|_| stall())),
            Self::Dropped => {
                let guard = StallsWhenDropped;
                Some(Box::new(move |times| {
                    let _guard = &guard;
                    nothing(times)
                }))
            }
        }
    }

    fn publish_after_change(&self, _listeners: usize) -> Option<Job> {
        panic!("a contestant that was left behind is asked again")
    }
}

struct StallsWhenDropped;

impl Drop for StallsWhenDropped {
    fn drop(&mut self) {
        stall()
    }
}

fn stall() -> ! {
    loop {
        thread::park();
    }
}
