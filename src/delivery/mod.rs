//! The ways to be told of an event, and what they have in common.
//!
//! - [`inline`]: a callback on the publisher's own thread, before `publish` returns;
//! - [`queued`]: a callback on the hub's one dispatcher thread, in the order of acceptance; a
//!   listener that comes late may be told of the channel's [`history`] first;
//! - [`receiver`]: pulled by a thread or task of the user's, from the channel's [`log`], as
//!   [`received`] events.
//!
//! Between publishers and queued callbacks:
//!
//! - [`queue`]: bounded; async publishers wait for room in it by their [`wakers`];
//! - [`buffer`]: what the [`dispatcher`] takes from it at a time;
//! - [`progress`]: how far the dispatcher has come.
//!
//! Common to all:
//!
//! - [`listener`]: what every listener is; a [`listener_set`] holds those of a kind, a
//!   [`subscription`] ends one, and a [`subscription_set`] many;
//! - [`kinds`]: which kinds of listeners a channel has, for its publishers;
//! - [`shared`]: what the listeners of one hub share; panics of user code stop there, each with a
//!   [`panic_report`];
//! - [`scope`]: which callbacks a thread is in the middle of;
//! - [`trace`]: what is logged.

pub(crate) mod buffer;
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
pub(crate) mod queued;
pub(crate) mod received;
pub(crate) mod receiver;
pub(crate) mod scope;
pub(crate) mod shared;
pub(crate) mod subscription;
pub(crate) mod subscription_set;
pub(crate) mod trace;
pub(crate) mod wakers;
