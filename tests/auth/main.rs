//! The auth category on the memory provider, and what it is made of: stores, the loopback address.
#![cfg(feature = "auth")]

#[path = "../shared/alone.rs"]
mod alone;
#[path = "../shared/token_store.rs"]
mod token_store;
mod world;

mod bad_input;
#[cfg(feature = "loopback")]
mod browser;
mod claim;
mod concurrency;
mod driving;
mod invariants;
mod keep_fresh;
#[cfg(feature = "loopback")]
mod loopback;
mod memory;
mod never_waits;
mod oracle;
#[cfg(feature = "redirect")]
mod redirect;
#[cfg(feature = "redirect")]
mod redirect_invariants;
mod secrets;
mod shared_stores;
mod token_stores;
mod wire;
