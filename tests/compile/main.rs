//! What compiles and what does not.
#![cfg(feature = "auth")]
#![cfg(not(any(
    feature = "file-store",
    feature = "keyring",
    feature = "redirect",
    feature = "relay",
    feature = "stream",
    feature = "tracing"
)))]

mod compiles;
#[path = "../shared/pairs.rs"]
mod pairs;
mod typed_and_protected;
