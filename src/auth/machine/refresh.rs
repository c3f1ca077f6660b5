//! The session, and its refresh: rows F11 to F18.

use std::time::{Duration, SystemTime};

use super::{ActiveSession, Machine, Refreshes, SessionId, SessionState, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, ProviderError, ProviderErrorKind, SessionError, StoreError};
use crate::auth::secret::RefreshToken;
use crate::auth::store::Session;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

/// The answer to a caller that asks for the session.
#[derive(Clone, Debug)]
pub(crate) enum SessionLookup {
    /// The session has valid tokens.
    Valid(Session),
    SignedOut,
    /// The tokens have to be renewed first.
    NeedsRefresh(Refresh),
}

/// How a refresh has ended.
#[derive(Clone, Debug)]
pub(crate) enum RefreshOutcome {
    /// The session has new tokens.
    Renewed(Session),
    /// The provider has ended the session, as if the user had signed out.
    SignedOut,
    Failed(SessionError),
    /// The session was over before the provider replied. There may be another.
    Stale,
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

/// A call to the provider for new tokens.
#[derive(Clone, Debug)]
pub(crate) struct Refresh {
    pub(crate) id: SessionId,
    pub(crate) user: AuthUser,
    pub(crate) token: RefreshToken,
}

impl Machine {
    /// When to refresh the session so that no caller has to wait for it.
    pub(crate) fn refresh_schedule(&mut self, now: SystemTime) -> Step<RefreshSchedule> {
        self.with_session(move |machine, _| {
            let tokens = machine.active().map(|active| &active.session.tokens);
            let due = match tokens.filter(|tokens| tokens.refresh.is_some()) {
                None => Due::Never,
                Some(tokens) => match tokens.due_at().duration_since(now) {
                    Ok(left) if !left.is_zero() && !tokens.are_from_after(now) => Due::In(left),
                    _ => Due::Now,
                },
            };
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
        self.with_session(move |machine, read| match read {
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
        if active.saved {
            return self.answer_saved(&active, force, now, Vec::new());
        }
        Step::save(active.session.clone(), move |machine, saved| {
            machine.record_save(saved);
            match saved {
                Ok(()) => machine.answer_saved(&active, false, now, vec![AuthEvent::TokenRefresh]),
                Err(error) => Step::done(Err(SessionError::Store(error))),
            }
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
        } else if let Some(token) = &active.session.tokens.refresh {
            Ok(SessionLookup::NeedsRefresh(Refresh {
                id: active.id,
                user: active.session.user.clone(),
                token: token.clone(),
            }))
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

    /// The provider has replied to a [`Refresh`], at the time `received`.
    pub(crate) fn on_refresh_reply(
        &mut self,
        id: SessionId,
        reply: Result<IssuedTokens, ProviderError>,
        received: SystemTime,
    ) -> Step<RefreshOutcome> {
        let Some(active) = self.active_if(id) else {
            return Step::done(RefreshOutcome::Stale); // F24
        };
        match reply {
            Ok(issued) => {
                let mut active = active.clone();
                active.session.tokens = active.session.tokens.renewed(issued, received);
                self.activate_renewed(active) // F12
            }
            Err(error) => match error.kind {
                kind @ (ProviderErrorKind::InTransit | ProviderErrorKind::Misconfigured) => {
                    let event = AuthEvent::TokenRefreshFailure {
                        error: AuthFailure::from(&error),
                        session_ended: false,
                    };
                    let error = if kind == ProviderErrorKind::Misconfigured {
                        SessionError::Misconfigured(error)
                    } else {
                        SessionError::Unreachable(error)
                    };
                    self.record_refresh(Some(error.clone()));
                    Step::publish(event, RefreshOutcome::Failed(error)) // F15
                }
                ProviderErrorKind::NotAuthorized => {
                    end_session(&error, RefreshOutcome::SignedOut) // F13
                }
                ProviderErrorKind::Rejected => {
                    let outcome = RefreshOutcome::Failed(SessionError::Ended(error.clone()));
                    end_session(&error, outcome) // F14
                }
            },
        }
    }

    fn activate_renewed(&mut self, active: ActiveSession) -> Step<RefreshOutcome> {
        let session = active.session.clone();
        // Active before it is saved: the provider may have made the old refresh token useless, so
        // the new one must not be lost if the store fails.
        self.session = SessionState::SignedIn(ActiveSession {
            saved: false,
            ..active
        });
        Step::save(session.clone(), |machine, saved| {
            machine.record_save(saved);
            match saved {
                Ok(()) => Step::publish(AuthEvent::TokenRefresh, RefreshOutcome::Renewed(session)),
                Err(error) => Step::done(RefreshOutcome::Failed(SessionError::Store(error))),
            }
        })
    }

    /// Records whether the renewed session is in the store.
    fn record_save(&mut self, saved: Result<(), StoreError>) {
        self.record_refresh(saved.err().map(SessionError::Store));
        if let SessionState::SignedIn(active) = &mut self.session {
            active.saved = saved.is_ok();
        }
    }

    fn record_refresh(&mut self, failure: Option<SessionError>) {
        self.refreshes = Refreshes {
            count: self.refreshes.count + 1,
            failure,
        };
    }
}

/// The provider has ended the session. The event says so only if the tokens could be removed.
fn end_session(error: &ProviderError, outcome: RefreshOutcome) -> Step<RefreshOutcome> {
    let error = AuthFailure::from(error);
    Step::clear(move |machine, cleared| {
        let outcome = match cleared {
            Ok(()) => {
                machine.session = SessionState::SignedOut;
                outcome
            }
            Err(error) => RefreshOutcome::Failed(SessionError::Store(error)),
        };
        machine.record_refresh(match &outcome {
            RefreshOutcome::Failed(error) => Some(error.clone()),
            _ => None,
        });
        let event = AuthEvent::TokenRefreshFailure {
            error,
            session_ended: cleared.is_ok(),
        };
        Step::publish(event, outcome)
    })
}

fn no_refresh_token() -> AuthFailure {
    AuthFailure {
        name: "NoRefreshToken".to_owned(),
        message: SessionError::NoRefreshToken.to_string(),
    }
}
