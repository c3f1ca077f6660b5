//! Channels of other processes.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::origin::Origin;
use super::status::{KEY, RelayKey};
use crate::channel::{Channel, Open, Protected};
use crate::envelope::Source;
use crate::hub::Hub;

/// The events that other processes publish on the channel `C`, each with its origin.
///
/// It is protected: only a relay publishes on it, when it [imports](super::Relay::import) it. So an event
/// on it has come from the broker, and an event on `C` itself has been published in this process. The
/// broker's permissions say who can send on the channel, and the sender says who it is.
///
/// Its name is that of `C` after `remote.`. It retains as many events as `C` does.
///
/// ```
/// use typed_hub::{Auth, Hub, relay::Remote};
///
/// let hub = Hub::new();
/// let elsewhere = hub.listen::<Remote<Auth>>(|remote| {
///     println!("{} at {}", remote.event.kind(), remote.origin);
/// });
/// # drop(elsewhere);
/// ```
#[derive(Debug)]
pub struct Remote<C>(Infallible, PhantomData<fn() -> C>);

impl<C: Channel> Channel for Remote<C> {
    type Event = RemoteEvent<C>;
    const NAME: &'static str = Name::<C>::NAME;
    const RETAIN: usize = C::RETAIN;
    const SOURCE: Option<&'static str> = Some("Relay");
}

impl<C: Channel> Protected for Remote<C> {
    type Key = RelayKey;
}

/// An event that another process has published on the channel `C`.
///
/// It does not serialise: a [`Remote`] channel is not exported again.
pub struct RemoteEvent<C: Channel> {
    /// The process that published it.
    pub origin: Origin,
    /// The event.
    pub event: C::Event,
}

impl<C: Channel<Event: fmt::Debug>> fmt::Debug for RemoteEvent<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteEvent")
            .field("origin", &self.origin)
            .field("event", &self.event)
            .finish()
    }
}

impl<C: Channel<Event: Clone>> Clone for RemoteEvent<C> {
    fn clone(&self) -> Self {
        Self {
            origin: self.origin.clone(),
            event: self.event.clone(),
        }
    }
}

/// The name of `C` after `remote.`, made when the program is compiled.
struct Name<C>(PhantomData<C>);

impl<C: Channel> Name<C> {
    const PREFIX: &'static str = "remote.";
    const LEN: usize = Self::PREFIX.len() + C::NAME.len();
    const BYTES: [u8; LONGEST] = join(Self::PREFIX.as_bytes(), C::NAME.as_bytes());
    /// A name that is too long stays as it is.
    const NAME: &'static str = if Self::LEN > LONGEST {
        C::NAME
    } else {
        match str::from_utf8(Self::BYTES.split_at(Self::LEN).0) {
            Ok(name) => name,
            Err(_) => C::NAME,
        }
    };
}

const LONGEST: usize = 256;

const fn join(first: &[u8], second: &[u8]) -> [u8; LONGEST] {
    let mut joined = [0; LONGEST];
    let mut at = 0;
    while at < LONGEST && at < first.len() + second.len() {
        joined[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    joined
}

/// A channel that a relay can import: an [`Open`] one, or [`Remote<C>`](Remote) of any. Its events are
/// [`DeserializeOwned`].
///
/// A protected channel is none: its events report what happened in this process, and only the holder of
/// its key publishes them.
#[diagnostic::on_unimplemented(
    message = "a relay cannot import `{Self}`: it is protected, or its events are not `Deserialize`",
    label = "events of other processes cannot enter `{Self}`",
    note = "a protected channel can leave a process and not enter one: import `Remote<{Self}>`, and listen to that",
    note = "an open channel is imported when its event implements `serde::de::DeserializeOwned`"
)]
pub trait Importable: Channel + sealed::Import {}

// Without this attribute the compiler would explain why the channel is not `Open` instead.
#[diagnostic::do_not_recommend]
impl<C: Open<Event: DeserializeOwned>> Importable for C {}
#[diagnostic::do_not_recommend]
impl<C: Channel<Event: DeserializeOwned>> Importable for Remote<C> {}

pub(super) mod sealed {
    use std::future::Future;

    use serde::de::DeserializeOwned;

    use crate::channel::Channel;
    use crate::envelope::Source;
    use crate::hub::Hub;
    use crate::relay::origin::Origin;

    pub trait Import: Channel {
        /// The channel whose events travel.
        type Wire: Channel<Event: DeserializeOwned>;

        /// Publishes an event of another process, when there is room.
        fn publish(
            hub: &Hub,
            origin: Origin,
            event: <Self::Wire as Channel>::Event,
            source: Source,
        ) -> impl Future<Output = ()> + Send;
    }
}

impl<C: Open<Event: DeserializeOwned>> sealed::Import for C {
    type Wire = C;

    async fn publish(hub: &Hub, _origin: Origin, event: C::Event, source: Source) {
        hub.publish_from::<C>(event, source).await;
    }
}

impl<C: Channel<Event: DeserializeOwned>> sealed::Import for Remote<C> {
    type Wire = C;

    async fn publish(hub: &Hub, origin: Origin, event: C::Event, source: Source) {
        let event = RemoteEvent { origin, event };
        hub.publish_protected_from::<Self>(&KEY, event, source)
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Short {}
    enum Long {}

    impl Channel for Short {
        type Event = ();
        const NAME: &'static str = "été";
    }

    impl Channel for Long {
        type Event = ();
        const NAME: &'static str = match str::from_utf8(&[b'x'; 300]) {
            Ok(name) => name,
            Err(_) => "",
        };
    }

    #[test]
    fn its_name_is_that_of_the_channel_after_remote() {
        assert_eq!(Remote::<Short>::NAME, "remote.été");
        assert_eq!(Remote::<Long>::NAME, Long::NAME);
    }
}
