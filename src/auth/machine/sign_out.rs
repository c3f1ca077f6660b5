//! Signing out, and deleting the user: rows F19 to F22, F24 to F26.

use super::{Known, Machine, SessionId, Step};
use crate::auth::channel::AuthEvent;
use crate::auth::error::{DeleteUserError, SessionError, StoreError};
use crate::auth::secret::{AccessToken, RefreshToken};
use crate::auth::store::Session;

/// Where a user signs out.
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
    /// Nothing is left to do.
    Done(Result<(), StoreError>),
    /// Tell the provider first, and then come back with
    /// [`signed_out`](Machine::signed_out), whatever it says.
    Tell { id: SessionId, call: SignOutCall },
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
    pub(crate) id: SessionId,
    pub(crate) token: AccessToken,
}

impl Machine {
    /// A caller signs out.
    pub(crate) fn sign_out(&mut self, scope: SignOutScope) -> Step<SignOutAsked> {
        // A store that cannot be read is no reason not to empty it.
        self.known(move |machine, _| {
            let Some(held) = machine.held() else {
                return machine.leave(SignOutAsked::Done);
            };
            let tokens = &held.session.tokens;
            let call = match scope {
                SignOutScope::Everywhere => Some(SignOutCall::Everywhere(tokens.access.clone())),
                SignOutScope::ThisDevice => tokens.refresh.clone().map(SignOutCall::Revoke),
            };
            match call {
                Some(call) => Step::silent(SignOutAsked::Tell { id: held.id, call }),
                None => machine.leave(SignOutAsked::Done),
            }
        })
    }

    /// A caller wants to delete the user, and has asked for the session first.
    pub(crate) fn delete_user(
        &mut self,
        session: Result<Option<Session>, SessionError>,
    ) -> Step<Result<Deletion, DeleteUserError>> {
        Step::silent(match (session, self.held()) {
            (Err(error), _) => Err(DeleteUserError::Session(error)),
            (Ok(Some(_)), Some(held)) => Ok(Deletion {
                id: held.id,
                token: held.session.tokens.access.clone(),
            }),
            (Ok(_), _) => Err(DeleteUserError::SignedOut),
        })
    }

    /// The provider has been told that this session ends.
    pub(crate) fn signed_out(&mut self, id: SessionId) -> Step<Result<(), StoreError>> {
        if self.held().is_some_and(|held| held.id != id) {
            return Step::silent(Ok(())); // that session is over, and this is another
        }
        self.leave(|left| left)
    }

    /// Removes the session, and then says so.
    fn leave<A: 'static>(&mut self, answer: fn(Result<(), StoreError>) -> A) -> Step<A> {
        self.attempt.supersede();
        self.challenge = None;
        self.refreshes.failure = None;
        if matches!(self.session, Known::Out) {
            return Step::publish(AuthEvent::SignedOut, answer(Ok(()))); // F22
        }
        Step::clear(move |machine, cleared| match cleared {
            Ok(()) => {
                machine.session = Known::Out;
                Step::publish(AuthEvent::SignedOut, answer(Ok(())))
            }
            Err(error) => Step::silent(answer(Err(error))),
        })
    }
}
