//! A loopback address takes the callback of a browser, and nothing else.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::start;
use pollster::block_on;
use typed_hub::auth::redirect::{Loopback, LoopbackError};

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// `127.0.0.1:49152`
fn authority(loopback: &Loopback) -> String {
    let uri = loopback.redirect_uri();
    let rest = uri.strip_prefix("http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

fn send(authority: &str, request: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // It may have heard enough before all is sent.
    let _ = stream.write_all(request.as_ref());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn request(authority: &str, method: &str, target: &str) -> String {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    send(authority, request)
}

fn get(authority: &str, target: &str) -> String {
    request(authority, "GET", target)
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn nothing_came(loopback: &Loopback) {
    let result = block_on(loopback.callback(SHORT));
    assert_eq!(result, Err(LoopbackError::TimedOut));
}

#[test]
fn a_callback_is_passed_on_as_it_came() {
    let loopback = Loopback::bind().unwrap();
    let uri = loopback.redirect_uri();
    for query in [
        "code=abc&state=x%20y&iss=https%3A%2F%2Fidp.example",
        "error=access_denied&error_description=The+user+said+no&state=x",
        "code=a?b&state=%",
    ] {
        let answer = get(&authority(&loopback), &format!("/callback?{query}"));
        assert_eq!(status(&answer), "200");
        let callback = block_on(loopback.callback(LONG)).unwrap();
        assert_eq!(callback, format!("{uri}?{query}"));
    }
    nothing_came(&loopback);
}

#[test]
fn one_who_waits_is_woken() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let browser = thread::spawn(move || {
        thread::sleep(SHORT);
        get(&authority, "/callback?code=1")
    });
    let began = Instant::now();
    assert!(block_on(loopback.callback(LONG)).is_ok());
    assert!(began.elapsed() < LONG / 2);
    assert_eq!(status(&browser.join().unwrap()), "200");
}

#[test]
fn the_page_is_bare_and_says_nothing_of_success() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let good = get(&authority, "/callback?code=s3cret");
    let denied = get(&authority, "/callback?error=access_denied");
    assert_eq!(good, denied);
    for header in [
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Content-Security-Policy: default-src 'none'",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ] {
        assert!(good.contains(header), "{header} is not in {good}");
    }
    let (_, page) = good.split_once("\r\n\r\n").unwrap();
    assert!(page.contains("You can close this window"));
    assert!(good.contains(&format!("Content-Length: {}\r\n", page.len())));
    assert!(!page.contains("http") && !page.contains("script"));
    assert!(!format!("{loopback:?}").contains("s3cret"));
}

#[test]
fn nothing_else_is_taken() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    for target in [
        "/",
        "/favicon.ico",
        "/callback",
        "/callback?",
        "/callback/?code=1",
        "/callback/../callback?code=1",
        "/Callback?code=1",
        "//callback?code=1",
        "*",
    ] {
        assert_eq!(status(&get(&authority, target)), "404", "{target}");
    }
    let absolute = format!("http://{authority}/callback");
    assert_eq!(status(&get(&authority, &absolute)), "404");
    for method in ["POST", "HEAD", "PUT", "OPTIONS", "get", "CONNECT"] {
        let answer = request(&authority, method, "/callback?code=1");
        assert_eq!(status(&answer), "405", "{method}");
        assert!(answer.ends_with("\r\n\r\n"), "{method} has a body");
    }
    nothing_came(&loopback);
}

#[test]
fn another_name_is_refused() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let port = authority.rsplit(':').next().unwrap();
    let line = "GET /callback?code=1 HTTP/1.1\r\n";
    for headers in [
        String::new(),
        "Host:\r\n".to_owned(),
        "Host: 127.0.0.1\r\n".to_owned(),
        "Host: 127.0.0.1:1\r\n".to_owned(),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: localhost:{port}\r\n"),
        format!("Host: {authority}.evil.example\r\n"),
        format!("Host: {authority}\r\nHost: evil.example\r\n"),
        format!("X-Host: {authority}\r\n"),
    ] {
        let answer = send(&authority, format!("{line}{headers}\r\n"));
        assert_eq!(status(&answer), "421", "{headers}");
    }
    nothing_came(&loopback);
    let answer = send(&authority, format!("{line}hOsT:{authority}\r\n\r\n"));
    assert_eq!(status(&answer), "200");
}

#[test]
fn what_is_no_request_is_refused() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let host = format!("Host: {authority}");
    for line in [
        "",
        "GET",
        "GET /callback?code=1",
        "GET /callback?code=1 HTTP/2",
        "GET  /callback?code=1 HTTP/1.1",
        "GET /callback?code=1 2 HTTP/1.1",
        "GET /callback?code=\t HTTP/1.1",
        "GET /callback?code=\u{e9} HTTP/1.1",
    ] {
        let answer = send(&authority, format!("{line}\r\n{host}\r\n\r\n"));
        assert_eq!(status(&answer), "400", "{line}");
    }
    let mut bytes = b"GET /callback?code=\xff\xfe HTTP/1.1\r\n".to_vec();
    bytes.extend(format!("{host}\r\n\r\n").bytes());
    assert_eq!(status(&send(&authority, bytes)), "400");
    nothing_came(&loopback);
}

#[test]
fn a_request_that_is_too_long_is_answered_and_not_cut_off() {
    let loopback = Loopback::bind().unwrap();
    let mut stream = TcpStream::connect(authority(&loopback)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(&vec![b'x'; 100 * 1024]).unwrap();
    let mut answer = String::new();
    // A connection that is closed with something unread is reset.
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), "431");
}

#[test]
fn an_answer_ends_before_its_reader_closes_the_connection() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    // Unless the answer is ended, it ends with the connection, 1 s later.
    let is_soon = (0..5).any(|_| {
        let began = Instant::now();
        assert_eq!(status(&get(&authority, "/callback?code=1")), "200");
        began.elapsed() < Duration::from_millis(700)
    });
    assert!(is_soon);
}

#[test]
fn a_request_has_a_longest() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let of_length = |length: usize| {
        let rest = format!(" HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let start = "GET /callback?code=";
        let fill = "x".repeat(length - rest.len() - start.len());
        send(&authority, format!("{start}{fill}{rest}"))
    };
    assert_eq!(status(&of_length(64 * 1024)), "200");
    assert!(block_on(loopback.callback(LONG)).is_ok());
    assert_eq!(status(&of_length(65 * 1024)), "431");
    assert_eq!(status(&of_length(400 * 1024)), "431");
    assert_eq!(status(&send(&authority, vec![b'x'; 80 * 1024])), "431");
    nothing_came(&loopback);
}

#[test]
fn who_is_slow_holds_up_nobody() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&*authority).unwrap();
            stream.write_all(b"GET /callback?code=slow HT").unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(status(&get(&authority, "/callback?code=good")), "200");
    assert!(began.elapsed() < Duration::from_secs(3));
    let callback = block_on(loopback.callback(LONG)).unwrap();
    assert!(callback.ends_with("code=good"));
    // The patience with them has an end, however they go on.
    let mut drip = slow.into_iter().next().unwrap();
    drip.set_read_timeout(Some(LONG)).unwrap();
    let mut answer = String::new();
    let _ = drip.read_to_string(&mut answer);
    assert_eq!(status(&answer), "408");
    assert!(began.elapsed() < Duration::from_secs(10));
    nothing_came(&loopback);
}

#[test]
fn a_request_in_pieces_is_one() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let mut stream = TcpStream::connect(&*authority).unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET /callback?code=1 HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    for byte in request.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let callback = block_on(loopback.callback(LONG)).unwrap();
    assert!(callback.ends_with("?code=1"));
}

#[test]
fn all_who_wait_are_woken() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let began = Instant::now();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| block_on(loopback.callback(LONG))))
            .collect();
        thread::sleep(SHORT); // for all of them to wait
        for number in 0..3 {
            get(&authority, &format!("/callback?code={number}"));
        }
        for waits in waiting {
            assert!(waits.join().unwrap().is_ok());
        }
    });
    assert!(began.elapsed() < LONG / 2);
}

#[test]
fn it_is_over_in_time() {
    let loopback = Loopback::bind().unwrap();
    let began = Instant::now();
    nothing_came(&loopback);
    assert!(began.elapsed() >= SHORT && began.elapsed() < LONG / 2);
    // And can be asked again.
    get(&authority(&loopback), "/callback?code=late");
    assert!(block_on(loopback.callback(LONG)).is_ok());
}

#[test]
fn dropping_it_closes_the_port() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let port = authority.rsplit(':').next().unwrap().parse().unwrap();
    drop(loopback);
    let refused = TcpStream::connect(&*authority).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let again = Loopback::bind_to(port, "/again").unwrap();
    assert_eq!(again.redirect_uri(), format!("http://{authority}/again"));
}

#[test]
fn dropping_it_does_not_wait_for_who_is_slow() {
    let loopback = Loopback::bind().unwrap();
    let _slow = TcpStream::connect(authority(&loopback)).unwrap();
    thread::sleep(SHORT);
    let began = Instant::now();
    drop(loopback);
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_dropped_future_loses_no_callback() {
    let loopback = Loopback::bind().unwrap();
    start(Box::pin(loopback.callback(LONG)).as_mut());
    get(&authority(&loopback), "/callback?code=1");
    assert!(block_on(loopback.callback(LONG)).is_ok());
}

#[test]
fn a_port_that_is_taken_and_a_path_that_is_none_are_errors() {
    let loopback = Loopback::bind().unwrap();
    let port = authority(&loopback)
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let taken = Loopback::bind_to(port, "/callback").unwrap_err();
    assert_eq!(taken, LoopbackError::Io(ErrorKind::AddrInUse));
    for path in ["", "callback", "/a?b", "/a#b", "/a b", "/a\r\nb", "/\u{e9}"] {
        let error = Loopback::bind_to(0, path).unwrap_err();
        assert_eq!(error, LoopbackError::Io(ErrorKind::InvalidInput), "{path}");
    }
}

#[test]
fn several_at_once_do_not_mix() {
    let loopbacks: Vec<_> = (0..10).map(|_| Loopback::bind().unwrap()).collect();
    thread::scope(|scope| {
        for (number, loopback) in loopbacks.iter().enumerate().rev() {
            scope.spawn(move || get(&authority(loopback), &format!("/callback?code={number}")));
        }
        for (number, loopback) in loopbacks.iter().enumerate() {
            let callback = block_on(loopback.callback(LONG)).unwrap();
            let expected = format!("{}?code={number}", loopback.redirect_uri());
            assert_eq!(callback, expected);
        }
    });
}

#[test]
fn callbacks_at_once_all_come_through() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    thread::scope(|scope| {
        for number in 0..10 {
            let authority = &authority;
            scope.spawn(move || get(authority, &format!("/callback?code={number}")));
        }
        let mut callbacks: Vec<_> = (0..10)
            .map(|_| block_on(loopback.callback(LONG)).unwrap())
            .collect();
        callbacks.sort();
        let expected: Vec<_> = (0..10)
            .map(|number| format!("http://{authority}/callback?code={number}"))
            .collect();
        assert_eq!(callbacks, expected);
    });
}

#[test]
fn it_waits_inside_a_runtime_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let loopback = Loopback::bind().unwrap();
    get(&authority(&loopback), "/callback?code=1");
    assert!(runtime.block_on(loopback.callback(LONG)).is_ok());
    let late = runtime.block_on(loopback.callback(SHORT));
    assert_eq!(late, Err(LoopbackError::TimedOut));
}

/// A browser sends the cookies of every application on 127.0.0.1 along, which know no port.
#[test]
fn other_headers_are_opaque_and_of_any_reasonable_size() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let long = format!("Cookie: {}", "k=v; ".repeat(12_000));
    for header in [
        long.as_bytes(),
        b"Cookie: name=Andr\xe9",
        b"\xff\xfe: \xff",
        b"Cookie: a=b\xc3",
        b"no colon at all",
        b"",
    ] {
        for host_is_first in [true, false] {
            let host = format!("Host: {authority}");
            let (first, second) = (host.as_bytes(), header);
            let (first, second) = if host_is_first {
                (first, second)
            } else {
                (second, first)
            };
            if header.is_empty() && !host_is_first {
                continue; // an empty line ends the headers
            }
            let request =
                [b"GET /callback?code=1 HTTP/1.1", first, second, b"\r\n"].join(&b"\r\n"[..]);
            let answer = send(&authority, request);
            let shown = String::from_utf8_lossy(&header[..header.len().min(30)]);
            assert_eq!(status(&answer), "200", "{shown}, {host_is_first}");
            assert!(block_on(loopback.callback(LONG)).is_ok());
        }
    }
}

/// RFC 9112, section 3.2.2.
#[test]
fn a_target_in_absolute_form_is_one() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let target = format!("http://{authority}/callback?code=1");
    assert_eq!(status(&get(&authority, &target)), "200");
    assert_eq!(block_on(loopback.callback(LONG)), Ok(target));
    let other = get(&authority, "http://evil.example/callback?code=1");
    assert_eq!(status(&other), "421");
    nothing_came(&loopback);
}

#[test]
fn a_page_that_is_loaded_ahead_of_its_user_is_no_callback() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let with = |header: &str| {
        let line = "GET /callback?code=1 HTTP/1.1";
        send(
            &authority,
            format!("{line}\r\nHost: {authority}\r\n{header}\r\n\r\n"),
        )
    };
    for header in [
        "Purpose: prefetch",
        "Sec-Purpose: prefetch",
        "sec-purpose: Prefetch;prerender",
        "X-Moz: prefetch",
        "X-Purpose: preview",
    ] {
        assert_eq!(status(&with(header)), "503", "{header}");
    }
    nothing_came(&loopback);
    for header in ["Purpose: navigation", "X-Purpose-Of: prefetch"] {
        assert_eq!(status(&with(header)), "200", "{header}");
        assert!(block_on(loopback.callback(LONG)).is_ok());
    }
}

#[test]
fn it_can_be_called_localhost() {
    let loopback = Loopback::builder().localhost(true).build().unwrap();
    let uri = loopback.redirect_uri();
    let authority = authority(&loopback);
    let port: u16 = authority
        .strip_prefix("localhost:")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(uri, format!("http://localhost:{port}/callback"));
    // The name may mean either address; a machine may have no such address as ::1.
    let mut reached = 0;
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let Ok(stream) = TcpStream::connect(&address) else {
            continue;
        };
        drop(stream);
        reached += 1;
        let request = format!("GET /callback?code=1 HTTP/1.1\r\nHost: LocalHost:{port}\r\n\r\n");
        assert_eq!(status(&send(&address, request)), "200");
        let callback = block_on(loopback.callback(LONG));
        assert_eq!(callback, Ok(format!("{uri}?code=1")));
    }
    assert!(reached > 0);
    drop(loopback);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn it_can_have_a_page_of_the_application() {
    let html = "<!DOCTYPE html><style>p { color: green }</style><p>Zurück zu Zoë, bitte</p>";
    let loopback = Loopback::builder()
        .port(0)
        .path("/back")
        .page(html)
        .build()
        .unwrap();
    let authority = authority(&loopback);
    let answer = get(&authority, "/back?code=1");
    let (headers, page) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(page, html);
    assert!(headers.contains(&format!("Content-Length: {}", html.len())));
    assert!(headers.contains("default-src 'none'; style-src 'unsafe-inline'"));
    let refused = get(&authority, "/elsewhere?code=1");
    assert!(refused.ends_with("\r\n\r\n"), "only at the end");
    assert!(block_on(loopback.callback(LONG)).is_ok());
}

#[test]
fn idle_connections_give_way_to_callbacks() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    let (mut idle, _) = fill(&authority);
    for number in 0..59 {
        let answer = get(&authority, &format!("/callback?code={number}"));
        assert_eq!(status(&answer), "200", "{number}");
        let callback = block_on(loopback.callback(LONG)).unwrap();
        assert!(callback.ends_with(&format!("?code={number}")));
    }
    assert!(idle.iter_mut().all(is_held), "they were open all the time");
    // All at once, and among others that are silent.
    thread::scope(|scope| {
        for number in 0..16 {
            let authority = &authority;
            scope.spawn(move || {
                let silent = open(authority);
                let answer = get(authority, &format!("/callback?code={number}"));
                assert_eq!(status(&answer), "200", "{number}");
                drop(silent);
            });
        }
        for _ in 0..16 {
            assert!(block_on(loopback.callback(LONG)).is_ok());
        }
    });
    drop(idle);
}

/// As documented at `MAX_CONNECTIONS` and `MAX_CALLBACKS` in `src/auth/redirect/loopback.rs`.
const CONNECTIONS: usize = 64;
const CALLBACKS: usize = 16;

/// A connection that has said nothing yet.
fn open(authority: &str) -> TcpStream {
    let stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Whether the other side has closed the connection, or does so before it has heard a request.
fn is_refused(mut stream: TcpStream) -> bool {
    let mut answer = [0; 1];
    !matches!(stream.read(&mut answer), Ok(1))
}

/// Whether the connection has not been closed so far.
fn is_held(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0; 1]);
    stream.set_nonblocking(false).unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// As many connections as are served at once, and when they were opened. Those of before are served
/// until they are known to be gone.
fn fill(authority: &str) -> (Vec<TcpStream>, Instant) {
    let since = Instant::now();
    while since.elapsed() < LONG {
        let began = Instant::now();
        let mut opened: Vec<_> = (0..CONNECTIONS).map(|_| open(authority)).collect();
        // By the time that one more is refused, all of them have been accepted.
        let is_full = is_refused(open(authority));
        if is_full && opened.iter_mut().all(is_held) {
            return (opened, began);
        }
        drop(opened);
        thread::sleep(SHORT);
    }
    panic!("no place is given back");
}

#[test]
fn silent_connections_beyond_the_limit_are_closed_and_the_others_served() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    // Twice: a refused connection leaves no place taken, and a served one gives its place back.
    for round in 0..2 {
        let (mut waiting, began) = fill(&authority);
        for _ in 0..CONNECTIONS / 2 {
            assert!(is_refused(open(&authority)));
        }
        // A connection that waits in vain is answered after 5 s: those above were not that.
        assert!(began.elapsed() < Duration::from_secs(4));
        let request = format!("GET /callback?round={round} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let last = waiting.last_mut().unwrap();
        last.write_all(request.as_bytes()).unwrap();
        let callback = block_on(loopback.callback(LONG)).unwrap();
        assert!(callback.ends_with(&format!("?round={round}")));
    }
}

#[test]
fn callbacks_beyond_the_limit_are_dropped_and_the_first_kept() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    for number in 0..CALLBACKS + 4 {
        let answer = get(&authority, &format!("/callback?code={number}"));
        assert_eq!(status(&answer), "200", "the browser is told nothing of it");
    }
    for number in 0..CALLBACKS {
        let callback = block_on(loopback.callback(LONG)).unwrap();
        assert!(callback.ends_with(&format!("?code={number}")), "{callback}");
    }
    nothing_came(&loopback);
    get(&authority, "/callback?code=again");
    assert!(block_on(loopback.callback(LONG)).is_ok());
}

#[test]
fn a_callback_with_a_state_takes_the_place_of_one_without() {
    let loopback = Loopback::bind().unwrap();
    let authority = authority(&loopback);
    for number in 0..CALLBACKS {
        get(&authority, &format!("/callback?code={number}"));
    }
    get(&authority, "/callback?code=real&state=s");
    let callbacks: Vec<_> = (0..CALLBACKS)
        .map(|_| block_on(loopback.callback(LONG)).unwrap())
        .collect();
    nothing_came(&loopback);
    assert!(callbacks[CALLBACKS - 1].ends_with("?code=real&state=s"));
    let (first, last) = (&callbacks[0], &callbacks[CALLBACKS - 2]);
    assert!(first.ends_with("?code=0") && last.ends_with("?code=14"));
}

/// The browser reads a part at a time, each within the limit of one write.
#[test]
fn the_whole_answer_has_a_time_limit() {
    let page = "x".repeat(16 * 1024 * 1024);
    let loopback = Loopback::builder().page(page).build().unwrap();
    let authority = authority(&loopback);
    let mut slow = open(&authority);
    let request = format!("GET /callback?code=1 HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    slow.write_all(request.as_bytes()).unwrap();
    let began = Instant::now();
    let reader = thread::spawn(move || {
        let mut some = vec![0; 256 * 1024];
        while began.elapsed() < Duration::from_secs(6) {
            if matches!(slow.read(&mut some), Ok(0) | Err(_)) {
                break;
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
    assert!(block_on(loopback.callback(LONG)).is_ok());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    reader.join().unwrap();
}

/// As documented at `Loopback`, with a margin for a busy machine.
#[test]
fn dropping_it_does_not_wait_while_connections_queue_up() {
    let loopback = Loopback::bind().unwrap();
    let address = authority(&loopback).parse().unwrap();
    let (refused, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let soon = Duration::from_millis(2);
                    if TcpStream::connect_timeout(&address, soon).is_err() {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let began = Instant::now();
        while refused.load(Ordering::SeqCst) < 20 && began.elapsed() < LONG {
            thread::yield_now();
        }
        let began = Instant::now();
        drop(loopback);
        let took = began.elapsed();
        is_over.store(true, Ordering::SeqCst);
        assert!(took < Duration::from_millis(600), "{took:?}");
    });
}
