//! event-bus: named buses in one table of the process.

use std::sync::atomic::{AtomicU64, Ordering};

use event_bus::{EventBus, dispatch_event, subscribe_event};

use crate::harness::callbacks::Callbacks;
use crate::harness::event::Event;

pub(crate) struct Bus {
    name: String,
    _bus: EventBus,
}

impl event_bus::Event for Event {}

impl Callbacks for Bus {
    const NAME: &'static str = "event-bus";
    const DIFFERS: &'static str =
        "does not isolate; holds locks while it calls; a listener cannot be ended";
    const ENDS: bool = false;

    type Guard = ();

    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        Self {
            _bus: EventBus::new(name.clone()),
            name,
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        subscribe_event(&self.name, move |event: &mut Event| listener(event), 0);
    }

    fn end(&mut self, (): ()) {}

    #[inline]
    fn publish(&mut self, mut event: Event) {
        dispatch_event(&self.name, &mut event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        Some(|mut event| dispatch_event(&self.name, &mut event))
    }
}
