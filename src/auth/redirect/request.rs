//! One request to a loopback address, and the answer to it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The longest request: 16 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// How long a connection may take to send its request.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take to read the answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

const PAGE: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Back to the application</title></head>\
    <body><p>You can close this window and go back to the application.</p></body></html>";

/// The address that a request must name.
pub(super) struct CallbackAddress {
    /// `127.0.0.1:49152`
    pub(super) authority: String,
    /// `/callback`
    pub(super) path: String,
}

impl CallbackAddress {
    pub(super) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.authority)
    }
}

/// Answers one connection. A callback is answered before it is delivered, since the process may
/// exit after that.
pub(super) fn serve(
    mut stream: TcpStream,
    address: &CallbackAddress,
    deliver: impl FnOnce(String),
) {
    let request = read_head(&mut stream);
    let wanted = request.and_then(|head| callback(&head, address));
    let (status, page) = match &wanted {
        Ok(_) => ("200 OK", PAGE),
        Err(status) => (*status, ""),
    };
    let _ = respond(&mut stream, status, page);
    if let Ok(callback) = wanted {
        deliver(callback);
    }
    // Closing a connection with unread bytes resets it, and the answer may be lost.
    let _ = stream.shutdown(Shutdown::Write);
    let deadline = Instant::now() + WRITE_TIMEOUT;
    let mut rest = [0; 4096];
    while let Ok(1..) = read_until(&mut stream, &mut rest, deadline) {}
}

/// Reads the request line and the headers. The error is the status of the answer.
fn read_head(stream: &mut TcpStream) -> Result<String, &'static str> {
    const END: &[u8] = b"\r\n\r\n";
    let deadline = Instant::now() + READ_TIMEOUT;
    let mut head = Vec::new();
    let mut some = [0; 1024];
    loop {
        match read_until(stream, &mut some, deadline) {
            Ok(0) => return Err("400 Bad Request"),
            Ok(length) => head.extend_from_slice(&some[..length]),
            Err(_) => return Err("408 Request Timeout"),
        }
        if let Some(end) = head.windows(END.len()).position(|bytes| bytes == END) {
            head.truncate(end);
        } else if head.len() <= MAX_HEAD {
            continue;
        }
        if head.len() > MAX_HEAD {
            return Err("431 Request Header Fields Too Large");
        }
        return String::from_utf8(head).map_err(|_| "400 Bad Request");
    }
}

fn read_until(stream: &mut TcpStream, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(into)
}

/// Returns the URL, if the request is a callback. The error is the status of the answer.
fn callback(head: &str, address: &CallbackAddress) -> Result<String, &'static str> {
    const BAD: &str = "400 Bad Request";
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BAD);
    }
    let mut hosts = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|(_, host)| host.trim());
    // Another host name means that a web page has pointed its own name here (DNS rebinding).
    if hosts.next() != Some(&*address.authority) || hosts.next().is_some() {
        return Err("421 Misdirected Request");
    }
    match target.split_once('?') {
        Some((path, query)) if path == address.path && !query.is_empty() => {}
        _ => return Err("404 Not Found"),
    }
    if method != "GET" {
        return Err("405 Method Not Allowed");
    }
    Ok(address.url(target))
}

fn respond(stream: &mut TcpStream, status: &str, page: &str) -> io::Result<()> {
    let length = page.len();
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let answer = format!(
        "HTTP/1.1 {status}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Allow: GET\r\n\
         Cache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n{page}"
    );
    stream.write_all(answer.as_bytes())
}
