//! Signing out, and deleting the user.

use std::mem;

use thiserror::Error;

use super::AuthClient;
use crate::auth::error::{DeleteUserError, ProviderError, SignOutError, StoreError};
use crate::auth::machine::{SignOut, SignOutCall, SignOutOutcome, SignOutPlan, SignOutScope};
use crate::auth::provider::redirect::LogoutUrl;
use crate::auth::provider::{IdentityProvider, UserPool};
use crate::auth::store::TokenStore;

/// A sign-out that has happened.
///
/// ```
/// use typed_hub::auth::SignedOut;
///
/// fn after(out: SignedOut) {
///     if let Some(url) = out.logout_url {
///         println!("opening {url:?}");
///     }
/// }
/// after(SignedOut::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedOut {
    /// Why the session may not have ended at the provider. The user is signed out here; elsewhere
    /// the session's tokens may stay good until they expire.
    pub not_revoked: Option<NotRevoked>,
    /// Where to send the browser in which the user has signed in by redirect, so that its own
    /// session with the provider ends as well. `None` if they did not, or if there is no such page.
    pub logout_url: Option<LogoutUrl>,
}

/// Why a session was removed here and not ended at the provider.
///
/// ```
/// use typed_hub::auth::{NotRevoked, StoreError};
///
/// let why = NotRevoked::Store(StoreError::NotReadBack);
/// assert!(why.to_string().starts_with("the session to end is not known"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotRevoked {
    /// The provider refused, or was not reached.
    #[error("the provider has not ended the session: {0}")]
    Provider(ProviderError),
    /// The store could not be read, so nobody knows what session there was, if any.
    #[error("the session to end is not known: {0}")]
    Store(StoreError),
}

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Signs out: the provider is told, the tokens are removed from the store, `SignedOut` is
    /// published. When nobody is signed in, `SignedOut` is published all the same.
    ///
    /// It wins over whatever else is under way: a refresh or a sign-in that has not completed leads
    /// to nothing. And once polled it cannot be taken back: dropping the future only ends the wait
    /// for the provider's reply, and the rest is carried through by the next call of any handle. So
    /// a time limit around it is safe, and then a call to [`current_user`](Self::current_user)
    /// completes it.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
    ///
    /// # pollster::block_on(async {
    /// let client = AuthClient::new(Hub::new(), MemoryProvider::new())?;
    /// let out = client.sign_out(SignOutScope::ThisDevice).await?;
    /// if let Some(why) = out.not_revoked {
    ///     println!("signed out here, but {why}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SignOutError`] when the tokens cannot be removed from the store: the user is still signed
    /// in. That the provider refuses or is not reached is no error; [`SignedOut`] tells.
    pub async fn sign_out(&self, scope: SignOutScope) -> Result<SignedOut, SignOutError> {
        let guard = SignOutGuard(self);
        let plan = self.inner.submit(move |machine, _| machine.sign_out(scope));
        let signed_out = match plan.outcome().await {
            SignOutPlan::SignedOut { unread, browser } => {
                Ok((unread.map(NotRevoked::Store), browser))
            }
            SignOutPlan::StillSignedIn(error) => Err(error),
            SignOutPlan::CallProvider {
                sign_out,
                call,
                browser,
            } => {
                let not_revoked = self.end_session(sign_out, call).await;
                not_revoked.map(|not_revoked| (not_revoked, browser))
            }
        };
        mem::forget(guard);
        let (not_revoked, browser) = signed_out.map_err(SignOutError::Store)?;
        let logout_url = match browser {
            Some(session) => self.inner.provider().logout_url(session.id.as_ref()).await,
            None => None,
        };
        Ok(SignedOut {
            not_revoked,
            logout_url,
        })
    }

    /// Ends the session at the provider, and then here.
    async fn end_session(
        &self,
        sign_out: SignOut,
        call: SignOutCall,
    ) -> Result<Option<NotRevoked>, StoreError> {
        let provider = self.inner.provider();
        let mut called = match call {
            SignOutCall::Revoke(token) => provider.revoke(&token).await,
            SignOutCall::Everywhere(token) => provider.sign_out_everywhere(&token).await,
        };
        let outcome = self
            .inner
            .submit(move |machine, _| machine.on_sign_out_reply(sign_out));
        match outcome.outcome().await {
            SignOutOutcome::SignedOut => {}
            SignOutOutcome::AlsoRevoke(token) => {
                called = called.and(provider.revoke(&token).await);
            }
            SignOutOutcome::StillSignedIn(error) => return Err(error),
        }
        Ok(called.err().map(NotRevoked::Provider))
    }
}

impl<P: UserPool, S: TokenStore> AuthClient<P, S> {
    /// Deletes the user who is signed in, at the provider; then as a sign-out. Tokens that have
    /// expired are refreshed first.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    ///
    /// let _ = client.sign_in("ada", "correct horse").await?;
    /// client.delete_user().await?;
    /// assert!(client.sign_in("ada", "correct horse").await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`DeleteUserError`] says whether the user is still there.
    pub async fn delete_user(&self) -> Result<(), DeleteUserError> {
        let session = self.current_session().await;
        let deletion = self
            .inner
            .submit(move |machine, _| machine.delete_user(session))
            .outcome()
            .await?;
        let deleted = self.inner.provider().delete_user(&deletion.token).await;
        deleted.map_err(DeleteUserError::Provider)?;
        let outcome = self
            .inner
            .submit(move |machine, _| machine.on_sign_out_reply(deletion.sign_out));
        match outcome.outcome().await {
            SignOutOutcome::SignedOut | SignOutOutcome::AlsoRevoke(_) => Ok(()),
            SignOutOutcome::StillSignedIn(error) => Err(DeleteUserError::Store(error)),
        }
    }
}

/// A sign-out that has been asked for, and happens even if the caller is dropped.
struct SignOutGuard<'a, P: IdentityProvider, S: TokenStore>(&'a AuthClient<P, S>);

impl<P: IdentityProvider, S: TokenStore> Drop for SignOutGuard<'_, P, S> {
    fn drop(&mut self) {
        drop(self.0.inner.submit(|machine, _| machine.finish_sign_out()));
    }
}
