//! A typed, compile-time event hub with a real auth category.

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
pub use delivery::context::ListenerPanic;
pub use delivery::dispatcher::Worker;
pub use delivery::log::Overflow;
pub use delivery::receiver::{Received, Receiver};
pub use delivery::retained::Replay;
pub use delivery::subscription::Subscription;
pub use envelope::Envelope;
pub use error::{Lagged, RecvError, RecvTimeoutError, TryPublishError, TryRecvError, WaitTimeout};
pub use hub::{Hub, HubReport, ListenOptions, Publisher, ReceiverOptions, WeakHub};
