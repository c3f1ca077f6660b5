//! Amazon Cognito user pools.
//!
//! - this file: [`CognitoProvider`], its open sessions and redirects
//! - `options`: its options; `users`: its users; `sign_in`: sign-in, step by step; `srp`: by proof
//!   of the password
//! - `challenge`: converts the service's challenges; `tokens`: the tokens it issues
//! - `http`: sends its requests; `retry`: which of them are sent again; `failure`: its errors

mod challenge;
mod failure;
mod http;
mod options;
mod retry;
mod sign_in;
mod srp;
mod tokens;
mod users;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::Client;

pub use self::options::{CognitoFlow, CognitoIssuer, CognitoOptions, CognitoOptionsBuilder};
pub use super::oauth::ClientAuth;

use self::failure::{another_user, refresh_error, service_error, unreadable};
use self::tokens::{read_tokens, subject_of};
use super::error::ProviderError;
use super::oauth::hide::hide_secrets;
use super::oauth::{Endpoints, OAuth};
use super::provider::redirect::{
    AuthorizeRequest, AuthorizeUrl, LogoutUrl, RedirectGrant, RedirectProvider,
};
use super::provider::refresh::RefreshError;
use super::provider::{Attributes, IdentityProvider};
use super::secret::{AccessToken, ClientSecret, IdToken, RefreshToken};
use super::tokens::IssuedTokens;
use super::user::AuthUser;

/// A Cognito user pool, through its API (with the official SDK) and its sign-in pages.
///
/// Sign-in is by SRP, unless the options or the [`SignInRequest`](super::SignInRequest) of one
/// sign-in say otherwise. Each challenge of the service that can be answered is a
/// [`Challenge`](super::Challenge); any other is an error of the name `Unsupported`, which names it.
/// The options and the credential of a passkey pass through as JSON. Devices are not remembered: in
/// a pool that always remembers them, a refresh needs a device key that this provider lacks, so
/// leave device tracking off. No AWS credentials are needed. Needs a tokio runtime.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::auth::AuthClient;
/// use typed_hub::auth::cognito::CognitoProvider;
///
/// let pool = CognitoProvider::builder()
///     .region("eu-central-1")
///     .user_pool_id("eu-central-1_Example")
///     .client_id("1example23456789")
///     .build();
/// let client = AuthClient::new(Hub::new(), pool)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CognitoProvider {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    hosted: Result<Hosted, ProviderError>,
    user_pool_id: String,
    client_id: String,
    client_secret: Option<ClientSecret>,
    flow: CognitoFlow,
    client_metadata: Attributes,
}

/// The pool's sign-in pages.
struct Hosted {
    oauth: OAuth,
    endpoints: Endpoints,
    logout_uri: Option<String>,
}

impl CognitoProvider {
    /// Builds a provider, from the registration of the application.
    pub fn builder() -> CognitoOptionsBuilder {
        CognitoOptions::builder()
    }

    fn secret(&self) -> Option<&str> {
        self.inner.client_secret.as_ref().map(ClientSecret::expose)
    }

    /// The metadata of every request and of this one, if there are any.
    fn metadata(&self, of_this: &Attributes) -> Option<HashMap<String, String>> {
        let every = &self.inner.client_metadata;
        let metadata: HashMap<_, _> = every
            .iter()
            .chain(of_this)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Some(metadata).filter(|metadata| !metadata.is_empty())
    }

    /// Hides these secrets and that of the app client in an error.
    fn redact(&self, error: ProviderError, sent: &[&str]) -> ProviderError {
        hide_secrets(error, sent.iter().copied().chain(self.secret()))
    }

    fn hosted(&self) -> Result<&Hosted, ProviderError> {
        self.inner.hosted.as_ref().map_err(Clone::clone)
    }
}

impl IdentityProvider for CognitoProvider {
    async fn refresh(
        &self,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, RefreshError> {
        let refreshed = self
            .inner
            .client
            .get_tokens_from_refresh_token()
            .refresh_token(token.expose())
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_client_secret(self.secret().map(str::to_owned))
            .send()
            .await
            .map_err(|error| self.redact(refresh_error(error), &[token.expose()]))?;
        let result = refreshed.authentication_result;
        let result = result.ok_or_else(|| unreadable("there are no tokens"))?;
        let replacement = result.refresh_token.clone();
        // First, so that nothing else of the answer hides whose it is.
        if subject_of(&result).is_some_and(|subject| subject != user.user_id) {
            return Err(another_user().into());
        }
        let read = read_tokens(result).map_err(|error| RefreshError {
            error: self.redact(error, &[token.expose()]),
            replacement: replacement.filter(|new| !new.is_empty()).map(Into::into),
        });
        read.map(|(_, tokens)| tokens)
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
        let revoked = self
            .inner
            .client
            .revoke_token()
            .token(token.expose())
            .client_id(&self.inner.client_id)
            .set_client_secret(self.secret().map(str::to_owned));
        let revoked = revoked.send().await.map(drop);
        revoked.map_err(|error| self.redact(service_error(error), &[token.expose()]))
    }

    async fn sign_out_everywhere(&self, token: &AccessToken) -> Result<(), ProviderError> {
        let out = self
            .inner
            .client
            .global_sign_out()
            .access_token(token.expose());
        let out = out.send().await.map(drop);
        out.map_err(|error| self.redact(service_error(error), &[token.expose()]))
    }

    async fn logout_url(&self, _: Option<&IdToken>) -> Option<LogoutUrl> {
        let hosted = self.hosted().ok()?;
        let mut url = hosted.endpoints.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.inner.client_id)
            .append_pair("logout_uri", hosted.logout_uri.as_deref()?);
        Some(LogoutUrl::new(url.into()))
    }
}

impl RedirectProvider for CognitoProvider {
    async fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeUrl, ProviderError> {
        let hosted = self.hosted()?;
        hosted.oauth.authorize_url(&hosted.endpoints, request)
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        let own = self
            .inner
            .hosted
            .as_ref()
            .ok()
            .map(|hosted| &hosted.endpoints.issuer);
        own.is_none_or(|own| own.may_be(issuer))
    }

    async fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let hosted = self.hosted()?;
        hosted.oauth.exchange(&hosted.endpoints, grant).await
    }
}

impl fmt::Debug for CognitoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CognitoProvider")
            .field("user_pool_id", &self.inner.user_pool_id)
            .field("client_id", &self.inner.client_id)
            .finish_non_exhaustive()
    }
}
