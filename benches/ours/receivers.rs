//! Receivers, and receivers as streams.

#[cfg(feature = "stream")]
use futures_util::StreamExt;
#[cfg(feature = "stream")]
use std::task::{Context, Poll, Waker};

use typed_hub::{
    Custom, Hub, Overflow, Publisher, Received, Receiver, ReceiverOptions, TryRecvError,
};

use super::channels::{Events, Plain};
use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::contestant::{Contestant, Job, Lap};
use crate::harness::delivery::CAPACITY;
use crate::harness::event::{Event, Payload};

type On<P> = Custom<Plain<P>>;

fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Publisher<On<P>>, Receiver<On<P>>> {
    let hub = Hub::new();
    let options = ReceiverOptions::builder()
        .capacity(CAPACITY)
        .overflow(Overflow::Block)
        .build();
    let readers = (0..readers)
        .map(|_| hub.receiver_with(options.clone()))
        .collect();
    ((0..senders).map(|_| hub.publisher()).collect(), readers)
}

/// [`Hub::receiver`], by `recv` and `try_recv`.
pub(crate) struct Receivers;

impl Broadcast for Receivers {
    const NAME: &'static str = "typed-hub, `Receiver`";

    type Sender<P: Payload> = Publisher<On<P>>;
    type Reader<P: Payload> = Receiver<On<P>>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Publisher<On<P>>, Receiver<On<P>>> {
        open(senders, readers)
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Publisher<On<P>>, payload: P) {
        sender.publish(payload);
    }

    fn recv<P: Payload>(reader: &mut Receiver<On<P>>, listener: impl FnMut(&Event)) -> bool {
        hear(reader.recv().ok(), listener)
    }

    fn try_recv<P: Payload>(reader: &mut Receiver<On<P>>, listener: impl FnMut(&Event)) -> bool {
        match reader.try_recv() {
            Ok(received) => hear(Some(received), listener),
            Err(TryRecvError::Lagged(lagged)) => panic!("{lagged}"),
            Err(TryRecvError::Empty | TryRecvError::Closed) => false,
        }
    }
}

/// Hands an event to the listener, or says that there was none.
fn hear<P: Payload>(received: Option<Received<On<P>>>, mut listener: impl FnMut(&Event)) -> bool {
    let there = received.is_some();
    if let Some(received) = received {
        listener(received.event());
    }
    there
}

/// [`Receiver::drain`]: one call for all that waits.
pub(crate) struct Drains;

impl Broadcast for Drains {
    const NAME: &'static str = "typed-hub, `Receiver::drain`";

    type Sender<P: Payload> = Publisher<On<P>>;
    type Reader<P: Payload> = Receiver<On<P>>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Publisher<On<P>>, Receiver<On<P>>> {
        open(senders, readers)
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Publisher<On<P>>, payload: P) {
        sender.publish(payload);
    }

    fn recv<P: Payload>(reader: &mut Receiver<On<P>>, mut listener: impl FnMut(&Event)) -> bool {
        if hear(reader.recv().ok(), &mut listener) {
            Self::try_recv(reader, listener);
            return true;
        }
        false
    }

    fn try_recv<P: Payload>(
        reader: &mut Receiver<On<P>>,
        mut listener: impl FnMut(&Event),
    ) -> bool {
        let drained = reader.drain(|payload| listener(payload.event()));
        drained.is_ok_and(|count| count > 0)
    }
}

/// A receiver polled as a stream: by a minimal executor on threads, by hand in one thread.
#[cfg(feature = "stream")]
pub(crate) struct Streams;

#[cfg(feature = "stream")]
impl Broadcast for Streams {
    const NAME: &'static str = "typed-hub, `Receiver` as a stream";

    type Sender<P: Payload> = Publisher<On<P>>;
    type Reader<P: Payload> = Receiver<On<P>>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Publisher<On<P>>, Receiver<On<P>>> {
        open(senders, readers)
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Publisher<On<P>>, payload: P) {
        sender.publish(payload);
    }

    fn recv<P: Payload>(reader: &mut Receiver<On<P>>, listener: impl FnMut(&Event)) -> bool {
        let next = pollster::block_on(reader.next());
        hear(next.transpose().expect("nothing is lost"), listener)
    }

    fn try_recv<P: Payload>(reader: &mut Receiver<On<P>>, listener: impl FnMut(&Event)) -> bool {
        let mut task = Context::from_waker(Waker::noop());
        match reader.poll_next_unpin(&mut task) {
            Poll::Ready(next) => hear(next.transpose().expect("nothing is lost"), listener),
            Poll::Pending => false,
        }
    }
}

/// A receiver that comes and goes.
pub(crate) struct ReceiverAlone;

impl Contestant for ReceiverAlone {
    fn name(&self) -> &'static str {
        "typed-hub, `Receiver`, made and dropped"
    }

    fn listen_and_drop_queued(&self, others: usize) -> Option<Job> {
        let hub = Hub::new();
        let others: Vec<_> = (0..others).map(|_| hub.receiver::<Events>()).collect();
        Some(Box::new(move |times| {
            // They stay as long as the job does.
            let _others = &others;
            Lap::of(times, || drop(hub.receiver::<Events>()))
        }))
    }
}
