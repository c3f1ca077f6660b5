//! What signing in by redirect needs on this machine.
//!
//! - `loopback`: an address for the browser to come back to, and the browser

#[cfg(feature = "loopback")]
mod loopback;
#[cfg(feature = "loopback")]
mod request;

#[cfg(feature = "loopback")]
pub use self::loopback::{Loopback, LoopbackError, open};
