//! Sign-out, and deleting the user: rows F19 to F26.

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
    SignedOut,
    /// A refresh has ended since the provider was called, so this token is to be revoked as well.
    AlsoRevoke(RefreshToken),
    /// The store has failed.
    StillSignedIn(StoreError),
}

/// The browser's own session with the provider, after a sign-in by redirect.
#[derive(Clone, Debug)]
pub(crate) struct BrowserSession {
    pub(crate) id: Option<IdToken>,
}

/// A sign-out in progress.
#[derive(Clone, Debug)]
pub(crate) struct SignOut {
    id: SessionId,
    /// The token that the provider is asked to revoke.
    token: Option<RefreshToken>,
    /// How many sign-outs had been published when this one began.
    sign_outs_before: u64,
}

/// A call to the provider that ends the session there.
#[derive(Clone, Debug)]
pub(crate) enum SignOutCall {
    Revoke(RefreshToken),
    Everywhere(AccessToken),
}

/// A call to the provider that deletes the user.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub(crate) sign_out: SignOut,
    pub(crate) token: AccessToken,
}

impl Machine {
    /// A caller signs out. This supersedes a sign-in in progress.
    pub(crate) fn sign_out(&mut self, scope: SignOutScope) -> Step<SignOutPlan> {
        self.cancel_sign_in();
        // A store that cannot be read is emptied all the same.
        self.with_session(move |machine, read| {
            let unread = read.err();
            let browser = machine.browser_session();
            let done = {
                let browser = browser.clone();
                move |cleared| match cleared {
                    Ok(()) => SignOutPlan::SignedOut { unread, browser },
                    Err(error) => SignOutPlan::StillSignedIn(error),
                }
            };
            let Some(active) = machine.active() else {
                return machine.clear_session(done);
            };
            let id = active.id;
            let tokens = &active.session.tokens;
            let call = match scope {
                SignOutScope::Everywhere => Some(SignOutCall::Everywhere(tokens.access.clone())),
                SignOutScope::ThisDevice => tokens.refresh.clone().map(SignOutCall::Revoke),
            };
            let Some(call) = call else {
                return machine.clear_session(done);
            };
            let sign_out = SignOut {
                id,
                token: match &call {
                    SignOutCall::Revoke(token) => Some(token.clone()),
                    SignOutCall::Everywhere(_) => None,
                },
                sign_outs_before: machine.sign_out_count,
            };
            // Otherwise its callback could begin a session during the call to the provider.
            machine.without_redirect(move |machine, cleared| {
                if cleared.is_err() {
                    return machine.still_signed_in(done(cleared));
                }
                machine.is_signing_out = true;
                Step::done(SignOutPlan::CallProvider {
                    sign_out,
                    call,
                    browser,
                })
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
        session: Result<Option<Session>, SessionError>,
    ) -> Step<Result<Deletion, DeleteUserError>> {
        Step::done(match (session, self.active()) {
            (Err(error), _) => Err(DeleteUserError::Session(error)),
            (Ok(Some(asked)), Some(active)) if asked.user == active.session.user => Ok(Deletion {
                sign_out: SignOut {
                    id: active.id,
                    token: None,
                    sign_outs_before: self.sign_out_count,
                },
                token: active.session.tokens.access.clone(),
            }),
            (Ok(_), _) => Err(DeleteUserError::SignedOut),
        })
    }

    /// The provider has replied to this sign-out, or has deleted the user.
    pub(crate) fn on_sign_out_reply(&mut self, sign_out: SignOut) -> Step<SignOutOutcome> {
        let is_over = match self.active() {
            Some(active) => active.id != sign_out.id, // this is a later session
            None => self.sign_out_count > sign_out.sign_outs_before, // another has ended and published it
        };
        if is_over {
            return Step::done(SignOutOutcome::SignedOut);
        }
        let token = self
            .active()
            .and_then(|active| active.session.tokens.refresh.clone());
        let another = token.filter(|token| sign_out.token.is_some_and(|told| told != *token));
        self.clear_session(|cleared| match (cleared, another) {
            (Ok(()), None) => SignOutOutcome::SignedOut,
            (Ok(()), Some(token)) => SignOutOutcome::AlsoRevoke(token),
            (Err(error), _) => SignOutOutcome::StillSignedIn(error),
        })
    }

    /// The caller of a sign-out was dropped.
    pub(crate) fn finish_sign_out(&mut self) -> Step<Result<(), StoreError>> {
        if self.is_signing_out {
            self.clear_session(|cleared| cleared)
        } else {
            Step::done(Ok(()))
        }
    }

    /// Removes the session, and then publishes the sign-out.
    fn clear_session<A: 'static>(
        &mut self,
        answer: impl FnOnce(Result<(), StoreError>) -> A + Send + 'static,
    ) -> Step<A> {
        self.cancel_sign_in();
        self.refreshes.failure = None;
        self.without_redirect(|machine, cleared| match cleared {
            Ok(()) if matches!(machine.session, SessionState::SignedOut) => {
                machine.signed_out(answer(Ok(())))
            } // F22
            Ok(()) => Step::clear(move |machine, cleared| match cleared {
                Ok(()) => {
                    machine.session = SessionState::SignedOut;
                    machine.signed_out(answer(Ok(())))
                }
                Err(error) => machine.still_signed_in(answer(Err(error))),
            }),
            Err(error) => machine.still_signed_in(answer(Err(error))),
        })
    }

    /// The store has failed, so the user is still signed in.
    fn still_signed_in<A: 'static>(&mut self, answer: A) -> Step<A> {
        self.is_signing_out = false;
        Step::done(answer)
    }

    fn signed_out<A: 'static>(&mut self, answer: A) -> Step<A> {
        self.sign_out_count += 1;
        self.is_signing_out = false;
        Step::publish(AuthEvent::SignedOut, answer)
    }

    fn cancel_sign_in(&mut self) {
        let _ = self.attempt.supersede();
        self.challenge = None;
    }
}
