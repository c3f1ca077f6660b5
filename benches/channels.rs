//! `cargo bench --bench channels`: whether a thousand channels make the right one harder to find
//! than a hundred. A bench of its own, since the compiler needs minutes, and gigabytes, for a
//! thousand types of channels.

mod harness;
mod limits;
mod ours;

use harness::contestant::{Contestant, Entry, Job};
use harness::rounds::Settings;
use harness::{machine, rehearsal, workloads};
use ours::{channels, inline};
use typed_hub::Hub;

fn main() {
    let contestants = limits::all().into_iter().chain(ours::all());
    let mut contestants: Vec<_> = contestants.map(Entry::new).collect();
    contestants.push(Entry::new(Box::new(AmongThousand)));
    let quick = std::env::args().any(|argument| argument == "--quick");
    let settings = if quick {
        rehearsal::run();
        Settings::QUICK
    } else {
        Settings::FULL
    };
    println!("{}\n", machine::describe());
    for table in workloads::run(&contestants, settings, "among many channels") {
        println!("{table}");
    }
    println!("{}", workloads::differences(&contestants));
}

/// `Hub::publish` where it has a thousand channels to find the right one of.
struct AmongThousand;

impl Contestant for AmongThousand {
    fn name(&self) -> &'static str {
        "typed-hub, `Hub::publish` among 1,000 channels"
    }

    fn inline_among_channels(&self, listeners: usize) -> Option<Job> {
        let hub = Hub::new();
        for_each_digit!(A => channels::open::<A>(&hub, 10));
        Some(inline::ten_in_turn(hub, listeners))
    }
}
