//! A channel looked up once.

use std::panic::Location;
use std::sync::Arc;

use super::Hub;
use super::channel::ChannelState;
use super::publish_future::PublishFuture;
use crate::channel::{Channel, Open, Protected};
use crate::delivery::inline::SnapshotCache;
use crate::error::TryPublishError;

/// A channel of a hub, looked up once: for loops that publish much.
///
/// It is a handle of its hub, and keeps it alive as every [`Hub`] does.
///
/// It belongs to one thread at a time (`Send`, not `Sync`); another thread publishes with a clone of
/// its own.
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

    /// See [`Hub::publish`].
    #[track_caller]
    pub fn publish(&self, event: C::Event)
    where
        C: Open,
    {
        let source = Location::caller();
        let cache = Some(&self.cache);
        self.channel.publish(self.hub.queue(), event, source, cache);
    }

    /// See [`Hub::try_publish`].
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when there is no room.
    #[track_caller]
    pub fn try_publish(&self, event: C::Event) -> Result<(), TryPublishError<C::Event>>
    where
        C: Open,
    {
        let source = Location::caller();
        let (queue, cache) = (self.hub.queue(), Some(&self.cache));
        let accepted = self.channel.try_publish(queue, event, source, cache);
        accepted.map_err(TryPublishError)
    }

    /// See [`Hub::publish_async`].
    #[track_caller]
    pub fn publish_async(&self, event: C::Event) -> impl Future<Output = ()> + Send + use<'_, C>
    where
        C: Open,
    {
        let source = Location::caller();
        PublishFuture::new(&self.channel, self.hub.queue(), event, source)
    }

    /// See [`Hub::publish_protected`].
    #[track_caller]
    pub fn publish_protected(&self, _key: &C::Key, event: C::Event)
    where
        C: Protected,
    {
        let source = Location::caller();
        let cache = Some(&self.cache);
        self.channel.publish(self.hub.queue(), event, source, cache);
    }

    /// See [`Hub::try_publish_protected`].
    ///
    /// # Errors
    ///
    /// [`TryPublishError`] with the event when there is no room.
    #[track_caller]
    pub fn try_publish_protected(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> Result<(), TryPublishError<C::Event>>
    where
        C: Protected,
    {
        let source = Location::caller();
        let (queue, cache) = (self.hub.queue(), Some(&self.cache));
        let accepted = self.channel.try_publish(queue, event, source, cache);
        accepted.map_err(TryPublishError)
    }

    /// See [`Hub::publish_async_protected`].
    #[track_caller]
    pub fn publish_async_protected(
        &self,
        _key: &C::Key,
        event: C::Event,
    ) -> impl Future<Output = ()> + Send + use<'_, C>
    where
        C: Protected,
    {
        let source = Location::caller();
        PublishFuture::new(&self.channel, self.hub.queue(), event, source)
    }

    /// The hub it publishes on.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }
}

impl<C: Channel> Clone for Publisher<C> {
    fn clone(&self) -> Self {
        Self::new(self.hub.clone(), Arc::clone(&self.channel))
    }
}
