//! What the tasks of a relay share.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::status::{RelayEvent, tell};
use crate::channel::Channel;
use crate::delivery::shared::panic_report::discard_payload;
use crate::envelope::Source;
use crate::hub::WeakHub;

/// What a relay tells its tasks.
#[derive(Clone)]
pub(super) struct Signals {
    /// The time by which a relay that is closing has to end.
    pub(super) closing: watch::Receiver<Option<Instant>>,
    /// How often the broker has become reachable.
    pub(super) connects: watch::Receiver<u64>,
}

impl Signals {
    /// Waits until the relay is closing.
    pub(super) async fn closed(&mut self) {
        // Without its sender the relay is gone, and this task with it.
        let _ = self.closing.wait_for(Option::is_some).await;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.borrow().is_some()
    }

    /// Waits until the relay is closing and its time is over.
    pub(super) async fn timeout(mut self) {
        self.closed().await;
        let end = *self.closing.borrow();
        if let Some(end) = end {
            sleep_until(end).await;
        }
    }
}

/// The source of every imported event. An export recognises it by its address, not by its content.
pub(super) fn imported() -> Source {
    static IMPORTED: LazyLock<Source> = LazyLock::new(|| Box::leak(Box::new(*Location::caller())));
    *IMPORTED
}

pub(super) fn is_imported(source: Source) -> bool {
    std::ptr::eq(source, imported())
}

/// Calls user code; `None` when it panics.
pub(super) fn isolated<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call))
        .map_err(discard_payload)
        .ok()
}

/// Runs a task to its end; `None` when it panics.
pub(super) async fn isolated_task<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    let poll = poll_fn(|context| {
        let polled = isolated(|| task.as_mut().poll(context));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    });
    poll.await
}

/// Tells that channel `C` is carried no longer, unless a listener lets it wait until the relay is closed.
pub(super) async fn tell_stopped<C: Channel>(hub: &WeakHub, signals: Signals) {
    let Some(hub) = hub.upgrade() else { return };
    let channel = C::NAME;
    tokio::select! {
        () = tell(&hub, RelayEvent::Stopped { channel }) => {}
        () = signals.timeout() => {}
    }
}

/// A duration that can be added to any time: a year instead of a longer one.
pub(super) fn bounded(duration: Duration) -> Duration {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    duration.clamp(Duration::from_millis(1), YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_event_is_known_by_the_address_of_its_source() {
        assert!(is_imported(imported()));
        let same_words: Source = Box::leak(Box::new(*imported()));
        assert_eq!(same_words, imported());
        assert!(!is_imported(same_words));
    }
}
