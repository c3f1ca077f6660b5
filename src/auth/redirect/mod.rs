//! What a sign-in by redirect is begun with.
//!
//! - `options`: what an application chooses
//! - `proof`: what only the one who began it knows

mod options;
mod proof;

pub use self::options::{RedirectOptions, RedirectOptionsBuilder};
pub(super) use self::proof::Proof;
