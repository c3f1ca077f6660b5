//! How a redirect ends without a callback.

use std::collections::VecDeque;

use crate::auth::secret::RedirectState;
use crate::auth::store::PendingRedirect;

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
pub(crate) enum Unredirected {
    /// Whichever is under way.
    Cancelled,
    /// The one of this state has been given up.
    #[cfg(feature = "loopback")]
    GivenUp(RedirectState),
    /// So long has the one of this state been waited for.
    #[cfg(feature = "loopback")]
    TimedOut(RedirectState),
}

impl Unredirected {
    /// Whether it is this one that ends.
    pub(super) fn is_of(&self, pending: &PendingRedirect) -> bool {
        match self {
            Self::Cancelled => true,
            #[cfg(feature = "loopback")]
            Self::GivenUp(state) | Self::TimedOut(state) => *state == pending.state,
        }
    }
}
