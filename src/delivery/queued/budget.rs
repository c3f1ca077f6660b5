//! The bound of one call of a worker.

use std::time::Duration;

use crate::sync::Instant;

/// How much a delivery may still do.
pub(crate) struct Budget {
    events: usize,
    deadline: Option<Instant>,
    /// Whether an event has been delivered: the first one needs no time.
    has_begun: bool,
}

impl Budget {
    pub(crate) fn unbounded() -> Self {
        Self::events(usize::MAX)
    }

    pub(crate) fn events(events: usize) -> Self {
        Self {
            events,
            deadline: None,
            has_begun: false,
        }
    }

    /// The time begins now.
    pub(crate) fn time(limit: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(limit),
            ..Self::unbounded()
        }
    }

    /// Whether it ends no delivery: no process counts as many events.
    pub(super) fn is_unbounded(&self) -> bool {
        self.deadline.is_none() && self.events == usize::MAX
    }

    /// Takes an event from what is left. `false` when nothing is left.
    pub(super) fn spend(&mut self) -> bool {
        let is_late = |deadline| self.has_begun && Instant::now() >= deadline;
        if self.events == 0 || self.deadline.is_some_and(is_late) {
            return false;
        }
        self.has_begun = true;
        if self.events != usize::MAX {
            self.events -= 1;
        }
        true
    }
}
