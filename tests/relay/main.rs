//! Channels between processes: what a relay promises, on the broker in memory.

#![cfg(feature = "relay")]

mod bad_input;
mod bounded;
mod common;
mod compile;
mod conformance;
mod ends;
mod protected;

#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod nats_server;
