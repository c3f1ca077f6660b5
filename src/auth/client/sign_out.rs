//! Signing out, and deleting the user.

use std::mem;

use super::AuthClient;
use super::queue::Ticket;
use crate::auth::error::{DeleteUserError, ProviderError, SignOutError, StoreError};
use crate::auth::machine::{SessionId, SignOutAsked, SignOutCall, SignOutScope};
use crate::auth::provider::IdentityProvider;
use crate::auth::store::TokenStore;

/// A sign-out that has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedOut {
    /// Why the provider could not be told, if it could not. The user is signed out here; elsewhere
    /// the session's tokens may stay good until they expire.
    pub not_revoked: Option<ProviderError>,
}

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Signs out: the provider is told, the tokens are removed from the store, `SignedOut` is
    /// published. When nobody is signed in, `SignedOut` is published all the same.
    ///
    /// It wins over whatever else is under way: a refresh or a sign-in that has not completed leads
    /// to nothing. And it cannot be taken back: dropping the future only ends the wait for the
    /// provider's reply, and the next call of any handle carries the rest through. So a time limit
    /// around it is safe, and then a call to [`current_user`](Self::current_user) completes it.
    ///
    /// # Errors
    ///
    /// [`SignOutError`] when the tokens cannot be removed from the store: the user is still signed
    /// in. That the provider refuses or is not reached is no error; [`SignedOut`] tells.
    pub async fn sign_out(&self, scope: SignOutScope) -> Result<SignedOut, SignOutError> {
        let asked = self.inner.begin(move |machine, _| machine.sign_out(scope));
        let (id, call) = match asked.outcome().await {
            SignOutAsked::Done(done) => {
                return done
                    .map(|()| SignedOut::default())
                    .map_err(SignOutError::Store);
            }
            SignOutAsked::Tell { id, call } => (id, call),
        };
        let leaving = Leaving { client: self, id };
        let provider = self.inner.provider();
        let told = match call {
            SignOutCall::Revoke(token) => provider.revoke(&token).await,
            SignOutCall::Everywhere(token) => provider.sign_out_everywhere(&token).await,
        };
        match leaving.leave().outcome().await {
            Ok(()) => Ok(SignedOut {
                not_revoked: told.err(),
            }),
            Err(error) => Err(SignOutError::Store(error)),
        }
    }

    /// Deletes the user who is signed in, at the provider; then as a sign-out. Tokens that have
    /// expired are refreshed first.
    ///
    /// # Errors
    ///
    /// [`DeleteUserError`] says whether the user is still there.
    pub async fn delete_user(&self) -> Result<(), DeleteUserError> {
        let session = self.session(false).await;
        let deletion = self
            .inner
            .begin(move |machine, _| machine.delete_user(session))
            .outcome()
            .await?;
        let deleted = self.inner.provider().delete_user(&deletion.token).await;
        deleted.map_err(DeleteUserError::Provider)?;
        self.inner
            .begin(move |machine, _| machine.signed_out(deletion.id))
            .outcome()
            .await
            .map_err(DeleteUserError::Store)
    }
}

/// A sign-out that has been asked for, and happens even if the caller is dropped.
struct Leaving<'a, P: IdentityProvider, S: TokenStore> {
    client: &'a AuthClient<P, S>,
    id: SessionId,
}

impl<P: IdentityProvider, S: TokenStore> Leaving<'_, P, S> {
    fn leave(self) -> Ticket<Result<(), StoreError>> {
        let leaving = self.begin();
        mem::forget(self); // its drop would begin it once more
        leaving
    }

    fn begin(&self) -> Ticket<Result<(), StoreError>> {
        let id = self.id;
        self.client
            .inner
            .begin(move |machine, _| machine.signed_out(id))
    }
}

impl<P: IdentityProvider, S: TokenStore> Drop for Leaving<'_, P, S> {
    fn drop(&mut self) {
        drop(self.begin());
    }
}
