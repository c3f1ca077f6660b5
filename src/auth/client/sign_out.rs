//! Sign-out, and deleting the user.

use std::mem;

use thiserror::Error;

use super::AuthClient;
use super::store_lock::{LockShare, attend};
use crate::auth::error::{DeleteUserError, ProviderError, SessionError, SignOutError, StoreError};
use crate::auth::machine::{
    SignOut, SignOutCall, SignOutId, SignOutOutcome, SignOutPlan, SignOutScope,
};
use crate::auth::provider::redirect::LogoutUrl;
use crate::auth::provider::{IdentityProvider, UserPool};
use crate::auth::secret::{AccessToken, RefreshToken};
use crate::auth::store::TokenStore;
use crate::auth::tokens::Tokens;

/// The result of a sign-out.
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
    /// What was not done at the provider, and why, if anything. The user is signed out here.
    pub not_revoked: Option<NotRevoked>,
    /// Page that ends the browser's own session with the provider, after a sign-in by redirect.
    /// `None` after any other sign-in, or if the provider has no such page.
    pub logout_url: Option<LogoutUrl>,
}

/// What a sign-out has not done at the provider, and why.
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
    /// The provider refused to end the session, or was not reached. The session's tokens may stay
    /// valid until they expire.
    #[error("the provider has not ended the session: {0}")]
    Provider(ProviderError),
    /// After [`SignOutScope::Everywhere`]: this session's refresh token is revoked, but the
    /// provider has not ended the user's other sessions.
    #[error("the provider has ended this session, but not those on other devices: {0}")]
    Elsewhere(ProviderError),
    /// The store could not be read, so it is not known which session it held. It has been emptied.
    #[error("the session to end is not known: {0}")]
    Store(StoreError),
}

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Signs out: tells the provider, removes the tokens from the store, and publishes `SignedOut`.
    /// It is published even if no user is signed in. A store that cannot be read is emptied all the
    /// same, and [`SignedOut::not_revoked`] says so.
    ///
    /// To sign out [everywhere](SignOutScope::Everywhere), an access token that has expired is
    /// renewed first, which publishes nothing. If the provider cannot sign the user out everywhere,
    /// this session's refresh token is revoked instead.
    ///
    /// A sign-out supersedes a refresh or a sign-in in progress. Once polled, it cannot be
    /// cancelled: dropping the future only ends the wait for the provider's reply, and the next
    /// call of any handle completes the sign-out. So a time limit around it is safe, and a call to
    /// [`current_user`](Self::current_user) completes it then.
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
    /// [`SignOutError`] if the tokens cannot be removed from the store: the user is still signed
    /// in. A provider that refuses or is not reached is no error: see [`SignedOut::not_revoked`].
    pub async fn sign_out(&self, scope: SignOutScope) -> Result<SignedOut, SignOutError> {
        let id = self.inner.next_sign_out();
        let guard = SignOutGuard { client: self, id };
        let signed_out = match self.plan_sign_out(id, scope).await {
            (SignOutPlan::SignedOut { unread, browser }, _) => {
                Ok((unread.map(NotRevoked::Store), browser))
            }
            (SignOutPlan::StillSignedIn(error), _) => Err(error),
            (
                SignOutPlan::CallProvider {
                    sign_out,
                    call,
                    browser,
                },
                lock,
            ) => {
                let not_revoked = self.end_session(sign_out, call, lock).await;
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

    /// Begins the sign-out. If the store is shared, it is locked from before the provider is called,
    /// so that no other client refreshes a session that is being revoked.
    async fn plan_sign_out(
        &self,
        id: SignOutId,
        scope: SignOutScope,
    ) -> (SignOutPlan, Option<LockShare>) {
        let planned = self
            .inner
            .submit(move |machine, now| machine.sign_out(id, scope, now))
            .outcome()
            .await;
        let sign_out = match planned {
            SignOutPlan::CallProvider { sign_out, .. } if self.inner.is_shared() => sign_out,
            planned => return (planned, None),
        };
        match self.inner.lock_store().await {
            Ok(lock) => {
                let plan = self
                    .inner
                    .submit(move |machine, now| machine.sign_out_locked(sign_out, scope, now));
                (attend(Some(&lock), plan.outcome()).await, Some(lock))
            }
            Err(error) => {
                let abandoned = self
                    .inner
                    .submit(move |machine, _| machine.abandon_sign_out(id));
                abandoned.outcome().await;
                (SignOutPlan::StillSignedIn(error), None)
            }
        }
    }

    /// Ends the session at the provider, and then here.
    async fn end_session(
        &self,
        sign_out: SignOut,
        call: SignOutCall,
        lock: Option<LockShare>,
    ) -> Result<Option<NotRevoked>, StoreError> {
        let provider = self.inner.provider();
        let told = async {
            match call {
                SignOutCall::Revoke(token) => {
                    let revoked = provider.revoke(&token).await;
                    (revoked.err().map(NotRevoked::Provider), Some(token))
                }
                SignOutCall::Everywhere {
                    user_id,
                    mut access,
                    mut refresh,
                    needs_refresh,
                } => {
                    let mut renewed = Ok(());
                    if needs_refresh {
                        match self.renew_quietly(&user_id).await {
                            Ok(Some(tokens)) => (access, refresh) = (tokens.access, tokens.refresh),
                            Ok(None) => {} // the provider may take the token as it is
                            Err(error) => renewed = Err(error),
                        }
                    }
                    self.end_everywhere(renewed, &access, refresh).await
                }
            }
        };
        let (mut not_revoked, told) = attend(lock.as_ref(), told).await;
        let outcome = self.inner.submit_locked(lock, move |machine, _| {
            machine.on_sign_out_reply(&sign_out, told)
        });
        match outcome.outcome().await {
            SignOutOutcome::SignedOut {
                also_revoke,
                unread,
            } => {
                if let Some(token) = also_revoke {
                    let revoked = provider.revoke(&token).await;
                    not_revoked = not_revoked.or(revoked.err().map(NotRevoked::Provider));
                }
                not_revoked = not_revoked.or(unread.map(NotRevoked::Store));
            }
            SignOutOutcome::StillSignedIn(error) => return Err(error),
        }
        Ok(not_revoked)
    }

    /// Renews the tokens of this user without an event. `None` if that is not possible, among others
    /// because the session has ended meanwhile: a later one of another user is not to be ended.
    async fn renew_quietly(&self, user_id: &str) -> Result<Option<Tokens>, ProviderError> {
        let ended = self.inner.refresh_count();
        match self.session_since(false, ended, true).await {
            Ok(session) => Ok(session
                .filter(|session| session.user.user_id == user_id)
                .map(|session| session.tokens)),
            Err(
                SessionError::Unreachable(error)
                | SessionError::Misconfigured(error)
                | SessionError::Ended(error),
            ) => Err(error),
            Err(SessionError::NoRefreshToken | SessionError::Store(_)) => Ok(None),
        }
    }

    /// Ends all sessions of the user at the provider, or at least this one (F21), also if the tokens
    /// could not be renewed. Returns what was not done, and the refresh token that the provider was
    /// asked to revoke.
    async fn end_everywhere(
        &self,
        renewed: Result<(), ProviderError>,
        access: &AccessToken,
        refresh: Option<RefreshToken>,
    ) -> (Option<NotRevoked>, Option<RefreshToken>) {
        let provider = self.inner.provider();
        let ended = match renewed {
            Ok(()) => provider.sign_out_everywhere(access).await,
            Err(error) => Err(error),
        };
        match (ended, refresh) {
            (Ok(()), _) => (None, None),
            (Err(error), None) => (Some(NotRevoked::Provider(error)), None),
            (Err(error), Some(token)) => {
                let not_revoked = match provider.revoke(&token).await {
                    Ok(()) => NotRevoked::Elsewhere(error),
                    Err(_) => NotRevoked::Provider(error),
                };
                (Some(not_revoked), Some(token))
            }
        }
    }
}

impl<P: UserPool, S: TokenStore> AuthClient<P, S> {
    /// Deletes the user who is signed in at the provider, and then signs out. Tokens that have
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
    /// [`DeleteUserError`] says whether the user still exists.
    pub async fn delete_user(&self) -> Result<(), DeleteUserError> {
        let known = self.inner.machine().user_id();
        let session = self.current_session().await;
        if let (Some(known), Ok(Some(session))) = (known, &session)
            && session.user.user_id != known
        {
            // Another client of the store has signed the user out, and another user in.
            return Err(DeleteUserError::SignedOut);
        }
        let id = self.inner.next_sign_out();
        let deletion = self
            .inner
            .submit(move |machine, _| machine.delete_user(id, session))
            .outcome()
            .await?;
        let deleted = self.inner.provider().delete_user(&deletion.token).await;
        deleted.map_err(DeleteUserError::Provider)?;
        let outcome = self
            .inner
            .submit(move |machine, _| machine.on_sign_out_reply(&deletion.sign_out, None));
        match outcome.outcome().await {
            SignOutOutcome::SignedOut { .. } => Ok(()),
            SignOutOutcome::StillSignedIn(error) => Err(DeleteUserError::Store(error)),
        }
    }
}

/// Completes the sign-out if the caller is dropped.
struct SignOutGuard<'a, P: IdentityProvider, S: TokenStore> {
    client: &'a AuthClient<P, S>,
    id: SignOutId,
}

impl<P: IdentityProvider, S: TokenStore> Drop for SignOutGuard<'_, P, S> {
    fn drop(&mut self) {
        let (id, inner) = (self.id, &self.client.inner);
        drop(inner.submit(move |machine, _| machine.finish_sign_out(id)));
    }
}
