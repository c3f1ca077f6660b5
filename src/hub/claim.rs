//! The claim of a protected channel, by which a hub has one auth category and one relay.

use std::marker::PhantomData;
#[cfg(feature = "auth")]
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Hub;
use crate::channel::Protected;

/// Whether a channel of a hub is claimed.
#[derive(Default)]
pub(super) struct ClaimFlag(AtomicBool);

impl ClaimFlag {
    fn set(&self) -> bool {
        // Acquires the release of the claim before this one, whose events come first.
        !self.0.swap(true, Ordering::Acquire)
    }

    fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Hub {
    /// Claims a channel of this hub; `None` while another claim of it is alive.
    ///
    /// A claim excludes other claims only: a holder of the key can still publish without one.
    pub(crate) fn claim<C: Protected>(&self, _key: &C::Key) -> Option<Claim<C>> {
        self.channel::<C>().claimed.set().then(|| Claim {
            hub: self.clone(),
            channel: PhantomData,
        })
    }
}

/// The claim of the channel `C` of a hub, and a handle of that hub. Dropping it frees the channel.
#[must_use = "dropping a claim frees the channel"]
pub(crate) struct Claim<C: Protected> {
    hub: Hub,
    channel: PhantomData<fn() -> C>,
}

#[cfg(feature = "auth")]
impl<C: Protected> Claim<C> {
    /// Publishes an event on the claimed channel without blocking: exceeds the capacity of the queue
    /// and of every receiver if needed.
    #[track_caller]
    pub(crate) fn publish_unbounded(&self, _key: &C::Key, event: C::Event) {
        let (channel, source) = (self.hub.channel::<C>(), Location::caller());
        channel.publish_unbounded(self.hub.queue(), event, source);
    }
}

impl<C: Protected> Drop for Claim<C> {
    fn drop(&mut self) {
        self.hub.channel::<C>().claimed.clear();
    }
}
