//! What the examples say to who runs them without what they take.

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

#[cfg(all(feature = "loopback", feature = "oidc"))]
#[test]
fn sign_in_in_browser_helps_and_tells_what_is_wrong() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--example", "sign_in_in_browser"])
            .args(["--features", "loopback,oidc", "--"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let [said, failed] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), said, failed)
    };
    let (status, said, _) = run(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(said.contains("ISSUER CLIENT_ID"), "{said}");
    let (status, _, failed) = run(&["https://id.example.org"]);
    assert_eq!(status, Some(2));
    assert!(
        failed.contains("1 of the two") && failed.contains("ISSUER"),
        "{failed}"
    );
    for (issuer, why) in [
        (
            "id.example.org",
            "the issuer, or its discovery_url, is no URL",
        ),
        ("http://id.example.org", "must begin with https://"),
    ] {
        let (status, _, failed) = run(&[issuer, "app"]);
        assert_eq!(status, Some(1));
        assert!(failed.starts_with("Error: not signed in: "), "{failed}");
        assert!(failed.contains(why) && failed.contains(issuer), "{failed}");
    }
}
