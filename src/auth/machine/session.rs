//! Asking for the session: rows F11 and F16 to F18.

use std::time::{Duration, SystemTime};

use super::refresh::Refresh;
use super::{ActiveSession, Machine, SessionId, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, SessionError};
use crate::auth::store::Session;

/// The answer to a caller that asks for the session.
#[derive(Clone, Debug)]
pub(crate) enum SessionLookup {
    /// The session has valid tokens.
    Valid(Session),
    SignedOut,
    /// The tokens have to be renewed first.
    NeedsRefresh(Refresh),
}

/// When a session is to be refreshed ahead of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshSchedule {
    pub(crate) session: Option<SessionId>,
    pub(crate) due: Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Now,
    In(Duration),
    /// There is no session, or no refresh token.
    Never,
}

impl Machine {
    /// When to refresh the session so that no caller has to wait for it, or to save tokens that the
    /// store has refused.
    pub(crate) fn refresh_schedule(&mut self, now: SystemTime) -> Step<RefreshSchedule> {
        self.with_latest_session(now, move |machine, _| {
            let due = machine
                .active()
                .map_or(Due::Never, |active| active.due(now));
            Step::done(RefreshSchedule {
                session: machine.session_id(),
                due,
            })
        })
    }

    /// A caller asks for the session. `ended` is how many refreshes had ended at the time.
    pub(crate) fn session(
        &mut self,
        force: bool,
        ended: u64,
        now: SystemTime,
    ) -> Step<Result<SessionLookup, SessionError>> {
        self.with_latest_session(now, move |machine, read| match read {
            Err(error) => Step::done(Err(SessionError::Store(error))),
            Ok(()) if ended == machine.refresh_count() => machine.answer_session(force, now),
            Ok(()) => match machine.refreshes.failure.clone() {
                // Only callers that needed the refresh get its failure.
                Some(error) if force || !machine.is_valid(now) => Step::done(Err(error)), // F17
                _ => machine.answer_session(false, now),
            },
        })
    }

    /// Whether a user is signed in, with valid tokens.
    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        self.active()
            .is_some_and(|active| active.session.tokens.are_valid_at(now))
    }

    fn answer_session(
        &mut self,
        force: bool,
        now: SystemTime,
    ) -> Step<Result<SessionLookup, SessionError>> {
        let Some(active) = self.active().cloned() else {
            return Step::done(Ok(SessionLookup::SignedOut)); // F18
        };
        if active.unsaved.is_none() {
            return self.answer_saved(&active, force, now, Vec::new());
        }
        self.with_lock(move |machine, locked| match locked {
            Err(error) => Step::done(Err(SessionError::Store(error))),
            Ok(()) if machine.is_shared => Step::load(move |machine, stored| match stored {
                Ok(Some(stored)) if active.is_still(&stored) => save_unsaved(active, force, now),
                // Another client has changed the store since, and that is newer.
                Ok(stored) => {
                    let events = machine.take_over(stored, now);
                    machine.answer_session(false, now).with_events_first(events)
                }
                Err(error) => Step::done(Err(SessionError::Store(error))),
            }),
            Ok(()) => save_unsaved(active, force, now),
        })
    }

    /// Answers with a session that is in the store. `publish` are the events to publish in any
    /// case.
    fn answer_saved(
        &mut self,
        active: &ActiveSession,
        force: bool,
        now: SystemTime,
        mut publish: Vec<AuthEvent>,
    ) -> Step<Result<SessionLookup, SessionError>> {
        let answer = if active.session.tokens.are_valid_at(now) && !force {
            Ok(SessionLookup::Valid(active.session.clone())) // F11
        } else if active.session.tokens.refresh.is_some() {
            Ok(SessionLookup::NeedsRefresh(active.refresh()))
        } else {
            publish.push(AuthEvent::TokenRefreshFailure {
                error: no_refresh_token(),
                session_ended: false,
            });
            self.record_refresh(Some(SessionError::NoRefreshToken));
            Err(SessionError::NoRefreshToken) // F16
        };
        Step::End { publish, answer }
    }
}

impl ActiveSession {
    fn due(&self, now: SystemTime) -> Due {
        let tokens = &self.session.tokens;
        if self.unsaved.is_some() {
            return Due::Now; // if the process ends before, the tokens are lost
        }
        if tokens.refresh.is_none() {
            return Due::Never;
        }
        match tokens.due_at().duration_since(now) {
            Ok(left) if !left.is_zero() && !tokens.are_from_after(now) => Due::In(left),
            _ => Due::Now,
        }
    }
}

/// Saves the tokens that the store has refused before.
fn save_unsaved(
    active: ActiveSession,
    force: bool,
    now: SystemTime,
) -> Step<Result<SessionLookup, SessionError>> {
    let is_renewed = active.unsaved.as_ref().is_some_and(|it| it.is_renewed);
    Step::save(active.session.clone(), move |machine, saved| {
        let mut due = Vec::new();
        if is_renewed {
            machine.record_refresh(saved.err().map(SessionError::Store));
            due.push(AuthEvent::TokenRefresh);
        }
        match saved {
            Ok(()) => {
                machine.set_saved();
                machine.answer_saved(&active, force && !is_renewed, now, due)
            }
            Err(error) => Step::done(Err(SessionError::Store(error))),
        }
    })
}

fn no_refresh_token() -> AuthFailure {
    AuthFailure {
        name: "NoRefreshToken".to_owned(),
        message: SessionError::NoRefreshToken.to_string(),
    }
}
