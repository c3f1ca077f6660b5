//! The session, and its refresh: rows F11 to F18, F40 and F41.

use std::mem;
use std::time::{Duration, SystemTime};

use super::{ActiveSession, Machine, Refreshes, SessionId, SessionState, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, ProviderError, ProviderErrorKind, SessionError, StoreError};
use crate::auth::store::Session;
use crate::auth::tokens::{IssuedTokens, Tokens};
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
    /// The tokens to renew.
    pub(crate) tokens: Tokens,
    /// Whether a sign-out renews them, for which there is no event (F21).
    pub(crate) is_quiet: bool,
}

/// What a refresh does once it has the lock of a shared store.
#[derive(Clone, Debug)]
pub(crate) enum RefreshStart {
    Send(Refresh),
    /// The provider is not asked.
    Done(RefreshOutcome),
}

impl Machine {
    /// When to refresh the session so that no caller has to wait for it.
    pub(crate) fn refresh_schedule(&mut self, now: SystemTime) -> Step<RefreshSchedule> {
        self.with_latest_session(now, move |machine, _| {
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
        if active.is_saved() {
            return self.answer_saved(&active, force, now, Vec::new());
        }
        self.with_lock(move |machine, locked| match locked {
            Err(error) => Step::done(Err(SessionError::Store(error))),
            Ok(()) if machine.is_shared => Step::load(move |machine, stored| match stored {
                Ok(Some(stored)) if active.is_still(&stored) => save_unsaved(active, now),
                // Another client has changed the store since, and that is newer.
                Ok(stored) => {
                    let events = machine.take_over(stored, now);
                    machine.answer_session(false, now).with_events_first(events)
                }
                Err(error) => Step::done(Err(SessionError::Store(error))),
            }),
            Ok(()) => save_unsaved(active, now),
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

    /// A refresh has waited for the lock of a shared store. The store is read again first: if
    /// another client has refreshed meanwhile, the provider is not asked (F40).
    pub(crate) fn begin_refresh(
        &mut self,
        call: Refresh,
        locked: Result<(), StoreError>,
        now: SystemTime,
    ) -> Step<RefreshStart> {
        if let Err(error) = locked {
            return Step::done(RefreshStart::Done(self.store_failed(error)));
        }
        Step::load(move |machine, stored| match stored {
            Err(error) => Step::done(RefreshStart::Done(machine.store_failed(error))),
            Ok(stored) => {
                let mut events = machine.take_over(stored, now);
                events.retain(|event| !call.is_quiet || *event != AuthEvent::TokenRefresh);
                Step::done(machine.start_refresh(call, now)).with_events_first(events)
            }
        })
    }

    fn start_refresh(&mut self, call: Refresh, now: SystemTime) -> RefreshStart {
        let Some(active) = self.active_if(call.id) else {
            return RefreshStart::Done(match self.active() {
                Some(_) => RefreshOutcome::Stale,
                None => RefreshOutcome::SignedOut, // F42
            });
        };
        let is_quiet = call.is_quiet;
        let latest = Refresh {
            is_quiet,
            ..active.refresh()
        };
        if latest.tokens == call.tokens {
            RefreshStart::Send(call)
        } else if latest.tokens.are_valid_at(now) {
            let session = active.session.clone();
            self.record_refresh(None);
            RefreshStart::Done(RefreshOutcome::Renewed(session)) // F40
        } else if latest.tokens.refresh.is_some() {
            RefreshStart::Send(latest)
        } else {
            RefreshStart::Done(RefreshOutcome::Stale) // asked again, it ends as F16
        }
    }

    /// The store has failed, and the session is kept.
    fn store_failed(&mut self, error: StoreError) -> RefreshOutcome {
        let error = SessionError::Store(error);
        self.record_refresh(Some(error.clone()));
        RefreshOutcome::Failed(error)
    }

    /// The provider has replied to a [`Refresh`], at the time `received`.
    pub(crate) fn on_refresh_reply(
        &mut self,
        sent: Refresh,
        reply: Result<IssuedTokens, ProviderError>,
        received: SystemTime,
    ) -> Step<RefreshOutcome> {
        if self.active_if(sent.id).is_none() {
            return Step::done(RefreshOutcome::Stale); // F24
        }
        if !self.is_shared || reply.as_ref().is_err_and(|error| !ends_session(error)) {
            return self.apply_reply(&sent, reply, received);
        }
        // Nothing is removed or replaced but what was sent.
        Step::load(move |machine, stored| {
            let Some(active) = machine.active_if(sent.id) else {
                return Step::done(RefreshOutcome::Stale); // F24
            };
            match (stored, reply) {
                (Ok(stored), reply) if stored.as_ref() == Some(&active.session) => {
                    machine.apply_reply(&sent, reply, received)
                }
                (Ok(stored), reply) => {
                    machine.on_store_changed(&sent, stored, reply.err(), received)
                }
                (Err(unread), Ok(issued)) => {
                    let unread = Err(unread);
                    machine.activate_renewed(&sent, issued, received, unread)
                }
                (Err(unread), Err(error)) => {
                    let event = refresh_failure(&error, false);
                    Step::publish(event, machine.store_failed(unread))
                }
            }
        })
    }

    /// The store holds another session than the one whose tokens were sent.
    fn on_store_changed(
        &mut self,
        sent: &Refresh,
        stored: Option<Session>,
        refused: Option<ProviderError>,
        now: SystemTime,
    ) -> Step<RefreshOutcome> {
        let events = self.take_over(stored, now);
        let has_session = self.active().is_some();
        let step = match (&mut self.session, refused) {
            (SessionState::SignedIn(active), Some(error)) if active.id == sent.id => {
                if active.retried {
                    self.refresh_kept(error)
                } else {
                    active.retried = true;
                    Step::done(RefreshOutcome::Stale) // F41: the tokens are tried once
                }
            }
            _ if has_session => Step::done(RefreshOutcome::Stale),
            _ => Step::done(RefreshOutcome::SignedOut), // F42
        };
        step.with_events_first(events)
    }

    fn apply_reply(
        &mut self,
        sent: &Refresh,
        reply: Result<IssuedTokens, ProviderError>,
        received: SystemTime,
    ) -> Step<RefreshOutcome> {
        match reply {
            Ok(issued) => self.activate_renewed(sent, issued, received, Ok(())), // F12
            Err(error) if sent.is_quiet => {
                Step::done(RefreshOutcome::Failed(if ends_session(&error) {
                    SessionError::Ended(error)
                } else {
                    kept(error)
                }))
            }
            Err(error) => match error.kind {
                ProviderErrorKind::InTransit | ProviderErrorKind::Misconfigured => {
                    self.refresh_kept(error) // F15
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

    /// The refresh has failed, and the session is kept.
    fn refresh_kept(&mut self, error: ProviderError) -> Step<RefreshOutcome> {
        let event = refresh_failure(&error, false);
        let error = kept(error);
        self.record_refresh(Some(error.clone()));
        Step::publish(event, RefreshOutcome::Failed(error))
    }

    /// Saves the new tokens, unless the store could not be read: then the next call does so.
    fn activate_renewed(
        &mut self,
        sent: &Refresh,
        issued: IssuedTokens,
        received: SystemTime,
        read: Result<(), StoreError>,
    ) -> Step<RefreshOutcome> {
        // Active before it is saved: the provider may have made the old refresh token useless, so
        // the new one must not be lost if the store fails.
        let SessionState::SignedIn(active) = &mut self.session else {
            return Step::done(RefreshOutcome::Stale); // F24
        };
        let session = Session {
            tokens: sent.tokens.renewed(issued, received),
            ..active.session.clone()
        };
        let before = mem::replace(&mut active.session, session.clone());
        active.unsaved_over.get_or_insert_with(|| Box::new(before));
        active.retried = false;
        if sent.is_quiet {
            // The sign-out removes the session. If it fails, the next call saves the tokens.
            self.record_refresh(None);
            return Step::done(RefreshOutcome::Renewed(session));
        }
        if let Err(unread) = read {
            return Step::done(self.store_failed(unread));
        }
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
        if let SessionState::SignedIn(active) = &mut self.session
            && saved.is_ok()
        {
            active.unsaved_over = None;
        }
    }

    fn record_refresh(&mut self, failure: Option<SessionError>) {
        self.refreshes = Refreshes {
            count: self.refreshes.count + 1,
            failure,
        };
    }
}

impl ActiveSession {
    /// The call that renews the tokens.
    fn refresh(&self) -> Refresh {
        Refresh {
            id: self.id,
            user: self.session.user.clone(),
            tokens: self.session.tokens.clone(),
            is_quiet: false,
        }
    }
}

/// Whether a refresh that fails so is the end of the session.
fn ends_session(error: &ProviderError) -> bool {
    matches!(
        error.kind,
        ProviderErrorKind::NotAuthorized | ProviderErrorKind::Rejected
    )
}

/// The error of a refresh that has failed without an end of the session.
fn kept(error: ProviderError) -> SessionError {
    if error.kind == ProviderErrorKind::Misconfigured {
        SessionError::Misconfigured(error)
    } else {
        SessionError::Unreachable(error)
    }
}

fn refresh_failure(error: &ProviderError, session_ended: bool) -> AuthEvent {
    AuthEvent::TokenRefreshFailure {
        error: AuthFailure::from(error),
        session_ended,
    }
}

/// Saves the tokens that the store has refused before.
fn save_unsaved(
    active: ActiveSession,
    now: SystemTime,
) -> Step<Result<SessionLookup, SessionError>> {
    Step::save(active.session.clone(), move |machine, saved| {
        machine.record_save(saved);
        match saved {
            Ok(()) => machine.answer_saved(&active, false, now, vec![AuthEvent::TokenRefresh]),
            Err(error) => Step::done(Err(SessionError::Store(error))),
        }
    })
}

/// The provider has ended the session. The event says so only if the tokens could be removed.
fn end_session(error: &ProviderError, outcome: RefreshOutcome) -> Step<RefreshOutcome> {
    let error = error.clone();
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
        let event = refresh_failure(&error, cleared.is_ok());
        Step::publish(event, outcome)
    })
}

fn no_refresh_token() -> AuthFailure {
    AuthFailure {
        name: "NoRefreshToken".to_owned(),
        message: SessionError::NoRefreshToken.to_string(),
    }
}
