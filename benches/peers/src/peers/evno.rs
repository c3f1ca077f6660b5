//! evno: a task for each listener, and a ring for each type.

use std::sync::Arc;

use evno::{Bus, Close, Emit, Guard, SubscribeHandle, from_fn};
use tokio::runtime::{Handle, Runtime};

use super::runtime::{complete, runtime, unlocked};
use crate::harness::delivery::{CAPACITY, Delivery};
use crate::harness::event::{Event, Payload};

pub(crate) struct Evno {
    runtime: Runtime,
    bus: Bus,
    _handles: Vec<SubscribeHandle>,
}

impl Delivery for Evno {
    const NAME: &'static str = "evno";
    const DIFFERS: &'static str = "a task for each listener, on tokio; several publishers on threads \
         wait for ever, sooner or later, and so does one with many listeners, seldom";
    /// Its ring (gyre 1.1.4) wakes the next publisher before it lets go of the lock that the next
    /// one is waiting for: who looks too early sleeps on, and nobody wakes it again. One publisher
    /// has been seen to wait for 16 listeners that all slept.
    const MOST_PUBLISHERS: usize = 1;

    type Publisher<P: Payload> = (Handle, Bus);

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<(Handle, Bus)>, Self) {
        let runtime = runtime();
        let context = runtime.enter();
        let bus = Bus::new(CAPACITY);
        let handles = listeners
            .into_iter()
            .map(|listener| {
                let listener = Arc::new(unlocked(listener));
                bus.on(from_fn(move |payload: Guard<P>| {
                    let listener = Arc::clone(&listener);
                    async move { listener(payload.event()) }
                }))
            })
            .collect();
        drop(context);
        let publisher = (runtime.handle().clone(), bus.clone());
        let this = Self {
            runtime,
            bus,
            _handles: handles,
        };
        (vec![publisher; publishers], this)
    }

    #[inline]
    fn publish<P: Payload>((runtime, bus): &mut (Handle, Bus), payload: P) {
        complete(runtime, bus.emit(payload));
    }

    fn finish(self) {
        self.runtime.block_on(self.bus.close());
    }
}
