//! tokio-events: a dispatcher's queue, then a queue and a task for each listener.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::{Handle, Runtime};
use tokio_events::bus::EventBus;
use tokio_events::subscription::SubscriptionHandle;

use super::runtime::{complete, runtime, unlocked};
use crate::harness::delivery::{CAPACITY, Delivery};
use crate::harness::event::{Event, Payload};

pub(crate) struct TokioEvents {
    runtime: Runtime,
    bus: Arc<EventBus>,
    _handles: Vec<SubscriptionHandle>,
}

/// Events are to be serialisable, for a store and a network that are not in use here.
#[derive(Clone)]
struct Sent<P>(P);

impl<P> fmt::Debug for Sent<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent")
    }
}

impl<P: Payload> tokio_events::event::Event for Sent<P> {
    fn event_type() -> &'static str {
        "sent"
    }

    fn serialize_event(&self) -> tokio_events::Result<Vec<u8>> {
        unreachable!("it stays in the process")
    }

    fn deserialize_event(_: &[u8]) -> tokio_events::Result<Self> {
        unreachable!("it stays in the process")
    }
}

impl Delivery for TokioEvents {
    const NAME: &'static str = "tokio-events";
    const DIFFERS: &'static str = "two queues and a task for each listener, on tokio, each event \
         with an id and a time; the payload is cloned for each listener";

    type Publisher<P: Payload> = (Handle, Arc<EventBus>);

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<(Handle, Arc<EventBus>)>, Self) {
        let runtime = runtime();
        let bus = EventBus::builder().configure(|config| {
            config
                .dispatcher_config(|dispatcher| {
                    dispatcher.max_queue_size(CAPACITY).drop_on_full(false)
                })
                .handler_channel_size(CAPACITY)
        });
        let bus = runtime
            .block_on(bus.build())
            .expect("the options are right");
        let subscribe = |listener| {
            let listener = Arc::new(unlocked(listener));
            let handler = move |sent: Sent<P>| {
                let listener = Arc::clone(&listener);
                async move { listener(sent.0.event()) }
            };
            let subscribing = bus.subscribe(handler);
            runtime.block_on(subscribing).expect("it has not ended")
        };
        let handles = listeners.into_iter().map(subscribe).collect();
        let bus = Arc::new(bus);
        let publisher = (runtime.handle().clone(), Arc::clone(&bus));
        let this = Self {
            runtime,
            bus,
            _handles: handles,
        };
        (vec![publisher; publishers], this)
    }

    #[inline]
    fn publish<P: Payload>((runtime, bus): &mut (Handle, Arc<EventBus>), payload: P) {
        complete(runtime, bus.publish(Sent(payload))).expect("it has not ended");
    }

    fn finish(self) {
        let ended = self.runtime.block_on(self.bus.shutdown_gracefully());
        ended.expect("no handler fails");
    }
}
