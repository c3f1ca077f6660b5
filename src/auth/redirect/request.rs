//! One request to a loopback address, and the answer to it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest request line with its headers: 64 KiB. A browser sends the cookies of every
/// application on the same host along, whatever its port.
const MAX_HEAD: usize = 64 * 1024;

/// How long a connection may take to read the whole answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

const PAGE: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <title>Back to the application</title></head>\
    <body><p>You can close this window and go back to the application.</p></body></html>";

/// The name that only this machine has ([RFC 6761, section
/// 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)).
pub(super) const LOCALHOST: &str = "localhost";

/// The address that a request must name.
pub(super) struct CallbackAddress {
    /// `127.0.0.1` or `[::1]`
    pub(super) host: String,
    pub(super) port: u16,
    /// `/callback`
    pub(super) path: String,
    /// Whether a request may name `localhost` as well.
    pub(super) admits_localhost: AtomicBool,
    /// The page of the application, if it has one.
    pub(super) page: Option<String>,
}

impl CallbackAddress {
    /// The URL of a target. The port of plain HTTP is left out, as a browser does ([RFC 3986,
    /// section 6.2.3](https://www.rfc-editor.org/rfc/rfc3986#section-6.2.3)).
    pub(super) fn url(&self, host: &str, target: &str) -> String {
        match self.port {
            80 => format!("http://{host}{target}"),
            port => format!("http://{host}:{port}{target}"),
        }
    }

    /// The host that a request means, if it is this one. Any other means that a web page has
    /// pointed its own name here (DNS rebinding).
    fn host(&self, authority: &[u8]) -> Option<&str> {
        let localhost = self.admits_localhost.load(Ordering::SeqCst);
        let localhost = localhost.then_some(LOCALHOST);
        let mut hosts = [Some(&*self.host), localhost].into_iter().flatten();
        hosts.find(|host| {
            let with_port = format!("{host}:{}", self.port);
            authority.eq_ignore_ascii_case(with_port.as_bytes())
                || self.port == 80 && authority.eq_ignore_ascii_case(host.as_bytes())
        })
    }
}

/// Answers one connection. A callback is answered before it is delivered, since the process may
/// exit after that.
///
/// `patience` is how long the connection may take to send its request. With `is_quiet`, a connection
/// that takes longer gets no answer.
pub(super) fn serve(
    mut stream: TcpStream,
    address: &CallbackAddress,
    patience: Duration,
    is_quiet: bool,
    deliver: impl FnOnce(String),
) {
    let request = match read_head(&mut stream, patience) {
        Err(TIMED_OUT) if is_quiet => return,
        request => request,
    };
    let wanted = request.and_then(|head| callback(&head, address));
    let _ = match &wanted {
        Ok(_) => respond(&mut stream, "200 OK", address.page.as_deref()),
        Err(status) => respond(&mut stream, status, Some("")),
    };
    if let Ok(callback) = wanted {
        deliver(callback);
    }
    // Closing a connection with unread bytes resets it, and the answer may be lost.
    let _ = stream.shutdown(Shutdown::Write);
    let deadline = Instant::now() + WRITE_TIMEOUT;
    let mut rest = [0; 4096];
    while let Ok(1..) = read_until(&mut stream, &mut rest, deadline) {}
}

const BAD: &str = "400 Bad Request";
const TIMED_OUT: &str = "408 Request Timeout";

/// Reads the request line and the headers. The error is the status of the answer.
fn read_head(stream: &mut TcpStream, patience: Duration) -> Result<Vec<u8>, &'static str> {
    const END: &[u8] = b"\r\n\r\n";
    let deadline = Instant::now() + patience;
    let mut head = Vec::new();
    let mut some = [0; 4096];
    loop {
        let seen = head.len().saturating_sub(END.len());
        match read_until(stream, &mut some, deadline) {
            Ok(0) => return Err(BAD),
            Ok(length) => head.extend_from_slice(&some[..length]),
            Err(_) => return Err(TIMED_OUT),
        }
        let end = head[seen..].windows(END.len()).position(|at| at == END);
        if let Some(end) = end {
            head.truncate(seen + end);
        }
        if head.len() > MAX_HEAD {
            return Err("431 Request Header Fields Too Large");
        }
        if end.is_some() {
            return Ok(head);
        }
    }
}

fn read_until(stream: &mut TcpStream, into: &mut [u8], deadline: Instant) -> io::Result<usize> {
    loop {
        stream.set_read_timeout(Some(time_left(deadline)?))?;
        match stream.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Returns the URL, if the request is a callback. The error is the status of the answer.
///
/// The request line and the host decide. Other headers are opaque bytes ([RFC 9110, section
/// 5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
fn callback(head: &[u8], address: &CallbackAddress) -> Result<String, &'static str> {
    let line_end = head.windows(2).position(|at| at == b"\r\n");
    let (line, headers) = head.split_at(line_end.unwrap_or(head.len()));
    let line = str::from_utf8(line).map_err(|_| BAD)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BAD);
    }
    let (named, target) = match absolute(target) {
        Some((authority, target)) => (address.host(authority.as_bytes()), target),
        None => (
            only_host(headers).and_then(|host| address.host(host)),
            target,
        ),
    };
    let host = named.ok_or("421 Misdirected Request")?;
    match target.split_once('?') {
        Some((path, query)) if path == address.path && !query.is_empty() => {}
        _ => return Err("404 Not Found"),
    }
    if method != "GET" {
        return Err("405 Method Not Allowed");
    }
    if is_prefetch(headers) {
        return Err("503 Service Unavailable");
    }
    Ok(address.url(host, target))
}

/// The authority and the rest of a target in absolute form, which names the host in place of the
/// header ([RFC 9112, section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)).
fn absolute(target: &str) -> Option<(&str, &str)> {
    const SCHEME: &str = "http://";
    let (scheme, rest) = target.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// The one `Host` header.
fn only_host(headers: &[u8]) -> Option<&[u8]> {
    let mut hosts = values(headers, "host");
    hosts.next().filter(|_| hosts.next().is_none())
}

/// Whether the browser loads the page before its user goes there. Then the user has not come back
/// yet, and the browser repeats the request when they do
/// ([Fetch, `Sec-Purpose`](https://fetch.spec.whatwg.org/#sec-purpose-header)).
fn is_prefetch(headers: &[u8]) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"]
        .into_iter()
        .flat_map(|name| values(headers, name))
        .filter_map(|value| str::from_utf8(value).ok())
        .flat_map(|value| value.split([';', ',']))
        .any(|word| {
            let word = word.trim();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|early| word.eq_ignore_ascii_case(early))
        })
}

/// The values of all headers of this name, without the space around them.
fn values<'h>(headers: &'h [u8], name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.split(|byte| *byte == b'\n');
    lines.filter_map(move |line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (key, value) = line.split_at(colon);
        let is_this = key.eq_ignore_ascii_case(name.as_bytes());
        is_this.then(|| value[1..].trim_ascii())
    })
}

/// Answers with the page of the application, or with that of this crate.
fn respond(stream: &mut TcpStream, status: &str, page: Option<&str>) -> io::Result<()> {
    let (page, may) = match page {
        // The page of an application may have a style and pictures of its own, and no script.
        Some(page) => (page, "; style-src 'unsafe-inline'; img-src data:"),
        None => (PAGE, ""),
    };
    let length = page.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\n\
         Content-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\n\
         Allow: GET\r\n\
         Cache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'{may}\r\n\
         X-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n{page}"
    );
    write_until(stream, answer.as_bytes(), Instant::now() + WRITE_TIMEOUT)
}

fn write_until(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(time_left(deadline)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The time until the deadline; an error if it is over.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> CallbackAddress {
        CallbackAddress {
            host: "127.0.0.1".to_owned(),
            port,
            path: "/callback".to_owned(),
            admits_localhost: AtomicBool::new(true),
            page: None,
        }
    }

    fn request(target: &str, headers: &str) -> Vec<u8> {
        format!("GET {target} HTTP/1.1\r\n{headers}").into_bytes()
    }

    /// The port of plain HTTP is not named by a browser.
    #[test]
    fn port_80_is_a_port() {
        for host in ["127.0.0.1", "127.0.0.1:80", "LOCALHOST", "localhost:80"] {
            let head = request("/callback?code=1", &format!("Host: {host}"));
            let name = host.to_ascii_lowercase();
            let name = name.trim_end_matches(":80");
            let url = format!("http://{name}/callback?code=1");
            assert_eq!(callback(&head, &at(80)), Ok(url), "{host}");
        }
        let head = request("/callback?code=1", "Host: 127.0.0.1");
        assert_eq!(callback(&head, &at(8080)), Err("421 Misdirected Request"));
    }

    #[test]
    fn the_host_of_an_absolute_target_counts_and_not_the_header() {
        let url = Ok("http://127.0.0.1:8080/callback?code=1".to_owned());
        for headers in ["Host: 127.0.0.1:8080", "Host: evil.example", ""] {
            let head = request("HTTP://127.0.0.1:8080/callback?code=1", headers);
            assert_eq!(callback(&head, &at(8080)), url, "{headers}");
        }
        for target in [
            "http://evil.example/callback?code=1",
            "http://127.0.0.1:8080.evil.example/callback?code=1",
            "http://evil@127.0.0.1:8080/callback?code=1",
            "http:///callback?code=1",
            "http://",
        ] {
            let head = request(target, "Host: 127.0.0.1:8080");
            let refused = Err("421 Misdirected Request");
            assert_eq!(callback(&head, &at(8080)), refused, "{target}");
        }
        for target in [
            "https://127.0.0.1:8080/callback?code=1",
            "http://127.0.0.1:8080",
        ] {
            let head = request(target, "Host: 127.0.0.1:8080");
            assert_eq!(callback(&head, &at(8080)), Err("404 Not Found"), "{target}");
        }
    }
}
