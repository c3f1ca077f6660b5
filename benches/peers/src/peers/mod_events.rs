//! mod-events: a dispatcher by type.

use std::any::Any;
use std::sync::Arc;

use mod_events::{EventDispatcher, ListenerId};

use crate::harness::callbacks::Callbacks;
use crate::harness::event::Event;

pub(crate) struct Dispatcher {
    dispatcher: Arc<EventDispatcher>,
}

impl mod_events::Event for Event {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Callbacks for Dispatcher {
    const NAME: &'static str = "mod-events";
    const DIFFERS: &'static str = "counts and times events by type, always";

    type Guard = ListenerId;

    fn new() -> Self {
        Self {
            dispatcher: Arc::default(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> ListenerId {
        self.dispatcher.on(listener)
    }

    fn end(&mut self, guard: ListenerId) {
        self.dispatcher.unsubscribe(guard);
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.dispatcher.emit(event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        Some(|event| self.dispatcher.emit(event))
    }
}
