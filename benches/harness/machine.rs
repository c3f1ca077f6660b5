//! Where it was measured.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::thread;

/// Processor, cores, system and compiler, in one line.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let processor = cpu_model().unwrap_or_else(|| "an unnamed processor".to_owned());
    let system = os_name().unwrap_or_else(|| OS.to_owned());
    let compiler = output("rustc", "--version").unwrap_or_else(|| "an unknown rustc".to_owned());
    format!("{processor}, {cores} hardware threads; {system}, {ARCH}; {compiler}")
}

/// Some hypervisors name no model: then the family says which generation it is.
fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field("model name")?;
    let family = field("cpu family")?;
    let number = info
        .lines()
        .find(|line| line.starts_with("model\t"))?
        .split_once(':')?
        .1
        .trim();
    Some(format!("{model} (family {family}, model {number})"))
}

fn os_name() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let kernel = output("uname", "-sr")?;
    Some(format!("{}, {kernel}", name.trim_matches('"')))
}

fn output(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
