//! What a channel is, and who may publish on it.
//!
//! A channel is a *type*: a marker that is never constructed, with the type of its events as an
//! associated type. Every channel implements [`Channel`]; [`Open`] and [`Protected`] say who may
//! publish. [`Custom`] makes an open channel of any type that implements [`CustomChannel`].

use std::convert::Infallible;
use std::marker::PhantomData;

/// A channel: a marker type and the type of the events that travel on it.
///
/// Implement it directly for a channel that is [`Protected`]; for an open one,
/// [`CustomChannel`] is shorter.
///
/// ```
/// use typed_hub::{Auth, Channel};
///
/// /// Works for every channel.
/// fn describe<C: Channel>() -> String {
///     format!("{} keeps {} events", C::NAME, C::RETAIN)
/// }
///
/// assert!(describe::<Auth>().starts_with("auth keeps"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a channel",
    label = "not a channel",
    note = "a channel is a marker type: `Auth`, `Custom<T>` where `T: CustomChannel`, or a type of yours that implements `Channel`"
)]
pub trait Channel: 'static {
    /// The type of the channel's events.
    type Event: Send + Sync + 'static;

    /// The channel's name in reports, in logs and, for front ends, on the wire.
    ///
    /// It does not identify the channel: two channel types with one name are two channels.
    const NAME: &'static str;

    /// How many past events the channel retains, in events, for listeners that ask for them with
    /// [`ListenerBuilder::replay`](crate::ListenerBuilder::replay). The default is 0, which costs
    /// nothing.
    const RETAIN: usize = 0;

    /// The `source` of its events on the wire, in place of the line that published them.
    #[doc(hidden)]
    const SOURCE: Option<&'static str> = None;
}

/// A channel on which anyone may publish, with [`Hub::publish`](crate::Hub::publish).
///
/// ```
/// use typed_hub::{Hub, Open};
///
/// fn publish_all<C: Open>(hub: &Hub, events: impl IntoIterator<Item = C::Event>) {
///     events.into_iter().for_each(|event| hub.publish::<C>(event));
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "only the holder of its key publishes on `{Self}`: it is not an open channel",
    label = "`{Self}` is protected: publishing on it takes its key",
    note = "listen to it with `hub.listen::<{Self}>(…)`; the holder of its key publishes with `hub.publish_protected::<{Self}>(&key, event)`",
    note = "to publish events of your own, implement `CustomChannel` for a type `T` and publish on `Custom<T>`"
)]
pub trait Open: Channel {}

/// A channel on which only the holder of a key may publish, with
/// [`Hub::publish_protected`](crate::Hub::publish_protected).
///
/// The protection is Rust's own privacy: give the key type a private field, and code that cannot
/// name that field cannot make a key. Safe code has no other way to publish on the channel. Give
/// the key type no `Clone`, `Default` or `Deserialize`, and return no reference to a key.
///
/// The key says *who* publishes, for every hub of the process: code that can be handed any hub, and
/// then publishes what its caller wants, gives the channel away. [`Auth`](crate::Auth) is protected
/// against that as well: on one hub, one [`AuthClient`](crate::auth::AuthClient) claims it.
///
/// The type is protected, and its [`NAME`](Channel::NAME) is not: another channel may have the same
/// name, and its events look alike on the wire. Compare types, not names.
///
/// ```
/// use typed_hub::{Channel, Hub, Protected};
///
/// /// Only this module can make a `DoorKey`, so only it can publish on `Door`.
/// mod door {
///     pub enum Door {}
///
///     pub struct DoorKey(());
///
///     impl typed_hub::Channel for Door {
///         type Event = bool;
///         const NAME: &'static str = "door";
///     }
///
///     impl typed_hub::Protected for Door {
///         type Key = DoorKey;
///     }
///
///     pub fn open(hub: &typed_hub::Hub) {
///         hub.publish_protected::<Door>(&DoorKey(()), true);
///     }
/// }
///
/// door::open(&Hub::new());
/// ```
pub trait Protected: Channel {
    /// The proof that its holder may publish. Code that can make a key can publish.
    type Key;
}

/// The payload of a channel of your own: three lines make `T` the open channel [`Custom<T>`].
///
/// ```
/// use typed_hub::{Custom, CustomChannel, Hub};
///
/// enum Cart {}
///
/// impl CustomChannel for Cart {
///     type Event = u32;
///     const NAME: &'static str = "cart";
/// }
///
/// Hub::new().publish::<Custom<Cart>>(1);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what travels on its channel",
    label = "`CustomChannel` is not implemented for `{Self}`",
    note = "three lines do: `impl CustomChannel for {Self} {{ type Event = …; const NAME: &'static str = \"…\"; }}`"
)]
pub trait CustomChannel: 'static {
    /// The type of the channel's events. See [`Channel::Event`].
    type Event: Send + Sync + 'static;

    /// The channel's name. See [`Channel::NAME`].
    const NAME: &'static str;

    /// How many past events the channel retains, in events. See [`Channel::RETAIN`].
    const RETAIN: usize = 0;
}

/// The open channel of a type that implements [`CustomChannel`], which has an example.
#[derive(Debug)]
pub struct Custom<T>(Infallible, PhantomData<fn() -> T>);

impl<T: CustomChannel> Channel for Custom<T> {
    type Event = T::Event;
    const NAME: &'static str = T::NAME;
    const RETAIN: usize = T::RETAIN;
}

impl<T: CustomChannel> Open for Custom<T> {}
