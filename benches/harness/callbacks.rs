//! Buses that call back on the publisher's stack.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::contestant::{Contestant, Held, Job, Lap};
use super::event::{Counter, Event};

/// So many events the other of two threads publishes before it looks up.
const BLOCK: u64 = 64;

/// So many laps may have to be taken again.
const TRIES: u32 = 100;

/// A bus with one channel of [`Event`]s. What it does with a guard is up to it: `end` is to be what
/// its users write.
pub(crate) trait Callbacks: Sized + 'static {
    const NAME: &'static str;
    const DIFFERS: &'static str = "";
    const IS_LIMIT: bool = false;
    /// Whether a listener can be ended at all.
    const ENDS: bool = true;

    type Guard: 'static;

    fn new() -> Self;

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self::Guard;

    fn end(&mut self, guard: Self::Guard);

    fn publish(&mut self, event: Event);

    /// A way to publish from another thread, where there is one.
    fn share(&self) -> Option<impl FnMut(Event) + Send>;
}

/// Takes part with a bus that calls back.
pub(crate) struct Inline<C>(PhantomData<fn() -> C>);

impl<C> Inline<C> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// A bus, its listeners, and what they have heard.
struct Audience<C: Callbacks> {
    bus: C,
    _guards: Vec<C::Guard>,
    counters: Vec<Counter>,
}

impl<C: Callbacks> Audience<C> {
    fn of(listeners: usize) -> Self {
        let mut bus = C::new();
        let counters: Vec<_> = (0..listeners).map(|_| Counter::default()).collect();
        let guards = counters
            .iter()
            .map(|counter| bus.listen(counting(counter)))
            .collect();
        Self {
            bus,
            _guards: guards,
            counters,
        }
    }

    #[inline]
    fn publish(&mut self) {
        self.bus.publish(Event::new());
    }

    fn two_publishers(&self) -> [impl FnMut(Event) + Send; 2] {
        [(); 2].map(|()| self.bus.share().expect("this bus can be shared"))
    }

    /// One more listener comes and goes.
    #[inline]
    fn change(&mut self, counter: &Counter) {
        let guard = self.bus.listen(counting(counter));
        self.bus.end(guard);
    }

    fn check(&self, published: u64) {
        for counter in &self.counters {
            assert_eq!(counter.sum(), published, "{} lost an event", C::NAME);
        }
    }
}

/// The listener: it counts.
fn counting(counter: &Counter) -> impl Fn(&Event) + Send + Sync + 'static {
    let counter = counter.clone();
    move |event| counter.count(event)
}

impl<C: Callbacks> Contestant for Inline<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn differs(&self) -> &'static str {
        C::DIFFERS
    }

    fn is_limit(&self) -> bool {
        C::IS_LIMIT
    }

    fn inline(&self, listeners: usize) -> Option<Job> {
        let mut audience = Audience::<C>::of(listeners);
        let mut published = 0;
        Some(Box::new(move |times| {
            let lap = Lap::of(times, || audience.publish());
            published += times;
            audience.check(published);
            lap
        }))
    }

    fn inline_on_two_threads(&self, listeners: usize) -> Option<Job> {
        let audience = Audience::<C>::of(listeners);
        drop(audience.bus.share()?);
        Some(Box::new(move |times| {
            let [mut publish, mut publish_too] = audience.two_publishers();
            let (stop, published) = (AtomicBool::new(false), AtomicU64::new(0));
            // Two threads add to the same counters, so that some additions are lost: no check.
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        (0..BLOCK).for_each(|_| publish_too(Event::new()));
                        published.fetch_add(BLOCK, Ordering::Relaxed);
                    }
                });
                let mut tries = 0..TRIES;
                let lap = loop {
                    let before = published.load(Ordering::Relaxed);
                    let lap = Lap::of(times, || publish(Event::new()));
                    let meanwhile = published.load(Ordering::Relaxed) - before;
                    // Where the system had the other thread wait, they were not two at a time.
                    if meanwhile >= times / 8 || tries.next().is_none() {
                        break lap;
                    }
                };
                stop.store(true, Ordering::Relaxed);
                lap
            })
        }))
    }

    fn listen_and_drop_inline(&self, others: usize) -> Option<Job> {
        if !C::ENDS {
            return None;
        }
        let mut audience = Audience::<C>::of(others);
        let counter = Counter::default();
        Some(Box::new(move |times| {
            Lap::of(times, || audience.change(&counter))
        }))
    }

    fn publish_after_change(&self, listeners: usize) -> Option<Job> {
        if !C::ENDS {
            return None;
        }
        let mut audience = Audience::<C>::of(listeners);
        let counter = Counter::default();
        Some(Box::new(move |times| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..times {
                audience.change(&counter);
                let begun = Instant::now();
                audience.publish();
                elapsed += begun.elapsed();
            }
            Lap { times, elapsed }
        }))
    }

    fn hold(&self, what: Held, count: usize) -> Option<Box<dyn Any>> {
        match what {
            Held::InlineListener => {
                let mut bus = C::new();
                let counter = Counter::default();
                let listen = |_| bus.listen(counting(&counter));
                let guards: Vec<_> = (0..count).map(listen).collect();
                Some(Box::new((bus, guards)))
            }
            _ => None,
        }
    }
}
