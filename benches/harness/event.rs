//! What is published, and what every listener does with it: the same tiny job everywhere.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The payload of every workload: 64 bytes. The first word is what a listener adds up, the second
/// the time it was sent, where somebody asks for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event(pub(crate) [u64; 8]);

impl Event {
    /// An event that the compiler knows nothing about.
    #[inline]
    pub(crate) fn new() -> Self {
        black_box(Self([1, 0, 0, 0, 0, 0, 0, 0]))
    }

    /// An event that knows when it was sent.
    pub(crate) fn sent_now(epoch: Instant) -> Self {
        let since = u64::try_from(epoch.elapsed().as_nanos()).expect("it runs for less than years");
        Self([1, since, 0, 0, 0, 0, 0, 0])
    }

    /// How long it has been under way.
    pub(crate) fn age(&self, epoch: Instant) -> Duration {
        epoch
            .elapsed()
            .saturating_sub(Duration::from_nanos(self.0[1]))
    }
}

/// The two ways to send an [`Event`]: by value, and behind an `Arc`.
pub(crate) trait Payload: Clone + Send + Sync + 'static {
    fn wrap(event: Event) -> Self;

    fn event(&self) -> &Event;
}

impl Payload for Event {
    #[inline]
    fn wrap(event: Event) -> Self {
        event
    }

    #[inline]
    fn event(&self) -> &Event {
        self
    }
}

impl Payload for Arc<Event> {
    #[inline]
    fn wrap(event: Event) -> Self {
        Self::new(event)
    }

    #[inline]
    fn event(&self) -> &Event {
        self
    }
}

/// What a listener adds events up in: its own, and read after each round, so that an event that is
/// lost, or delivered to somebody else, is noticed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    /// The job of a listener. A load and a store, not an addition that locks the bus: the listener
    /// is to cost little beside what is measured.
    #[inline]
    pub(crate) fn count(&self, event: &Event) {
        let sum = self.0.load(Ordering::Relaxed);
        self.0
            .store(sum.wrapping_add(event.0[0]), Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A [`Counter`] with a cache line of its own: for listeners on several threads, which would
/// otherwise slow one another down by where the allocator has put their counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoneCounter(Arc<Line>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl LoneCounter {
    /// The same job.
    #[inline]
    pub(crate) fn count(&self, event: &Event) {
        let sum = self.0.0.load(Ordering::Relaxed);
        self.0
            .0
            .store(sum.wrapping_add(event.0[0]), Ordering::Relaxed);
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }
}
