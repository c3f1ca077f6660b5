//! A typed, compile-time event hub with a real auth category.

pub mod channel;

pub use channel::{Channel, Custom, CustomChannel, Open, Protected};
