//! rxrust: a subject of one type.

use std::convert::Infallible;

use rxrust::prelude::*;

use crate::harness::callbacks::Callbacks;
use crate::harness::event::Event;

type Subject = rxrust::subject::SharedSubject<'static, Event, Infallible>;

pub(crate) struct SharedSubject {
    subject: Subject,
}

impl Callbacks for SharedSubject {
    const NAME: &'static str = "rxrust, shared subject";
    const DIFFERS: &'static str = "does not isolate; emitting from a listener panics; the payload \
         is cloned for each listener";

    type Guard = Box<dyn FnOnce()>;

    fn new() -> Self {
        Self {
            subject: Shared::subject(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self::Guard {
        let subscription = self
            .subject
            .clone()
            .subscribe(move |event| listener(&event));
        Box::new(|| subscription.unsubscribe())
    }

    fn end(&mut self, guard: Self::Guard) {
        guard();
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.subject.next(event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        // Two threads that emit at a time are re-entrant to it: it panics.
        None::<fn(Event)>
    }
}
