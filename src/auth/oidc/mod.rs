//! Any OpenID provider, by its discovery document.
//!
//! - this file: [`OidcProvider`]
//! - `options`: its options
//! - `discovery`: the discovery document

mod discovery;
mod options;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use self::options::{OidcOptions, OidcOptionsBuilder};
pub use super::oauth::ClientAuth;

use super::error::{ProviderError, ProviderErrorKind};
use super::oauth::{Endpoints, Issuer, OAuth};
use super::provider::IdentityProvider;
use super::provider::redirect::{
    AuthorizeRequest, AuthorizeUrl, LogoutUrl, RedirectGrant, RedirectProvider,
};
use super::provider::refresh::RefreshError;
use super::secret::{AccessToken, IdToken, RefreshToken};
use super::tokens::IssuedTokens;
use super::user::AuthUser;
use crate::sync::Mutex;

/// An OpenID Connect provider: users sign in by redirect.
///
/// Reads the provider's discovery document on first use, and caches it. Verifies the id token:
/// signature, issuer, audience, nonce and times. Needs a tokio runtime; in a page
/// (`wasm32-unknown-unknown`) it sends by the browser's `fetch`, and the browser verifies the signatures.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::auth::AuthClient;
/// use typed_hub::auth::oidc::OidcProvider;
///
/// let provider = OidcProvider::builder()
///     .issuer("https://id.example.org")
///     .client_id("my-desktop-app")
///     .redirect_uris(["http://127.0.0.1/callback"])
///     .build();
/// let client = AuthClient::new(Hub::new(), provider)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot end a user's sessions everywhere: the standard has no such call.
#[derive(Clone)]
pub struct OidcProvider {
    inner: Arc<Inner>,
}

struct Inner {
    oauth: OAuth,
    issuer: Issuer,
    discovery_url: Option<String>,
    client_auth: Option<ClientAuth>,
    asks_userinfo: bool,
    post_logout_redirect_uri: Option<String>,
    id_token_hint: bool,
    endpoints: Mutex<Option<Endpoints>>,
}

impl OidcProvider {
    /// Builds a provider, from the registration of the application.
    pub fn builder() -> OidcOptionsBuilder {
        OidcOptions::builder()
    }

    /// Reads the claims of an id token of a session, in a type of the application: `name`,
    /// `picture`, roles ([OpenID Connect Core, section
    /// 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
    ///
    /// Verifies that the provider has issued the token to this application, and not when: a session
    /// keeps the id token after it has expired. The claims are what the provider once said.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use typed_hub::auth::oidc::OidcProvider;
    /// use typed_hub::auth::{ProviderError, Session};
    ///
    /// #[derive(Deserialize)]
    /// struct Profile {
    ///     name: Option<String>,
    /// }
    ///
    /// async fn name(of: &Session, at: &OidcProvider) -> Result<Option<String>, ProviderError> {
    ///     let Some(id_token) = &of.tokens.id else { return Ok(None) };
    ///     Ok(at.claims::<Profile>(id_token).await?.name)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the token does not verify, for example because the provider has withdrawn its key since,
    /// or the claims do not have this form.
    pub async fn claims<T: DeserializeOwned>(&self, id: &IdToken) -> Result<T, ProviderError> {
        let at = self.inner.endpoints().await?;
        self.inner.oauth.claims(&at, id).await
    }
}

impl IdentityProvider for OidcProvider {
    async fn refresh(
        &self,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, RefreshError> {
        let at = self.inner.endpoints().await?;
        self.inner.oauth.refresh(&at, user, token).await
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
        let at = self.inner.endpoints().await?;
        self.inner.oauth.revoke(&at, token).await
    }

    async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
        Err(ProviderError::new(
            ProviderErrorKind::Rejected,
            "Unsupported",
            "OpenID Connect does not end sessions elsewhere: sign out on this device",
        ))
    }

    async fn logout_url(&self, id: Option<&IdToken>) -> Option<LogoutUrl> {
        let mut url = self.inner.endpoints().await.ok()?.end_session?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", &self.inner.oauth.registration.client_id);
            if let Some(id) = id.filter(|_| self.inner.id_token_hint) {
                query.append_pair("id_token_hint", id.expose());
            }
            if let Some(back) = &self.inner.post_logout_redirect_uri {
                query.append_pair("post_logout_redirect_uri", back);
            }
        }
        Some(LogoutUrl::new(url.into()))
    }
}

impl RedirectProvider for OidcProvider {
    async fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeUrl, ProviderError> {
        let at = self.inner.endpoints().await?;
        self.inner.oauth.authorize_url(&at, request)
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        self.inner.issuer.may_be(issuer)
    }

    async fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let at = self.inner.endpoints().await?;
        self.inner.oauth.exchange(&at, grant).await
    }
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider")
            .field("issuer", &self.inner.issuer.as_str())
            .finish_non_exhaustive()
    }
}
