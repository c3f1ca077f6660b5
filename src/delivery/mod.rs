//! The kinds of listeners, a room each, and what they share. Each room uses those below it only.
//!
//! - [`inline`]: a callback on the publisher's own thread, before `publish` returns;
//! - [`queued`]: a callback on the hub's one dispatcher thread, in the order of acceptance;
//! - [`receiver`]: a thread or task of user code pulls events from the channel's log.
//!
//! Below them:
//!
//! - [`listener`]: the part that queued and inline listeners share, their sets, and their guards;
//! - [`room`]: a bounded buffer, and the publishers that wait for room in it;
//! - [`history`]: the past events that a channel retains.
//!
//! At the bottom:
//!
//! - [`shared`]: the state that the listeners of one hub share: panics of user code, the progress
//!   of the dispatcher, the callbacks that a thread is inside.

pub(crate) mod history;
pub(crate) mod inline;
pub(crate) mod listener;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod queued;
pub(crate) mod receiver;
pub(crate) mod room;
pub(crate) mod shared;
