//! Signing out, and deleting the user: rows F19 to F26.

use super::{Known, Machine, SessionId, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{DeleteUserError, SessionError, StoreError};
use crate::auth::secret::{AccessToken, IdToken, RefreshToken};
use crate::auth::store::Session;

/// Where a user signs out.
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

/// What there is to do for a caller who signs out.
#[derive(Clone, Debug)]
pub(crate) enum SignOutAsked {
    /// Nothing is left to do. `unread` is why the store could not be read, if it could not: then
    /// nobody knows what was in it.
    Done {
        left: Result<(), StoreError>,
        unread: Option<StoreError>,
        browser: Option<BrowserSession>,
    },
    /// Tell the provider first, and then come back with
    /// [`signed_out`](Machine::signed_out), whatever it says.
    Tell {
        sign_out: SignOut,
        call: SignOutCall,
        browser: Option<BrowserSession>,
    },
}

/// The session that a browser has with the provider since a sign-in by redirect.
#[derive(Clone, Debug)]
pub(crate) struct BrowserSession {
    pub(crate) id: Option<IdToken>,
}

/// A sign-out under way.
#[derive(Clone, Debug)]
pub(crate) struct SignOut {
    id: SessionId,
    /// What the provider is told to revoke.
    token: Option<RefreshToken>,
    /// How many had been told of when it began.
    told: u64,
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
    /// A caller signs out. From here on, no sign-in that is under way completes.
    pub(crate) fn sign_out(&mut self, scope: SignOutScope) -> Step<SignOutAsked> {
        self.stop_signing_in();
        // A store that cannot be read is no reason not to empty it.
        self.known(move |machine, read| {
            let unread = read.err();
            let browser = machine.browser_session();
            let done = {
                let browser = browser.clone();
                move |left| SignOutAsked::Done {
                    left,
                    unread,
                    browser,
                }
            };
            let Some(held) = machine.held() else {
                return machine.leave(done);
            };
            let id = held.id;
            let tokens = &held.session.tokens;
            let call = match scope {
                SignOutScope::Everywhere => Some(SignOutCall::Everywhere(tokens.access.clone())),
                SignOutScope::ThisDevice => tokens.refresh.clone().map(SignOutCall::Revoke),
            };
            let Some(call) = call else {
                return machine.leave(done);
            };
            let sign_out = SignOut {
                id,
                token: match &call {
                    SignOutCall::Revoke(token) => Some(token.clone()),
                    SignOutCall::Everywhere(_) => None,
                },
                told: machine.sign_outs,
            };
            // Or its callback would begin a session while the provider is being told.
            machine.without_redirect(move |machine, cleared| {
                if cleared.is_err() {
                    return machine.stayed(done(cleared));
                }
                machine.is_leaving = true;
                Step::silent(SignOutAsked::Tell {
                    sign_out,
                    call,
                    browser,
                })
            })
        })
    }

    /// What there is to end in a browser (F23).
    fn browser_session(&self) -> Option<BrowserSession> {
        let session = &self.held()?.session;
        session.by_redirect.then(|| BrowserSession {
            id: session.tokens.id.clone(),
        })
    }

    /// A caller wants to delete the user, and has asked for the session first.
    pub(crate) fn delete_user(
        &mut self,
        session: Result<Option<Session>, SessionError>,
    ) -> Step<Result<Deletion, DeleteUserError>> {
        Step::silent(match (session, self.held()) {
            (Err(error), _) => Err(DeleteUserError::Session(error)),
            (Ok(Some(asked)), Some(held)) if asked.user == held.session.user => Ok(Deletion {
                sign_out: SignOut {
                    id: held.id,
                    token: None,
                    told: self.sign_outs,
                },
                token: held.session.tokens.access.clone(),
            }),
            (Ok(_), _) => Err(DeleteUserError::SignedOut),
        })
    }

    /// The provider has been told of this sign-out, or has deleted the user. A refresh may have
    /// landed meanwhile: then there is another token to revoke.
    pub(crate) fn signed_out(
        &mut self,
        sign_out: SignOut,
    ) -> Step<Result<Option<RefreshToken>, StoreError>> {
        let is_over = match self.held() {
            Some(held) => held.id != sign_out.id, // that session is over, and this is another
            None => self.sign_outs > sign_out.told, // another has ended it, and said so
        };
        if is_over {
            return Step::silent(Ok(None));
        }
        let held = self
            .held()
            .and_then(|held| held.session.tokens.refresh.clone());
        let another = held.filter(|token| sign_out.token.is_some_and(|told| told != *token));
        self.leave(|left| left.map(|()| another))
    }

    /// A caller who began a sign-out is gone.
    pub(crate) fn sign_out_alone(&mut self) -> Step<Result<(), StoreError>> {
        if self.is_leaving {
            self.leave(|left| left)
        } else {
            Step::silent(Ok(()))
        }
    }

    /// Removes the session, and then says so.
    fn leave<A: 'static>(
        &mut self,
        answer: impl FnOnce(Result<(), StoreError>) -> A + Send + 'static,
    ) -> Step<A> {
        self.stop_signing_in();
        self.refreshes.failure = None;
        self.without_redirect(|machine, cleared| match cleared {
            Ok(()) if matches!(machine.session, Known::Out) => machine.left(answer(Ok(()))), // F22
            Ok(()) => Step::clear(move |machine, cleared| match cleared {
                Ok(()) => {
                    machine.session = Known::Out;
                    machine.left(answer(Ok(())))
                }
                Err(error) => machine.stayed(answer(Err(error))),
            }),
            Err(error) => machine.stayed(answer(Err(error))),
        })
    }

    /// The store has failed, so the user is still signed in.
    fn stayed<A: 'static>(&mut self, answer: A) -> Step<A> {
        self.is_leaving = false;
        Step::silent(answer)
    }

    fn left<A: 'static>(&mut self, answer: A) -> Step<A> {
        self.sign_outs += 1;
        self.is_leaving = false;
        Step::publish(AuthEvent::SignedOut, answer)
    }

    fn stop_signing_in(&mut self) {
        let _ = self.attempt.supersede();
        self.challenge = None;
    }
}
