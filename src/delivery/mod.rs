//! The kinds of listeners, and what they share:
//!
//! - [`inline`]: a callback on the publisher's own thread, before `publish` returns;
//! - [`queued`]: a callback on the hub's one dispatcher thread, in the order of acceptance; a
//!   listener may get the channel's [`history`] first;
//! - [`receiver`]: a thread or task of user code pulls [`received`] events from the channel's
//!   [`log`].
//!
//! Between publishers and queued callbacks:
//!
//! - [`queue`]: the bounded queue; async publishers wait for room with their [`wakers`];
//! - [`queue_buffer`]: the events that the [`dispatcher`] takes from it at a time;
//! - [`progress`]: how far the dispatcher has come.
//!
//! Common to all:
//!
//! - [`listener`]: the part that all kinds share; a [`listener_set`] holds the listeners of a kind,
//!   a [`subscription`] ends one, and a [`subscription_set`] many;
//! - [`kinds`]: which kinds of listeners a channel has, for its publishers;
//! - [`shared`]: the state that the listeners of one hub share; it catches panics of user code,
//!   each with a [`panic_report`];
//! - [`scope`]: which callbacks the current thread is inside;
//! - [`trace`]: the log messages of the feature `tracing`.

pub(crate) mod dispatcher;
pub(crate) mod history;
pub(crate) mod inline;
pub(crate) mod kinds;
pub(crate) mod listener;
pub(crate) mod listener_set;
pub(crate) mod log;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod panic_report;
pub(crate) mod progress;
pub(crate) mod queue;
pub(crate) mod queue_buffer;
pub(crate) mod queued;
pub(crate) mod received;
pub(crate) mod receiver;
pub(crate) mod scope;
pub(crate) mod shared;
pub(crate) mod subscription;
pub(crate) mod subscription_set;
pub(crate) mod trace;
pub(crate) mod wakers;
