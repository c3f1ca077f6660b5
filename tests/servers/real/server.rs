//! Real servers, each on a free loopback port, ended by the guard that started it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The repository, whose package has the examples.
pub fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap()
}

/// Where `tests/servers/install` puts the servers.
pub fn installed(path: &str) -> PathBuf {
    repository().join("target/servers").join(path)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until a server that has been started listens.
pub fn wait_for_port(port: u16, server: &str) {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < PATIENCE, "{server} does not start");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with this.
pub struct Server(Child);

impl Server {
    pub fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .spawn()
                .expect("tests/servers/install has installed it"),
        )
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder of its own that is removed with this.
pub struct Folder(PathBuf);

impl Folder {
    /// The name must be taken by nobody else: with the port of the server, say.
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("typed-hub-{name}")))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server of Cognito user pools.
pub struct CognitoServer {
    _server: Server,
    _state: Folder,
    pub endpoint: String,
}

impl CognitoServer {
    pub fn start() -> Self {
        let port = free_port();
        let state = Folder::new(&format!("ministack-{port}"));
        let mut command = Command::new(installed("ministack/bin/ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AUTH", "true")
            .env("STATE_DIR", state.path())
            .env("SERVICES", "cognito-idp,cognito-identity,ses,iam,sts")
            .env("IOT_MTLS_ENABLED", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Server::start(&mut command);
        wait_for_port(port, "ministack");
        Self {
            _server: server,
            _state: state,
            endpoint: format!("http://127.0.0.1:{port}"),
        }
    }
}

/// An OpenID provider.
pub struct OidcServer {
    _server: Server,
    pub issuer: String,
    events: Arc<Mutex<Vec<String>>>,
}

impl OidcServer {
    /// Its tokens last so many seconds.
    pub fn start(access_ttl: u32) -> Self {
        let port = free_port();
        Self::start_behind(port, &format!("http://127.0.0.1:{port}"), access_ttl)
    }

    /// Set up in this way.
    pub fn start_as(settings: &serde_json::Value) -> Self {
        let port = free_port();
        Self::start_at(port, &format!("http://127.0.0.1:{port}"), 3600, settings)
    }

    /// At this port, and reached by its users at this origin.
    pub fn start_behind(port: u16, origin: &str, access_ttl: u32) -> Self {
        Self::start_at(port, origin, access_ttl, &serde_json::json!({}))
    }

    fn start_at(port: u16, origin: &str, access_ttl: u32, settings: &serde_json::Value) -> Self {
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .current_dir(installed("oidc-provider"))
            .env("PORT", port.to_string())
            .env("PROXY", origin)
            .env("ACCESS_TTL", access_ttl.to_string())
            .env("SETTINGS", settings.to_string())
            .env("NODE_NO_WARNINGS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Server::start(&mut command);
        let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
        let events: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&events);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                let of = event["grant"]
                    .as_str()
                    .map_or_else(String::new, |of| format!(" {of}"));
                let name = event["event"].as_str().unwrap_or("?").to_owned();
                log.lock().unwrap().push(name + &of);
            }
        });
        let server = Self {
            _server: server,
            issuer: origin.to_owned(),
            events,
        };
        let since = Instant::now();
        while !server.events().iter().any(|event| event == "ready") {
            assert!(since.elapsed() < PATIENCE, "the provider does not start");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// What it has done, by its own account.
    pub fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }

    /// How many events of this name there have been. Its lines come by a pipe, some of them after
    /// the answer that they are about: first it lets them come.
    pub fn count(&self, event: &str) -> usize {
        let mut known = None;
        while known != Some(self.events().len()) {
            known = Some(self.events().len());
            thread::sleep(Duration::from_millis(100));
        }
        self.events().iter().filter(|line| *line == event).count()
    }
}
