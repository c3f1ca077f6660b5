//! The methods of [`Hub`] that publish.

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
    /// Blocks while the hub's queue, or the buffer of a receiver with
    /// [`Overflow::Block`](crate::Overflow::Block), is full. Inside a callback or a predicate of
    /// [`wait_for`](Self::wait_for), and on the thread of a [`Worker`](crate::Worker), it never
    /// blocks, and exceeds the capacity instead. An event without listeners is dropped, unless the
    /// channel retains it.
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

    /// Publishes an event on an open channel if there is room, without blocking.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub, TryPublishError};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
    ///
    /// let hub = Hub::builder().capacity(1).build();
    /// if let Err(TryPublishError(tick)) = hub.try_publish::<Custom<Ticks>>(1) {
    ///     println!("no room for {tick}");
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when the hub's queue, or the buffer of a receiver with
    /// [`Overflow::Block`](crate::Overflow::Block), is full. No listener has seen the event.
    #[track_caller]
    pub fn try_publish<C: Open>(&self, event: C::Event) -> Result<(), TryPublishError<C::Event>> {
        self.try_accept::<C>(event, Location::caller())
    }

    /// Publishes an event on an open channel. When [`publish`](Self::publish) would block, the
    /// future waits for room without blocking the thread.
    ///
    /// Dropping the future while it waits drops the event, which no listener has seen.
    ///
    /// ```
    /// use typed_hub::{Custom, Hub};
    /// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
    /// # use ticks::Ticks;
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
        self.accept_async::<C>(event, Location::caller())
    }

    /// Publishes an event on a protected channel with the channel's key, as
    /// [`publish`](Self::publish) does on an open one. See [`Protected`] for an example.
    #[track_caller]
    pub fn publish_protected<C: Protected>(&self, _key: &C::Key, event: C::Event) {
        let source = Location::caller();
        self.channel::<C>()
            .publish(self.queue(), event, source, None);
    }

    /// Publishes an event on a protected channel with the channel's key if there is room, without
    /// blocking.
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when the hub's queue, or the buffer of a receiver with
    /// [`Overflow::Block`](crate::Overflow::Block), is full. No listener has seen the event.
    #[track_caller]
    pub fn try_publish_protected<C: Protected>(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> Result<(), TryPublishError<C::Event>> {
        self.try_accept::<C>(event, Location::caller())
    }

    /// Publishes an event on a protected channel with the channel's key, as
    /// [`publish_async`](Self::publish_async) does on an open one.
    #[track_caller]
    pub fn publish_async_protected<C: Protected>(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> impl Future<Output = ()> + Send + use<'_, C> {
        self.accept_async::<C>(event, Location::caller())
    }

    /// Publishes an event as [`publish_async`](Self::publish_async) does, from this source.
    #[cfg(feature = "relay")]
    pub(crate) fn publish_from<C: Open>(
        &self,
        event: C::Event,
        source: Source,
    ) -> impl Future<Output = ()> + Send + use<'_, C> {
        self.accept_async::<C>(event, source)
    }

    /// Publishes an event as [`publish_async_protected`](Self::publish_async_protected) does, from this
    /// source.
    #[cfg(feature = "relay")]
    pub(crate) fn publish_protected_from<C: Protected>(
        &self,
        _key: &C::Key,
        event: C::Event,
        source: Source,
    ) -> impl Future<Output = ()> + Send + use<'_, C> {
        self.accept_async::<C>(event, source)
    }

    fn try_accept<C: Channel>(
        &self,
        event: C::Event,
        source: Source,
    ) -> Result<(), TryPublishError<C::Event>> {
        let channel = self.channel::<C>();
        let accepted = channel.try_publish(self.queue(), event, source, None);
        accepted.map_err(TryPublishError)
    }

    fn accept_async<C: Channel>(&self, event: C::Event, source: Source) -> PublishFuture<'_, C> {
        PublishFuture::new(self.channel::<C>(), self.queue(), event, source)
    }

    /// Whether the channel has a listener of any kind, for publishers whose events are costly to
    /// make. A channel that retains events retains them without listeners too.
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

    /// Looks the channel up once, for hot loops. See [`Publisher`].
    pub fn publisher<C: Channel>(&self) -> Publisher<C> {
        let channel = self.inner.registry.shared(|| self.new_channel());
        Publisher::new(self.clone(), channel)
    }
}
