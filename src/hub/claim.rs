//! The claim of a protected channel: the holder of its key can make sure that no other claims the
//! channel.

use std::marker::PhantomData;
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

impl<C: Protected> Claim<C> {
    /// Publishes on the claimed channel: see [`Hub::publish_unbounded`].
    #[track_caller]
    pub(crate) fn publish_unbounded(&self, key: &C::Key, event: C::Event) {
        self.hub.publish_unbounded::<C>(key, event);
    }
}

impl<C: Protected> Drop for Claim<C> {
    fn drop(&mut self) {
        self.hub.channel::<C>().claimed.clear();
    }
}
