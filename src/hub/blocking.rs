//! The methods of [`Hub`] that block their thread. There is none of them in a page.

use std::time::{Duration, Instant};

use super::{Hub, ReceiverOptions};
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::receiver::received::Received;
use crate::delivery::shared::scope;
use crate::error::{RecvTimeoutError, WaitTimeout};

impl Hub {
    /// Waits until every event accepted so far has been delivered.
    ///
    /// It never waits for itself. It returns at once inside a callback of any hub, inside a drop or a
    /// waker that a dispatcher or a publish with inline listeners runs, and on the
    /// thread of the hub's [`Worker`](crate::Worker): the thread that called the worker last or, before the first
    /// call, the thread that made it.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let (seen, heard) = std::sync::mpsc::channel();
    /// let guard = hub.listen::<Custom<Ticks>>(move |tick| drop(seen.send(*tick)));
    /// hub.publish::<Custom<Ticks>>(1);
    /// hub.flush();
    /// assert_eq!(heard.try_recv(), Ok(1));
    /// # drop(guard);
    /// ```
    pub fn flush(&self) {
        if !scope::any_callback() && !self.inner.queue.is_consumed_here() {
            self.inner.shared.progress.wait_for(self.inner.queue.end());
        }
    }

    /// Waits, at most for `timeout`, for an event that satisfies the predicate, among those that
    /// are accepted from now on. A publish inside the predicate never blocks.
    ///
    /// If the event may have been published already, use [`wait_for_with`](Self::wait_for_with) on
    /// a channel that retains it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typed_hub::{Auth, AuthEvent, Hub};
    ///
    /// let hub = Hub::new();
    /// let signed_in = |event: &AuthEvent| matches!(event, AuthEvent::SignedIn { .. });
    /// let event = hub.wait_for::<Auth>(signed_in, Duration::from_millis(1));
    /// assert!(event.is_err(), "no user signs in here");
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`] when no such event came within `timeout`.
    #[track_caller]
    pub fn wait_for<C: Channel>(
        &self,
        predicate: impl FnMut(&C::Event) -> bool,
        timeout: Duration,
    ) -> Result<Received<C>, WaitTimeout> {
        self.wait_for_with(Replay::None, predicate, timeout)
    }

    /// Waits for an event as [`wait_for`](Self::wait_for) does, but looks first at the retained
    /// events that `replay` selects. No event between those and the live ones is skipped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typed_hub::{Custom, CustomChannel, Hub, Replay};
    ///
    /// enum Server {}
    ///
    /// impl CustomChannel for Server {
    ///     type Event = &'static str;
    ///     const NAME: &'static str = "server";
    ///     const RETAIN: usize = 1;
    /// }
    ///
    /// let hub = Hub::new();
    /// hub.publish::<Custom<Server>>("ready");
    /// let is_ready = |event: &&str| *event == "ready";
    /// let ready = hub.wait_for_with::<Custom<Server>>(Replay::All, is_ready, Duration::from_secs(1));
    /// assert!(ready.is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitTimeout`] when no such event was retained or came within `timeout`.
    #[track_caller]
    pub fn wait_for_with<C: Channel>(
        &self,
        replay: Replay,
        mut predicate: impl FnMut(&C::Event) -> bool,
        timeout: Duration,
    ) -> Result<Received<C>, WaitTimeout> {
        let options = ReceiverOptions::builder().replay(replay).build();
        let mut receiver = self.receiver_with::<C>(options);
        let hub = self.inner.shared.hub;
        let mut satisfies = |event: &C::Event| scope::predicate(hub, || predicate(event));
        let deadline = Instant::now().checked_add(timeout);
        let mut retained = receiver.taken_events();
        loop {
            let left = deadline.map_or(Duration::MAX, |end| {
                end.saturating_duration_since(Instant::now())
            });
            match receiver.recv_timeout(left) {
                Ok(event) if satisfies(&event) => return Ok(event),
                // Retained events are here already: the timeout does not apply to them.
                Ok(_) if retained > 1 => retained -= 1,
                Ok(_) if left.is_zero() => return Err(WaitTimeout),
                // This receiver loses nothing, and `self` keeps the hub alive.
                Ok(_) | Err(RecvTimeoutError::Lagged(_) | RecvTimeoutError::Closed) => {}
                Err(RecvTimeoutError::Timeout) => return Err(WaitTimeout),
            }
        }
    }
}
