//! The methods of [`Hub`] that pull events.

use std::panic::Location;
use std::time::{Duration, Instant};

use super::{Hub, ReceiverOptions};
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::ListenerName;
use crate::delivery::receiver::received::Received;
use crate::delivery::receiver::{NewReceiver, Receiver};
use crate::delivery::shared::scope;
use crate::envelope::Envelope;
use crate::error::{RecvTimeoutError, WaitTimeout};

impl Hub {
    /// Makes a receiver of the events that channel `C` accepts from now on. It loses no event:
    /// while 1,024 events wait for it, `publish` blocks. See [`Receiver`].
    #[track_caller]
    pub fn receiver<C: Channel>(&self) -> Receiver<C> {
        self.receiver_with(ReceiverOptions::default())
    }

    /// Makes a receiver, as [`receiver`](Self::receiver) does, with options.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub, Lagged, Overflow, ReceiverOptions, RecvError};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::new();
    /// let options = ReceiverOptions::builder()
    ///     .capacity(2)
    ///     .overflow(Overflow::DropOldest)
    ///     .build();
    /// let mut latest = hub.receiver_with::<Custom<Ticks>>(options);
    /// (0..5).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    ///
    /// let lagged = RecvError::Lagged(Lagged { missed: 3 });
    /// assert_eq!(latest.recv().map(|tick| *tick), Err(lagged));
    /// assert_eq!(latest.recv().map(|tick| *tick), Ok(3));
    /// assert_eq!(latest.recv().map(|tick| *tick), Ok(4));
    /// ```
    #[track_caller]
    pub fn receiver_with<C: Channel>(&self, options: ReceiverOptions) -> Receiver<C> {
        let new = NewReceiver {
            name: ListenerName::new(options.name, Location::caller()),
            capacity: options.capacity,
            overflow: options.overflow,
            envelopes: options.envelopes,
        };
        self.channel::<C>().receive(new, options.replay)
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

    /// The latest event that the channel has retained, in its envelope. `None` when no event has
    /// been published, or when the channel retains none.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Theme {}
    ///
    /// impl CustomChannel for Theme {
    ///     type Event = &'static str;
    ///     const NAME: &'static str = "theme";
    ///     const RETAIN: usize = 1;
    /// }
    ///
    /// let hub = Hub::new();
    /// hub.publish::<Custom<Theme>>("dark");
    /// assert_eq!(hub.last::<Custom<Theme>>().map(|theme| *theme.payload()), Some("dark"));
    /// ```
    pub fn last<C: Channel>(&self) -> Option<Envelope<C>> {
        self.channel::<C>().last()
    }
}
