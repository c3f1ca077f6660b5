//! bus: a ring for one publisher.

use super::channels::hear;
use crate::harness::broadcast::{Broadcast, Ends};
use crate::harness::delivery::CAPACITY;
use crate::harness::event::{Event, Payload};

pub(crate) struct Bus;

impl Broadcast for Bus {
    const NAME: &'static str = "bus";
    const DIFFERS: &'static str =
        "one publisher; whoever waits polls; the payload is cloned for each reader but the last";
    const MOST_PUBLISHERS: usize = 1;

    type Sender<P: Payload> = bus::Bus<P>;
    type Reader<P: Payload> = bus::BusReader<P>;

    fn open<P: Payload>(senders: usize, readers: usize) -> Ends<bus::Bus<P>, bus::BusReader<P>> {
        assert_eq!(senders, 1);
        let mut bus = bus::Bus::new(CAPACITY);
        let readers = (0..readers).map(|_| bus.add_rx()).collect();
        (vec![bus], readers)
    }

    #[inline]
    fn send<P: Payload>(bus: &mut bus::Bus<P>, payload: P) {
        bus.broadcast(payload);
    }

    fn recv<P: Payload>(reader: &mut bus::BusReader<P>, listener: impl FnMut(&Event)) -> bool {
        hear(reader.recv().ok(), listener)
    }

    fn try_recv<P: Payload>(reader: &mut bus::BusReader<P>, listener: impl FnMut(&Event)) -> bool {
        hear(reader.try_recv().ok(), listener)
    }
}
