//! What is measured, and who takes part.

use std::any::Any;
use std::cell::Cell;
use std::time::{Duration, Instant};

use super::watched::Task;

/// Does something so many times, or a few more where it goes by batches, and says how long that
/// took. It times itself: what it sets up and what it checks is not part of the lap.
pub(crate) type Job = Task<Lap>;

/// Publishes so many events to a parked listener and says how long each was under way.
pub(crate) type Samples = Task<Vec<Duration>>;

/// What a [`Job`] did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lap {
    pub(crate) times: u64,
    pub(crate) elapsed: Duration,
}

impl Lap {
    /// Times `what`, repeated.
    #[inline]
    pub(crate) fn of(times: u64, mut what: impl FnMut()) -> Self {
        let begun = Instant::now();
        for _ in 0..times {
            what();
        }
        Self {
            times,
            elapsed: begun.elapsed(),
        }
    }

    /// In nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn per_time(self) -> f64 {
        self.elapsed.as_nanos() as f64 / self.times as f64
    }
}

/// Publishers and listeners on threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) publishers: usize,
    pub(crate) listeners: usize,
    /// Whether the payload is an `Arc` or the 64 bytes themselves.
    pub(crate) shared: bool,
}

/// What may be held in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    InlineListener,
    QueuedListener,
    Receiver,
    Channel,
    Hub,
}

/// A contestant of this run.
pub(crate) struct Entry {
    pub(crate) who: &'static dyn Contestant,
    /// Whether it has been left behind: then it takes no further part.
    pub(crate) stalled: Cell<bool>,
}

impl Entry {
    /// Keeps the contestant until the program ends, since a stalled thread may use it until then.
    pub(crate) fn new(who: Box<dyn Contestant>) -> Self {
        Self {
            who: Box::leak(who),
            stalled: Cell::new(false),
        }
    }
}

/// Takes part in the workloads that are not `None`. Its tasks are made and run on threads of their
/// own.
pub(crate) trait Contestant: Send + Sync {
    fn name(&self) -> &'static str;

    /// Where it does another job than the hub: what the reader of a figure has to know.
    fn differs(&self) -> &'static str {
        ""
    }

    /// Whether this is a limit or a floor: code written for the one workload by hand. The first one
    /// is what the others are compared with.
    fn is_limit(&self) -> bool {
        false
    }

    /// Publishing to so many callbacks, on the publisher's stack.
    fn inline(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// The same, on ten in turn of a hundred channels.
    fn inline_among_channels(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// The same, on two threads at a time. The time of one publish on one of them.
    fn inline_on_two_threads(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// From the first publish until the last listener has heard the last event, for each event.
    fn end_to_end(&self, _shape: Shape) -> Option<Job> {
        None
    }

    /// Publishing less than the capacity to listeners on threads, without their part of it.
    fn burst(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// An event to a listener that sleeps, one every `pause`.
    fn latency(&self, _pause: Duration) -> Option<Samples> {
        None
    }

    /// Publishing a batch and then having it delivered to callbacks, all in one thread.
    fn callbacks_in_one_thread(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// Publishing a batch and then reading it with each reader, all in one thread.
    fn readers_in_one_thread(&self, _readers: usize) -> Option<Job> {
        None
    }

    /// Registering and ending an inline listener beside others.
    fn listen_and_drop_inline(&self, _others: usize) -> Option<Job> {
        None
    }

    /// Registering and ending a queued listener, or a receiver, beside others.
    fn listen_and_drop_queued(&self, _others: usize) -> Option<Job> {
        None
    }

    /// The inline publish after a change among so many listeners.
    fn publish_after_change(&self, _listeners: usize) -> Option<Job> {
        None
    }

    /// A listener that comes late and hears what is retained: registering it, all it hears, and
    /// its end.
    fn replay(&self, _retained: usize) -> Option<Job> {
        None
    }

    /// So many of something, to be weighed.
    fn hold(&self, _what: Held, _count: usize) -> Option<Box<dyn Any>> {
        None
    }
}
