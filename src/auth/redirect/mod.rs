//! The parts of a sign-in by redirect.
//!
//! - `options`: the options of the application
//! - `secrets`: the random values of one sign-in
//! - `address_bar`: the callback in the address of a page
//! - `loopback`: a loopback address for the callback, and opening the browser; `loopback_options`:
//!   its options; `request`: one request to that address

#[cfg(all(feature = "loopback", target_family = "wasm"))]
compile_error!(
    "the feature `loopback` needs a socket and a browser on this machine, which this platform has not: \
     use the feature `redirect`, and pass the callback to `AuthClient::complete_redirect`"
);

#[cfg(all(feature = "cognito", target_family = "wasm", target_os = "unknown"))]
compile_error!(
    "the feature `cognito` needs a socket, which a page has not: sign in to the user pool by redirect, with \
     the feature `oidc` and `OidcProvider`"
);

#[cfg(any(test, all(target_family = "wasm", target_os = "unknown")))]
mod address_bar;
#[cfg(feature = "loopback")]
mod loopback;
#[cfg(feature = "loopback")]
mod loopback_options;
mod options;
#[cfg(feature = "loopback")]
mod request;
mod secrets;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(super) use self::address_bar::{CallbackInPage, callback_in};
#[cfg(feature = "loopback")]
pub use self::loopback::{Loopback, LoopbackError, open};
#[cfg(feature = "loopback")]
pub use self::loopback_options::{LoopbackOptions, LoopbackOptionsBuilder};
pub use self::options::{RedirectOptions, RedirectOptionsBuilder};
pub(super) use self::secrets::RedirectSecrets;
