//! What several test files need.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use typed_hub::{Custom, CustomChannel};

/// How long a test waits for what must happen before it says that it did not, and for what must
/// not happen before it believes it.
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 600 } else { 20 });

/// As many rounds as an ordinary run takes to see a race, and fewer in an interpreter, which sees
/// one in any.
pub const fn rounds(rounds: u64) -> u64 {
    if cfg!(miri) { rounds / 250 + 2 } else { rounds }
}

/// A channel of numbers.
pub enum Number {}

impl CustomChannel for Number {
    type Event = u64;
    const NAME: &'static str = "number";
}

pub type Numbers = Custom<Number>;

/// A channel of words.
pub enum Word {}

impl CustomChannel for Word {
    type Event = &'static str;
    const NAME: &'static str = "word";
}

pub type Words = Custom<Word>;

/// What callbacks have written down, in the order they did.
#[derive(Debug)]
pub struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn push(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A gate: a callback says that it has arrived, and waits until it is let through.
pub struct Gate {
    arrived: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

pub struct GateKeeper {
    arrived: mpsc::Sender<()>,
    open: Mutex<mpsc::Receiver<()>>,
}

pub fn gate() -> (Gate, GateKeeper) {
    let (arrived, has_arrived) = mpsc::channel();
    let (open, is_open) = mpsc::channel();
    let gate = Gate {
        arrived: has_arrived,
        open,
    };
    let keeper = GateKeeper {
        arrived,
        open: Mutex::new(is_open),
    };
    (gate, keeper)
}

impl Gate {
    /// Waits until a callback is at the gate.
    pub fn wait(&self) {
        self.arrived.recv_timeout(PATIENCE).expect("nobody came");
    }

    /// Lets one callback through.
    pub fn open(&self) {
        self.open.send(()).expect("nobody is at the gate");
    }
}

impl GateKeeper {
    /// Arrives, and waits to be let through, longer than `in_time` waits; goes on by itself when the
    /// gate is gone.
    pub fn pass(&self) {
        let _ = self.arrived.send(());
        let _ = self.open.lock().unwrap().recv_timeout(2 * PATIENCE);
    }
}

/// Runs on a thread of its own, and panics where it does not end in time: for what might dead-lock.
pub fn in_time<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = std::thread::spawn(move || done.send(what()).expect("the test waits"));
    match result.recv_timeout(PATIENCE) {
        Ok(value) => {
            thread.join().expect("it has sent its result");
            value
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it sent no result"))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: a dead-lock?"),
    }
}

/// A waker that does what it is told to.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

pub(crate) fn waker(on_wake: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(OnWake(on_wake)))
}

pub(crate) fn counting() -> (Waker, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let waker = waker(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    (waker, count)
}

pub(crate) fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}
