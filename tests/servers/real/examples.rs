//! The examples that take a server, from their first line to their last.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::chromium::Chromium;
use crate::ministack::{Ministack, PASSWORD, Pool};
use crate::server::{Folder, OidcServer, PATIENCE, repository};
use aws_sdk_cognitoidentityprovider::types::UserPoolMfaType;

/// An example, ready to run.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap().to_owned();
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--all-features", "--example", name])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(repository());
    // What cargo has told this test of its package would have other packages built anew.
    for (variable, _) in std::env::vars_os() {
        let known = variable.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&variable);
        }
    }
    assert!(build.status().unwrap().success(), "{name} does not build");
    let mut command = Command::new(target.join("debug/examples").join(name));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A program that is ended with this, if it has not ended by itself.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Enters these lines, and returns whether it succeeded and what it has printed.
    fn enter(&mut self, lines: &str) -> (bool, String) {
        let mut input = self.0.stdin.take().unwrap();
        input.write_all(lines.as_bytes()).unwrap();
        drop(input);
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(20));
        };
        let mut printed = String::new();
        let mut output = self.0.stdout.take().unwrap();
        output.read_to_string(&mut printed).unwrap();
        let mut errors = self.0.stderr.take().unwrap();
        errors.read_to_string(&mut printed).unwrap();
        (status.success(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const A_DAY: &str = "    ada has signed in
    the session has new tokens
    the user has signed out
";

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn auth_events_in_a_pool() {
    let server = Ministack::start();
    let pool = server.pool_with(true, UserPoolMfaType::Off, 3600).await;
    server.add_user(&pool, "ada").await;
    let secret = pool.client_secret.clone().unwrap();
    let run = |pool: &Pool, password: &str| {
        let mut command = example("auth_events");
        command
            .args(["--cognito", "us-east-1", &pool.id, &pool.client_id, "ada"])
            .arg(&server.endpoint)
            .env("COGNITO_CLIENT_SECRET", &secret);
        Running::start(&mut command).enter(&format!("{password}\n"))
    };
    let (succeeded, printed) = run(&pool, PASSWORD);
    assert!(succeeded, "{printed}");
    assert_eq!(printed, format!("Password: {A_DAY}"));

    // A wrong password is refused in words, and no event comes of it.
    let (succeeded, printed) = run(&pool, "Wrong-Horse-7");
    assert!(!succeeded, "{printed}");
    assert!(
        printed.starts_with("Password: Error: not signed in: "),
        "{printed}"
    );
    assert!(!printed.contains("Wrong-Horse-7"), "{printed}");
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn auth_events_in_a_pool_that_the_environment_says() {
    let server = Ministack::start();
    let pool = server.pool().await;
    server.invite(&pool, "ada").await;
    let mut command = example("auth_events");
    command
        .arg("--cognito")
        .env("COGNITO_REGION", "us-east-1")
        .env("COGNITO_USER_POOL_ID", &pool.id)
        .env("COGNITO_CLIENT_ID", &pool.client_id)
        .env("COGNITO_USER_NAME", "ada")
        .env("COGNITO_ENDPOINT", &server.endpoint)
        .env_remove("COGNITO_CLIENT_SECRET");
    let lines = format!("Temporary-7\n{PASSWORD}\n");
    let (succeeded, printed) = Running::start(&mut command).enter(&lines);
    assert!(succeeded, "{printed}");
    assert_eq!(printed, format!("Password: New password: {A_DAY}"));

    let mut command = example("auth_events");
    command.args(["--cognito", "us-east-1"]);
    command.env_remove("COGNITO_USER_POOL_ID");
    let (succeeded, printed) = Running::start(&mut command).enter("");
    assert!(!succeeded);
    assert!(printed.contains("say USER_POOL_ID"), "{printed}");
    assert!(printed.contains("COGNITO_USER_POOL_ID"), "{printed}");
}

/// The example opens the page as any program of a desktop does, with `xdg-open`. Here that is a
/// script which hands it to the browser of the test.
#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn sign_in_in_browser_on_an_openid_provider() {
    use std::os::unix::fs::PermissionsExt;

    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let folder = Folder::new(&format!("open-{}", std::process::id()));
    std::fs::create_dir(folder.path()).unwrap();
    let open = folder.path().join("xdg-open");
    let opened = folder.path().join("opened");
    let script = "#!/bin/sh\nprintf %s \"$1\" >\"$0.part\" && mv \"$0.part\" \"${0%/*}/opened\"\n";
    std::fs::write(&open, script).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.path().display());

    let mut command = example("sign_in_in_browser");
    command.args([&server.issuer, "app"]).env("PATH", path);
    let mut running = Running::start(&mut command);
    browser.open(&page(&opened).await).await;
    browser.log_in("ada").await;
    browser.consent().await;
    let (succeeded, printed) = running.enter("");
    assert!(succeeded, "{printed}");
    let (events, logout) = printed.split_once("open ").expect(&printed);
    let lines = "    customOAuthState: from the command line
    signInWithRedirect
    signedIn
Hello ada.
    signedOut
To sign out of the browser as well, ";
    assert!(
        events.starts_with("The sign-in page opens in your browser.\nWaiting for it to come back"),
        "{events}"
    );
    assert!(events.ends_with(lines), "{events}");

    browser.open(logout.trim()).await;
    browser.click("button[name=logout]").await;
    let out = format!("{}/session/end/success", server.issuer);
    browser.arrives_at(&out).await;
}

/// The page that was opened, when it was.
async fn page(opened: &PathBuf) -> String {
    let since = Instant::now();
    loop {
        if let Ok(page) = std::fs::read_to_string(opened) {
            return page;
        }
        assert!(since.elapsed() < PATIENCE, "no page is opened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
