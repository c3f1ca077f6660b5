//! Lists of closures, and a loop.

use std::any::Any;
use std::collections::VecDeque;

use crate::harness::callbacks::Callbacks;
use crate::harness::contestant::{Contestant, Held, Job, Lap};
use crate::harness::delivery::{BATCH, in_one_thread};
use crate::harness::event::{Counter, Event};

/// The limit of inline listeners.
pub(crate) struct Loop {
    listeners: Vec<Listener>,
}

type Listener = Box<dyn Fn(&Event) + Send + Sync>;

impl Loop {
    fn call(&self, event: &Event) {
        for listener in &self.listeners {
            listener(event);
        }
    }
}

impl Callbacks for Loop {
    const NAME: &'static str = "limit: loop over a `Vec` of boxed closures";
    const IS_LIMIT: bool = true;

    type Guard = ();

    fn new() -> Self {
        Self {
            listeners: Vec::new(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners.push(Box::new(listener));
    }

    fn end(&mut self, (): ()) {
        self.listeners.pop();
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.call(&event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        Some(|event| self.call(&event))
    }
}

/// The limit of queued callbacks in one thread: a `Vec` of events, then a loop in a loop.
pub(crate) struct Batch;

type Listeners = Vec<Box<dyn FnMut(&Event) + Send>>;

impl Contestant for Batch {
    fn name(&self) -> &'static str {
        "limit: `Vec` of events, loop over boxed closures"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn callbacks_in_one_thread(&self, listeners: usize) -> Option<Job> {
        let counters: Vec<_> = (0..listeners).map(|_| Counter::default()).collect();
        let mut listeners: Listeners = counters.iter().map(counting).collect();
        let mut events = Vec::new();
        Some(in_one_thread(self.name(), counters, move || {
            for _ in 0..BATCH {
                events.push(Event::new());
            }
            for event in events.drain(..) {
                for listener in &mut listeners {
                    listener(&event);
                }
            }
        }))
    }

    fn listen_and_drop_queued(&self, others: usize) -> Option<Job> {
        let counter = Counter::default();
        let mut listeners: Listeners = (0..others).map(|_| counting(&counter)).collect();
        Some(Box::new(move |times| {
            Lap::of(times, || {
                listeners.push(counting(&counter));
                listeners.pop();
            })
        }))
    }

    fn replay(&self, retained: usize) -> Option<Job> {
        let past: VecDeque<_> = (0..retained).map(|_| Event::new()).collect();
        let counter = Counter::default();
        let mut listeners = Listeners::new();
        Some(Box::new(move |times| {
            Lap::of(times, || {
                listeners.push(counting(&counter));
                if let Some(newcomer) = listeners.last_mut() {
                    past.iter().for_each(newcomer);
                }
                listeners.pop();
            })
        }))
    }

    fn hold(&self, what: Held, count: usize) -> Option<Box<dyn Any>> {
        match what {
            Held::QueuedListener => {
                let counter = Counter::default();
                let listeners: Listeners = (0..count).map(|_| counting(&counter)).collect();
                Some(Box::new(listeners))
            }
            _ => None,
        }
    }
}

fn counting(counter: &Counter) -> Box<dyn FnMut(&Event) + Send> {
    let counter = counter.clone();
    Box::new(move |event| counter.count(event))
}
