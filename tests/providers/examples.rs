//! What the examples say, whatever is entered: what is wrong, and what to do.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cognito_service::{Service, challenge, tokens};
use crate::liar::Liar;

const PASSWORD: &str = "correct-horse-7";
const LIMIT: Duration = Duration::from_secs(30);

/// The path of an example that has been built.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--all-features", "--example", name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo has told this test of its package would have other packages built anew.
    for (variable, _) in std::env::vars_os() {
        let known = variable.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&variable);
        }
    }
    assert!(build.status().unwrap().success(), "{name} does not build");
    target.join("debug/examples").join(name)
}

/// A program that is ended with this, if it has not ended by itself.
struct Running(Child);

impl Running {
    fn start(program: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars() {
            if variable.starts_with("COGNITO_") || variable.starts_with("OIDC_") {
                command.env_remove(variable);
            }
        }
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Enters this, and returns the status and all that was printed.
    fn enter(mut self, input: &str) -> (Option<i32>, String) {
        // A program that reads nothing has ended already.
        let _ = self.0.stdin.take().unwrap().write_all(input.as_bytes());
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < LIMIT, "it does not end");
            thread::sleep(Duration::from_millis(20));
        };
        let mut printed = String::new();
        let (mut output, mut errors) = (self.0.stdout.take().unwrap(), self.0.stderr.take());
        output.read_to_string(&mut printed).unwrap();
        errors
            .as_mut()
            .unwrap()
            .read_to_string(&mut printed)
            .unwrap();
        (status.code(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An error is printed in words, not as the compiler would.
#[track_caller]
fn is_in_words(printed: &str) {
    for debug in [
        "ProviderError {",
        "Provider(",
        "Err(",
        "panicked",
        "RUST_BACKTRACE",
    ] {
        assert!(!printed.contains(debug), "{printed}");
    }
}

#[test]
fn auth_events_tells_a_wrong_use() {
    let program = example("auth_events");
    for (arguments, status, says) in [
        (
            &["--help"][..],
            0,
            &["--cognito REGION", "COGNITO_CLIENT_SECRET"][..],
        ),
        (&["--cognito", "-h"], 0, &["--cognito REGION"]),
        (
            &["eu-central-1", "p"],
            1,
            &["\"eu-central-1\" is no argument", "--cognito REGION"],
        ),
        (
            &["--cognito"],
            1,
            &[
                "say REGION, USER_POOL_ID, CLIENT_ID, USER_NAME",
                "COGNITO_REGION",
                "--help",
            ],
        ),
        (
            &["--cognito", "eu-central-1", "", "c", "ada"],
            1,
            &["say USER_POOL_ID,"],
        ),
        (
            &["--cognito", "r", "p", "c", "u", "e", "f"],
            1,
            &["too many", "\"f\""],
        ),
        (
            &["--cognito", "eu central 1", "p_p", "c", "u"],
            1,
            &["region", "eu-central-1"],
        ),
        (
            &[
                "--cognito",
                "eu-central-1",
                "p_p",
                "c",
                "u",
                "http://example.org",
            ],
            1,
            &["must begin with https://: http://example.org"],
        ),
        (
            &["--cognito", "eu-central-1", "p_p", "c", "u", "example.org"],
            1,
            &["a URL that begins with https://"],
        ),
        (
            &[
                "--cognito",
                "eu-central-1",
                "p_p",
                "c",
                "u",
                "http://127.0.0.1:9",
            ],
            1,
            &["nothing listens at this address: http://127.0.0.1:9"],
        ),
    ] {
        let (code, printed) = Running::start(&program, arguments, &[]).enter("a password\n");
        assert_eq!(code, Some(status), "{arguments:?}: {printed}");
        for says in says {
            assert!(printed.contains(says), "{arguments:?}: {says}: {printed}");
        }
        is_in_words(&printed);
    }
}

/// The user's name says what the service asks for.
fn pool(name: &str, before: usize, body: &Value) -> (u16, Value) {
    let refused = |name, message| (400, json!({"__type": name, "message": message}));
    let user = body["AuthParameters"]["USERNAME"].as_str().unwrap_or("");
    match (name, user) {
        ("InitiateAuth", "wrong") => {
            refused("NotAuthorizedException", "Incorrect username or password.")
        }
        ("InitiateAuth", "reset") => refused("PasswordResetRequiredException", "reset"),
        ("InitiateAuth", "unconfirmed") => refused("UserNotConfirmedException", "unconfirmed"),
        ("InitiateAuth", "device") => challenge("DEVICE_SRP_AUTH", &json!({})),
        ("InitiateAuth", "code") => challenge(
            "SMS_MFA",
            &json!({"CODE_DELIVERY_DESTINATION": "+*******1234"}),
        ),
        ("InitiateAuth", "choice") => challenge(
            "SELECT_MFA_TYPE",
            &json!({"MFAS_CAN_CHOOSE": "[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]"}),
        ),
        ("RespondToAuthChallenge", _) => {
            let responses = &body["ChallengeResponses"];
            match (&responses["SMS_MFA_CODE"], &responses["ANSWER"]) {
                (Value::String(code), _) if code != "123456" => {
                    refused("CodeMismatchException", "Invalid code or auth state.")
                }
                (_, Value::String(answer)) if answer != "SOFTWARE_TOKEN_MFA" => {
                    refused("InvalidParameterException", "another one")
                }
                _ => tokens(),
            }
        }
        ("InitiateAuth" | "GetTokensFromRefreshToken", _) => tokens(),
        ("RevokeToken", _) => (200, json!({})),
        other => panic!("{other:?} {before}"),
    }
}

const A_DAY: &str = "    ada has signed in
    the session has new tokens
    the user has signed out
";

#[test]
fn auth_events_tells_what_a_user_pool_says() {
    let program = example("auth_events");
    for (user, input, status, says) in [
        ("ada", "", 0, &[A_DAY][..]),
        (
            "wrong",
            "",
            1,
            &["Error: not signed in: Incorrect username or password. (NotAuthorizedException)"],
        ),
        ("reset", "", 1, &["must be reset first"]),
        ("unconfirmed", "", 1, &["must be confirmed first"]),
        (
            "device",
            "",
            1,
            &["DEVICE_SRP_AUTH", "cannot be answered here"],
        ),
        (
            "code",
            "123456\n",
            0,
            &["The code sent to +*******1234: ", A_DAY],
        ),
        (
            "code",
            "123455\n\n123456\n",
            0,
            &[
                "Once more, please: the answer was not accepted: Invalid code",
                "is empty",
                A_DAY,
            ],
        ),
        (
            "code",
            "1\n2\n3\n",
            1,
            &["Error: the answer was not accepted: Invalid code"],
        ),
        (
            "code",
            "1\n",
            1,
            &[
                "Once more, please",
                "the input has ended before an answer to \"The code",
            ],
        ),
        (
            "choice",
            "3\nx\n\n2\n",
            0,
            &[
                "1: a code by SMS\n2: a code of your",
                "A number from 1 to 2, please.",
                A_DAY,
            ],
        ),
    ] {
        let service = Service::start(pool);
        let environment = [
            ("COGNITO_REGION", "eu-central-1"),
            ("COGNITO_USER_POOL_ID", "eu-central-1_Example"),
            ("COGNITO_CLIENT_ID", "app"),
            ("COGNITO_USER_NAME", user),
            ("COGNITO_ENDPOINT", &service.address),
        ];
        let running = Running::start(&program, &["--cognito"], &environment);
        let (code, printed) = running.enter(&format!("{PASSWORD}\n{input}"));
        assert_eq!(code, Some(status), "{user} {input:?}: {printed}");
        for says in says {
            assert!(
                printed.contains(says),
                "{user} {input:?}: {says}: {printed}"
            );
        }
        assert!(!printed.contains(PASSWORD), "{printed}");
        is_in_words(&printed);
    }
}

/// A terminal shows what is typed, and not a password.
#[cfg(target_os = "linux")]
#[test]
fn auth_events_does_not_show_a_password_while_it_is_typed() {
    let program = example("auth_events");
    let service = Service::start(pool);
    let command = format!(
        "{} --cognito eu-central-1 eu-central-1_Example app code {}",
        program.display(),
        service.address
    );
    // A terminal of its own: https://man7.org/linux/man-pages/man1/script.1.html
    let arguments = ["--quiet", "--return", "--command", &command, "/dev/null"];
    let mut terminal = Running::start(Path::new("script"), &arguments, &[]);
    let mut output = terminal.0.stdout.take().unwrap();
    let mut input = terminal.0.stdin.take().unwrap();
    let mut printed = String::new();
    for (question, answer) in [("Password: ", PASSWORD), ("1234: ", "123456")] {
        let since = Instant::now();
        while !printed.ends_with(question) {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).unwrap(), 1, "{printed}");
            printed.push(char::from(byte[0]));
            assert!(since.elapsed() < LIMIT, "{printed}");
        }
        if answer == PASSWORD {
            shows_nothing(&service.address);
        }
        writeln!(input, "{answer}").unwrap();
    }
    output.read_to_string(&mut printed).unwrap();
    assert!(printed.contains("ada has signed in"), "{printed}");
    assert!(printed.contains("123456"), "a code is shown: {printed}");
    assert!(!printed.contains(PASSWORD), "{printed}");
}

/// Waits until the terminal of the program with this argument does not show what is typed: the
/// question is printed before.
#[cfg(target_os = "linux")]
fn shows_nothing(argument: &str) {
    let is_it = |process: &PathBuf| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut arguments = line.split('\0').filter(|text| !text.is_empty());
        arguments.next_back() == Some(argument)
    };
    let since = Instant::now();
    loop {
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut processes = processes.map(|process| process.unwrap().path());
        let terminal = processes.find(is_it);
        let terminal = terminal.and_then(|process| std::fs::read_link(process.join("fd/0")).ok());
        let settings = terminal.and_then(|terminal| {
            let stty = Command::new("stty")
                .arg("-F")
                .arg(terminal)
                .arg("-a")
                .output();
            String::from_utf8(stty.ok()?.stdout).ok()
        });
        if settings.is_some_and(|all| all.split_whitespace().any(|one| one == "-echo")) {
            return;
        }
        assert!(since.elapsed() < LIMIT, "the terminal shows what is typed");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sign_in_in_browser_tells_a_wrong_use() {
    let program = example("sign_in_in_browser");
    let liar = Liar::start();
    let not_its_name = format!("{}/", liar.origin());
    for (arguments, status, says) in [
        (
            &["--help"][..],
            0,
            &["ISSUER CLIENT_ID", "OIDC_CLIENT_SECRET"][..],
        ),
        (&["id", "app", "-h"], 0, &["ISSUER CLIENT_ID"]),
        (&[], 2, &["Say ISSUER and CLIENT_ID.", "registered"]),
        (
            &["https://id.example.org"],
            2,
            &["Say ISSUER and CLIENT_ID."],
        ),
        (
            &["https://id.example.org", ""],
            2,
            &["Say ISSUER and CLIENT_ID."],
        ),
        (
            &["https://id.example.org", "app", "--port"],
            2,
            &["no option \"--port\""],
        ),
        (
            &["https://id.example.org", "app", "email"],
            2,
            &["Say openid among the scopes"],
        ),
        (
            &["id.example.org", "app"],
            1,
            &[
                "Error: not signed in: the issuer, or its discovery_url, is no URL",
                "id.example.org",
            ],
        ),
        (
            &["http://id.example.org", "app"],
            1,
            &["must begin with https://", "http://id.example.org"],
        ),
        (
            &["http://127.0.0.1:9", "app"],
            1,
            &["nothing listens at this address"],
        ),
        (
            &[&not_its_name, "app"],
            1,
            &["is of the issuer", &liar.origin()],
        ),
    ] {
        let (code, printed) = Running::start(&program, arguments, &[]).enter("");
        assert_eq!(code, Some(status), "{arguments:?}: {printed}");
        for says in says {
            assert!(printed.contains(says), "{arguments:?}: {says}: {printed}");
        }
        is_in_words(&printed);
    }
}

/// Neither on another machine nor from a page with an error does a browser come back.
#[test]
fn sign_in_in_browser_tells_when_no_browser_will_come_back() {
    let program = example("sign_in_in_browser");
    let liar = Liar::start();
    let no_browser = [("PATH", ""), ("OIDC_CLIENT_SECRET", "")];
    let mut running = Running::start(&program, &[&liar.origin(), "app"], &no_browser);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while !said
        .last()
        .is_some_and(|line: &String| line.starts_with("Waiting"))
    {
        said.push(lines.next().unwrap().unwrap());
    }
    let said = said.join("\n");
    for says in [
        "No browser opens.",
        "on another machine cannot come back",
        "for 5 minutes; Ctrl+C gives up",
        "the redirect URI http://127.0.0.1/callback",
        "\"app\" is registered",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let page = said.lines().find(|line| line.starts_with("http")).unwrap();
    let page = url::Url::parse(page).unwrap();
    let pairs: HashMap<_, _> = page.query_pairs().collect();

    // The browser comes back after all, and says that the user declined.
    let back = url::Url::parse(&pairs["redirect_uri"]).unwrap();
    let mut browser = std::net::TcpStream::connect(("127.0.0.1", back.port().unwrap())).unwrap();
    let query = format!("error=access_denied&state={}", pairs["state"]);
    let request = format!(
        "GET /callback?{query} HTTP/1.1\r\nHost: {}\r\n\r\n",
        back.authority()
    );
    browser.write_all(request.as_bytes()).unwrap();
    let (code, printed) = {
        let mut rest = String::new();
        for line in lines {
            rest.push_str(&line.unwrap());
        }
        let status = running.0.wait().unwrap();
        let mut errors = running.0.stderr.take().unwrap();
        errors.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    };
    assert_eq!(code, Some(1));
    assert!(printed.contains("Error: not signed in: "), "{printed}");
    assert!(printed.contains("access_denied"), "{printed}");
    is_in_words(&printed);
}
