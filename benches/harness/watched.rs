//! A task on a thread of its own, which is left behind when it does not answer in time.
//!
//! A contestant can wait for ever, for a wake-up that is lost for instance. Safe Rust cannot end
//! such a thread; it can stop waiting for it.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Does something a number of times, and says what came of it. A task stays on one thread.
pub(crate) type Task<T> = Box<dyn FnMut(u64) -> T>;

/// A task that did not answer in time. Its thread is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled;

/// A [`Task`], and the thread that makes it, runs it and drops it.
pub(crate) struct Watched<T> {
    requests: Sender<u64>,
    answers: Receiver<Answer<T>>,
    thread: JoinHandle<()>,
    limit: Duration,
}

enum Answer<T> {
    Made { takes_part: bool },
    Ran(T),
}

impl<T: Send + 'static> Watched<T> {
    /// Has the task made on a new thread. `None` if there is none to make.
    ///
    /// # Errors
    ///
    /// If making it takes longer than `limit`, which holds for each later answer too.
    ///
    /// # Panics
    ///
    /// With the panic of the task. That holds for `run` and `end` too.
    pub(crate) fn start(
        name: &str,
        limit: Duration,
        make: impl FnOnce() -> Option<Task<T>> + Send + 'static,
    ) -> Result<Option<Self>, Stalled> {
        let (requests, requested) = channel();
        let (answer, answers) = channel();
        let work = move || {
            let mut task = make();
            let takes_part = task.is_some();
            // An answer that comes too late has no receiver, and no request follows it.
            let _ = answer.send(Answer::Made { takes_part });
            if let Some(task) = &mut task {
                while let Ok(times) = requested.recv() {
                    let _ = answer.send(Answer::Ran(task(times)));
                }
            }
            // Before `answer`, whose end says that the task is gone.
            drop(task);
            drop(answer);
        };
        let thread = Builder::new().name(name.to_owned()).spawn(work);
        let watched = Self {
            requests,
            answers,
            thread: thread.expect("a thread can be had"),
            limit,
        };
        match watched.answers.recv_timeout(limit) {
            Ok(Answer::Made { takes_part: true }) => Ok(Some(watched)),
            Ok(_) => watched.end().map(|()| None),
            Err(RecvTimeoutError::Timeout) => Err(Stalled),
            Err(RecvTimeoutError::Disconnected) => watched.panic(),
        }
    }

    /// Has the task run once, so many times as it is told.
    pub(crate) fn run(self, times: u64) -> Result<(Self, T), Stalled> {
        // Fails if the task has panicked, of which its answers tell.
        let _ = self.requests.send(times);
        match self.answers.recv_timeout(self.limit) {
            Ok(Answer::Ran(result)) => Ok((self, result)),
            Ok(Answer::Made { .. }) => unreachable!("`start` takes that answer"),
            Err(RecvTimeoutError::Timeout) => Err(Stalled),
            Err(RecvTimeoutError::Disconnected) => self.panic(),
        }
    }

    /// Has the task dropped, and waits until it is.
    pub(crate) fn end(self) -> Result<(), Stalled> {
        drop(self.requests);
        match self.answers.recv_timeout(self.limit) {
            Ok(_) => unreachable!("each answer is waited for"),
            Err(RecvTimeoutError::Timeout) => Err(Stalled),
            Err(RecvTimeoutError::Disconnected) => {
                self.thread
                    .join()
                    .unwrap_or_else(|panic| resume_unwind(panic));
                Ok(())
            }
        }
    }

    /// Goes on with the panic of a thread that has ended without an answer.
    fn panic(self) -> ! {
        let panic = self
            .thread
            .join()
            .expect_err("a thread that ends early has panicked");
        resume_unwind(panic)
    }
}
