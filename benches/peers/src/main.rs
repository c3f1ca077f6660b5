//! The hub beside the limits and the peers. `benches/run` runs this.

mod chart;
// The same workloads, limits and contestants that `cargo bench` runs in the crate.
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../limits/mod.rs"]
mod limits;
#[path = "../../ours/mod.rs"]
mod ours;
mod peers;
mod standing;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use harness::contestant::Entry;
use harness::rounds::Settings;
use harness::table::Table;
use harness::{machine, rehearsal, workloads};

const USAGE: &str = "\
usage: benches/run                    measures all, some minutes, and writes benches/RESULTS.md
       benches/run PART OF A TITLE    measures some, and writes nothing
       benches/run --quick            sees that all of it runs, in seconds, and writes nothing";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            let tables = measure(Settings::FULL, "");
            if let Err(error) = record(&tables) {
                eprintln!("the results cannot be written: {error}");
                return ExitCode::FAILURE;
            }
        }
        ["--quick"] => {
            rehearsal::run();
            measure(Settings::QUICK, "");
        }
        ["--quick", title] => drop(measure(Settings::QUICK, title)),
        [title] if !title.starts_with('-') => drop(measure(Settings::FULL, title)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(settings: Settings, title: &str) -> Vec<Table> {
    let tables = workloads::run(&contestants(), settings, title);
    println!("{}\n", machine::describe());
    for table in &tables {
        println!("{table}");
    }
    tables
}

/// The tables, the two pictures, and what to know of both.
fn record(tables: &[Table]) -> io::Result<()> {
    let benches = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut results = String::from("# What it costs\n\n");
    let _ = writeln!(results, "Measured on {}.\n", machine::describe());
    results.push_str(HOW_TO_READ);
    results.push_str(&standing::describe(tables));
    for (picture, title, about) in PICTURES {
        if let Some(table) = tables.iter().find(|table| table.title == title) {
            fs::write(benches.join(picture), chart::draw(about, table))?;
            let _ = writeln!(results, "![{about}]({picture})\n");
        }
    }
    for table in tables {
        let _ = writeln!(results, "{table}");
    }
    results.push_str("## Where a contestant does another job\n\n");
    results.push_str(&workloads::differences(&contestants()));
    let file = benches.join("RESULTS.md");
    // What `cargo bench --bench relay` has shown stands at the end, and is not measured here.
    let before = fs::read_to_string(&file)?;
    if let Some(relay) = before.find("\n## The relay") {
        results.push_str(&before[relay..]);
    }
    fs::write(file, results)
}

fn contestants() -> Vec<Entry> {
    let all = limits::all().into_iter().chain(ours::all());
    all.chain(peers::all()).map(Entry::new).collect()
}

const PICTURES: [(&str, &str, &str); 2] = [
    (
        "inline.svg",
        workloads::INLINE,
        "A publish to inline listeners",
    ),
    (
        "asynchronous.svg",
        workloads::QUEUED,
        "An event to asynchronous listeners, end to end",
    ),
];

const HOW_TO_READ: &str = "\
`benches/run` measures this anew. A figure is the median of eleven rounds that alternate between the
contestants, with the range in parentheses and, in bold, its ratio to the limit: code written by hand
for that one workload, with nothing else to it. A floor is written by hand as well, in safe Rust: it
makes every check and every write that the promises of the hub need in that workload, and does nothing
else. From the limit to the floor is the price of the promises; from there to the hub is what the hub
can still save. Trust a ratio where the ranges do not overlap; the absolute figures are this machine's.
The payload has 64 bytes, and every listener does the same: it adds a number to a counter of its own.
Functions are aligned to 64 bytes, for where the linker happens to put one is good for a fifth of a
publish. A lost event ends the run: the counters are checked after each lap, but for two threads that
share them. `–` stands where a contestant has no such thing, `stalled` where it did not answer for 30
seconds; from there on it takes no part.

";
