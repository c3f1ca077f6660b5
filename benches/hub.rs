//! `cargo bench`: the hub beside the limits. `benches/run` measures the peers as well.

mod harness;
mod hot_paths;
mod limits;
mod ours;

use std::process::ExitCode;

use harness::contestant::Entry;
use harness::rounds::Settings;
use harness::{machine, rehearsal, workloads};

const USAGE: &str = "\
usage: cargo bench --bench hub -- [--quick] [PART OF A TITLE]
       cargo bench --bench hub -- --hot-paths          names them
       cargo bench --bench hub -- --hot-path NAME N    goes along one N times, for a profiler";

fn main() -> ExitCode {
    // cargo adds an argument of its own.
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(Settings::FULL, ""),
        ["--quick"] => {
            rehearsal::run();
            measure(Settings::QUICK, "");
        }
        ["--quick", title] => measure(Settings::QUICK, title),
        ["--hot-paths"] => hot_paths::names().for_each(|name| println!("{name}")),
        ["--hot-path", name, times] => {
            let ran = times.parse().ok().and_then(|n| hot_paths::run(name, n));
            if ran.is_none() {
                return usage();
            }
        }
        [title] if !title.starts_with('-') => measure(Settings::FULL, title),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::FAILURE
}

fn measure(settings: Settings, title: &str) {
    let contestants = limits::all().into_iter().chain(ours::all());
    let contestants: Vec<_> = contestants.map(Entry::new).collect();
    println!("{}\n", machine::describe());
    for table in workloads::run(&contestants, settings, title) {
        println!("{table}");
    }
    println!("{}", workloads::differences(&contestants));
}
