//! What an example says without the feature that it takes; `tests/providers/examples.rs` has the rest.

use std::process::Command;

#[test]
fn auth_events_says_which_command_to_use_for_a_user_pool() {
    let output = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--example",
            "auth_events",
            "--",
            "--cognito",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let command = "cargo run --example auth_events --features cognito -- --cognito REGION";
    assert!(said.contains(command), "{said}");
}
