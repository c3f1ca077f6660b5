//! Channels that are read: by a thread for each reader, or all in one thread.

use std::any::Any;
use std::marker::PhantomData;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::contestant::{Contestant, Held, Job, Samples, Shape};
use super::delivery::{Asynchronous, BATCH, Delivery, in_one_thread};
use super::event::{Counter, Event, Payload};

/// The two ends of a channel.
pub(crate) type Ends<S, R> = (Vec<S>, Vec<R>);

/// A bounded channel, or one for each reader, such that each reader gets every event.
pub(crate) trait Broadcast: 'static {
    const NAME: &'static str;
    const DIFFERS: &'static str = "";
    const IS_LIMIT: bool = false;
    const MOST_PUBLISHERS: usize = usize::MAX;

    type Sender<P: Payload>: Send + 'static;
    type Reader<P: Payload>: Send + 'static;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Self::Sender<P>, Self::Reader<P>>;

    /// Sends; waits where there is no room.
    fn send<P: Payload>(sender: &mut Self::Sender<P>, payload: P);

    /// Waits for an event, or for some; `false` where there will be none any more.
    fn recv<P: Payload>(reader: &mut Self::Reader<P>, listener: impl FnMut(&Event)) -> bool;

    /// Takes an event, or some; `false` where there is none at the moment.
    fn try_recv<P: Payload>(reader: &mut Self::Reader<P>, listener: impl FnMut(&Event)) -> bool;
}

/// A thread for each reader.
pub(crate) struct Threads<B> {
    threads: Vec<JoinHandle<()>>,
    channel: PhantomData<B>,
}

impl<B: Broadcast> Delivery for Threads<B> {
    const NAME: &'static str = B::NAME;
    const DIFFERS: &'static str = B::DIFFERS;
    const IS_LIMIT: bool = B::IS_LIMIT;
    const MOST_PUBLISHERS: usize = B::MOST_PUBLISHERS;

    type Publisher<P: Payload> = B::Sender<P>;

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        listeners: Vec<L>,
    ) -> (Vec<B::Sender<P>>, Self) {
        let (senders, readers) = B::open(publishers, listeners.len());
        let threads = readers
            .into_iter()
            .zip(listeners)
            .map(|(mut reader, mut listener)| {
                thread::spawn(move || while B::recv(&mut reader, &mut listener) {})
            })
            .collect();
        let channel = PhantomData;
        (senders, Self { threads, channel })
    }

    fn publish<P: Payload>(publisher: &mut B::Sender<P>, payload: P) {
        B::send(publisher, payload);
    }

    fn finish(self) {
        for thread in self.threads {
            thread.join().expect("a reader does not panic");
        }
    }
}

/// Takes part with a channel that is read.
pub(crate) struct Readers<B>(PhantomData<fn() -> B>);

impl<B> Readers<B> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<B: Broadcast> Contestant for Readers<B> {
    fn name(&self) -> &'static str {
        B::NAME
    }

    fn differs(&self) -> &'static str {
        B::DIFFERS
    }

    fn is_limit(&self) -> bool {
        B::IS_LIMIT
    }

    fn end_to_end(&self, shape: Shape) -> Option<Job> {
        Asynchronous::<Threads<B>>::new().end_to_end(shape)
    }

    fn burst(&self, listeners: usize) -> Option<Job> {
        Asynchronous::<Threads<B>>::new().burst(listeners)
    }

    fn latency(&self, pause: Duration) -> Option<Samples> {
        Asynchronous::<Threads<B>>::new().latency(pause)
    }

    fn readers_in_one_thread(&self, readers: usize) -> Option<Job> {
        let (mut senders, mut readers) = B::open::<Event>(1, readers);
        let counters: Vec<_> = readers.iter().map(|_| Counter::default()).collect();
        let heard = counters.clone();
        Some(in_one_thread(B::NAME, counters, move || {
            for _ in 0..BATCH {
                B::send(&mut senders[0], Event::new());
            }
            for (reader, counter) in readers.iter_mut().zip(&heard) {
                while B::try_recv(reader, |event| counter.count(event)) {}
            }
        }))
    }

    fn hold(&self, what: Held, count: usize) -> Option<Box<dyn Any>> {
        match what {
            Held::Receiver => Some(Box::new(B::open::<Event>(1, count))),
            _ => None,
        }
    }
}
