//! A typed, compile-time event hub with a real auth category.
//!
//! A channel is a type, and what travels on it is its associated type: who listens is checked by
//! the compiler, and so is who publishes. The channel [`Auth`] tells of the auth lifecycle; its
//! events come from an [`auth::AuthClient`], which alone holds the key to publish there.
//!
//! ```
//! use typed_hub::{Auth, AuthEvent, Custom, CustomChannel, Hub, Subscription};
//!
//! /// A channel of our own: a marker type with an associated payload enum.
//! struct Cart;
//!
//! enum CartEvent {
//!     CheckedOut,
//! }
//!
//! impl CustomChannel for Cart {
//!     type Event = CartEvent;
//!     const NAME: &'static str = "cart";
//! }
//!
//! let hub = Hub::new();
//! let auth: Subscription = hub.listen::<Auth>(|event: &AuthEvent| match event {
//!     AuthEvent::SignedIn { user } => println!("{} signed in", user.username),
//!     AuthEvent::SignedOut => println!("signed out"),
//!     AuthEvent::TokenRefresh => println!("tokens refreshed"),
//!     AuthEvent::TokenRefreshFailure { error, .. } => println!("no new tokens: {error}"),
//!     AuthEvent::SignInWithRedirect => println!("signed in with a redirect"),
//!     AuthEvent::SignInWithRedirectFailure { error } => println!("redirect failed: {error}"),
//!     AuthEvent::CustomOAuthState { state } => println!("{state} came back"),
//! }); // no `_` arm: a missing arm does not compile
//!
//! hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
//! hub.flush(); // everything accepted so far has been delivered
//! drop(auth); // stops listening
//! ```
//!
//! # The nouns
//!
//! - A [`Channel`] is [`Open`] to every publisher or [`Protected`] by a key; [`Custom`] makes an
//!   open one of a [`CustomChannel`], and [`Auth`] is protected.
//! - A [`Hub`] is where events are published and listened to; [`WeakHub`] does not keep it alive.
//!   A [`Publisher`] is a channel looked up once. A [`Worker`] lends a hub your own thread.
//! - A [`Subscription`] is a listener's guard, a [`SubscriptionSet`] holds many. A [`ListenerBuilder`]
//!   names a listener, and asks for envelopes or a [`Replay`] of what the channel retains.
//! - A [`Receiver`] pulls instead, as [`ReceiverOptions`] say, and yields [`Received`] events;
//!   [`Overflow`] is what happens when it does not keep up.
//! - An [`Envelope`] is an event with its metadata; an [`AnyEnvelope`] one of any channel.
//! - A [`HubReport`] tells what a hub is doing. A [`PanicReport`] tells of a panic that a hub has
//!   caught, and its [`PanicOrigin`] whose it was.
//! - [`error`] has an error for each operation that can fail.
//! - [`auth`] is the category that publishes on [`Auth`].
//!
//! # Features
//!
//! All are off by default. A feature adds to the crate and changes nothing.
//!
//! - `stream`: [`Receiver`] is a `futures_core::Stream`.
//! - `tracing`: deliveries, losses and panics are logged, and `Hub::log` logs a channel's events.
//! - `cognito`, `oidc`: providers of [`auth`], for an Amazon Cognito user pool and for any OpenID
//!   provider. They work on tokio.
//! - `redirect`: signing in by redirect; `loopback`: with a browser on this machine.
//! - `file-store`, `keyring`: tokens that outlive the process.

#![forbid(unsafe_code)]

pub mod auth;
pub mod channel;
mod delivery;
mod envelope;
pub mod error;
pub mod hub;
mod sync;

pub use auth::{Auth, AuthEvent, AuthEventKind};
pub use channel::{Channel, Custom, CustomChannel, Open, Protected};
pub use delivery::dispatcher::Worker;
pub use delivery::history::Replay;
pub use delivery::log::Overflow;
pub use delivery::panic_report::{PanicOrigin, PanicReport};
pub use delivery::received::Received;
pub use delivery::receiver::{Events, EventsMut, Receiver};
pub use delivery::subscription::Subscription;
pub use delivery::subscription_set::SubscriptionSet;
pub use envelope::{AnyEnvelope, Envelope};
pub use error::{Lagged, RecvError, RecvTimeoutError, TryPublishError, TryRecvError, WaitTimeout};
pub use hub::{Hub, HubReport, ListenerBuilder, Publisher, ReceiverOptions, WeakHub};

/// The programs of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
