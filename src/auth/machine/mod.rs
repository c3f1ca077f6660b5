//! What follows what: the auth category as pure code.
//!
//! A [`Machine`] holds what is known of the session. Each of its verbs takes what a caller asked
//! or a provider replied, and gives the [`Step`] that comes next: something to ask of the store,
//! with what to do about its answer, or the end, with the events to publish. Whoever performs the
//! steps decides nothing; whoever decides has no lock, clock, store, network or hub. So each row of
//! the table of events is a row of a test (`tests.rs`).
//!
//! One chain of steps is a *transaction*: it ends before the next begins, whatever becomes of the
//! future that asked for it. The network is never asked inside one. And events can only be the end
//! of one, so that no event comes before the write it tells of.
//!
//! - `refresh`: asking for the session, and renewing it
//! - `sign_in`: beginning, going on, completing
//! - `sign_out`: signing out, deleting the user
//! - `redirect`: signing in by redirect; `redirect_abort`: its ends without a callback
//! - `step`: what comes next in a transaction

#[cfg(feature = "redirect")]
mod redirect;
#[cfg(feature = "redirect")]
mod redirect_abort;
mod refresh;
mod sign_in;
mod sign_out;
mod step;

#[cfg(feature = "redirect")]
pub(super) use self::redirect::Exchange;
#[cfg(feature = "redirect")]
pub(super) use self::redirect_abort::RedirectAbort;
pub(super) use self::refresh::{Due, Refresh, RefreshOutcome, SessionLookup};
pub use self::sign_in::SignInStep;
pub(super) use self::sign_in::{Attempt, NewSession, SignInFailure, SignInResult};
pub use self::sign_out::SignOutScope;
pub(super) use self::sign_out::{SignOut, SignOutCall, SignOutOutcome, SignOutPlan};
pub(super) use self::step::{Step, Write};

use std::mem;

use super::channel::AuthEvent;
#[cfg(feature = "redirect")]
use super::error::RedirectError;
use super::error::{AuthFailure, CurrentUserError, SessionError, StoreError};
use super::provider::challenge::OpenChallenge;
use super::store::{PendingRedirect, Session};
use super::user::AuthUser;

/// What is known of the session, and of the sign-in under way.
#[derive(Debug, Default)]
pub(super) struct Machine {
    session: SessionState,
    challenge: Option<OpenChallenge>,
    /// The sign-in that counts. A reply to any other is too late.
    attempt: Attempt,
    /// How many sessions there have been: the id of the present one.
    sessions: u64,
    /// How many sign-outs have been told of.
    sign_out_count: u64,
    /// Whether a sign-out waits for the provider. No session begins until it has ended, not even
    /// when the one it was asked for is over by then.
    is_signing_out: bool,
    refreshes: Refreshes,
    redirect: Redirect,
    /// How often a redirect has begun, been called back, or ended.
    redirect_version: u64,
    /// The redirects that are over: their callbacks mean nothing.
    #[cfg(feature = "redirect")]
    finished_redirects: redirect_abort::FinishedRedirects,
}

/// What is known of the sign-in by redirect.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "redirect"), expect(dead_code, reason = "there is none"))]
enum Redirect {
    /// The store has not been read.
    #[default]
    Unloaded,
    Idle,
    /// The user is in the browser; or was, when an earlier process ended that had sent them there.
    Pending {
        pending: PendingRedirect,
        is_own: bool,
    },
    /// The user has come back, and the provider is asked for tokens.
    Exchanging(CallbackId),
}

/// How the refreshes so far have ended.
#[derive(Debug, Default)]
struct Refreshes {
    count: u64,
    /// Why the last one has failed, if it has, and if its session is still the last.
    failure: Option<SessionError>,
}

/// What is known of the session.
#[derive(Debug, Default)]
enum SessionState {
    /// The store has not been read.
    #[default]
    Unloaded,
    SignedOut,
    SignedIn(ActiveSession),
    /// The store has something in it that is to be removed before all else; and whether somebody
    /// was signed in, who is to be told that the session has ended.
    Corrupt {
        was_signed_in: bool,
    },
}

/// Tells one callback from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallbackId(pub(super) u64);

/// The session of the user who is signed in.
#[derive(Clone, Debug)]
struct ActiveSession {
    id: SessionId,
    session: Session,
    /// Whether the store has it too. It has not when the provider had already replaced the tokens
    /// and the store then failed: they are kept here, and saved by the next call.
    saved: bool,
}

/// Tells one session from the next, so that what was asked for one does not touch another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u64);

impl Machine {
    /// Who is signed in, whether or not the tokens have expired (F38).
    pub(super) fn current_user(&mut self) -> Step<Result<Option<AuthUser>, CurrentUserError>> {
        self.with_session(|machine, read| {
            Step::done(match read {
                Ok(()) => Ok(machine.active().map(|active| active.session.user.clone())),
                Err(error) => Err(CurrentUserError::Store(error)),
            })
        })
    }

    /// The present session, if there is one.
    pub(super) fn session_id(&self) -> Option<SessionId> {
        self.active().map(|active| active.id)
    }

    /// How many refreshes have ended. A caller who finds that this has grown since they asked gets
    /// what has come of the last one: it was under way when they did.
    pub(super) const fn refresh_count(&self) -> u64 {
        self.refreshes.count
    }

    /// Goes on when the store has been read, which happens once, and holds nothing corrupt.
    fn with_session<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        match self.session {
            SessionState::SignedOut | SessionState::SignedIn(_) => then(self, Ok(())),
            SessionState::Unloaded => Step::load(|machine, stored| {
                let read = stored.map(|stored| match stored {
                    Some(session) => machine.activate(session),
                    None => machine.session = SessionState::SignedOut,
                });
                machine.with_redirect(move |machine, _| then(machine, read))
            }),
            SessionState::Corrupt { was_signed_in } => Step::clear(move |machine, cleared| {
                if cleared.is_err() {
                    return then(machine, cleared);
                }
                machine.session = SessionState::SignedOut;
                let step = then(machine, Ok(()));
                if was_signed_in {
                    step.with_event_first(session_lost())
                } else {
                    step
                }
            }),
        }
    }

    /// Goes on when the store has been asked for a redirect under way: if it cannot be read, that is
    /// for those to say who want to end it.
    fn with_redirect<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        if !cfg!(feature = "redirect") || !matches!(self.redirect, Redirect::Unloaded) {
            return then(self, Ok(()));
        }
        Step::load_redirect(|machine, stored| {
            let read = stored.map(|pending| {
                machine.redirect = pending.map_or(Redirect::Idle, |pending| Redirect::Pending {
                    pending,
                    is_own: false,
                });
            });
            then(machine, read)
        })
    }

    /// Goes on when no callback can be taken for that of a redirect under way any more.
    fn without_redirect<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        match self.redirect {
            Redirect::Unloaded if cfg!(feature = "redirect") => {}
            Redirect::Pending { .. } => {}
            Redirect::Unloaded | Redirect::Idle | Redirect::Exchanging(_) => {
                return then(self, Ok(()));
            }
        }
        Step::clear_redirect(|machine, cleared| {
            if cleared.is_ok() {
                machine.end_redirect();
            }
            then(machine, cleared)
        })
    }

    /// The redirect under way leads to nothing any more.
    fn end_redirect(&mut self) {
        let earlier = self.set_redirect(Redirect::Idle);
        #[cfg(feature = "redirect")]
        self.finished_redirects
            .add(earlier, RedirectError::Superseded);
        #[cfg(not(feature = "redirect"))]
        drop(earlier);
    }

    /// Takes up another redirect, or none, and gives back the one before.
    fn set_redirect(&mut self, to: Redirect) -> Redirect {
        self.redirect_version += 1;
        mem::replace(&mut self.redirect, to)
    }

    /// Grows when a redirect begins, is called back, or ends.
    pub(super) const fn redirect_version(&self) -> u64 {
        self.redirect_version
    }

    /// Takes up a session that is in the store, as a new one.
    fn activate(&mut self, session: Session) {
        self.sessions += 1;
        self.refreshes.failure = None;
        self.session = SessionState::SignedIn(ActiveSession {
            id: SessionId(self.sessions),
            session,
            saved: true,
        });
    }

    const fn active(&self) -> Option<&ActiveSession> {
        match &self.session {
            SessionState::SignedIn(active) => Some(active),
            SessionState::Unloaded | SessionState::SignedOut | SessionState::Corrupt { .. } => None,
        }
    }

    /// The active session, if it still has this id.
    fn active_if(&self, id: SessionId) -> Option<&ActiveSession> {
        self.active().filter(|active| active.id == id)
    }
}

/// The end of a session that a sign-in was to replace, and that the store has lost on the way.
fn session_lost() -> AuthEvent {
    AuthEvent::TokenRefreshFailure {
        error: AuthFailure {
            name: "NotReadBack".to_owned(),
            message: StoreError::NotReadBack.to_string(),
        },
        session_ended: true,
    }
}

#[cfg(test)]
mod tests;
