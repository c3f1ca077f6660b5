//! What the benches have in common.
//!
//! A [`contestant`] does some of the [`workloads`]; [`rounds`] times them, alternating, each
//! [`watched`] so that one that stalls is left behind, and a [`table`] shows the result. Most contestants are one of three: [`callbacks`] on the publisher's
//! stack, a [`delivery`] to listeners elsewhere, a [`broadcast`] channel that is read.

pub(crate) mod allocator;
pub(crate) mod broadcast;
pub(crate) mod callbacks;
pub(crate) mod contestant;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod machine;
pub(crate) mod rehearsal;
pub(crate) mod rounds;
pub(crate) mod table;
pub(crate) mod watched;
pub(crate) mod workloads;
