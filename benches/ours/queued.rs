//! Queued listeners.

use std::any::Any;

use typed_hub::{Custom, Hub, Publisher, Replay, Subscription, Worker};

use super::channels::{Events, Past, Plain};
use crate::harness::contestant::{Contestant, Held, Job, Lap};
use crate::harness::delivery::{BATCH, CAPACITY, Delivery, in_one_thread};
use crate::harness::event::{Counter, Event, Payload};

/// [`Hub::listen`]: all callbacks on the hub's one thread, in one order.
pub(crate) struct Listen {
    hub: Hub,
    subscriptions: Vec<Subscription>,
}

impl Delivery for Listen {
    const NAME: &'static str = "typed-hub, `listen`";
    const DIFFERS: &'static str =
        "all callbacks on one thread, in one order, where readers have a thread each";

    type Publisher<P: Payload> = Publisher<Custom<Plain<P>>>;

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<Publisher<Custom<Plain<P>>>>, Self) {
        let hub = Hub::builder().capacity(CAPACITY).build();
        let listen = |mut listener: L| {
            hub.listen::<Custom<Plain<P>>>(move |payload| listener(payload.event()))
        };
        let subscriptions = listeners.into_iter().map(listen).collect();
        let publishers = (0..publishers).map(|_| hub.publisher()).collect();
        (publishers, Self { hub, subscriptions })
    }

    #[inline]
    fn publish<P: Payload>(publisher: &mut Publisher<Custom<Plain<P>>>, payload: P) {
        publisher.publish(payload);
    }

    fn finish(self) {
        self.hub.flush();
        drop(self.subscriptions);
    }
}

/// `listen` on a hub with a [`Worker`], and with no thread.
pub(crate) struct WithWorker;

/// A hub, its worker, and so many listeners, each with a counter of its own.
struct Pumped {
    publisher: Publisher<Events>,
    worker: Worker,
    _subscriptions: Vec<Subscription>,
    counters: Vec<Counter>,
}

impl Pumped {
    fn with(listeners: usize) -> Self {
        let (hub, worker) = Hub::builder().capacity(CAPACITY).build_with_worker();
        let counters: Vec<_> = (0..listeners).map(|_| Counter::default()).collect();
        let listen = |counter| hub.listen::<Events>(counting(counter));
        Self {
            publisher: hub.publisher(),
            worker,
            _subscriptions: counters.iter().map(listen).collect(),
            counters,
        }
    }

    #[inline]
    fn batch(&mut self) {
        for _ in 0..BATCH {
            self.publisher.publish(Event::new());
        }
        self.worker.run_pending();
    }

    /// One more listener comes and goes.
    #[inline]
    fn change(&self, counter: &Counter) {
        drop(self.publisher.hub().listen::<Events>(counting(counter)));
    }
}

fn counting(counter: &Counter) -> impl FnMut(&Event) + Send + 'static {
    let counter = counter.clone();
    move |event| counter.count(event)
}

impl Contestant for WithWorker {
    fn name(&self) -> &'static str {
        "typed-hub, `listen` and `run_pending`"
    }

    fn callbacks_in_one_thread(&self, listeners: usize) -> Option<Job> {
        let mut pumped = Pumped::with(listeners);
        let counters = pumped.counters.clone();
        Some(in_one_thread(self.name(), counters, move || pumped.batch()))
    }

    fn listen_and_drop_queued(&self, others: usize) -> Option<Job> {
        let pumped = Pumped::with(others);
        let counter = Counter::default();
        Some(Box::new(move |times| {
            Lap::of(times, || pumped.change(&counter))
        }))
    }

    fn replay(&self, retained: usize) -> Option<Job> {
        let (hub, mut worker) = Hub::builder().build_with_worker();
        for _ in 0..retained {
            hub.publish::<Custom<Past>>(Event::new());
        }
        let counter = Counter::default();
        let mut expected = 0;
        Some(Box::new(move |times| {
            let lap = Lap::of(times, || {
                let late = hub
                    .listener::<Custom<Past>>()
                    .replay(Replay::All)
                    .listen(counting(&counter));
                worker.run_pending();
                drop(late);
            });
            expected += times * retained as u64;
            assert_eq!(counter.sum(), expected, "a retained event was not replayed");
            lap
        }))
    }

    fn hold(&self, what: Held, count: usize) -> Option<Box<dyn Any>> {
        match what {
            Held::QueuedListener => {
                let (hub, worker) = Hub::builder().build_with_worker();
                let counter = Counter::default();
                let listen = |_| hub.listen::<Events>(counting(&counter));
                let subscriptions: Vec<_> = (0..count).map(listen).collect();
                Some(Box::new((hub, worker, subscriptions)))
            }
            _ => None,
        }
    }
}
