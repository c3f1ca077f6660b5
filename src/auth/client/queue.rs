//! A cooperative job queue: jobs that the callers who wait for them poll, first come, first done.
//!
//! There is no runtime here to poll a job. A lock would hand the work from one caller to the next,
//! and a caller that has the lock but is not polled (the losing branch of a `select!`, a future in
//! a pile) would stop all the others. So no caller owns the work: each waiting caller polls from
//! the front of the queue on, and the jobs go on while one caller is left.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::wakers::{WaiterId, WakerSet, isolated};
use crate::auth::send::MaybeSend;
use crate::sync::Mutex;
use crate::sync::thread::{self, ThreadId};

/// Jobs to be done one after the other.
pub(super) struct Queue {
    state: Mutex<State>,
    wakers: Arc<WakerSet>,
}

struct State {
    /// The job at the front is in progress, or is next.
    jobs: VecDeque<Job>,
    /// The events of the last job that are still to be published, before the next job.
    publish_jobs: VecDeque<(u64, PublishJob)>,
    /// The number of the newest job.
    last: u64,
    /// What a thread runs at this moment.
    running: Option<Running>,
    /// The callers that came while another was running: perhaps only one of them can finish the job.
    blocked: BTreeSet<WaiterId>,
}

struct Job {
    number: u64,
    task: Task,
}

type Task = Pin<Box<dyn Work>>;

trait Work: Future<Output = Vec<PublishJob>> + MaybeSend {}

impl<F: Future<Output = Vec<PublishJob>> + MaybeSend> Work for F {}

/// What a finished job leaves to do. It waits for nothing, and the listeners that it calls may drive
/// the queue.
pub(super) type PublishJob = Box<dyn Publish>;

pub(super) trait Publish: FnOnce() + MaybeSend {}

impl<F: FnOnce() + MaybeSend> Publish for F {}

enum Next {
    PublishJob(u64, PublishJob),
    Job(Job),
}

#[derive(Clone, Copy)]
struct Running {
    thread: ThreadId,
    is_publishing: bool,
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                publish_jobs: VecDeque::new(),
                last: 0,
                running: None,
                blocked: BTreeSet::new(),
            }),
            wakers: WakerSet::new(),
        })
    }

    /// Adds a job. The job, or the last of its publish jobs, calls the completer.
    pub(super) fn push<T, F>(self: &Arc<Self>, job: impl FnOnce(Completer<T>) -> F) -> JobHandle<T>
    where
        F: Future<Output = Vec<PublishJob>> + MaybeSend + 'static,
    {
        let outcome = Arc::new(Mutex::new(Outcome::Pending));
        let task = Box::pin(job(Completer(Arc::clone(&outcome))));
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.jobs.push_back(Job { number, task });
        JobHandle {
            queue: Arc::clone(self),
            number,
            outcome,
        }
    }

    /// Runs jobs until one has to wait, or all are done.
    ///
    /// Jobs that are added meanwhile are left to others, so that this comes to an end.
    fn drive(&self, waiter: WaiterId) {
        let last = self.state.lock().last;
        let waker = Waker::from(Arc::clone(&self.wakers));
        while let Some((next, outer)) = self.start_next(last, waiter) {
            let (number, publish_jobs) = match next {
                Next::PublishJob(number, publish) => {
                    isolated(publish);
                    (number, Vec::new())
                }
                Next::Job(mut job) => {
                    let task = &mut job.task;
                    let polled = isolated(|| task.as_mut().poll(&mut Context::from_waker(&waker)));
                    if let Some(Poll::Pending) = polled {
                        return self.put_back(job, outer);
                    }
                    isolated(|| drop(job.task));
                    match polled {
                        Some(Poll::Ready(publish_jobs)) => (job.number, publish_jobs),
                        _ => (job.number, Vec::new()), // its panic has dropped its completer
                    }
                }
            };
            self.finish(number, publish_jobs, outer);
        }
        self.wake_blocked();
    }

    /// The next job or publish job, and what this thread is running already.
    ///
    /// One thread runs at a time. A listener that a publish job calls may run more on the same
    /// thread: otherwise it would wait for itself. The remaining publish jobs come first even then,
    /// so that events keep their order.
    fn start_next(&self, last: u64, waiter: WaiterId) -> Option<(Next, Option<Running>)> {
        let thread = thread::current().id();
        let mut state = self.state.lock();
        let outer = state.running;
        if outer.is_some_and(|running| !running.is_publishing || running.thread != thread) {
            state.blocked.insert(waiter);
            return None;
        }
        let next = match state.publish_jobs.pop_front() {
            Some((number, publish)) => Next::PublishJob(number, publish),
            None if state.jobs.front()?.number > last => return None,
            None => Next::Job(state.jobs.pop_front()?),
        };
        let is_publishing = matches!(next, Next::PublishJob(..));
        state.running = Some(Running {
            thread,
            is_publishing,
        });
        Some((next, outer))
    }

    fn put_back(&self, job: Job, outer: Option<Running>) {
        let mut state = self.state.lock();
        state.jobs.push_front(job);
        state.running = outer;
        drop(state);
        self.wake_blocked();
    }

    fn finish(&self, number: u64, publish_jobs: Vec<PublishJob>, outer: Option<Running>) {
        let mut state = self.state.lock();
        let publish_jobs = publish_jobs.into_iter().map(|publish| (number, publish));
        state.publish_jobs.extend(publish_jobs);
        state.running = outer;
        drop(state);
        self.wakers.notify(number);
    }

    /// Wakes the callers that were blocked.
    fn wake_blocked(&self) {
        let blocked = {
            let mut state = self.state.lock();
            if state.running.is_some() {
                return; // the thread that runs wakes them
            }
            mem::take(&mut state.blocked)
        };
        self.wakers.notify_each(&blocked);
    }
}

/// A job in the queue. The job runs even if its handle is dropped.
pub(super) struct JobHandle<T> {
    queue: Arc<Queue>,
    number: u64,
    outcome: Arc<Mutex<Outcome<T>>>,
}

enum Outcome<T> {
    Pending,
    Complete(T),
    Panicked,
}

impl<T: Clone> JobHandle<T> {
    /// Drives the queue, together with the other callers that wait, until the job is done.
    ///
    /// # Panics
    ///
    /// When the job has panicked, whichever caller polled it.
    pub(super) async fn outcome(&self) -> T {
        let waiter = self.queue.wakers.waiter(self.number);
        poll_fn(|context| {
            // Registered before the check, so that no change after the check is missed.
            waiter.register(context.waker());
            self.try_outcome().map_or_else(
                || {
                    self.queue.drive(waiter.id);
                    self.try_outcome().map_or(Poll::Pending, Poll::Ready)
                },
                Poll::Ready,
            )
        })
        .await
    }

    fn try_outcome(&self) -> Option<T> {
        let outcome = match &*self.outcome.lock() {
            Outcome::Pending => return None,
            Outcome::Complete(outcome) => Some(outcome.clone()),
            Outcome::Panicked => None,
        };
        Some(outcome.expect("the token store or the identity provider has panicked"))
    }

    pub(super) fn has_panicked(&self) -> bool {
        matches!(*self.outcome.lock(), Outcome::Panicked)
    }
}

/// Hands the outcome of a job to the callers that wait for it.
pub(super) struct Completer<T>(Arc<Mutex<Outcome<T>>>);

impl<T> Completer<T> {
    pub(super) fn complete(self, outcome: T) {
        *self.0.lock() = Outcome::Complete(outcome);
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        let mut outcome = self.0.lock();
        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Panicked;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// The job is woken while it is being polled, and then another caller comes, which cannot poll
    /// it and has missed the wake. The first caller is dropped; the second must not wait forever.
    #[test]
    fn a_caller_between_the_notification_and_the_end_of_the_poll_is_woken() {
        type Caller = Pin<Box<dyn Future<Output = ()> + Send>>;

        let slot: Arc<Mutex<Option<Arc<JobHandle<()>>>>> = Arc::new(Mutex::new(None));
        let second = Arc::new(Woken::default());
        let waits_on: Arc<Mutex<Option<Caller>>> = Arc::new(Mutex::new(None));
        let job = {
            let (slot, second) = (Arc::clone(&slot), Arc::clone(&second));
            let waits_on = Arc::clone(&waits_on);
            let poll = move |context: &mut Context<'_>| {
                context.waker().wake_by_ref();
                let job = slot.lock().take().unwrap();
                let waker = Waker::from(Arc::clone(&second));
                let caller = thread::spawn(move || {
                    let mut caller: Caller = Box::pin(async move { job.outcome().await });
                    let polled = caller.as_mut().poll(&mut Context::from_waker(&waker));
                    assert!(polled.is_pending());
                    caller
                });
                *waits_on.lock() = Some(caller.join().unwrap());
                Poll::<()>::Pending
            };
            Arc::new(Queue::new().push(|completer| async move {
                poll_fn(poll).await;
                completer.complete(());
                Vec::new()
            }))
        };
        *slot.lock() = Some(Arc::clone(&job));

        let mut first = Box::pin(job.outcome());
        let polled = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert!(second.0.load(Ordering::SeqCst));
        drop(waits_on.lock().take());
    }
}
