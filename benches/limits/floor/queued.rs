//! The floor of queued listeners: one bounded queue, which is swapped for an empty one and
//! delivered in order.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::isolated;
use crate::harness::contestant::{Contestant, Job};
use crate::harness::delivery::{BATCH, CAPACITY, in_one_thread, lock};
use crate::harness::event::{Counter, Event};

pub(crate) struct Queued;

impl Contestant for Queued {
    fn name(&self) -> &'static str {
        "floor: promises kept, one bounded queue"
    }

    fn is_limit(&self) -> bool {
        true
    }

    fn callbacks_in_one_thread(&self, listeners: usize) -> Option<Job> {
        let counters: Vec<_> = (0..listeners).map(|_| Counter::default()).collect();
        let mut listeners: Vec<_> = counters.iter().map(Listener::counting).collect();
        let queue = Queue::default();
        let mut batch = Vec::new();
        Some(in_one_thread(self.name(), counters, move || {
            for _ in 0..BATCH {
                queue.publish(Event::new());
            }
            queue.deliver(&mut batch, &mut listeners);
        }))
    }
}

#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    /// The listener that the dispatcher calls, as 1 + its place, and 0 between two batches: what the
    /// end of a listener waits for.
    calling: AtomicU64,
    /// The last event that has been delivered: what a flush waits for.
    delivered: AtomicU64,
}

#[derive(Default)]
struct Pending {
    events: Vec<(u64, Event)>,
    accepted: u64,
    dispatcher_sleeps: bool,
}

struct Listener {
    /// Shared with the guard.
    active: Arc<AtomicBool>,
    callback: Box<dyn FnMut(&Event) + Send>,
}

impl Queue {
    #[inline]
    fn publish(&self, event: Event) {
        let mut pending = lock(&self.pending);
        assert!(pending.events.len() < CAPACITY, "a batch has room");
        pending.accepted += 1;
        let sequence = pending.accepted;
        pending.events.push((sequence, event));
        assert!(!pending.dispatcher_sleeps, "it is this thread");
    }

    /// Delivers what is pending, with an empty `batch`, which it leaves empty.
    fn deliver(&self, batch: &mut Vec<(u64, Event)>, listeners: &mut [Listener]) {
        mem::swap(&mut lock(&self.pending).events, batch);
        for (sequence, event) in batch.drain(..) {
            for (listener, place) in listeners.iter_mut().zip(1..) {
                // An exchange for each call, so that the end of a listener waits for its own call
                // and for no other: either it sees the call, or the call sees that it has ended.
                self.calling.swap(place, Ordering::AcqRel);
                if listener.active.load(Ordering::Acquire) {
                    isolated(|| (listener.callback)(&event));
                }
            }
            self.delivered.store(sequence, Ordering::Release);
        }
        self.calling.swap(0, Ordering::AcqRel);
    }
}

impl Listener {
    fn counting(counter: &Counter) -> Self {
        let counter = counter.clone();
        Self {
            active: Arc::new(AtomicBool::new(true)),
            callback: Box::new(move |event| counter.count(event)),
        }
    }
}
