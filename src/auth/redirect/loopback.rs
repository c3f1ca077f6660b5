//! A loopback address for the browser to come back to ([RFC 8252, section
//! 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)), and opening the browser.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_timer::Delay;
use thiserror::Error;

use super::loopback_options::{LoopbackOptions, LoopbackOptionsBuilder};
use super::request::{CallbackAddress, LOCALHOST, serve};
use crate::auth::provider::callback::Callback;
use crate::auth::provider::redirect::AuthorizeUrl;
use crate::auth::secret::RedirectState;
use crate::sync::Mutex;

/// The most connections served at once, and how long each may take to send its request.
const MAX_CONNECTIONS: usize = 64;
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a further connection may take. A browser with a callback sends it at once, so idle
/// connections do not keep it out.
const HURRIED_READ_TIMEOUT: Duration = Duration::from_millis(75);

/// The most connections with the further ones; the next ones wait to be accepted.
const MAX_WITH_HURRIED: usize = 2 * MAX_CONNECTIONS;

/// The most callbacks that wait to be read.
const MAX_CALLBACKS: usize = 16;

/// How long `drop` tries to reach one listener, and how long it waits for all threads to end.
const WAKE_LIMIT: Duration = Duration::from_millis(50);
const END_LIMIT: Duration = Duration::from_millis(100);

/// Waits on a loopback address for the browser to come back from a sign-in page.
///
/// It answers one kind of request: a `GET` of its own path with a query, from this machine, under
/// its own host name, that is no prefetch. It does not know whether the sign-in has succeeded, and its page does not
/// say.
///
/// Any program on this machine, and any web page, can send it a callback. So pass the callback to
/// the client, which recognises the answer to its request by the state.
///
/// At most 16 callbacks wait to be read. When there are more, the last that came without a state is
/// dropped first. The answer to a sign-in of
/// [`sign_in_in_browser`](crate::auth::AuthClient::sign_in_in_browser) is not dropped.
///
/// It runs a thread, two with [`localhost`](LoopbackOptionsBuilder::localhost). Dropping it closes
/// the port and ends the threads. That takes a few milliseconds, at most 200 ms; a thread that has
/// not ended by then ends with its next connection.
///
/// ```
/// use typed_hub::auth::redirect::Loopback;
///
/// let loopback = Loopback::bind()?;
/// assert!(loopback.redirect_uri().starts_with("http://127.0.0.1:"));
/// assert!(loopback.redirect_uri().ends_with("/callback"));
/// # Ok::<(), typed_hub::auth::redirect::LoopbackError>(())
/// ```
#[must_use = "dropping it closes the port that the browser is to come back to"]
pub struct Loopback {
    shared: Arc<Shared>,
    is_localhost: bool,
    threads: Vec<(SocketAddr, JoinHandle<()>)>,
}

struct Shared {
    callback: CallbackAddress,
    ended: AtomicBool,
    connections: AtomicUsize,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    callbacks: VecDeque<(Rank, String)>,
    /// The state of the latest sign-in in a browser, if there was one.
    expected: Option<RedirectState>,
    waiting: Vec<Waker>,
}

/// How likely a callback answers the sign-in in progress: those that are less likely are dropped
/// first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Stateless,
    WithState,
    Expected,
}

impl Inbox {
    /// Adds a callback. If there are too many, the last of the least likely ones is dropped.
    fn add(&mut self, url: String) {
        let rank = match Callback::of(&url).state {
            None => Rank::Stateless,
            Some(state) if self.expected.as_ref() == Some(&state) => Rank::Expected,
            Some(_) => Rank::WithState,
        };
        self.callbacks.push_back((rank, url));
        if self.callbacks.len() <= MAX_CALLBACKS {
            return;
        }
        let latest = self.callbacks.iter().enumerate().rev();
        if let Some((worst, _)) = latest.min_by_key(|(_, (rank, _))| *rank) {
            self.callbacks.remove(worst);
        }
    }
}

impl Loopback {
    /// Listens on a free port, at the path `/callback`. For providers that accept any port.
    ///
    /// # Errors
    ///
    /// [`LoopbackError::Io`] if no port or no thread is available.
    pub fn bind() -> Result<Self, LoopbackError> {
        Self::bind_to(0, "/callback")
    }

    /// Listens on this port, or on a free one if it is 0, at this path. For providers that accept
    /// only a registered redirect URI.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder).
    pub fn bind_to(port: u16, path: &str) -> Result<Self, LoopbackError> {
        Self::builder().port(port).path(path).build()
    }

    /// Builds a loopback address with other options; `build` listens.
    ///
    /// Listens on 127.0.0.1, or on `[::1]` if there is no such address.
    ///
    /// ```
    /// use typed_hub::auth::redirect::Loopback;
    ///
    /// let loopback = Loopback::builder()
    ///     .localhost(true) // as Entra wants it
    ///     .page("<!DOCTYPE html><title>Example</title><p>Back to Example, please.</p>")
    ///     .build()?;
    /// assert!(loopback.redirect_uri().starts_with("http://localhost:"));
    /// # Ok::<(), typed_hub::auth::redirect::LoopbackError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopbackError::Io`] if the port is in use (`AddrInUse`), if the path is invalid
    /// (`InvalidInput`: it starts with `/`, and contains no spaces, `?` or `#`), or if no thread is
    /// available.
    pub fn builder() -> LoopbackOptionsBuilder {
        LoopbackOptions::builder()
    }

    pub(super) fn listen(options: LoopbackOptions) -> Result<Self, LoopbackError> {
        let LoopbackOptions {
            port,
            path,
            localhost: is_localhost,
            page,
        } = options;
        let plain = |c: char| c.is_ascii_graphic() && c != '?' && c != '#';
        if !path.starts_with('/') || !path.chars().all(plain) {
            return Err(LoopbackError::Io(io::ErrorKind::InvalidInput));
        }
        let listeners = listen(port, is_localhost)?;
        let address = listeners[0].local_addr()?;
        let host = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let shared = Arc::new(Shared {
            callback: CallbackAddress {
                host,
                port: address.port(),
                path,
                admits_localhost: AtomicBool::new(is_localhost),
                page,
            },
            ended: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            inbox: Mutex::new(Inbox::default()),
        });
        let mut loopback = Self {
            shared,
            is_localhost,
            threads: Vec::new(),
        };
        for listener in listeners {
            let (address, shared) = (listener.local_addr()?, Arc::clone(&loopback.shared));
            let thread = thread_named("typed-hub loopback");
            let thread = thread.spawn(move || accept(&listener, &shared))?;
            loopback.threads.push((address, thread));
        }
        Ok(loopback)
    }

    /// Waits for the browser, and returns the whole URL that it came back with.
    ///
    /// Callbacks are returned in the order of arrival, each once. Dropping the future loses none.
    ///
    /// # Errors
    ///
    /// [`LoopbackError::TimedOut`] if the browser does not come back within `limit`.
    pub async fn callback(&self, limit: Duration) -> Result<String, LoopbackError> {
        let mut timer = pin!(Delay::new(limit));
        poll_fn(|context| {
            {
                let waker = context.waker().clone();
                let mut inbox = self.shared.inbox.lock();
                if let Some((_, callback)) = inbox.callbacks.pop_front() {
                    return Poll::Ready(Ok(callback));
                }
                if !inbox.waiting.iter().any(|known| known.will_wake(&waker)) {
                    inbox.waiting.push(waker);
                }
            }
            let over = timer.as_mut().poll(context);
            over.map(|()| Err(LoopbackError::TimedOut))
        })
        .await
    }

    /// Drops the callbacks that wait to be read, and keeps a place for one of this state.
    pub(crate) fn await_state(&self, state: &RedirectState) {
        let mut inbox = self.shared.inbox.lock();
        inbox.callbacks.clear();
        inbox.expected = Some(state.clone());
    }

    /// Prepares for a sign-in with this redirect URI, which may name this address `localhost`.
    pub(crate) fn expect(&self, redirect_uri: &str) {
        let callback = &self.shared.callback;
        if redirect_uri.starts_with(&callback.url(LOCALHOST, "/")) {
            callback.admits_localhost.store(true, Ordering::SeqCst);
        }
    }

    /// The redirect URI, which the browser comes back to.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        let callback = &self.shared.callback;
        let host = if self.is_localhost {
            LOCALHOST
        } else {
            &callback.host
        };
        callback.url(host, &callback.path)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for (address, _) in &self.threads {
            // Wakes the thread. It needs no waking if so many connections wait that this one fails.
            let _ = TcpStream::connect_timeout(address, WAKE_LIMIT);
        }
        let deadline = Instant::now() + END_LIMIT;
        for (_, thread) in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Loopback")
            .field(&self.redirect_uri())
            .finish()
    }
}

/// Opens the page in the user's browser.
///
/// Blocks while the system starts a program that opens the browser, which takes some milliseconds
/// on Linux and macOS and can take longer on Windows. It does not wait for the browser itself.
///
/// # Errors
///
/// [`LoopbackError::NoBrowser`] if there is none: show the user the address instead.
pub fn open(page: &AuthorizeUrl) -> Result<(), LoopbackError> {
    open::that_detached(page.as_str()).map_err(|_| LoopbackError::NoBrowser)
}

/// An error of the loopback address or the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoopbackError {
    /// The browser did not come back in time.
    #[error("the browser did not come back in time")]
    TimedOut,
    /// No port or no thread is available.
    #[error("cannot wait for the browser: {0}")]
    Io(io::ErrorKind),
    /// No browser can be opened.
    #[error("no browser can be opened: show the user the address")]
    NoBrowser,
}

impl From<io::Error> for LoopbackError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// Listens on 127.0.0.1, or on `[::1]` if there is no such address; on both for `localhost`, which
/// may mean either.
fn listen(port: u16, is_localhost: bool) -> io::Result<Vec<TcpListener>> {
    const ATTEMPTS: u32 = 16;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let first = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
                return second.map(|only| vec![only]).map_err(|_| error);
            }
            other => other?,
        };
        if !is_localhost {
            return Ok(vec![first]);
        }
        match TcpListener::bind((Ipv6Addr::LOCALHOST, first.local_addr()?.port())) {
            Ok(second) => return Ok(vec![first, second]),
            // Another program would get the callback. Another free port may be free on both.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if port != 0 || attempts >= ATTEMPTS {
                    return Err(error);
                }
            }
            Err(_) => return Ok(vec![first]), // there is no such address
        }
    }
}

fn thread_named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// Serves each connection on its own thread, so that a slow one delays no other.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let connection = listener.accept();
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, peer)) = connection else {
            // Out of file handles, for example: retry shortly.
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        if !peer.ip().is_loopback() {
            continue;
        }
        let Some((permit, patience)) = ConnectionPermit::acquire(shared) else {
            return;
        };
        let _ = thread_named("typed-hub loopback connection").spawn(move || {
            let is_quiet = patience < READ_TIMEOUT;
            serve(stream, &permit.0.callback, patience, is_quiet, |callback| {
                permit.0.deliver(callback);
            });
        });
    }
}

impl Shared {
    fn deliver(&self, callback: String) {
        let waiting = {
            let mut inbox = self.inbox.lock();
            inbox.add(callback);
            std::mem::take(&mut inbox.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Permission to serve one connection, up to the limit.
struct ConnectionPermit(Arc<Shared>);

impl ConnectionPermit {
    /// Returns the permission, and how long the connection may take to send its request. Waits
    /// while too many are open; `None` if the address is closed meanwhile.
    fn acquire(shared: &Arc<Shared>) -> Option<(Self, Duration)> {
        while !shared.ended.load(Ordering::SeqCst) {
            let permit = Self(Arc::clone(shared));
            match shared.connections.fetch_add(1, Ordering::SeqCst) {
                open if open < MAX_CONNECTIONS => return Some((permit, READ_TIMEOUT)),
                open if open < MAX_WITH_HURRIED => return Some((permit, HURRIED_READ_TIMEOUT)),
                _ => drop(permit),
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}
