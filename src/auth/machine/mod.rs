//! The state machine of the auth category, in pure code.
//!
//! A [`Machine`] holds the state of the session. Each of its methods takes the request of a caller
//! or the reply of a provider, and returns the next [`Step`]: an access to the store, with the
//! continuation, or the end, with the events to publish. The code that runs the steps decides
//! nothing, and the machine has no lock, clock, store, network or hub. So each row of the table of
//! events is a row of a test (`tests.rs`).
//!
//! One chain of steps is a *transaction*: it ends before the next begins, even if the future that
//! submitted it is dropped. A transaction never calls the network. It publishes only at its end, so
//! that no event comes before its write.
//!
//! - `shared`: what other clients of the same store have done
//! - `session`: asking for the session; `refresh`: renewing it
//! - `sign_in`: sign-in by password, and its challenges
//! - `sign_out`: sign-out, deleting the user
//! - `redirect`: sign-in by redirect; `redirect_abort`: its end without a callback
//! - `step`: one step of a transaction

#[cfg(feature = "redirect")]
mod redirect;
#[cfg(feature = "redirect")]
mod redirect_abort;
mod refresh;
mod session;
mod shared;
mod sign_in;
mod sign_out;
mod step;

#[cfg(feature = "redirect")]
pub(super) use self::redirect::Exchange;
#[cfg(feature = "redirect")]
pub(super) use self::redirect_abort::RedirectAbort;
pub(super) use self::refresh::{Refresh, RefreshOutcome, RefreshStart};
pub(super) use self::session::{Due, SessionLookup};
pub use self::sign_in::SignInStep;
pub(super) use self::sign_in::{Attempt, NewSession, SignInFailure, SignInResult};
pub use self::sign_out::SignOutScope;
pub(super) use self::sign_out::{SignOut, SignOutCall, SignOutId, SignOutOutcome, SignOutPlan};
pub(super) use self::step::{Step, Write};

use std::mem;
use std::time::SystemTime;

use super::channel::AuthEvent;
#[cfg(feature = "redirect")]
use super::error::RedirectError;
use super::error::{AuthFailure, CurrentUserError, SessionError, StoreError};
use super::provider::challenge::OpenChallenge;
use super::secret::RedirectState;
use super::store::{PendingRedirect, Session};
use super::tokens::Tokens;
use super::user::AuthUser;

/// The state of the session and of the sign-in in progress.
#[derive(Debug, Default)]
pub(super) struct Machine {
    session: SessionState,
    /// Whether other clients may change the store.
    is_shared: bool,
    challenge: Option<OpenChallenge>,
    /// The latest sign-in. A reply to any other is too late.
    attempt: Attempt,
    /// How many sessions there have been: the id of the latest.
    sessions: u64,
    /// How many sign-outs have been published.
    sign_out_count: u64,
    /// The sign-outs that wait for the provider, in the order of their calls. One that is published
    /// takes those before it along. No session begins until there is none.
    signing_out: Vec<SignOut>,
    refreshes: Refreshes,
    redirect: Redirect,
    /// How often a redirect has begun, got its callback, or ended.
    redirect_version: u64,
    /// The redirects that have ended: their callbacks are ignored.
    #[cfg(feature = "redirect")]
    finished_redirects: redirect_abort::FinishedRedirects,
}

/// The state of the sign-in by redirect.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "redirect"), expect(dead_code, reason = "there is none"))]
enum Redirect {
    /// The store has not been read.
    #[default]
    Unloaded,
    Idle,
    /// The user is in the browser. `is_own` is false if an earlier process has begun the redirect.
    Pending {
        pending: PendingRedirect,
        is_own: bool,
    },
    /// The callback has arrived, and the provider exchanges its code.
    Exchanging(CallbackId),
}

/// How the removal of a redirect from the store has ended.
#[derive(Clone, Copy, Debug)]
enum Removal {
    Done,
    /// Another client has begun another redirect since, which stays.
    Replaced,
    /// Another client has used the redirect, or has ended it.
    Gone,
}

/// The outcome of the refreshes so far.
#[derive(Debug, Default)]
struct Refreshes {
    count: u64,
    /// Why the last refresh has failed, if it has, and no session or sign-out has followed.
    failure: Option<SessionError>,
}

/// The state of the session.
#[derive(Debug, Default)]
enum SessionState {
    /// The store has not been read.
    #[default]
    Unloaded,
    SignedOut,
    SignedIn(ActiveSession),
    /// The store holds data that must be removed before anything else. `was_signed_in` is true if
    /// that ends a session, so that an event is due.
    Corrupt {
        was_signed_in: bool,
        /// What the sign-in has left there: the session, or what was read back in its place.
        left: Vec<Session>,
    },
}

/// The number of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallbackId(pub(super) u64);

/// The session of the user who is signed in.
#[derive(Clone, Debug)]
struct ActiveSession {
    id: SessionId,
    session: Session,
    /// Set while the store does not hold the session.
    unsaved: Option<Box<Unsaved>>,
    /// Whether a refresh was refused although the store held other tokens, and none has succeeded
    /// since (F41).
    retried: bool,
}

/// The provider has replaced tokens, and then the store has failed. The next call saves the session.
#[derive(Clone, Debug)]
struct Unsaved {
    /// What the store held before. If it holds another session by then, that one is newer.
    over: Session,
    /// Whether `TokenRefresh` is due when the session is saved. It is not if only the refresh token
    /// was replaced, by an answer that could not be used (F15).
    is_renewed: bool,
}

impl ActiveSession {
    /// Whether the store still holds what this client last saw there.
    fn is_still(&self, stored: &Session) -> bool {
        let unsaved = self.unsaved.as_ref();
        *stored == self.session || unsaved.is_some_and(|unsaved| unsaved.over == *stored)
    }

    /// Replaces the tokens before they are saved: the provider may have made the old refresh token
    /// useless, so the new one must not be lost if the store fails. Returns the session to save.
    fn replace_tokens(&mut self, tokens: Tokens, is_renewed: bool) -> Session {
        let before = self.session.clone();
        self.session.tokens = tokens;
        let new = || {
            Box::new(Unsaved {
                over: before,
                is_renewed,
            })
        };
        let unsaved = self.unsaved.get_or_insert_with(new);
        unsaved.is_renewed |= is_renewed;
        self.session.clone()
    }
}

/// The number of a session, so that a reply for one session does not change another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u64);

impl Machine {
    /// The machine of a client whose store is shared, or is not.
    pub(super) fn new(is_shared: bool) -> Self {
        Self {
            is_shared,
            ..Self::default()
        }
    }

    /// Returns the user who is signed in, even if the tokens have expired (F38).
    pub(super) fn current_user(
        &mut self,
        now: SystemTime,
    ) -> Step<Result<Option<AuthUser>, CurrentUserError>> {
        self.with_latest_session(now, |machine, read| {
            Step::done(match read {
                Ok(()) => Ok(machine.active().map(|active| active.session.user.clone())),
                Err(error) => Err(CurrentUserError::Store(error)),
            })
        })
    }

    /// The user who is signed in, as far as is known without a look at the store.
    pub(super) fn user_id(&self) -> Option<String> {
        let user = self.active().map(|active| &active.session.user);
        user.map(|user| user.user_id.clone())
    }

    /// The id of the active session.
    pub(super) fn session_id(&self) -> Option<SessionId> {
        self.active().map(|active| active.id)
    }

    /// How many refreshes have ended. If the number has grown since a caller asked, a refresh was
    /// in flight then, and the caller gets its outcome.
    pub(super) const fn refresh_count(&self) -> u64 {
        self.refreshes.count
    }

    /// Continues when the store has been read, which happens once, and any corrupt data is removed.
    fn with_session<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        match &self.session {
            SessionState::SignedOut | SessionState::SignedIn(_) => then(self, Ok(())),
            SessionState::Unloaded => Step::load(|machine, stored| {
                let read = stored.map(|stored| match stored {
                    Some(session) => machine.activate(session),
                    None => machine.session = SessionState::SignedOut,
                });
                machine.with_redirect(move |machine, _| then(machine, read))
            }),
            SessionState::Corrupt { left, .. } if self.is_shared => {
                let left = left.clone();
                self.with_lock(|machine, locked| match locked {
                    Err(error) => then(machine, Err(error)),
                    Ok(()) => Step::load(move |machine, stored| match stored {
                        Err(error) => then(machine, Err(error)),
                        Ok(Some(stored)) if left.contains(&stored) => clear_corrupt(then),
                        Ok(stored) => {
                            let mut events = machine.end_corrupt();
                            events.extend(stored.map(|stored| machine.follow(stored)));
                            then(machine, Ok(())).with_events_first(events)
                        }
                    }),
                })
            }
            SessionState::Corrupt { .. } => clear_corrupt(then),
        }
    }

    /// The store holds no corrupt data any more. Returns the event of the session that it replaced.
    fn end_corrupt(&mut self) -> Vec<AuthEvent> {
        let before = mem::replace(&mut self.session, SessionState::SignedOut);
        let lost = matches!(before, SessionState::Corrupt { was_signed_in, .. } if was_signed_in);
        lost.then(session_lost).into_iter().collect()
    }

    /// Continues when the stored redirect has been read. Only callers that need the redirect report
    /// a read error.
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

    /// Continues when the pending redirect, if any, has ended, so that its callback is ignored. In a
    /// shared store, the redirect of another client stays.
    fn without_redirect<A: 'static>(
        &mut self,
        then: impl FnOnce(&mut Self, Result<(), StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        let state = match &self.redirect {
            Redirect::Idle | Redirect::Exchanging(_) => return then(self, Ok(())),
            Redirect::Unloaded if !cfg!(feature = "redirect") || self.is_shared => {
                return then(self, Ok(()));
            }
            // Its callback still completes it (F39).
            Redirect::Pending { is_own: false, .. } if self.is_shared => {
                self.set_redirect(Redirect::Unloaded);
                return then(self, Ok(()));
            }
            Redirect::Unloaded => None,
            Redirect::Pending { pending, .. } => Some(pending.state.clone()),
        };
        self.remove_redirect(state, |machine, removed| {
            if removed.is_ok() {
                machine.end_redirect();
            }
            then(machine, removed.map(drop))
        })
    }

    /// Removes the redirect of this state, or of any, from the store. Another client of a shared
    /// store may have replaced it: that one stays.
    fn remove_redirect<A: 'static>(
        &mut self,
        state: Option<RedirectState>,
        then: impl FnOnce(&mut Self, Result<Removal, StoreError>) -> Step<A> + Send + 'static,
    ) -> Step<A> {
        let Some(state) = state.filter(|_| self.is_shared) else {
            return clear_redirect(then);
        };
        self.with_lock(move |machine, locked| match locked {
            Err(error) => then(machine, Err(error)),
            Ok(()) => Step::load_redirect(move |machine, stored| match stored {
                Ok(Some(stored)) if stored.state == state => clear_redirect(then),
                Ok(Some(_)) => then(machine, Ok(Removal::Replaced)),
                Ok(None) => then(machine, Ok(Removal::Gone)),
                Err(error) => then(machine, Err(error)),
            }),
        })
    }

    /// Ends the redirect in progress as superseded.
    fn end_redirect(&mut self) {
        let earlier = self.set_redirect(Redirect::Idle);
        #[cfg(feature = "redirect")]
        self.finished_redirects
            .add(earlier, RedirectError::Superseded);
        #[cfg(not(feature = "redirect"))]
        drop(earlier);
    }

    /// Replaces the redirect and returns the earlier one.
    fn set_redirect(&mut self, to: Redirect) -> Redirect {
        self.redirect_version += 1;
        mem::replace(&mut self.redirect, to)
    }

    /// Grows when a redirect begins, gets its callback, or ends.
    pub(super) const fn redirect_version(&self) -> u64 {
        self.redirect_version
    }

    /// Makes a stored session the active one, under a new id.
    fn activate(&mut self, session: Session) {
        self.sessions += 1;
        self.refreshes.failure = None;
        self.session = SessionState::SignedIn(ActiveSession {
            id: SessionId(self.sessions),
            session,
            unsaved: None,
            retried: false,
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

/// Removes the redirect from the store, and continues.
fn clear_redirect<A: 'static>(
    then: impl FnOnce(&mut Machine, Result<Removal, StoreError>) -> Step<A> + Send + 'static,
) -> Step<A> {
    Step::clear_redirect(|machine, removed| then(machine, removed.map(|()| Removal::Done)))
}

/// Removes what a failed sign-in has left in the store, and continues.
fn clear_corrupt<A: 'static>(
    then: impl FnOnce(&mut Machine, Result<(), StoreError>) -> Step<A> + Send + 'static,
) -> Step<A> {
    Step::clear(move |machine, cleared| {
        if cleared.is_err() {
            return then(machine, cleared);
        }
        let events = machine.end_corrupt();
        then(machine, Ok(())).with_events_first(events)
    })
}

/// The event of a session that was lost while a sign-in replaced it in the store.
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
