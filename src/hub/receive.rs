//! The methods of [`Hub`] that pull events.

use std::panic::Location;

use super::{Hub, ReceiverOptions};
use crate::channel::Channel;
use crate::delivery::history::Replay;
use crate::delivery::listener::ListenerName;
use crate::delivery::receiver::received::Received;
use crate::delivery::receiver::{NewReceiver, Receiver};
use crate::delivery::shared::scope;
use crate::envelope::Envelope;

impl Hub {
    /// Makes a receiver of the events that channel `C` accepts from now on. It loses no event:
    /// while 1,024 events wait for it, `publish` blocks; in a page, which cannot block, the buffer
    /// grows. See [`Receiver`].
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

    /// Waits for an event that satisfies the predicate, among those that are accepted from this call on,
    /// without blocking the thread. A publish inside the predicate never blocks.
    ///
    /// Drop the future to stop waiting, or give it to the timeout of your executor. Until then it stores
    /// every event of its channel, and holds up no publisher. The future borrows the hub: in a spawned
    /// task write `async move { hub.wait_for_async::<C>(…).await }`.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// # pollster::block_on(async {
    /// let hub = Hub::new();
    /// let large = hub.wait_for_async::<Custom<Ticks>>(|tick| *tick > 5);
    /// (0..9).for_each(|tick| hub.publish::<Custom<Ticks>>(tick));
    /// assert_eq!(*large.await, 6);
    /// # });
    /// ```
    #[must_use = "the event is waited for while the future is awaited"]
    #[track_caller]
    pub fn wait_for_async<C: Channel>(
        &self,
        predicate: impl FnMut(&C::Event) -> bool,
    ) -> impl Future<Output = Received<C>> {
        self.wait_for_async_with(Replay::None, predicate)
    }

    /// Waits for an event as [`wait_for_async`](Self::wait_for_async) does, but looks first at the
    /// retained events that `replay` selects. No event between those and the live ones is skipped.
    ///
    /// ```
    /// use typed_hub::{Auth, AuthEvent, Hub, Replay};
    ///
    /// # async fn signed_in(hub: &Hub) {
    /// let is_signed_in = |event: &AuthEvent| matches!(event, AuthEvent::SignedIn { .. });
    /// hub.wait_for_async_with::<Auth>(Replay::All, is_signed_in).await;
    /// # }
    /// ```
    #[must_use = "the event is waited for while the future is awaited"]
    #[track_caller]
    pub fn wait_for_async_with<C: Channel>(
        &self,
        replay: Replay,
        mut predicate: impl FnMut(&C::Event) -> bool,
    ) -> impl Future<Output = Received<C>> {
        let options = ReceiverOptions::builder().replay(replay);
        let mut receiver = self.receiver_with::<C>(options.capacity(usize::MAX).build());
        let hub = self.inner.shared.hub;
        async move {
            loop {
                // This receiver loses nothing, and `self` keeps the hub alive.
                if let Ok(event) = receiver.recv_async().await
                    && scope::predicate(hub, || predicate(&event))
                {
                    return event;
                }
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
