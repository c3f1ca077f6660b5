//! The end of a redirect without a callback, and waiting for the end.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::redirect::LIFETIME;
use super::{Machine, Redirect, Step};
use crate::auth::error::RedirectError;
use crate::auth::secret::RedirectState;

/// The last redirects that have ended, and why.
#[derive(Debug, Default)]
pub(super) struct FinishedRedirects(VecDeque<(RedirectState, RedirectError)>);

impl FinishedRedirects {
    /// More than the windows that a user has open.
    const MAX: usize = 16;

    pub(super) fn add(&mut self, redirect: Redirect, why: RedirectError) {
        if let Redirect::Pending { pending, .. } = redirect {
            self.0.truncate(Self::MAX - 1);
            self.0.push_front((pending.state, why));
        }
    }

    pub(super) fn contains(&self, state: Option<&RedirectState>) -> bool {
        self.0.iter().any(|(known, _)| Some(known) == state)
    }

    #[cfg(feature = "loopback")]
    fn reason(&self, state: &RedirectState) -> Option<RedirectError> {
        let mut known = self.0.iter().filter(|(known, _)| known == state);
        known.next().map(|(_, why)| why.clone())
    }
}

/// Why a redirect ends without a callback, and which one.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "loopback"),
    expect(dead_code, reason = "without the feature no call waits for a redirect")
)]
pub(crate) enum RedirectAbort {
    /// The caller has cancelled the redirect in progress.
    Cancelled,
    /// The caller has stopped waiting.
    GivenUp(RedirectState),
    /// The time limit of the caller is over.
    TimedOut(RedirectState),
    /// The page could not be opened.
    NotOpened(RedirectState),
}

impl RedirectAbort {
    /// Whether this ends the redirect of that state.
    fn ends(&self, under_way: &RedirectState) -> bool {
        match self {
            Self::Cancelled => true,
            Self::GivenUp(state) | Self::TimedOut(state) | Self::NotOpened(state) => {
                state == under_way
            }
        }
    }
}

impl Machine {
    /// How long a caller that asks for the session may wait for the redirect in progress; `None` if
    /// there is none, or a valid session. No caller waits for a redirect of an earlier process: its
    /// user may be gone too.
    pub(crate) fn redirect_wait(&mut self, now: SystemTime) -> Step<Option<Duration>> {
        self.with_session(move |machine, _| match &machine.redirect {
            Redirect::Unloaded | Redirect::Idle => Step::done(None),
            // Another client of the store may have signed in meanwhile.
            Redirect::Pending { .. } | Redirect::Exchanging(_) => {
                machine.with_latest_session(now, move |machine, _| {
                    if machine.is_valid(now) {
                        return Step::done(None);
                    }
                    machine.time_left_to_redirect(now)
                })
            }
        })
    }

    fn time_left_to_redirect(&mut self, now: SystemTime) -> Step<Option<Duration>> {
        let Redirect::Pending { pending, is_own } = &self.redirect else {
            return Step::done(Some(Duration::MAX)); // its code is being exchanged
        };
        let state = pending.state.clone();
        let took = now.duration_since(pending.begun_at).unwrap_or_default();
        match (LIFETIME.checked_sub(took), *is_own) {
            (Some(left), true) => Step::done(Some(left)),
            (Some(_), false) => Step::done(None),
            (None, true) => {
                let ended = self.fail_redirect(state, true, RedirectError::TimedOut); // F31
                ended.map(|_| None)
            }
            (None, false) => self.remove_redirect(Some(state), |machine, removed| {
                if removed.is_ok() {
                    machine.end_redirect();
                }
                Step::done(None)
            }),
        }
    }

    /// Whether a redirect of this process is in progress.
    pub(crate) const fn is_redirecting(&self) -> bool {
        matches!(
            self.redirect,
            Redirect::Pending { is_own: true, .. } | Redirect::Exchanging(_)
        )
    }

    /// Why the redirect of this state has ended; `None` if it is pending.
    #[cfg(feature = "loopback")]
    pub(crate) fn redirect_end(&self, state: &RedirectState) -> Option<RedirectError> {
        match &self.redirect {
            Redirect::Pending { pending, .. } if pending.state == *state => None,
            _ => Some(
                self.finished_redirects
                    .reason(state)
                    .unwrap_or(RedirectError::NothingUnderWay),
            ),
        }
    }

    /// The user has come back to the page that has begun the redirect of this state, and not by its
    /// callback. If another page has signed in meanwhile, it ends without an event.
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    pub(crate) fn on_return(
        &mut self,
        state: RedirectState,
        now: SystemTime,
    ) -> Step<RedirectError> {
        self.with_latest_session(now, move |machine, _| {
            let is_pending = matches!(
                &machine.redirect,
                Redirect::Pending { pending, .. } if pending.state == state
            );
            match (machine.active().is_some(), is_pending) {
                (true, true) => machine.remove_redirect(Some(state), |machine, _| {
                    machine.end_redirect();
                    Step::done(RedirectError::AlreadySignedIn)
                }),
                (true, false) => Step::done(RedirectError::AlreadySignedIn),
                (false, true) => {
                    let ended = machine.fail_redirect(state, true, RedirectError::Cancelled); // F31
                    ended.map(|_| RedirectError::Cancelled)
                }
                (false, false) => Step::done(RedirectError::Cancelled),
            }
        })
    }

    /// Ends a redirect without a callback. If its code is being exchanged, only cancelling has an
    /// effect: the reply is superseded.
    pub(crate) fn abort_redirect(&mut self, why: RedirectAbort) -> Step<Result<(), RedirectError>> {
        if matches!(self.redirect, Redirect::Exchanging(_)) {
            if matches!(why, RedirectAbort::Cancelled) {
                self.attempt.supersede();
            }
            return Step::done(Ok(()));
        }
        self.with_pending(move |machine, pending, is_own| {
            if !why.ends(&pending.state) {
                return Step::done(Err(RedirectError::Superseded));
            }
            let why = match why {
                RedirectAbort::Cancelled | RedirectAbort::GivenUp(_) => RedirectError::Cancelled,
                RedirectAbort::TimedOut(_) => RedirectError::TimedOut,
                RedirectAbort::NotOpened(_) => RedirectError::NotOpened,
            };
            machine.fail_redirect(pending.state, is_own, why)
        })
    }
}
