//! tokio's broadcast channel, with threads: `blocking_recv`.

use std::thread;

use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::broadcast::{self, Receiver};

use super::channels::hear;
use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::contestant::{Contestant, Job, Lap};
use crate::harness::delivery::CAPACITY;
use crate::harness::event::{Event, Payload};

/// It overwrites what a slow reader has not read. For a job without loss the sender must not let it
/// come to that: it looks how many wait, once in a while since that takes locks.
pub(crate) struct TokioBroadcast;

pub(crate) struct Sender<P> {
    channel: broadcast::Sender<P>,
    /// So many may be sent before it has to look again.
    room: usize,
    /// How many it may send after it has found the channel half empty.
    share: usize,
}

impl Broadcast for TokioBroadcast {
    const NAME: &'static str = "tokio broadcast";
    const DIFFERS: &'static str = "loses what a reader has not read in time; here the publisher \
         waits by polling `len`; the payload is cloned for each reader";

    type Sender<P: Payload> = Sender<P>;
    type Reader<P: Payload> = Receiver<P>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Sender<P>, Receiver<P>> {
        let (channel, _) = broadcast::channel(CAPACITY);
        let readers = (0..readers).map(|_| channel.subscribe()).collect();
        let sender = |_| Sender {
            channel: channel.clone(),
            room: 0,
            share: CAPACITY / 2 / senders,
        };
        ((0..senders).map(sender).collect(), readers)
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Sender<P>, payload: P) {
        if sender.room == 0 {
            while sender.channel.len() > CAPACITY / 2 {
                thread::yield_now();
            }
            sender.room = sender.share;
        }
        sender.room -= 1;
        assert!(
            sender.channel.send(payload).is_ok(),
            "the readers are there"
        );
    }

    fn recv<P: Payload>(reader: &mut Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        hear(reader.blocking_recv().ok(), listener)
    }

    fn try_recv<P: Payload>(reader: &mut Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        match reader.try_recv() {
            Ok(payload) => hear(Some(payload), listener),
            Err(TryRecvError::Lagged(missed)) => panic!("it lost {missed}"),
            Err(TryRecvError::Empty | TryRecvError::Closed) => false,
        }
    }
}

/// Receivers that come and go.
pub(crate) struct Subscribing;

impl Contestant for Subscribing {
    fn name(&self) -> &'static str {
        "tokio broadcast, `subscribe` and drop"
    }

    fn listen_and_drop_queued(&self, others: usize) -> Option<Job> {
        let (sender, first) = broadcast::channel::<Event>(CAPACITY);
        let others: Vec<_> = (0..others).map(|_| sender.subscribe()).collect();
        Some(Box::new(move |times| {
            // They stay as long as the job does.
            let _others = (&first, &others);
            Lap::of(times, || drop(sender.subscribe()))
        }))
    }
}
