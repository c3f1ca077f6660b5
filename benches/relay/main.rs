//! `cargo bench --bench relay --features nats`: the relay beside the client that it goes through.
//!
//! One process publishes, another listens, with a `nats-server` on loopback between them. The contestants
//! take turns in one run: `bare` is a loop that publishes and one that subscribes, with the same event and
//! the same serde, by `async-nats`; `with headers` has the headers of the relay's messages as well, which
//! it writes and its client reads, and does nothing else with them. Needs a `nats-server` in the path.

mod contestants;
mod event;
#[path = "../harness/machine.rs"]
mod machine;
#[path = "../../tests/relay/nats_server.rs"]
mod nats_server;
mod pair;
mod table;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use contestants::{Contestant, Mode};
use nats_server::NatsServer;
use pair::{Pair, Stalled};
use table::Laps;

const USAGE: &str = "usage: cargo bench --bench relay --features nats -- [--quick] [core|durable]";

struct Settings {
    rounds: usize,
    /// Events in a lap as fast as they go, in core mode and in durable mode. In core mode fewer than the
    /// 65,536 that a subscription of the client holds, so that none is lost however slow the
    /// listener is.
    burst: [u64; 2],
    /// Events in a lap with a pause between them.
    paced: u64,
}

const FULL: Settings = Settings {
    rounds: 11,
    burst: [60_000, 3_000],
    paced: 500,
};

const QUICK: Settings = Settings {
    rounds: 2,
    burst: [5_000, 200],
    paced: 50,
};

/// Between two events whose latency is measured.
const PAUSE: Duration = Duration::from_millis(1);

fn main() -> ExitCode {
    // cargo adds an argument of its own.
    let arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let arguments: Vec<_> = arguments.collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (settings, modes) = match arguments[..] {
        ["child", side, contestant, mode, url] => return pair::child(side, contestant, mode, url),
        [] => (FULL, &[Mode::Core, Mode::Durable][..]),
        ["--quick"] => (QUICK, &[Mode::Core, Mode::Durable][..]),
        ["core"] => (FULL, &[Mode::Core][..]),
        ["durable"] => (FULL, &[Mode::Durable][..]),
        ["--quick", "core"] => (QUICK, &[Mode::Core][..]),
        ["--quick", "durable"] => (QUICK, &[Mode::Durable][..]),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let Some(version) = server_version() else {
        println!("SKIPPED: the relay is not measured, for there is no `nats-server` in the path");
        return ExitCode::SUCCESS;
    };
    println!("{}; {version}\n", machine::describe());
    let mut status = ExitCode::SUCCESS;
    for mode in modes {
        let all = measure(&settings, *mode);
        println!("{}", table::show(*mode, &all));
        if all.iter().any(|laps| laps.stalled.is_some()) {
            status = ExitCode::FAILURE;
        }
    }
    status
}

fn server_version() -> Option<String> {
    let mut command = Command::new("nats-server");
    let output = command.arg("--version").stderr(Stdio::null()).output();
    let version = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(version.trim().replace(": v", " "))
}

/// Gives each contestant its laps, in turns. A round begins with another contestant than the one before.
fn measure(settings: &Settings, mode: Mode) -> Vec<Laps> {
    let server = NatsServer::start();
    let mut all: Vec<_> = Contestant::ALL.map(Laps::of).into();
    let mut pairs: Vec<_> = Contestant::ALL
        .iter()
        .map(|contestant| Some(Pair::start(*contestant, mode, &server.url())))
        .collect();
    // The first round warms up.
    for round in 0..=settings.rounds {
        for turn in 0..all.len() {
            let turn = (round + turn) % all.len();
            let Some(pair) = &mut pairs[turn] else {
                continue;
            };
            let laps = &mut all[turn];
            if let Err(stalled) = lap(settings, mode, pair, laps) {
                eprintln!("{}: {stalled}, and left behind", laps.contestant.name());
                laps.stalled = Some(stalled);
                pairs[turn] = None;
            } else if round == 0 {
                laps.forget();
            }
        }
    }
    all
}

fn lap(settings: &Settings, mode: Mode, pair: &mut Pair, laps: &mut Laps) -> Result<(), Stalled> {
    let burst = settings.burst[mode as usize];
    let before = pair.processor_time();
    let elapsed = pair.run(burst, Duration::ZERO)?;
    let after = pair.processor_time();
    laps.burst(burst, elapsed[0], before.zip(after));
    laps.paced(pair.run(settings.paced, PAUSE)?);
    Ok(())
}
