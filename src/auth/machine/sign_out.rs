//! Sign-out, and deleting the user: rows F19 to F26.

use std::time::SystemTime;

use super::{Machine, SessionId, SessionState, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{DeleteUserError, SessionError, StoreError};
use crate::auth::secret::{AccessToken, IdToken, RefreshToken};
use crate::auth::store::Session;

/// The scope of a sign-out.
///
/// ```
/// use typed_hub::auth::SignOutScope;
///
/// assert_eq!(SignOutScope::default(), SignOutScope::ThisDevice);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignOutScope {
    /// On this device: the provider revokes this session's refresh token.
    #[default]
    ThisDevice,
    /// Everywhere: the provider ends all sessions of the user.
    Everywhere,
}

/// The plan for a caller that signs out.
#[derive(Clone, Debug)]
pub(crate) enum SignOutPlan {
    /// The session is over. `unread` is the read error of the store, if any: then the session it
    /// held is not known.
    SignedOut {
        unread: Option<StoreError>,
        browser: Option<BrowserSession>,
    },
    /// The store has failed.
    StillSignedIn(StoreError),
    /// Call the provider first, and then [`on_sign_out_reply`](Machine::on_sign_out_reply), even if
    /// the call failed.
    CallProvider {
        sign_out: SignOut,
        call: SignOutCall,
        browser: Option<BrowserSession>,
    },
}

/// How a sign-out has ended, once the provider has been called.
#[derive(Clone, Debug)]
pub(crate) enum SignOutOutcome {
    SignedOut {
        /// A refresh has ended since the provider was called, so this token is to be revoked as
        /// well.
        also_revoke: Option<RefreshToken>,
        /// The read error of the store, if any: then the session it held is not known.
        unread: Option<StoreError>,
    },
    /// The store has failed.
    StillSignedIn(StoreError),
}

/// What a sign-out has removed from the store.
#[derive(Default)]
struct Removed {
    token: Option<RefreshToken>,
    /// The read error of the store, if it has held a session that is not known.
    unread: Option<StoreError>,
}

/// The browser's own session with the provider, after a sign-in by redirect.
#[derive(Clone, Debug)]
pub(crate) struct BrowserSession {
    pub(crate) id: Option<IdToken>,
}

/// The number of a sign-out, or of a deletion: a later one has a greater number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SignOutId(pub(crate) u64);

/// A sign-out in progress.
#[derive(Clone, Debug)]
pub(crate) struct SignOut {
    pub(super) id: SignOutId,
    session: SessionId,
    /// How many sign-outs had been published when this one began.
    sign_outs_before: u64,
}

/// A call to the provider that ends the session there.
#[derive(Clone, Debug)]
pub(crate) enum SignOutCall {
    Revoke(RefreshToken),
    Everywhere {
        user_id: String,
        access: AccessToken,
        /// The token to revoke if the call fails.
        refresh: Option<RefreshToken>,
        /// Whether the access token has expired, and can be renewed first.
        needs_refresh: bool,
    },
}

/// A call to the provider that deletes the user.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub(crate) sign_out: SignOut,
    pub(crate) token: AccessToken,
}

impl Machine {
    /// A caller signs out. This supersedes a sign-in in progress.
    pub(crate) fn sign_out(
        &mut self,
        id: SignOutId,
        scope: SignOutScope,
        now: SystemTime,
    ) -> Step<SignOutPlan> {
        self.cancel_sign_in();
        let known = self.user_id();
        // A store that cannot be read is emptied all the same.
        self.with_changes(now, move |machine, read, mut events| {
            if let (Some(known), Some(user)) = (known, machine.user_id())
                && user != known
            {
                // Another client has signed the user out, and another user in, who stays.
                let done = SignOutPlan::SignedOut {
                    unread: None,
                    browser: None,
                };
                machine.end_sign_out(id);
                return Step::done(done).with_events_first(events);
            }
            if machine.active().is_none() {
                events.clear(); // this sign-out tells it (F22, F42)
            }
            let plan = machine.plan_sign_out(id, scope, read, now);
            plan.with_events_first(events)
        })
    }

    /// This sign-out has waited for the lock of a shared store. Another client may have refreshed
    /// meanwhile: its tokens are the ones to revoke. If it has ended the session, nothing is left to
    /// do, even if another user has signed in since.
    pub(crate) fn sign_out_locked(
        &mut self,
        sign_out: SignOut,
        scope: SignOutScope,
        now: SystemTime,
    ) -> Step<SignOutPlan> {
        self.with_changes(now, move |machine, read, events| {
            let plan = if machine.is_over(&sign_out) {
                machine.end_sign_out(sign_out.id);
                Step::done(SignOutPlan::SignedOut {
                    unread: None,
                    browser: None,
                })
            } else {
                machine.plan_sign_out(sign_out.id, scope, read, now)
            };
            plan.with_events_first(events)
        })
    }

    /// Whether the session of this sign-out has ended, and that was published.
    fn is_over(&self, sign_out: &SignOut) -> bool {
        match self.active() {
            Some(active) => active.id != sign_out.session, // this is a later session
            None => self.sign_out_count > sign_out.sign_outs_before,
        }
    }

    fn plan_sign_out(
        &mut self,
        id: SignOutId,
        scope: SignOutScope,
        read: Result<(), StoreError>,
        now: SystemTime,
    ) -> Step<SignOutPlan> {
        let unread = read.err();
        let browser = self.browser_session();
        let done = {
            let browser = browser.clone();
            move |removed: Result<Removed, _>| match removed {
                Ok(Removed { unread, .. }) => SignOutPlan::SignedOut { unread, browser },
                Err(error) => SignOutPlan::StillSignedIn(error),
            }
        };
        let Some(active) = self.active() else {
            return self.clear_session(id, unread, done);
        };
        let session = active.id;
        let tokens = &active.session.tokens;
        let call = match scope {
            SignOutScope::Everywhere => Some(SignOutCall::Everywhere {
                user_id: active.session.user.user_id.clone(),
                access: tokens.access.clone(),
                refresh: tokens.refresh.clone(),
                needs_refresh: tokens.refresh.is_some() && !tokens.are_valid_at(now),
            }),
            SignOutScope::ThisDevice => tokens.refresh.clone().map(SignOutCall::Revoke),
        };
        let Some(call) = call else {
            return self.clear_session(id, unread, done);
        };
        let sign_out = SignOut {
            id,
            session,
            sign_outs_before: self.sign_out_count,
        };
        // Otherwise its callback could begin a session during the call to the provider.
        self.without_redirect(move |machine, cleared| {
            if let Err(error) = cleared {
                return machine.still_signed_in(id, SignOutPlan::StillSignedIn(error));
            }
            machine.end_sign_out(id); // planned again under the lock
            machine.signing_out.push(sign_out.clone());
            Step::done(SignOutPlan::CallProvider {
                sign_out,
                call,
                browser,
            })
        })
    }

    /// The browser's session to end, if any (F23).
    fn browser_session(&self) -> Option<BrowserSession> {
        let session = &self.active()?.session;
        session.by_redirect.then(|| BrowserSession {
            id: session.tokens.id.clone(),
        })
    }

    /// A caller deletes the user, and has asked for the session.
    pub(crate) fn delete_user(
        &mut self,
        id: SignOutId,
        session: Result<Option<Session>, SessionError>,
    ) -> Step<Result<Deletion, DeleteUserError>> {
        Step::done(match (session, self.active()) {
            (Err(error), _) => Err(DeleteUserError::Session(error)),
            (Ok(Some(asked)), Some(active))
                if asked.user.user_id == active.session.user.user_id =>
            {
                Ok(Deletion {
                    sign_out: SignOut {
                        id,
                        session: active.id,
                        sign_outs_before: self.sign_out_count,
                    },
                    token: active.session.tokens.access.clone(),
                })
            }
            (Ok(_), _) => Err(DeleteUserError::SignedOut),
        })
    }

    /// The provider has replied to this sign-out, or has deleted the user. `told` is the token that
    /// it was asked to revoke.
    pub(crate) fn on_sign_out_reply(
        &mut self,
        sign_out: &SignOut,
        told: Option<RefreshToken>,
    ) -> Step<SignOutOutcome> {
        if self.is_over(sign_out) {
            self.end_sign_out(sign_out.id);
            return Step::done(SignOutOutcome::SignedOut {
                also_revoke: None,
                unread: None,
            });
        }
        self.clear_session(sign_out.id, None, |removed| match removed {
            Ok(Removed { token, unread }) => SignOutOutcome::SignedOut {
                also_revoke: token.filter(|token| told.is_some_and(|told| told != *token)),
                unread,
            },
            Err(error) => SignOutOutcome::StillSignedIn(error),
        })
    }

    /// This sign-out ends without an effect: the lock of the store was not had, and the provider has
    /// not been called.
    pub(crate) fn abandon_sign_out(&mut self, id: SignOutId) -> Step<()> {
        self.end_sign_out(id);
        Step::done(())
    }

    /// The caller of this sign-out was dropped. If another one of the session is under way, that one
    /// ends the session.
    pub(crate) fn finish_sign_out(&mut self, id: SignOutId) -> Step<()> {
        let Some(dropped) = self.signing_out.iter().find(|it| it.id == id).cloned() else {
            return Step::done(());
        };
        let is_of_session = |it: &SignOut| it.id != id && it.session == dropped.session;
        if self.signing_out.iter().any(is_of_session) {
            self.end_sign_out(id);
            return Step::done(());
        }
        self.on_sign_out_reply(&dropped, None).map(drop)
    }

    /// Removes the session under the store's lock, and then publishes the sign-out. If the store
    /// could not be read (`unread`), it is emptied even if no user is known to be signed in.
    fn clear_session<A: 'static>(
        &mut self,
        id: SignOutId,
        unread: Option<StoreError>,
        answer: impl FnOnce(Result<Removed, StoreError>) -> A + Send + 'static,
    ) -> Step<A> {
        self.cancel_sign_in();
        self.refreshes.failure = None;
        self.without_redirect(move |machine, cleared| match cleared {
            Ok(()) if unread.is_none() && matches!(machine.session, SessionState::SignedOut) => {
                machine.signed_out(id, answer(Ok(Removed::default()))) // F22
            }
            Ok(()) => machine.with_lock(move |machine, locked| match locked {
                Ok(()) if machine.is_shared => Step::load(move |machine, stored| {
                    machine.clear_latest(id, stored, unread, answer)
                }),
                Ok(()) => machine.clear_known(id, unread, answer),
                Err(error) => machine.still_signed_in(id, answer(Err(error))),
            }),
            Err(error) => machine.still_signed_in(id, answer(Err(error))),
        })
    }

    /// Removes what a shared store holds, unless another user has signed in there since.
    fn clear_latest<A: 'static>(
        &mut self,
        id: SignOutId,
        stored: Result<Option<Session>, StoreError>,
        unread: Option<StoreError>,
        answer: impl FnOnce(Result<Removed, StoreError>) -> A + Send + 'static,
    ) -> Step<A> {
        let unread = match (&mut self.session, stored) {
            (_, Err(error)) => Some(error),
            (SessionState::SignedIn(active), Ok(Some(stored))) => {
                if active.session.user.user_id != stored.user.user_id {
                    let removed = Removed {
                        token: active.session.tokens.refresh.clone(),
                        unread: None,
                    };
                    self.session = SessionState::SignedOut;
                    return self.signed_out(id, answer(Ok(removed)));
                }
                if !active.is_still(&stored) {
                    active.session = stored;
                }
                None
            }
            // Another client has replaced what a failed sign-in had left.
            (SessionState::Corrupt { left, .. }, Ok(Some(stored)))
                if left
                    .iter()
                    .all(|left| left.user.user_id != stored.user.user_id) =>
            {
                self.session = SessionState::SignedOut;
                return self.signed_out(id, answer(Ok(Removed::default())));
            }
            (_, Ok(None)) => None,
            (_, Ok(Some(_))) => unread, // its tokens are not revoked
        };
        self.clear_known(id, unread, answer)
    }

    fn clear_known<A: 'static>(
        &self,
        id: SignOutId,
        unread: Option<StoreError>,
        answer: impl FnOnce(Result<Removed, StoreError>) -> A + Send + 'static,
    ) -> Step<A> {
        let token = self.active().map(|active| &active.session.tokens.refresh);
        let token = token.cloned().flatten();
        Step::clear(move |machine, cleared| match cleared {
            Ok(()) => {
                machine.session = SessionState::SignedOut;
                machine.signed_out(id, answer(Ok(Removed { token, unread })))
            }
            Err(error) => machine.still_signed_in(id, answer(Err(error))),
        })
    }

    /// The store has failed, so the user is still signed in.
    fn still_signed_in<A: 'static>(&mut self, id: SignOutId, answer: A) -> Step<A> {
        self.end_sign_out(id);
        Step::done(answer)
    }

    /// This sign-out has ended. Another one may be under way.
    fn end_sign_out(&mut self, id: SignOutId) {
        self.signing_out.retain(|it| it.id != id);
    }

    fn signed_out<A: 'static>(&mut self, id: SignOutId, answer: A) -> Step<A> {
        self.sign_out_count += 1;
        self.signing_out.retain(|it| it.id > id);
        Step::publish(AuthEvent::SignedOut, answer)
    }

    fn cancel_sign_in(&mut self) {
        let _ = self.attempt.supersede();
        self.challenge = None;
    }
}
