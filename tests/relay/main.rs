//! Channels between processes: what a relay promises, on the broker in memory.

#![cfg(feature = "relay")]
#![allow(clippy::large_futures, reason = "a test has room for a process or two")]

mod bad_input;
mod bounded;
mod broken;
mod common;
#[cfg(feature = "auth")]
mod compile;
mod conformance;
mod ends;
#[cfg(feature = "auth")]
#[path = "../shared/pairs.rs"]
mod pairs;
#[cfg(feature = "auth")]
mod protected;

#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
mod nats_access;
#[cfg(feature = "nats")]
mod nats_bad_input;
#[cfg(feature = "nats")]
mod nats_faults;
#[cfg(feature = "nats")]
mod nats_interop;
#[cfg(feature = "nats")]
mod nats_proxy;
#[cfg(feature = "nats")]
mod nats_server;
#[cfg(feature = "nats")]
mod nats_soak;
#[cfg(feature = "nats")]
mod nats_streams;
#[cfg(feature = "nats")]
mod nats_world;
