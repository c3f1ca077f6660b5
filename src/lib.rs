//! A typed, in-process event bus (publish/subscribe) with an auth category.
//!
//! A channel is a type, and its associated type is the type of its events: the compiler checks both
//! listeners and publishers. Callbacks run in order on one thread of the hub, and `publish` returns when
//! the event is accepted. The channel [`Auth`] carries the events of the auth lifecycle. An
//! [`auth::AuthClient`] publishes them: only it holds the key to that channel.
//!
//! ```
//! use typed_hub::{Auth, AuthEvent, Custom, CustomChannel, Hub, Subscription};
//!
//! /// A channel of our own: a marker type with an associated payload enum.
//! enum Cart {}
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
//! let cart = hub.listen::<Custom<Cart>>(|event| match event {
//!     CartEvent::CheckedOut => println!("checked out"),
//! });
//! hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
//! hub.flush(); // everything accepted so far has been delivered
//! drop((auth, cart)); // stops listening
//! ```
//!
//! [How do I …](guide::how_do_i) has a program for each task. The [guide] also has the promises and their
//! limits, the providers, and the words of other hubs beside ours.
//!
//! # The nouns
//!
//! - A [`Channel`] is [`Open`] to every publisher or [`Protected`] by a key; [`Custom`] makes an
//!   open one of a [`CustomChannel`], and [`Auth`] is protected.
//! - A [`Hub`] is where events are published and listened to; a [`WeakHub`] does not keep it alive.
//!   A [`Publisher`] is a channel looked up once. A [`Worker`] calls a hub's listeners on a thread
//!   of your own, and a [`LocalWorker`] also those that are not `Send`.
//! - A [`Subscription`] is a listener's guard, and a [`SubscriptionSet`] holds many. A
//!   [`ListenerBuilder`] names a listener, and asks for envelopes or for a [`Replay`] of the events
//!   that the channel retains.
//! - A [`Receiver`] pulls events and yields them as [`Received`]. Its [`ReceiverOptions`] set its
//!   capacity and its [`Overflow`]: what happens when its buffer is full.
//! - An [`Envelope`] is an event with its metadata; an [`AnyEnvelope`] one of any channel.
//! - A [`HubReport`] lists a hub's channels, listeners and counts. A [`PanicReport`] describes a
//!   panic that a hub has caught, and its [`PanicOrigin`] names the code that panicked.
//! - The errors of publishing, receiving and waiting are [`TryPublishError`], [`RecvError`],
//!   [`TryRecvError`], [`RecvTimeoutError`], [`Lagged`] and [`WaitTimeout`].
//! - [`auth`] is the category that publishes on [`Auth`].
//! - The module `relay` carries channels to other processes through a broker.
//!
//! # Features
//!
//! Features are additive. `auth` is on by default. *In a page* means: compiled for
//! `wasm32-unknown-unknown` and run by JavaScript, in a browser, in a Web Worker or in node.
//!
//! - `auth`: the auth category and an embedded user pool. Without it the crate is a hub alone.
//! - `stream`: [`Receiver`] is a `futures_core::Stream`.
//! - `tracing`: deliveries, losses and panics are logged, and `Hub::log` logs a channel's events.
//! - `cognito`, `oidc`: providers of [`auth`], for an Amazon Cognito user pool and for any OpenID
//!   provider. They work on tokio; `oidc` in a page as well, without it.
//! - `redirect`: signing in by redirect; `loopback`: with a browser on this machine.
//! - `file-store`, `keyring`: tokens that outlive the process; `web-store`: that outlive a page.
//! - `relay`: channels between processes, with a broker in memory; `nats`: over NATS and JetStream. They
//!   work on tokio.

#![forbid(unsafe_code)]
// Below the methods that block, which a page has not, much is left without a caller there.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "auth")]
pub mod auth;
mod channel;
mod delivery;
mod envelope;
mod error;
#[cfg(all(doc, feature = "auth"))]
pub mod guide;
mod hub;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod page;
#[cfg(feature = "relay")]
pub mod relay;
mod sync;
#[cfg(any(feature = "redirect", feature = "relay"))]
mod text;

#[cfg(feature = "auth")]
pub use auth::channel::{Auth, AuthEvent, AuthEventKind};
pub use channel::{Channel, Custom, CustomChannel, Open, Protected};
pub use delivery::history::Replay;
pub use delivery::listener::subscription::Subscription;
pub use delivery::listener::subscription_set::SubscriptionSet;
pub use delivery::queued::dispatcher::Worker;
pub use delivery::receiver::Receiver;
pub use delivery::receiver::log::Overflow;
pub use delivery::receiver::received::Received;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub use delivery::receiver::{Events, EventsMut};
pub use delivery::shared::panic_report::{PanicOrigin, PanicReport};
pub use envelope::{AnyEnvelope, Envelope};
pub use error::{Lagged, RecvError, RecvTimeoutError, TryPublishError, TryRecvError, WaitTimeout};
pub use hub::{AsEnvelope, AsEvent, InlineListenerBuilder, ListenerBuilder};
pub use hub::{ChannelReport, DeliveryKind, HubReport, ListenerReport, QueueReport};
pub use hub::{Hub, HubBuilder, HubOptions, Publisher, ReceiverOptions, WeakHub};
pub use hub::{LocalListenerBuilder, LocalWorker};

/// The programs of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
