//! The limit of latency: one slot, `park` and `unpark`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::harness::contestant::{Contestant, Samples};
use crate::harness::delivery::{Asynchronous, Delivery};
use crate::harness::event::{Event, Payload};

/// It has no more than one slot, and takes no part in anything else.
pub(crate) struct Parking;

impl Contestant for Parking {
    fn name(&self) -> &'static str {
        Parked::NAME
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn latency(&self, pause: Duration) -> Option<Samples> {
        Asynchronous::<Parked>::new().latency(pause)
    }
}

/// One listener's thread, which parks at once.
struct Parked {
    thread: JoinHandle<()>,
}

/// Two words of the event, the number of events, and whether there will be more. The publisher
/// waits until the slot is free.
#[derive(Default)]
struct Slot {
    words: [AtomicU64; 2],
    published: AtomicU64,
    heard: AtomicU64,
}

const CLOSED: u64 = u64::MAX;

struct Publisher {
    slot: Arc<Slot>,
    listener: thread::Thread,
    published: u64,
}

impl Delivery for Parked {
    const NAME: &'static str = "limit: one slot, `park` and `unpark`";
    type Publisher<P: Payload> = Publisher;

    fn start<P: Payload, L: FnMut(&Event) + Send + 'static>(
        publishers: usize,
        mut listeners: Vec<L>,
    ) -> (Vec<Publisher>, Self) {
        assert_eq!((publishers, listeners.len()), (1, 1));
        let slot = Arc::new(Slot::default());
        let heard = Arc::clone(&slot);
        let mut listener = listeners.remove(0);
        let thread = thread::spawn(move || {
            for next in 1.. {
                while heard.published.load(Ordering::Acquire) < next {
                    thread::park();
                }
                if heard.published.load(Ordering::Acquire) == CLOSED {
                    return;
                }
                let [first, second] = &heard.words;
                let words = [first, second].map(|word| word.load(Ordering::Relaxed));
                listener(&Event([words[0], words[1], 0, 0, 0, 0, 0, 0]));
                heard.heard.store(next, Ordering::Release);
            }
        });
        let publisher = Publisher {
            slot,
            listener: thread.thread().clone(),
            published: 0,
        };
        (vec![publisher], Self { thread })
    }

    fn publish<P: Payload>(publisher: &mut Publisher, payload: P) {
        publisher.wait();
        let slot = &publisher.slot;
        for (word, value) in slot.words.iter().zip(payload.event().0) {
            word.store(value, Ordering::Relaxed);
        }
        publisher.published += 1;
        slot.published.store(publisher.published, Ordering::Release);
        publisher.listener.unpark();
    }

    fn finish(self) {
        self.thread.join().expect("the listener does not panic");
    }
}

impl Publisher {
    fn wait(&self) {
        while self.slot.heard.load(Ordering::Acquire) < self.published {
            thread::yield_now();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.wait();
        self.slot.published.store(CLOSED, Ordering::Release);
        self.listener.unpark();
    }
}
