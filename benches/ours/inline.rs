//! Inline listeners.

use std::any::Any;

use typed_hub::{Custom, Hub, Publisher, Subscription};

use super::channels::{self, Events, Numbered};
use crate::for_each_digit;
use crate::harness::callbacks::Callbacks;
use crate::harness::contestant::{Contestant, Held, Job, Lap};
use crate::harness::event::{Counter, Event};

/// Published with a [`Publisher`], which has looked the channel up.
pub(crate) struct ByPublisher {
    publisher: Publisher<Events>,
}

impl Callbacks for ByPublisher {
    const NAME: &'static str = "typed-hub, `Publisher::publish`";

    type Guard = Subscription;

    fn new() -> Self {
        Self {
            publisher: Hub::new().publisher(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        self.publisher.hub().listen_inline::<Events>(listener)
    }

    fn end(&mut self, guard: Subscription) {
        drop(guard);
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.publisher.publish(event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        let publisher = self.publisher.clone();
        Some(move |event| publisher.publish(event))
    }
}

/// Published with [`Hub::publish`], which looks the channel up each time.
pub(crate) struct ByType {
    hub: Hub,
}

impl Callbacks for ByType {
    const NAME: &'static str = "typed-hub, `Hub::publish`";

    type Guard = Subscription;

    fn new() -> Self {
        Self { hub: Hub::new() }
    }

    fn listen(&mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Subscription {
        self.hub.listen_inline::<Events>(listener)
    }

    fn end(&mut self, guard: Subscription) {
        drop(guard);
    }

    #[inline]
    fn publish(&mut self, event: Event) {
        self.hub.publish::<Events>(event);
    }

    fn share(&self) -> Option<impl FnMut(Event) + Send> {
        let hub = self.hub.clone();
        Some(move |event| hub.publish::<Events>(event))
    }
}

/// [`Hub::publish`] where it has a hundred channels to find the right one of.
/// `benches/channels.rs` has a thousand.
pub(crate) struct AmongChannels;

impl Contestant for AmongChannels {
    fn name(&self) -> &'static str {
        "typed-hub, `Hub::publish` among 100 channels"
    }

    fn inline_among_channels(&self, listeners: usize) -> Option<Job> {
        let hub = Hub::new();
        channels::open::<5>(&hub, 10);
        Some(ten_in_turn(hub, listeners))
    }

    fn hold(&self, what: Held, count: usize) -> Option<Box<dyn Any>> {
        match what {
            Held::Channel => {
                let hub = Hub::new();
                channels::open::<5>(&hub, count / 10);
                Some(Box::new(hub))
            }
            Held::Hub => Some(Box::new((0..count).map(|_| Hub::new()).collect::<Vec<_>>())),
            _ => None,
        }
    }
}

/// Publishes on ten of the hub's channels in turn: how far one is to be looked for is chance.
pub(crate) fn ten_in_turn(hub: Hub, listeners: usize) -> Job {
    let counter = Counter::default();
    for _ in 0..listeners {
        for_each_digit!(C => {
            let counter = counter.clone();
            hub.listen_inline::<Custom<Numbered<5, 5, C>>>(move |event| counter.count(event))
                .detach();
        });
    }
    Box::new(move |times| {
        let lap = Lap::of(times.div_ceil(10), || {
            for_each_digit!(C => hub.publish::<Custom<Numbered<5, 5, C>>>(Event::new()));
        });
        Lap {
            times: lap.times * 10,
            ..lap
        }
    })
}
