//! `Publisher`: a channel looked up once, for loops that publish much.

use std::panic::Location;
use std::sync::Arc;

use super::Hub;
use super::channel::ChannelState;
use super::publish_future::PublishFuture;
use crate::channel::{Channel, Open, Protected};
use crate::delivery::inline::SnapshotCache;
use crate::envelope::Source;
use crate::error::TryPublishError;

/// A channel of a hub, looked up once, for loops that publish many events.
///
/// It is a handle of its hub, and keeps the hub alive as every [`Hub`] does.
///
/// One thread at a time uses it (`Send`, not `Sync`); another thread publishes with its own clone.
///
/// ```
/// use typed_hub::{Custom, Hub};
/// # mod ticks { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctest.rs")); }
/// # use ticks::Ticks;
///
/// let ticks = Hub::new().publisher::<Custom<Ticks>>();
/// for tick in 0..1_000 {
///     ticks.publish(tick);
/// }
/// ```
pub struct Publisher<C: Channel> {
    cache: SnapshotCache<C>,
    channel: Arc<ChannelState<C>>,
    hub: Hub,
}

impl<C: Channel> Publisher<C> {
    pub(super) fn new(hub: Hub, channel: Arc<ChannelState<C>>) -> Self {
        Self {
            cache: SnapshotCache::new(),
            channel,
            hub,
        }
    }

    /// Publishes an event on an open channel: see [`Hub::publish`].
    #[track_caller]
    pub fn publish(&self, event: C::Event)
    where
        C: Open,
    {
        let source = Location::caller();
        let cache = Some(&self.cache);
        self.channel.publish(self.hub.queue(), event, source, cache);
    }

    /// Publishes an event on an open channel without blocking: see [`Hub::try_publish`].
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when the hub's queue, or the buffer of a receiver with
    /// [`Overflow::Block`](crate::Overflow::Block), is full. No listener has seen the event.
    #[track_caller]
    pub fn try_publish(&self, event: C::Event) -> Result<(), TryPublishError<C::Event>>
    where
        C: Open,
    {
        self.try_accept(event, Location::caller())
    }

    /// Publishes an event on an open channel from a task: see [`Hub::publish_async`].
    #[track_caller]
    pub fn publish_async(&self, event: C::Event) -> impl Future<Output = ()> + Send + use<'_, C>
    where
        C: Open,
    {
        self.accept_async(event, Location::caller())
    }

    /// Publishes an event on a protected channel: see [`Hub::publish_protected`].
    #[track_caller]
    pub fn publish_protected(&self, _key: &C::Key, event: C::Event)
    where
        C: Protected,
    {
        let source = Location::caller();
        let cache = Some(&self.cache);
        self.channel.publish(self.hub.queue(), event, source, cache);
    }

    /// Publishes an event on a protected channel without blocking: see
    /// [`Hub::try_publish_protected`].
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when the hub's queue, or the buffer of a receiver with
    /// [`Overflow::Block`](crate::Overflow::Block), is full. No listener has seen the event.
    #[track_caller]
    pub fn try_publish_protected(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> Result<(), TryPublishError<C::Event>>
    where
        C: Protected,
    {
        self.try_accept(event, Location::caller())
    }

    /// Publishes an event on a protected channel from a task: see [`Hub::publish_async_protected`].
    #[track_caller]
    pub fn publish_async_protected(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> impl Future<Output = ()> + Send + use<'_, C>
    where
        C: Protected,
    {
        self.accept_async(event, Location::caller())
    }

    /// The hub on which it publishes.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl<C: Channel> Publisher<C> {
    fn try_accept(&self, event: C::Event, source: Source) -> Result<(), TryPublishError<C::Event>> {
        let (queue, cache) = (self.hub.queue(), Some(&self.cache));
        let accepted = self.channel.try_publish(queue, event, source, cache);
        accepted.map_err(TryPublishError)
    }

    fn accept_async(&self, event: C::Event, source: Source) -> PublishFuture<'_, C> {
        PublishFuture::new(&self.channel, self.hub.queue(), event, source)
    }
}

impl<C: Channel> Clone for Publisher<C> {
    fn clone(&self) -> Self {
        Self::new(self.hub.clone(), Arc::clone(&self.channel))
    }
}
