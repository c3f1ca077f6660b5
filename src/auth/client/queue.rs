//! Work that whoever waits for it drives: first come, first done.
//!
//! There is no runtime here to drive it. A lock would hand the work from one caller to the next,
//! and a caller who has the lock but is not polled (the losing branch of a `select!`, a future in a
//! pile) would stop all the others. So nobody has it: whoever waits polls, from the front of the
//! queue on; whoever is dropped is not missed; and the work goes on while one caller is left.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::wakers::{Bell, SeatNumber, isolated};
use crate::sync::Mutex;
use crate::sync::thread::{self, ThreadId};

/// Jobs to be done one after the other.
pub(super) struct Queue {
    state: Mutex<State>,
    bell: Arc<Bell>,
}

struct State {
    /// The job at the front is under way, or is next.
    jobs: VecDeque<Job>,
    /// What is left to deliver of the job that is done, before the next job.
    deliveries: VecDeque<(u64, Delivery)>,
    /// The number of the job that was begun last.
    last: u64,
    /// The job or the delivery that is under way at this moment.
    taken: Option<Taken>,
    /// Those who came while a job was taken: it may be they who can finish it.
    knocked: BTreeSet<SeatNumber>,
}

struct Job {
    number: u64,
    work: Pin<Box<dyn Future<Output = Vec<Delivery>> + Send>>,
}

/// What a job leaves to do when it is done. It waits for nothing, and the listeners that it calls may
/// drive the queue.
pub(super) type Delivery = Box<dyn FnOnce() + Send>;

enum Next {
    Delivery(u64, Delivery),
    Job(Job),
}

#[derive(Clone, Copy)]
struct Taken {
    by: ThreadId,
    is_delivery: bool,
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                deliveries: VecDeque::new(),
                last: 0,
                taken: None,
                knocked: BTreeSet::new(),
            }),
            bell: Bell::new(),
        })
    }

    /// Adds a job. It, or the last of its deliveries, keeps its promise.
    pub(super) fn push<T, W>(self: &Arc<Self>, job: impl FnOnce(Promise<T>) -> W) -> Ticket<T>
    where
        W: Future<Output = Vec<Delivery>> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(Outcome::Open));
        let work = Box::pin(job(Promise(Arc::clone(&slot))));
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.jobs.push_back(Job { number, work });
        Ticket {
            queue: Arc::clone(self),
            number,
            slot,
        }
    }

    /// Does what there is to do, until something has to be waited for.
    ///
    /// What is added meanwhile is left to others, so that this comes to an end.
    fn drive(&self, seat: SeatNumber) {
        let last = self.state.lock().last;
        let waker = Waker::from(Arc::clone(&self.bell));
        while let Some((next, outer)) = self.take(last, seat) {
            let (number, deliveries) = match next {
                Next::Delivery(number, deliver) => {
                    isolated(deliver);
                    (number, Vec::new())
                }
                Next::Job(mut job) => {
                    let work = &mut job.work;
                    let polled = isolated(|| work.as_mut().poll(&mut Context::from_waker(&waker)));
                    if let Some(Poll::Pending) = polled {
                        return self.put_back(job, outer);
                    }
                    isolated(|| drop(job.work));
                    match polled {
                        Some(Poll::Ready(deliveries)) => (job.number, deliveries),
                        _ => (job.number, Vec::new()), // its panic has dropped its promise
                    }
                }
            };
            self.done(number, deliveries, outer);
        }
        self.leave();
    }

    /// What is next, and the delivery that this thread is in the middle of.
    ///
    /// While a job or a delivery is taken, nothing else is, except by a listener that the delivery
    /// calls on this thread: what that listener asks for is done before the end of the delivery, or the
    /// listener would wait for itself. The deliveries that are left come first even then, so that
    /// events keep their order.
    fn take(&self, last: u64, seat: SeatNumber) -> Option<(Next, Option<Taken>)> {
        let by = thread::current().id();
        let mut state = self.state.lock();
        let outer = state.taken;
        if outer.is_some_and(|taken| !taken.is_delivery || taken.by != by) {
            state.knocked.insert(seat);
            return None;
        }
        let next = match state.deliveries.pop_front() {
            Some((number, deliver)) => Next::Delivery(number, deliver),
            None => Next::Job(state.jobs.pop_front_if(|job| job.number <= last)?),
        };
        let is_delivery = matches!(next, Next::Delivery(..));
        state.taken = Some(Taken { by, is_delivery });
        Some((next, outer))
    }

    fn put_back(&self, job: Job, outer: Option<Taken>) {
        let mut state = self.state.lock();
        state.jobs.push_front(job);
        state.taken = outer;
        drop(state);
        self.leave();
    }

    fn done(&self, number: u64, deliveries: Vec<Delivery>, outer: Option<Taken>) {
        let mut state = self.state.lock();
        let deliveries = deliveries.into_iter().map(|deliver| (number, deliver));
        state.deliveries.extend(deliveries);
        state.taken = outer;
        drop(state);
        self.bell.ring_for(number);
    }

    /// Lets those in who have knocked.
    fn leave(&self) {
        let knocked = {
            let mut state = self.state.lock();
            if state.taken.is_some() {
                return; // whoever has taken it lets them in
            }
            mem::take(&mut state.knocked)
        };
        self.bell.ring_at(&knocked);
    }
}

/// A job in the queue. It is done, sooner or later, whatever becomes of this.
pub(super) struct Ticket<T> {
    queue: Arc<Queue>,
    number: u64,
    slot: Arc<Mutex<Outcome<T>>>,
}

enum Outcome<T> {
    Open,
    Known(T),
    Lost,
}

impl<T: Clone> Ticket<T> {
    /// Drives the queue, together with whoever else waits, until the job is done.
    ///
    /// # Panics
    ///
    /// When the job has panicked, in whoever's hands.
    pub(super) async fn outcome(&self) -> T {
        let seat = self.queue.bell.seat(self.number);
        poll_fn(|context| {
            // Seated before looking, so that no change after the look goes unheard.
            seat.take(context.waker());
            self.look().map_or_else(
                || {
                    self.queue.drive(seat.number);
                    self.look().map_or(Poll::Pending, Poll::Ready)
                },
                Poll::Ready,
            )
        })
        .await
    }

    fn look(&self) -> Option<T> {
        let outcome = match &*self.slot.lock() {
            Outcome::Open => return None,
            Outcome::Known(outcome) => Some(outcome.clone()),
            Outcome::Lost => None,
        };
        Some(outcome.expect("the token store or the identity provider has panicked"))
    }

    /// Whether the job has panicked.
    pub(super) fn is_lost(&self) -> bool {
        matches!(*self.slot.lock(), Outcome::Lost)
    }
}

/// What a job owes to those who wait for it.
pub(super) struct Promise<T>(Arc<Mutex<Outcome<T>>>);

impl<T> Promise<T> {
    pub(super) fn keep(self, outcome: T) {
        *self.0.lock() = Outcome::Known(outcome);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let mut outcome = self.0.lock();
        if matches!(*outcome, Outcome::Open) {
            *outcome = Outcome::Lost;
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

    /// The work is ready to go on while it is still being polled, and then another caller comes,
    /// who cannot poll it and has not heard. The first is dropped; the second must not wait for
    /// ever.
    #[test]
    fn whoever_comes_between_the_ring_and_the_end_of_the_poll_is_woken() {
        type Caller = Pin<Box<dyn Future<Output = ()> + Send>>;

        let slot: Arc<Mutex<Option<Arc<Ticket<()>>>>> = Arc::new(Mutex::new(None));
        let second = Arc::new(Woken::default());
        let waits_on: Arc<Mutex<Option<Caller>>> = Arc::new(Mutex::new(None));
        let ticket = {
            let (slot, second) = (Arc::clone(&slot), Arc::clone(&second));
            let waits_on = Arc::clone(&waits_on);
            let poll = move |context: &mut Context<'_>| {
                context.waker().wake_by_ref();
                let ticket = slot.lock().take().unwrap();
                let waker = Waker::from(Arc::clone(&second));
                let caller = thread::spawn(move || {
                    let mut caller: Caller = Box::pin(async move { ticket.outcome().await });
                    let polled = caller.as_mut().poll(&mut Context::from_waker(&waker));
                    assert!(polled.is_pending());
                    caller
                });
                *waits_on.lock() = Some(caller.join().unwrap());
                Poll::<()>::Pending
            };
            Arc::new(Queue::new().push(|promise| async move {
                poll_fn(poll).await;
                promise.keep(());
                Vec::new()
            }))
        };
        *slot.lock() = Some(Arc::clone(&ticket));

        let mut first = Box::pin(ticket.outcome());
        let polled = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert!(second.0.load(Ordering::SeqCst));
        drop(waits_on.lock().take());
    }
}
