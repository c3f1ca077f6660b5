//! NATS as a broker, by the crate `async-nats`.
//!
//! `core` delivers at most once, `jetstream` at least once. Both have a `connection`, and put a CloudEvent
//! into a message's `headers`.

mod connection;
mod core;
mod headers;
mod jetstream;

pub use self::core::{NatsBroker, NatsDeliveries};
pub use jetstream::{JetStreamBroker, JetStreamDeliveries};
