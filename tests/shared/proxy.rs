//! Stands between a client and a real server, and fails on demand.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Server, free_port};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    Refused,
    /// The connection is reset before the request is read.
    Reset,
    /// The server has done what was asked, and half of its answer comes through.
    Cut,
    /// The server is out of order, overloaded, or behind a wall that lets nobody through.
    Status(u16),
    /// No answer, for as long as the client waits.
    Slow,
    /// A page of somebody else's, with status 200.
    Garbage,
    /// A body without end.
    Endless,
    /// Encrypted, with a certificate that nobody trusts. It is the client that is sent there.
    Untrusted,
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Refused,
        Self::Reset,
        Self::Cut,
        Self::Status(500),
        Self::Status(429),
        Self::Status(403),
        Self::Slow,
        Self::Garbage,
        Self::Endless,
        Self::Untrusted,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.pad("refused"),
            Self::Reset => f.pad("reset"),
            Self::Cut => f.pad("cut in mid-body"),
            Self::Status(status) => f.pad(&format!("status {status}")),
            Self::Slow => f.pad("slow"),
            Self::Garbage => f.pad("garbage"),
            Self::Endless => f.pad("endless body"),
            Self::Untrusted => f.pad("untrusted TLS"),
        }
    }
}

/// One request per connection, so that each can fail by itself.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    upstream: u16,
    state: Mutex<State>,
    listening: AtomicBool,
    ended: AtomicBool,
    /// How many bytes of endless bodies were taken.
    flood: AtomicU64,
}

#[derive(Default)]
struct State {
    /// What fails after how many more requests.
    fault: Option<(Fault, usize)>,
    closed: bool,
    /// A member of the discovery document, and the origin it is to lead to.
    rewrite: Option<(&'static str, String)>,
    requests: Vec<String>,
}

impl Proxy {
    pub(crate) fn to(upstream: u16) -> Self {
        let port = free_port();
        let shared = Arc::new(Shared {
            port,
            upstream,
            state: Mutex::default(),
            listening: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            flood: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept());
        shared.until_listening(true);
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets so many requests through, and then fails.
    pub(crate) fn fail(&self, fault: Fault, after: usize) {
        self.shared.state.lock().unwrap().fault = Some((fault, after));
        if after == 0 && fault == Fault::Refused {
            self.shared.close();
        }
    }

    /// From now on, this member of the discovery document leads to another origin.
    pub(crate) fn send_elsewhere(&self, member: &'static str, origin: &str) {
        self.shared.state.lock().unwrap().rewrite = Some((member, origin.to_owned()));
    }

    pub(crate) fn clear_fault(&self) {
        {
            let mut state = self.shared.state.lock().unwrap();
            (state.fault, state.rewrite, state.closed) = (None, None, false);
        }
        self.shared.until_listening(true);
    }

    /// The requests that have arrived since this was asked, each as its first line.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state.lock().unwrap().requests)
    }

    pub(crate) fn take_flood(&self) -> u64 {
        self.shared.flood.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn accept(self: Arc<Self>) {
        let mut listener = None;
        while !self.ended.load(Ordering::SeqCst) {
            if self.state.lock().unwrap().closed {
                listener = None;
            } else if listener.is_none() {
                let bound = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
                bound.set_nonblocking(true).unwrap();
                listener = Some(bound);
            }
            self.listening.store(listener.is_some(), Ordering::SeqCst);
            match listener.as_ref().map(TcpListener::accept) {
                Some(Ok((stream, _))) => {
                    let shared = Arc::clone(&self);
                    thread::spawn(move || shared.serve(stream));
                }
                _ => thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    fn close(&self) {
        self.state.lock().unwrap().closed = true;
        self.until_listening(false);
    }

    fn until_listening(&self, listening: bool) {
        let since = Instant::now();
        while self.listening.load(Ordering::SeqCst) != listening {
            assert!(since.elapsed() < PATIENCE, "the proxy does not follow");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// What is to become of the next request, and whether nobody is to listen after it.
    fn next(&self) -> (Option<Fault>, bool) {
        match &mut self.state.lock().unwrap().fault {
            Some((Fault::Untrusted, _)) | None => (None, false),
            Some((fault, 0)) => (Some(*fault), false),
            Some((fault, after)) => {
                *after -= 1;
                (None, *after == 0 && *fault == Fault::Refused)
            }
        }
    }

    /// A client that goes away is no failure of the proxy's.
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_nonblocking(false);
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let (fault, is_last) = self.next();
        if fault == Some(Fault::Reset) {
            // Closing a connection with unread bytes resets it.
            let _ = stream.peek(&mut [0]);
            return;
        }
        let Ok(request) = read_message(&mut stream) else {
            return;
        };
        let line = request.head.lines().next().unwrap_or_default().to_owned();
        self.state.lock().unwrap().requests.push(line);
        let _ = match fault {
            None => {
                let answer = self.forward(&request);
                if is_last {
                    self.close();
                }
                answer.and_then(|answer| stream.write_all(&answer.bytes(answer.body.len())))
            }
            Some(Fault::Cut) => self
                .forward(&request)
                .and_then(|answer| stream.write_all(&answer.bytes(answer.body.len() / 2))),
            Some(Fault::Slow) => self.hold(&mut stream),
            Some(Fault::Endless) => self.pour(&mut stream),
            Some(Fault::Status(status)) => stream.write_all(sorry(status).as_bytes()),
            Some(_) => stream.write_all(PORTAL.as_bytes()),
        };
    }

    fn forward(&self, request: &Message) -> io::Result<Message> {
        let mut upstream = TcpStream::connect(("127.0.0.1", self.upstream))?;
        upstream.set_read_timeout(Some(PATIENCE))?;
        upstream.write_all(&request.bytes(request.body.len()))?;
        let mut answer = read_message(&mut upstream)?;
        let rewrite = self.state.lock().unwrap().rewrite.clone();
        if let (Some((member, origin)), true) = (rewrite, request.head.contains("/.well-known/")) {
            let document = String::from_utf8_lossy(&answer.body);
            let here = format!(r#""{member}":"http://127.0.0.1:{}"#, self.port);
            let there = format!(r#""{member}":"{origin}"#);
            answer.body = document.replace(&here, &there).into_bytes();
        }
        Ok(answer)
    }

    /// Says nothing until the client is gone.
    fn hold(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        let since = Instant::now();
        while since.elapsed() < PATIENCE && !self.ended.load(Ordering::SeqCst) {
            match stream.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
        Ok(())
    }

    fn pour(&self, stream: &mut TcpStream) -> io::Result<()> {
        let since = Instant::now();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        stream.write_all(br#"{"access_token":""#)?;
        while since.elapsed() < PATIENCE {
            stream.write_all(&[b'x'; 16 * 1024])?;
            self.flood.fetch_add(16 * 1024, Ordering::SeqCst);
        }
        Ok(())
    }
}

const PORTAL: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
    content-length: 42\r\n\r\n<html><p>Welcome to the airport</p></html>";

fn sorry(status: u16) -> String {
    let body = r#"{"message":"Forbidden"}"#;
    let length = body.len();
    let wall = if status == 403 {
        "x-amzn-errortype: ForbiddenException\r\n"
    } else {
        ""
    };
    format!(
        "HTTP/1.1 {status} Sorry\r\ncontent-type: application/json\r\n{wall}connection: close\r\n\
        content-length: {length}\r\n\r\n{body}"
    )
}

/// A request or an answer. Its head has no header that tells of its length or of the connection.
struct Message {
    head: String,
    body: Vec<u8>,
}

impl Message {
    /// As it goes on, with so much of its body.
    fn bytes(&self, body: usize) -> Vec<u8> {
        let length = self.body.len();
        let head = &self.head;
        let mut bytes =
            format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(&self.body[..body]);
        bytes
    }
}

fn read_message(stream: &mut TcpStream) -> io::Result<Message> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..read]);
    };
    let text = String::from_utf8_lossy(&bytes[..end - 2]).into_owned();
    let mut body = bytes.split_off(end);
    let (mut head, mut length) = (String::new(), None);
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse::<usize>().ok();
        } else if lower.starts_with("transfer-encoding:") {
            return Err(io::ErrorKind::Unsupported.into());
        } else if !lower.starts_with("connection:") {
            head.push_str(line);
            head.push_str("\r\n");
        }
    }
    let length = match length {
        Some(length) => length,
        // A request without one has no body; an answer without one ends with the connection.
        None if head.starts_with("HTTP/") => usize::MAX,
        None => 0,
    };
    while body.len() < length {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        body.extend_from_slice(&buffer[..read]);
    }
    Ok(Message { head, body })
}

/// A server whose certificate nobody trusts, and its origin.
pub(crate) fn untrusted() -> (Server, String) {
    let port = free_port();
    let folder = std::env::temp_dir().join(format!("typed-hub-untrusted-{port}"));
    std::fs::create_dir_all(&folder).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", "/CN=127.0.0.1", "-addext"])
        .args(["subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out"])
        .arg("certificate")
        .current_dir(&folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl is installed").success());
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-quiet", "-www", "-accept"])
        .arg(format!("127.0.0.1:{port}"))
        .args(["-key", "key", "-cert", "certificate"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = Server::start(&mut command);
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < PATIENCE, "openssl does not start");
        thread::sleep(Duration::from_millis(20));
    }
    let _ = std::fs::remove_dir_all(folder); // it has read them
    (server, format!("https://127.0.0.1:{port}"))
}
