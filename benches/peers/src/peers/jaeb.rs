//! jaeb: a bus for tokio, with sync handlers (inline) and async handlers (a task for each call).

use std::sync::Arc;

use jaeb::{EventBus, Subscription};
use tokio::runtime::{Handle, Runtime};

use super::runtime::{complete, runtime, unlocked};
use crate::harness::callbacks::Callbacks;
use crate::harness::delivery::Delivery;
use crate::harness::event::{Event, Payload};

pub(crate) struct SyncHandlers {
    runtime: Runtime,
    bus: EventBus,
}

impl Callbacks for SyncHandlers {
    const NAME: &'static str = "jaeb, sync handlers";
    const DIFFERS: &'static str = "`publish` is async; here it is polled without an executor";

    type Guard = Subscription;

    fn new() -> Self {
        let runtime = runtime();
        let bus = runtime.block_on(EventBus::builder().build());
        Self {
            bus: bus.expect("it has a runtime"),
            runtime,
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        let handler = move |event: &Event, _: &EventBus| {
            listener(event);
            Ok(())
        };
        let subscribing = self.bus.subscribe::<Event, _, _>(handler);
        complete(self.runtime.handle(), subscribing).expect("it has not ended")
    }

    fn end(&mut self, guard: Subscription) {
        let there = complete(self.runtime.handle(), guard.unsubscribe());
        assert!(there.is_ok_and(|there| there));
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        complete(self.runtime.handle(), self.bus.publish(event)).expect("it has not ended");
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        let (handle, bus) = (self.runtime.handle().clone(), self.bus.clone());
        Some(move |event| complete(&handle, bus.publish(event)).expect("it has not ended"))
    }
}

pub(crate) struct AsyncHandlers {
    runtime: Runtime,
    bus: EventBus,
}

impl Delivery for AsyncHandlers {
    const NAME: &'static str = "jaeb, async handlers";
    const DIFFERS: &'static str =
        "a task for each call: no order, no bound; the payload is cloned for each listener";

    type Publisher<P: Payload> = (Handle, EventBus);

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<(Handle, EventBus)>, Self) {
        let runtime = runtime();
        let bus = runtime.block_on(EventBus::builder().build());
        let bus = bus.expect("it has a runtime");
        for listener in listeners {
            let listener = Arc::new(unlocked(listener));
            let handler = move |payload: P, _: EventBus| {
                let listener = Arc::clone(&listener);
                async move {
                    listener(payload.event());
                    Ok(())
                }
            };
            let subscribing = bus.subscribe::<P, _, _>(handler);
            // It listens although its subscription is dropped.
            drop(runtime.block_on(subscribing).expect("it has not ended"));
        }
        let publisher = (runtime.handle().clone(), bus.clone());
        (vec![publisher; publishers], Self { runtime, bus })
    }

    #[inline]
    fn publish<P: Payload>((runtime, bus): &mut (Handle, EventBus), payload: P) {
        complete(runtime, bus.publish(payload)).expect("it has not ended");
    }

    fn finish(self) {
        let ended = self.runtime.block_on(self.bus.shutdown());
        ended.expect("no handler fails");
    }
}
