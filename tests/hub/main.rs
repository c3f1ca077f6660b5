//! The promises of the hub, a module each.

#[cfg(not(miri))]
#[path = "../shared/alone.rs"]
mod alone;
mod common;

mod any;
mod arrival;
mod async_flush_and_close;
mod async_publish_and_receive;
mod asynchronous;
mod bounded;
mod bounded_calls;
mod debug;
mod ended_by_its_guard;
mod ends_clean;
mod envelope;
mod exact;
mod global;
mod handles;
mod inspect;
mod isolated;
mod joins;
mod local;
#[cfg(feature = "tracing")]
mod logging;
mod model;
mod no_foreign_code_under_a_lock;
mod not_reentrant;
mod once;
mod ordered;
mod protected;
mod receiver;
mod replay;
mod safe;
mod wait_for;
mod wire;
mod worker;
