//! Channels between processes: what a relay promises, on the broker in memory.

#![cfg(feature = "relay")]

mod compile;
mod conformance;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod nats_server;
