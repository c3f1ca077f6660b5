//! Any OpenID provider, by its discovery document.
//!
//! - this file: [`OidcProvider`]
//! - `options`: its options

mod options;

use std::fmt;
use std::sync::Arc;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::options::{OidcOptions, OidcOptionsBuilder};
pub use super::oauth::ClientAuth;

use super::error::{ProviderError, ProviderErrorKind};
use super::oauth::http::is_secure;
use super::oauth::{Endpoints, OAuth, discovery_error};
use super::provider::IdentityProvider;
use super::provider::redirect::{
    AuthorizeRequest, AuthorizeUrl, LogoutUrl, RedirectGrant, RedirectProvider,
};
use super::secret::{AccessToken, IdToken, RefreshToken};
use super::tokens::IssuedTokens;
use super::user::AuthUser;
use crate::sync::Mutex;

/// An OpenID Connect provider: users sign in by redirect.
///
/// Reads the provider's discovery document on first use, and caches it. Verifies the id token:
/// signature, issuer, audience, nonce and times. Needs a tokio runtime.
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
    issuer: String,
    post_logout_redirect_uri: Option<String>,
    endpoints: Mutex<Option<Endpoints>>,
}

/// Metadata of RFC 7009, RFC 9207 and OpenID Connect RP-Initiated Logout.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Extra {
    revocation_endpoint: Option<Url>,
    end_session_endpoint: Option<Url>,
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    sends_issuer: bool,
}

impl AdditionalProviderMetadata for Extra {}

type Document = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

impl OidcProvider {
    /// Builds a provider, from the registration of the application.
    pub fn builder() -> OidcOptionsBuilder {
        OidcOptions::builder()
    }

    /// The provider's endpoints, by its discovery document ([OpenID Connect
    /// Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html)).
    async fn endpoints(&self) -> Result<Endpoints, ProviderError> {
        let cached = self.inner.endpoints.lock().clone();
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let unfit = |name, message| ProviderError::new(ProviderErrorKind::InTransit, name, message);
        let issuer = IssuerUrl::new(self.inner.issuer.clone())
            .map_err(|_| unfit("Issuer", "the issuer is no URL"))?;
        let http = &self.inner.oauth.http;
        let document = Document::discover_async(issuer.clone(), http).await;
        let document = document.map_err(|error| {
            discovery_error(
                &error,
                "the discovery document cannot be read, or is of another issuer",
            )
        })?;
        let token = document.token_endpoint();
        let extra = document.additional_metadata();
        let endpoints = Endpoints {
            authorize: document.authorization_endpoint().url().clone(),
            token: token
                .ok_or_else(|| unfit("Discovery", "the provider has no token endpoint"))?
                .url()
                .clone(),
            revocation: extra.revocation_endpoint.clone(),
            end_session: extra.end_session_endpoint.clone(),
            sends_issuer: extra.sends_issuer,
            keys: document.jwks_uri().url().clone(),
            issuer,
        };
        if !are_secure(&endpoints) {
            return Err(unfit(
                "Discovery",
                "an address in the discovery document is not an https one",
            ));
        }
        self.inner.oauth.set_keys(document.jwks().clone());
        *self.inner.endpoints.lock() = Some(endpoints.clone());
        Ok(endpoints)
    }
}

/// Only HTTPS and loopback addresses: the system opens a page, and would run a program as well.
fn are_secure(at: &Endpoints) -> bool {
    let optional = [&at.revocation, &at.end_session].into_iter().flatten();
    let mut all = [&at.authorize, &at.token, &at.keys]
        .into_iter()
        .chain(optional);
    all.all(is_secure)
}

impl IdentityProvider for OidcProvider {
    async fn refresh(
        &self,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, ProviderError> {
        let at = self.endpoints().await?;
        self.inner.oauth.refresh(&at, user, token).await
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
        let at = self.endpoints().await?;
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
        let mut url = self.endpoints().await.ok()?.end_session?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", &self.inner.oauth.client_id);
            if let Some(id) = id {
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
        let at = self.endpoints().await?;
        self.inner.oauth.authorize_url(&at, request)
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.inner.issuer
    }

    async fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let at = self.endpoints().await?;
        self.inner.oauth.exchange(&at, grant).await
    }
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider")
            .field("issuer", &self.inner.issuer)
            .finish_non_exhaustive()
    }
}
