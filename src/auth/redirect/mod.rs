//! What signing in by redirect takes.
//!
//! - `options`: what an application chooses
//! - `secrets`: what only the one who began it knows
//! - `loopback`: an address for the browser to come back to, and the browser; `request`: one
//!   request to that address

#[cfg(feature = "loopback")]
mod loopback;
mod options;
#[cfg(feature = "loopback")]
mod request;
mod secrets;

#[cfg(feature = "loopback")]
pub use self::loopback::{Loopback, LoopbackError, open};
pub use self::options::{RedirectOptions, RedirectOptionsBuilder};
pub(super) use self::secrets::RedirectSecrets;
