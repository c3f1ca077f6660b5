//! A real NATS server of a test's own, on a loopback port, ended by the guard that started it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct NatsServer {
    port: u16,
    folder: PathBuf,
    config: String,
    process: Mutex<Option<Child>>,
}

impl NatsServer {
    /// A server with JetStream.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// A server with JetStream, and these lines of configuration, in which `$FOLDER` is its folder.
    pub(crate) fn start_with(config: &str) -> Self {
        let server = Self::not_yet(config);
        server.start_again();
        server
    }

    /// A server that is not there before it is started again.
    pub(crate) fn not_yet(config: &str) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("typed-hub-nats-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let config = config.replace("$FOLDER", &folder.display().to_string());
        Self {
            port,
            folder,
            config,
            process: Mutex::new(None),
        }
    }

    /// Has this configuration when it is started again.
    pub(crate) fn configure(&mut self, config: &str) {
        config.clone_into(&mut self.config);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it stores its streams.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again, with what it has stored, and waits until it answers.
    pub(crate) fn start_again(&self) {
        let config = self.folder.join("server.conf");
        let jetstream = if self.config.contains("jetstream") {
            String::new()
        } else {
            format!("jetstream {{ store_dir: '{}' }}\n", self.folder.display())
        };
        let lines = format!(
            "host: 127.0.0.1\nport: {}\n{jetstream}{}\n",
            self.port, self.config
        );
        std::fs::write(&config, lines).unwrap();
        let process = Command::new("nats-server")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/servers/install has installed it");
        *self.process.lock().unwrap() = Some(process);
        let since = Instant::now();
        while !answers(self.port) {
            assert!(since.elapsed() < PATIENCE, "the server does not start");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether a server greets there.
fn answers(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut greeting = String::new();
    let read = BufReader::new(stream).read_line(&mut greeting);
    read.is_ok() && greeting.starts_with("INFO")
}
