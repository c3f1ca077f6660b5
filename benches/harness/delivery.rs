//! Ways to reach listeners on other threads, without loss.

use std::marker::PhantomData;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::contestant::{Contestant, Job, Lap, Samples, Shape};
use super::event::{Counter, Event, LoneCounter, Payload};

/// How many events may wait, everywhere.
pub(crate) const CAPACITY: usize = 1_024;

/// Less than the capacity: to publish so many never waits.
pub(crate) const BATCH: u64 = 512;

/// What a lap with threads publishes at least.
const AT_LEAST: u64 = 2 * CAPACITY as u64;

/// Listeners that run elsewhere, and publishers to them.
pub(crate) trait Delivery: Sized + 'static {
    const NAME: &'static str;
    const DIFFERS: &'static str = "";
    const IS_LIMIT: bool = false;
    /// Some have one publisher.
    const MOST_PUBLISHERS: usize = usize::MAX;

    type Publisher<P: Payload>: Send + 'static;

    /// Starts the listeners, of which each gets every event.
    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<Self::Publisher<P>>, Self);

    /// Publishes; waits where there is no room.
    fn publish<P: Payload>(publisher: &mut Self::Publisher<P>, payload: P);

    /// When all publishers are gone: waits until everything is delivered.
    fn finish(self);
}

/// Takes part with a delivery.
pub(crate) struct Asynchronous<D>(PhantomData<fn() -> D>);

impl<D> Asynchronous<D> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<D: Delivery> Contestant for Asynchronous<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn differs(&self) -> &'static str {
        D::DIFFERS
    }

    fn is_limit(&self) -> bool {
        D::IS_LIMIT
    }

    fn end_to_end(&self, shape: Shape) -> Option<Job> {
        if shape.publishers > D::MOST_PUBLISHERS {
            return None;
        }
        Some(if shape.shared {
            Box::new(move |times| end_to_end::<D, Arc<Event>>(shape, times))
        } else {
            Box::new(move |times| end_to_end::<D, Event>(shape, times))
        })
    }

    fn burst(&self, listeners: usize) -> Option<Job> {
        Some(Box::new(move |times| bursts::<D>(listeners, times)))
    }

    fn latency(&self, pause: Duration) -> Option<Samples> {
        Some(Box::new(move |times| latency::<D>(pause, times)))
    }
}

fn counting(counter: &LoneCounter) -> impl FnMut(&Event) + Send + 'static {
    let counter = counter.clone();
    move |event| counter.count(event)
}

/// The threads live for one lap: those of a contestant that polls would slow the others down.
fn end_to_end<D: Delivery, P: Payload>(shape: Shape, times: u64) -> Lap {
    let counters: Vec<_> = (0..shape.listeners)
        .map(|_| LoneCounter::default())
        .collect();
    let listeners = counters.iter().map(counting).collect();
    let (publishers, delivery) = D::start::<P, _>(shape.publishers, listeners);
    // Fewer would say more of the threads' first steps than of the events.
    let share = times.max(AT_LEAST).div_ceil(shape.publishers as u64);
    let times = share * shape.publishers as u64;

    let start = Arc::new(Barrier::new(shape.publishers));
    let threads: Vec<_> = publishers
        .into_iter()
        .map(|mut publisher| {
            let start = Arc::clone(&start);
            thread::spawn(move || {
                start.wait();
                let begun = Instant::now();
                for _ in 0..share {
                    D::publish(&mut publisher, P::wrap(Event::new()));
                }
                begun
            })
        })
        .collect();
    // Each publisher looks at the clock itself: this thread may be late where cores are few.
    let begun = threads
        .into_iter()
        .map(|thread| thread.join().expect("a publisher does not panic"))
        .min()
        .expect("there is a publisher");
    delivery.finish();
    let elapsed = begun.elapsed();
    for counter in counters {
        assert_eq!(counter.sum(), times, "{} lost an event", D::NAME);
    }
    Lap { times, elapsed }
}

/// Batches to listeners that sleep; only the publisher's part is timed.
fn bursts<D: Delivery>(listeners: usize, times: u64) -> Lap {
    let counters: Vec<_> = (0..listeners).map(|_| LoneCounter::default()).collect();
    let (mut publishers, delivery) =
        D::start::<Event, _>(1, counters.iter().map(counting).collect());
    let mut published = 0;
    let mut elapsed = Duration::ZERO;
    while published < times {
        fall_asleep();
        elapsed += Lap::of(BATCH, || D::publish(&mut publishers[0], Event::new())).elapsed;
        published += BATCH;
        while counters.iter().any(|counter| counter.sum() < published) {
            thread::sleep(Duration::from_micros(20));
        }
    }
    drop(publishers);
    delivery.finish();
    Lap {
        times: published,
        elapsed,
    }
}

fn latency<D: Delivery>(pause: Duration, times: u64) -> Vec<Duration> {
    let epoch = Instant::now();
    let ages = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let ages = Arc::clone(&ages);
        move |event: &Event| lock(&ages).push(event.age(epoch))
    };
    let (mut publishers, delivery) = D::start::<Event, _>(1, vec![listener]);
    fall_asleep();
    for _ in 0..times {
        D::publish(&mut publishers[0], Event::sent_now(epoch));
        thread::sleep(pause);
    }
    drop(publishers);
    delivery.finish();
    std::mem::take(&mut *lock(&ages))
}

/// The job of a thread that publishes [`BATCH`] events and has them all delivered, at each call of
/// `batch`. `counters` are those of the listeners.
pub(crate) fn in_one_thread(
    name: &'static str,
    counters: Vec<Counter>,
    mut batch: impl FnMut() + 'static,
) -> Job {
    let mut published = 0;
    Box::new(move |times| {
        let batches = times.div_ceil(BATCH);
        let lap = Lap::of(batches, &mut batch);
        published += batches * BATCH;
        for counter in &counters {
            assert_eq!(counter.sum(), published, "{name} lost an event");
        }
        Lap {
            times: batches * BATCH,
            elapsed: lap.elapsed,
        }
    })
}

/// Gives the listeners the time to.
fn fall_asleep() {
    thread::sleep(Duration::from_micros(300));
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
