//! [`Queue`] under the model checker, which tries every interleaving:
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib models`.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::queue::{JobHandle, Queue};
use crate::sync::{Condvar, Mutex};

/// What a task waits for: it happens once, on another thread.
struct Reply {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Reply {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new((false, None)),
        })
    }

    fn come(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A job that waits for the reply, and counts how often it has been done.
fn job(queue: &Arc<Queue>, reply: &Arc<Reply>, done: &Arc<AtomicUsize>) -> Arc<JobHandle<usize>> {
    let (reply, done) = (Arc::clone(reply), Arc::clone(done));
    Arc::new(queue.push(|completer| async move {
        poll_fn(|context| reply.poll(context)).await;
        completer.complete(done.fetch_add(1, Ordering::SeqCst) + 1);
        Vec::new()
    }))
}

/// A job that can be done by one thread only.
fn job_of(queue: &Arc<Queue>, thread: thread::ThreadId) -> Arc<JobHandle<()>> {
    Arc::new(queue.push(|completer| async move {
        poll_fn(|_| {
            if thread::current().id() == thread {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        completer.complete(());
        Vec::new()
    }))
}

/// A thread that sleeps until it is woken.
struct Sleeper {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *self.woken.lock() = true;
        self.signal.notify_one();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let sleeper = Arc::new(Sleeper {
        woken: Mutex::new(false),
        signal: Condvar::new(),
    });
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return outcome;
        }
        let mut woken = sleeper.woken.lock();
        while !*woken {
            woken = sleeper.signal.wait(woken);
        }
        *woken = false;
    }
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

#[test]
fn two_callers_get_the_outcome_of_a_task_that_is_done_once() {
    model(|| {
        let (reply, done) = (Reply::new(), Arc::default());
        let job = job(&Queue::new(), &reply, &done);
        let other = {
            let job = Arc::clone(&job);
            thread::spawn(move || block_on(job.outcome()))
        };
        let comes = thread::spawn(move || reply.come());
        assert_eq!(block_on(job.outcome()), 1);
        assert_eq!(other.join().unwrap(), 1);
        comes.join().unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn two_callers_each_with_a_job_get_both_done_in_order() {
    model(|| {
        let (reply, done, queue) = (Reply::new(), Arc::default(), Queue::new());
        let first = job(&queue, &reply, &done);
        let second = job(&queue, &reply, &done);
        let other = thread::spawn(move || block_on(first.outcome()));
        let comes = thread::spawn(move || reply.come());
        assert_eq!(block_on(second.outcome()), 2);
        assert_eq!(other.join().unwrap(), 1);
        comes.join().unwrap();
    });
}

#[test]
fn a_caller_who_is_dropped_is_not_missed() {
    model(|| {
        let (reply, done) = (Reply::new(), Arc::default());
        let job = job(&Queue::new(), &reply, &done);
        let dropped = {
            let job = Arc::clone(&job);
            thread::spawn(move || {
                let mut caller = Box::pin(job.outcome());
                let _ = caller
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()));
            })
        };
        let comes = thread::spawn(move || reply.come());
        assert_eq!(block_on(job.outcome()), 1);
        dropped.join().unwrap();
        comes.join().unwrap();
    });
}

#[test]
fn the_thread_that_alone_can_do_it_gets_to() {
    model(|| {
        let job = job_of(&Queue::new(), thread::current().id());
        let other = {
            let job = Arc::clone(&job);
            thread::spawn(move || block_on(job.outcome()))
        };
        block_on(job.outcome());
        other.join().unwrap();
    });
}
