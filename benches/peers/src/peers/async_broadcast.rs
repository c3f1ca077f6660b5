//! async-broadcast, with threads: its blocking calls.

use async_broadcast::{Receiver, Sender, TryRecvError, broadcast};

use super::channels::hear;
use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::delivery::CAPACITY;
use crate::harness::event::{Event, Payload};

pub(crate) struct AsyncBroadcast;

impl Broadcast for AsyncBroadcast {
    const NAME: &'static str = "async-broadcast";
    const DIFFERS: &'static str = "the payload is cloned for each reader but the last";

    type Sender<P: Payload> = Sender<P>;
    type Reader<P: Payload> = Receiver<P>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<Sender<P>, Receiver<P>> {
        let (sender, first) = broadcast(CAPACITY);
        let mut others: Vec<_> = (1..readers).map(|_| first.new_receiver()).collect();
        others.push(first);
        (vec![sender; senders], others)
    }

    #[inline]
    fn send<P: Payload>(sender: &mut Sender<P>, payload: P) {
        assert!(
            sender.broadcast_blocking(payload).is_ok(),
            "the readers are there"
        );
    }

    fn recv<P: Payload>(reader: &mut Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        hear(reader.recv_blocking().ok(), listener)
    }

    fn try_recv<P: Payload>(reader: &mut Receiver<P>, listener: impl FnMut(&Event)) -> bool {
        match reader.try_recv() {
            Ok(payload) => hear(Some(payload), listener),
            Err(TryRecvError::Overflowed(missed)) => panic!("it lost {missed}"),
            Err(TryRecvError::Empty | TryRecvError::Closed) => false,
        }
    }
}
