//! The ways to publish, each a method of [`Hub`].

use std::future::Future;
use std::panic::Location;

use super::publish_future::PublishFuture;
use super::{Hub, Publisher};
use crate::channel::{Channel, Open, Protected};
use crate::envelope::Source;
use crate::error::TryPublishError;

impl Hub {
    /// Publishes an event on an open channel, and returns when it is accepted.
    ///
    /// Where the queue is full, or a receiver that loses nothing lets no more in, it waits for
    /// room. From inside a callback or a predicate of [`wait_for`](Self::wait_for), and on the thread
    /// of a [`Worker`](crate::Worker), it never waits, and goes beyond the capacity instead. An event
    /// that nobody listens to is dropped.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// Hub::new().publish::<Custom<Ticks>>(1);
    /// ```
    #[track_caller]
    pub fn publish<C: Open>(&self, event: C::Event) {
        let source = Location::caller();
        self.channel::<C>()
            .publish(self.queue(), event, source, None);
    }

    /// [`publish`](Self::publish) that does not wait.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub, TryPublishError};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// let hub = Hub::builder().capacity(1).build();
    /// if let Err(TryPublishError(tick)) = hub.try_publish::<Custom<Ticks>>(1) {
    ///     println!("no room for {tick}");
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when there is no room. No listener has seen it then.
    #[track_caller]
    pub fn try_publish<C: Open>(&self, event: C::Event) -> Result<(), TryPublishError<C::Event>> {
        let source = Location::caller();
        let accepted = self
            .channel::<C>()
            .try_publish(self.queue(), event, source, None);
        accepted.map_err(TryPublishError)
    }

    /// [`publish`](Self::publish) that waits for room, where that waits, without blocking the thread.
    ///
    /// A future that is dropped while it waits drops the event: nobody has seen it.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Ticks {}
    ///
    /// impl CustomChannel for Ticks {
    ///     type Event = u64;
    ///     const NAME: &'static str = "ticks";
    /// }
    ///
    /// # pollster::block_on(async {
    /// let hub = Hub::new();
    /// hub.publish_async::<Custom<Ticks>>(1).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn publish_async<C: Open>(
        &self,
        event: C::Event,
    ) -> impl Future<Output = ()> + Send + use<'_, C> {
        self.accept::<C>(event, Location::caller())
    }

    /// [`publish`](Self::publish) on a protected channel: it takes the channel's key. See [`Protected`]
    /// for a channel of one's own.
    #[track_caller]
    pub fn publish_protected<C: Protected>(&self, _key: &C::Key, event: C::Event) {
        let source = Location::caller();
        self.channel::<C>()
            .publish(self.queue(), event, source, None);
    }

    /// [`try_publish`](Self::try_publish) on a protected channel: it takes the channel's key.
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when there is no room.
    #[track_caller]
    pub fn try_publish_protected<C: Protected>(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> Result<(), TryPublishError<C::Event>> {
        let source = Location::caller();
        let accepted = self
            .channel::<C>()
            .try_publish(self.queue(), event, source, None);
        accepted.map_err(TryPublishError)
    }

    /// [`publish_async`](Self::publish_async) on a protected channel: it takes the channel's key.
    #[track_caller]
    pub fn publish_async_protected<C: Protected>(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> impl Future<Output = ()> + Send + use<'_, C> {
        self.accept::<C>(event, Location::caller())
    }

    /// [`publish_protected`](Self::publish_protected) that never waits: it goes beyond the capacity of
    /// the queue and of every receiver.
    #[track_caller]
    pub(crate) fn publish_unbounded<C: Protected>(&self, _key: &C::Key, event: C::Event) {
        let source = Location::caller();
        self.channel::<C>()
            .publish_unbounded(self.queue(), event, source);
    }

    fn accept<C: Channel>(&self, event: C::Event, source: Source) -> PublishFuture<'_, C> {
        PublishFuture::new(self.channel::<C>(), self.queue(), event, source)
    }

    /// Whether the channel has a listener of any kind: for a producer whose events are costly to make. A
    /// channel that retains events has a use for them without listeners, too.
    ///
    /// ```
    /// use typed_hub::{Custom, CustomChannel, Hub};
    ///
    /// enum Frames {}
    ///
    /// impl CustomChannel for Frames {
    ///     type Event = Vec<u8>;
    ///     const NAME: &'static str = "frames";
    /// }
    ///
    /// let hub = Hub::new();
    /// if hub.has_listeners::<Custom<Frames>>() {
    ///     hub.publish::<Custom<Frames>>(vec![0; 1 << 20]);
    /// }
    /// ```
    pub fn has_listeners<C: Channel>(&self) -> bool {
        self.channel::<C>().has_listeners()
    }

    /// The channel looked up once, for hot loops. See [`Publisher`].
    pub fn publisher<C: Channel>(&self) -> Publisher<C> {
        let channel = self.inner.registry.shared(|| self.new_channel());
        Publisher::new(self.clone(), channel)
    }
}
