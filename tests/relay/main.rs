//! Channels between processes: what a relay promises, on the broker in memory.

#![cfg(feature = "relay")]

mod conformance;
