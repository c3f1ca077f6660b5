//! qubit-event-bus: topics, admission receipts, a thread for each subscription.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use qubit_event_bus::local::LocalEventBusConfig;
use qubit_event_bus::model::{AdmissionOutcome, PublishRequest, SubscribeRequest, Topic};
use qubit_event_bus::spi::ShutdownMode;
use qubit_event_bus::{EventBus, Subscription};

use super::runtime::unlocked;
use crate::harness::delivery::{CAPACITY, Delivery};
use crate::harness::event::{Event, Payload};

pub(crate) struct Qubit {
    bus: EventBus,
    _subscriptions: Vec<Subscription>,
    progress: Arc<Progress>,
}

/// Where the queue of one subscription is full it refuses that part of a publish, which cannot be
/// made up for: the publisher must not let it come to that.
struct Progress {
    published: AtomicU64,
    delivered: Vec<AtomicU64>,
}

impl Progress {
    fn waiting(&self) -> u64 {
        let delivered = self.delivered.iter();
        let delivered = delivered.map(|count| count.load(Ordering::Acquire)).min();
        self.published.load(Ordering::Relaxed) - delivered.unwrap_or_default()
    }

    fn wait(&self, most: u64) {
        while self.waiting() > most {
            thread::yield_now();
        }
    }
}

pub(crate) struct Publisher<P: 'static> {
    bus: EventBus,
    topic: Topic<P>,
    progress: Arc<Progress>,
}

impl Delivery for Qubit {
    const NAME: &'static str = "qubit-event-bus";
    const DIFFERS: &'static str = "refuses instead of waiting; here the publisher waits by polling \
         counters; each event with an id and a receipt";

    type Publisher<P: Payload> = Publisher<P>;

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<Publisher<P>>, Self) {
        let config = LocalEventBusConfig::new()
            .queue_capacity(CAPACITY)
            .max_total_outstanding(CAPACITY * listeners.len());
        let bus = EventBus::local(config).expect("the options are right");
        let topic = Topic::new_static("events");
        let progress = Arc::new(Progress {
            published: AtomicU64::new(0),
            delivered: listeners.iter().map(|_| AtomicU64::new(0)).collect(),
        });
        let subscribe = |(index, listener): (usize, L)| {
            let listener = unlocked(listener);
            let progress = Arc::clone(&progress);
            let request = SubscribeRequest::new(&index.to_string(), topic.clone());
            let request = request.expect("a number is a name");
            let subscribing = bus.subscribe(request, move |delivery| {
                let payload: &P = delivery.payload();
                listener(payload.event());
                progress.delivered[index].fetch_add(1, Ordering::Release);
            });
            subscribing.expect("it has not ended")
        };
        let subscriptions = listeners.into_iter().enumerate().map(subscribe).collect();
        let publisher = |_| Publisher {
            bus: bus.clone(),
            topic: topic.clone(),
            progress: Arc::clone(&progress),
        };
        let publishers = (0..publishers).map(publisher).collect();
        let this = Self {
            bus,
            _subscriptions: subscriptions,
            progress,
        };
        (publishers, this)
    }

    #[inline]
    fn publish<P: Payload>(publisher: &mut Publisher<P>, payload: P) {
        // What is delivered still counts for the bus until it is settled, a little later.
        publisher.progress.wait(CAPACITY as u64 / 2);
        publisher.progress.published.fetch_add(1, Ordering::Relaxed);
        let request = PublishRequest::new(publisher.topic.clone(), payload);
        let receipt = publisher.bus.publish(request.expect("it is right"));
        let outcome = receipt.expect("it has not ended").admission_outcome();
        assert!(matches!(outcome, AdmissionOutcome::Accepted(_)));
    }

    fn finish(self) {
        self.progress.wait(0);
        let timeout = Duration::from_secs(10);
        let ended = self.bus.shutdown(ShutdownMode::Graceful { timeout });
        assert!(ended.is_ok(), "nothing waits");
    }
}
