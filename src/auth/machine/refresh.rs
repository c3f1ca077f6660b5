//! Renewing the session: rows F12 to F15, F24, F40 and F41.

use std::time::SystemTime;

use super::{ActiveSession, Machine, Refreshes, SessionId, SessionState, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{AuthFailure, ProviderError, ProviderErrorKind, SessionError, StoreError};
use crate::auth::provider::refresh::RefreshError;
use crate::auth::secret::RefreshToken;
use crate::auth::store::Session;
use crate::auth::tokens::{IssuedTokens, Tokens};
use crate::auth::user::AuthUser;

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
                Step::done(machine.start_refresh(&call, now)).with_events_first(events)
            }
        })
    }

    fn start_refresh(&mut self, call: &Refresh, now: SystemTime) -> RefreshStart {
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
        if latest.tokens.are_those(&call.tokens) {
            RefreshStart::Send(latest)
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
        reply: Result<IssuedTokens, RefreshError>,
        received: SystemTime,
    ) -> Step<RefreshOutcome> {
        if self.active_if(sent.id).is_none() {
            return Step::done(RefreshOutcome::Stale); // F24
        }
        let changes_nothing =
            |failed: &RefreshError| !ends_session(&failed.error) && failed.replacement.is_none();
        if !self.is_shared || reply.as_ref().is_err_and(changes_nothing) {
            return self.apply_reply(&sent, reply, received);
        }
        // Nothing is removed or replaced but what was sent.
        Step::load(move |machine, stored| {
            let Some(active) = machine.active_if(sent.id) else {
                return Step::done(RefreshOutcome::Stale); // F24
            };
            match (stored, reply) {
                (Ok(Some(stored)), reply) if active.is_still(&stored) => {
                    machine.apply_reply(&sent, reply, received)
                }
                (Ok(stored), reply) => {
                    let refused = reply.err().map(|failed| failed.error);
                    machine.on_store_changed(&sent, stored, refused, received)
                }
                (Err(unread), reply) => machine.on_reply_unread(&sent, reply, received, unread),
            }
        })
    }

    /// The provider has replied to a [`Refresh`], and the store has failed: its lock was lost, or it
    /// cannot be read. The store is not changed; the next call saves what the provider has replaced.
    pub(crate) fn on_reply_unread(
        &mut self,
        sent: &Refresh,
        reply: Result<IssuedTokens, RefreshError>,
        received: SystemTime,
        failed: StoreError,
    ) -> Step<RefreshOutcome> {
        if self.active_if(sent.id).is_none() {
            return Step::done(RefreshOutcome::Stale); // F24
        }
        match reply {
            Ok(issued) => self.activate_renewed(sent, issued, received, Err(failed)),
            Err(refused) if ends_session(&refused.error) => {
                let outcome = self.store_failed(failed);
                if sent.is_quiet {
                    return Step::done(outcome);
                }
                Step::publish(refresh_failure(&refused.error, false), outcome)
            }
            Err(refused) => {
                self.replace_refresh_token(refused.replacement);
                self.refresh_kept(sent, refused.error)
            }
        }
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
                    self.refresh_kept(sent, error)
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
        reply: Result<IssuedTokens, RefreshError>,
        received: SystemTime,
    ) -> Step<RefreshOutcome> {
        let RefreshError { error, replacement } = match reply {
            Ok(issued) => return self.activate_renewed(sent, issued, received, Ok(())), // F12
            Err(failed) => failed,
        };
        match error.kind {
            ProviderErrorKind::InTransit | ProviderErrorKind::Misconfigured => {
                let sent = sent.clone();
                match self.replace_refresh_token(replacement) {
                    // The sign-out removes the session.
                    Some(session) if !sent.is_quiet => {
                        Step::save(session, move |machine, saved| {
                            if saved.is_ok() {
                                machine.set_saved();
                            }
                            machine.refresh_kept(&sent, error)
                        })
                    }
                    _ => self.refresh_kept(&sent, error), // F15
                }
            }
            _ if sent.is_quiet => Step::done(RefreshOutcome::Failed(SessionError::Ended(error))),
            ProviderErrorKind::NotAuthorized => {
                end_session(&error, RefreshOutcome::SignedOut) // F13
            }
            ProviderErrorKind::Rejected => {
                let outcome = RefreshOutcome::Failed(SessionError::Ended(error.clone()));
                end_session(&error, outcome) // F14
            }
        }
    }

    /// The provider has replaced the refresh token in an answer that cannot be used otherwise.
    /// Returns the session to save, if the token is another one.
    fn replace_refresh_token(&mut self, replacement: Option<RefreshToken>) -> Option<Session> {
        let SessionState::SignedIn(active) = &mut self.session else {
            return None;
        };
        let mut tokens = active.session.tokens.clone();
        let replaced = tokens.refresh.replace(replacement?);
        (replaced != tokens.refresh).then(|| active.replace_tokens(tokens, false))
    }

    /// The refresh has failed, and the session is kept.
    fn refresh_kept(&mut self, sent: &Refresh, error: ProviderError) -> Step<RefreshOutcome> {
        let event = refresh_failure(&error, false);
        let error = if error.kind == ProviderErrorKind::Misconfigured {
            SessionError::Misconfigured(error)
        } else {
            SessionError::Unreachable(error)
        };
        if sent.is_quiet {
            return Step::done(RefreshOutcome::Failed(error));
        }
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
        let SessionState::SignedIn(active) = &mut self.session else {
            return Step::done(RefreshOutcome::Stale); // F24
        };
        let session = active.replace_tokens(sent.tokens.renewed(issued, received), true);
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
            machine.record_refresh(saved.err().map(SessionError::Store));
            match saved {
                Ok(()) => {
                    machine.set_saved();
                    Step::publish(AuthEvent::TokenRefresh, RefreshOutcome::Renewed(session))
                }
                Err(error) => Step::done(RefreshOutcome::Failed(SessionError::Store(error))),
            }
        })
    }

    /// The store holds the active session.
    pub(super) fn set_saved(&mut self) {
        if let SessionState::SignedIn(active) = &mut self.session {
            active.unsaved = None;
        }
    }

    pub(super) fn record_refresh(&mut self, failure: Option<SessionError>) {
        self.refreshes = Refreshes {
            count: self.refreshes.count + 1,
            failure,
        };
    }
}

impl ActiveSession {
    /// The call that renews the tokens.
    pub(super) fn refresh(&self) -> Refresh {
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

fn refresh_failure(error: &ProviderError, session_ended: bool) -> AuthEvent {
    AuthEvent::TokenRefreshFailure {
        error: AuthFailure::from(error),
        session_ended,
    }
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
