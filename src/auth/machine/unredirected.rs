//! How a redirect ends without a callback.

use std::collections::VecDeque;

use crate::auth::secret::RedirectState;

/// The last few redirects that have been superseded.
#[derive(Debug, Default)]
pub(super) struct Superseded(VecDeque<RedirectState>);

impl Superseded {
    /// More than a user has windows open.
    const KNOWN: usize = 16;

    pub(super) fn add(&mut self, state: RedirectState) {
        self.0.truncate(Self::KNOWN - 1);
        self.0.push_front(state);
    }

    pub(super) fn contains(&self, state: Option<&RedirectState>) -> bool {
        self.0.iter().any(|known| Some(known) == state)
    }
}

/// Why a redirect ends without a callback.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "loopback"),
    expect(dead_code, reason = "nobody waits here")
)]
pub(crate) enum Unredirected {
    /// Whichever is under way.
    Cancelled,
    /// The one of this state has been given up.
    GivenUp(RedirectState),
    /// So long has the one of this state been waited for.
    TimedOut(RedirectState),
}

impl Unredirected {
    /// Whether it is this one that ends.
    pub(super) fn is_of(&self, under_way: &RedirectState) -> bool {
        match self {
            Self::Cancelled => true,
            Self::GivenUp(state) | Self::TimedOut(state) => state == under_way,
        }
    }
}
