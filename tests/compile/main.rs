//! What compiles and what does not.
#![cfg(feature = "auth")]
#![cfg(not(any(
    feature = "file-store",
    feature = "keyring",
    feature = "redirect",
    feature = "stream",
    feature = "tracing"
)))]

mod compiles;
mod typed_and_protected;
