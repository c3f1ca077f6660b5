//! The ways to be told of an event, and what they have in common.
//!
//! - [`inline`]: a callback on the publisher's own thread, before `publish` returns;
//! - [`queued`]: a callback on the hub's one dispatcher thread, in the order of acceptance;
//! - [`receiver`]: pulled by a thread or task of the user's, from the channel's [`log`].
//!
//! What a channel has [`retained`] is told to a queued listener that comes late.
//!
//! Between publishers and queued callbacks stand the bounded [`queue`], a [`batch`] of which the
//! [`dispatcher`] takes at a time, and [`progress`], which says how far the dispatcher has come.
//! Every listener is a [`listener::Listener`] on a [`roster`]; a [`subscription`] ends it; its
//! panics stop at [`context`]; [`tasks`] are async publishers; [`trace`] logs; and [`inside`] knows which callbacks a thread is in the middle of.

pub(crate) mod batch;
pub(crate) mod context;
pub(crate) mod dispatcher;
pub(crate) mod inline;
pub(crate) mod inside;
pub(crate) mod listener;
pub(crate) mod log;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod progress;
pub(crate) mod queue;
pub(crate) mod queued;
pub(crate) mod receiver;
pub(crate) mod retained;
pub(crate) mod roster;
pub(crate) mod subscription;
pub(crate) mod tasks;
pub(crate) mod trace;
