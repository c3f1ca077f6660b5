//! Runs a test in a process of its own, for what a process has one of: its threads, its standard
//! error, its panic hook, its logger.

use std::env;
use std::process::{Command, Output};

const ALONE: &str = "TYPED_HUB_TEST_ALONE";

/// In the process of its own: `None`, and the test goes on. Otherwise runs the test there, panics
/// if it fails, and returns what it has printed.
///
/// `alone(module_path!(), "the_name_of_the_test")`
pub(crate) fn alone(module: &str, test: &str) -> Option<Output> {
    if env::var_os(ALONE).is_some() {
        return None;
    }
    let (_crate, module) = module.split_once("::").unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--nocapture"])
        .env(ALONE, "yes")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(printed.contains("1 passed"), "{printed}\n{errors}");
    Some(output)
}
