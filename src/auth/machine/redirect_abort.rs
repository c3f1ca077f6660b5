//! How a redirect ends without a callback, and how one is waited for.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::redirect::{LIFETIME, fail};
use super::{Machine, Redirect, Step};
use crate::auth::error::RedirectError;
use crate::auth::secret::RedirectState;

/// The last few redirects that are over, and why.
#[derive(Debug, Default)]
pub(super) struct Over(VecDeque<(RedirectState, RedirectError)>);

impl Over {
    /// More than a user has windows open.
    const KNOWN: usize = 16;

    pub(super) fn add(&mut self, redirect: Redirect, why: RedirectError) {
        if let Redirect::Waiting { pending, .. } = redirect {
            self.0.truncate(Self::KNOWN - 1);
            self.0.push_front((pending.state, why));
        }
    }

    pub(super) fn has(&self, state: Option<&RedirectState>) -> bool {
        self.0.iter().any(|(known, _)| Some(known) == state)
    }

    #[cfg(feature = "loopback")]
    fn why(&self, state: &RedirectState) -> Option<RedirectError> {
        let mut known = self.0.iter().filter(|(known, _)| known == state);
        known.next().map(|(_, why)| why.clone())
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
    /// The user has not seen the page of the one of this state.
    NotOpened(RedirectState),
}

impl Unredirected {
    /// Whether it is this one that ends.
    fn is_of(&self, under_way: &RedirectState) -> bool {
        match self {
            Self::Cancelled => true,
            Self::GivenUp(state) | Self::TimedOut(state) | Self::NotOpened(state) => {
                state == under_way
            }
        }
    }
}

impl Machine {
    /// For how long whoever asks for the session may wait for a redirect under way, if one is. For
    /// one that an earlier process has begun nobody waits: its user may be gone as well.
    pub(crate) fn know_redirect(&mut self, now: SystemTime) -> Step<Option<Duration>> {
        self.known(move |machine, _| match &machine.redirect {
            Redirect::NotYet | Redirect::None => Step::silent(None),
            Redirect::Completing(_) => Step::silent(Some(Duration::MAX)),
            Redirect::Waiting { pending, is_ours } => {
                let took = now.duration_since(pending.begun_at).unwrap_or_default();
                match (LIFETIME.checked_sub(took), is_ours) {
                    (Some(left), true) => Step::silent(Some(left)),
                    (Some(_), false) => Step::silent(None),
                    (None, true) => fail(RedirectError::TimedOut)
                        .ending(|publish, _: Result<(), _>| (publish, None)), // F31
                    (None, false) => machine.without_redirect(|_, _| Step::silent(None)),
                }
            }
        })
    }

    /// Whether a redirect is under way that is worth waiting for.
    pub(crate) const fn is_redirecting(&self) -> bool {
        matches!(
            self.redirect,
            Redirect::Waiting { is_ours: true, .. } | Redirect::Completing(_)
        )
    }

    /// Why nobody comes back to the redirect of this state any more, unless somebody may.
    #[cfg(feature = "loopback")]
    pub(crate) fn redirect_over(&self, state: &RedirectState) -> Option<RedirectError> {
        match &self.redirect {
            Redirect::Waiting { pending, .. } if pending.state == *state => None,
            _ => Some(
                self.over
                    .why(state)
                    .unwrap_or(RedirectError::NothingUnderWay),
            ),
        }
    }

    /// The user does not come back. If they just have, what comes of it leads to nothing.
    pub(crate) fn unredirected(&mut self, why: Unredirected) -> Step<Result<(), RedirectError>> {
        if matches!(self.redirect, Redirect::Completing(_)) {
            if matches!(why, Unredirected::Cancelled) {
                self.attempt.supersede();
            }
            return Step::silent(Ok(()));
        }
        self.pending(move |_, pending| {
            if !why.is_of(&pending.state) {
                return Step::silent(Err(RedirectError::Superseded));
            }
            fail(match why {
                Unredirected::Cancelled | Unredirected::GivenUp(_) => RedirectError::Cancelled,
                Unredirected::TimedOut(_) => RedirectError::TimedOut,
                Unredirected::NotOpened(_) => RedirectError::NotOpened,
            })
        })
        .ending(|publish, answer: Result<(), RedirectError>| {
            let answer = match answer {
                Err(
                    RedirectError::Cancelled | RedirectError::TimedOut | RedirectError::NotOpened,
                ) => Ok(()),
                other => other,
            };
            (publish, answer)
        })
    }
}
