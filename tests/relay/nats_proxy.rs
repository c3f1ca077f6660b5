//! Stands between a relay and a real NATS server, and fails on demand.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::nats_server::free_port;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing listens, and the connections that were are closed.
    Refused,
    /// A connection is closed as soon as it is made, and so are those that were.
    Reset,
    /// The connections that are break in the middle of a message; new ones are good.
    Cut,
    /// Each byte takes its time.
    Slow,
    /// Connections are accepted, and nothing comes through any more.
    Silent,
    /// The server's words are other words.
    Garbage,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::Refused,
        Self::Reset,
        Self::Cut,
        Self::Slow,
        Self::Silent,
        Self::Garbage,
    ];
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    port: u16,
    upstream: u16,
    state: Mutex<State>,
    /// Changes whenever the connections that are have to end.
    generation: AtomicU64,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    listener: Option<TcpListener>,
    open: Vec<TcpStream>,
}

impl Proxy {
    pub(crate) fn to(upstream: u16) -> Self {
        let port = free_port();
        let shared = Arc::new(Shared {
            port,
            upstream,
            state: Mutex::default(),
            generation: AtomicU64::new(0),
        });
        shared.listen();
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Fails from now on.
    pub(crate) fn fail(&self, fault: Fault) {
        {
            let mut state = self.shared.state.lock().unwrap();
            state.fault = Some(fault);
            if fault == Fault::Refused {
                state.listener = None;
            }
        }
        match fault {
            Fault::Refused => {
                self.shared.close();
                // The listener's thread holds it until a connection comes.
                let _ = TcpStream::connect(("127.0.0.1", self.port));
            }
            Fault::Reset | Fault::Garbage => self.shared.close(),
            Fault::Cut | Fault::Slow | Fault::Silent => {}
        }
    }

    /// Is well again. Connections that were silent end: the bytes that they have swallowed are gone.
    pub(crate) fn heal(&self) {
        let before = self.shared.state.lock().unwrap().fault.take();
        if before == Some(Fault::Refused) {
            self.shared.listen();
        }
        if before == Some(Fault::Silent) {
            self.shared.close();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.fail(Fault::Refused);
    }
}

impl Shared {
    fn listen(self: &Arc<Self>) {
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)) {
                Ok(listener) => break listener,
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        };
        let accepting = listener.try_clone().unwrap();
        self.state.lock().unwrap().listener = Some(listener);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            for stream in accepting.incoming() {
                let mut state = shared.state.lock().unwrap();
                if state.listener.is_none() {
                    break;
                }
                if state.fault == Some(Fault::Reset) {
                    continue;
                }
                let (Ok(client), Ok(server)) =
                    (stream, TcpStream::connect(("127.0.0.1", shared.upstream)))
                else {
                    continue;
                };
                for stream in [&client, &server] {
                    let _ = stream.set_nodelay(true);
                    state.open.push(stream.try_clone().unwrap());
                }
                drop(state);
                shared.carry(&client, &server, false);
                shared.carry(&server, &client, true);
            }
        });
    }

    /// Carries bytes one way, in a thread.
    fn carry(self: &Arc<Self>, from: &TcpStream, to: &TcpStream, is_answer: bool) {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let shared = Arc::clone(self);
        let generation = shared.generation.load(Ordering::SeqCst);
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if shared.generation.load(Ordering::SeqCst) != generation {
                    break;
                }
                let fault = shared.state.lock().unwrap().fault;
                let bytes = &mut buffer[..length];
                let written = match fault {
                    None | Some(Fault::Refused | Fault::Reset) => to.write_all(bytes),
                    Some(Fault::Silent) => Ok(()),
                    Some(Fault::Slow) => bytes.chunks(16).try_for_each(|bytes| {
                        thread::sleep(Duration::from_millis(2));
                        to.write_all(bytes)
                    }),
                    Some(Fault::Cut) => {
                        let _ = to.write_all(&bytes[..length / 2]);
                        break;
                    }
                    Some(Fault::Garbage) => {
                        if is_answer {
                            let _ = to.write_all(b"HTTP/1.1 400 Bad Request\r\n\xff\xfe\r\n\r\n");
                        }
                        Ok(())
                    }
                };
                if written.is_err() {
                    break;
                }
            }
            for stream in [from, to] {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
    }

    fn close(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for stream in self.state.lock().unwrap().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
