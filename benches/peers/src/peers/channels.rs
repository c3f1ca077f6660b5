//! crossbeam, flume and kanal: bounded channels, one for each reader, since a value goes to one
//! reader only.

use std::marker::PhantomData;

use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::delivery::CAPACITY;
use crate::harness::event::{Event, Payload};

/// A channel whose values go to one reader.
pub(crate) trait Queue: 'static {
    const NAME: &'static str;

    type Sender<P: Payload>: Clone + Send + 'static;
    type Receiver<P: Payload>: Send + 'static;

    fn bounded<P: Payload>(capacity: usize) -> (Self::Sender<P>, Self::Receiver<P>);

    fn send<P: Payload>(sender: &Self::Sender<P>, payload: P);

    fn recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P>;

    fn try_recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P>;
}

/// A queue for each reader.
pub(crate) struct Each<Q>(PhantomData<Q>);

impl<Q: Queue> Broadcast for Each<Q> {
    const NAME: &'static str = Q::NAME;
    const DIFFERS: &'static str =
        "one channel for each reader; the payload is cloned for all but one";

    type Sender<P: Payload> = Vec<Q::Sender<P>>;
    type Reader<P: Payload> = Q::Receiver<P>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Vec<Q::Sender<P>>, Q::Receiver<P>> {
        let (queues, readers): (Vec<_>, _) = (0..readers).map(|_| Q::bounded(CAPACITY)).unzip();
        (vec![queues; senders], readers)
    }

    #[inline]
    fn send<P: Payload>(queues: &mut Vec<Q::Sender<P>>, payload: P) {
        if let Some((last, others)) = queues.split_last() {
            for queue in others {
                Q::send(queue, payload.clone());
            }
            Q::send(last, payload);
        }
    }

    fn recv<P: Payload>(reader: &mut Q::Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        hear(Q::recv(reader), listener)
    }

    fn try_recv<P: Payload>(reader: &mut Q::Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        hear(Q::try_recv(reader), listener)
    }
}

/// Hands an event to the listener, or says that there was none.
pub(crate) fn hear<P: Payload>(payload: Option<P>, mut listener: impl FnMut(&Event)) -> bool {
    let there = payload.is_some();
    if let Some(payload) = payload {
        listener(payload.event());
    }
    there
}

pub(crate) struct Crossbeam;

impl Queue for Crossbeam {
    const NAME: &'static str = "crossbeam-channel, bounded";

    type Sender<P: Payload> = crossbeam_channel::Sender<P>;
    type Receiver<P: Payload> = crossbeam_channel::Receiver<P>;

    fn bounded<P: Payload>(capacity: usize) -> (Self::Sender<P>, Self::Receiver<P>) {
        crossbeam_channel::bounded(capacity)
    }

    #[inline]
    fn send<P: Payload>(sender: &Self::Sender<P>, payload: P) {
        sender.send(payload).expect("the reader is there");
    }

    fn recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.recv().ok()
    }

    fn try_recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.try_recv().ok()
    }
}

pub(crate) struct Flume;

impl Queue for Flume {
    const NAME: &'static str = "flume, bounded";

    type Sender<P: Payload> = flume::Sender<P>;
    type Receiver<P: Payload> = flume::Receiver<P>;

    fn bounded<P: Payload>(capacity: usize) -> (Self::Sender<P>, Self::Receiver<P>) {
        flume::bounded(capacity)
    }

    #[inline]
    fn send<P: Payload>(sender: &Self::Sender<P>, payload: P) {
        assert!(sender.send(payload).is_ok(), "the reader is there");
    }

    fn recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.recv().ok()
    }

    fn try_recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.try_recv().ok()
    }
}

pub(crate) struct Kanal;

impl Queue for Kanal {
    const NAME: &'static str = "kanal, bounded";

    type Sender<P: Payload> = kanal::Sender<P>;
    type Receiver<P: Payload> = kanal::Receiver<P>;

    fn bounded<P: Payload>(capacity: usize) -> (Self::Sender<P>, Self::Receiver<P>) {
        kanal::bounded(capacity)
    }

    #[inline]
    fn send<P: Payload>(sender: &Self::Sender<P>, payload: P) {
        sender.send(payload).expect("the reader is there");
    }

    fn recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.recv().ok()
    }

    fn try_recv<P: Payload>(receiver: &Self::Receiver<P>) -> Option<P> {
        receiver.try_recv().ok().flatten()
    }
}
