//! The common part of providers that speak OAuth 2.0 and OpenID Connect.
//!
//! - this file: [`OAuth`], a client of a provider's endpoints
//! - `page`: the address of the sign-in page
//! - `session`: refresh and revocation
//! - `id_token`: verifying id tokens; `failure`: errors; `http`: sending requests

pub(crate) mod failure;
pub(crate) mod http;
mod id_token;
mod page;
mod session;

use std::time::Duration;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, ExtraTokenFields, PkceCodeVerifier, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use openidconnect::core::CoreJsonWebKeySet;
use openidconnect::{DiscoveryError, IssuerUrl, JsonWebKeySetUrl};
use serde::{Deserialize, Serialize};
use url::Url;

use self::failure::{in_transit, redact, rejected, token_error, unreadable};
use self::http::Http;
use self::id_token::{Identity, IssuedFor, VerifyError};
use self::page::redirect_url;
use crate::auth::error::ProviderError;
use crate::auth::provider::redirect::RedirectGrant;
use crate::auth::secret;
use crate::auth::tokens::{IssuedTokens, Lasting};
use crate::auth::user::AuthUser;
use crate::sync::Mutex;

/// The lifetime of an access token if the server does not tell it.
const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);

/// The endpoints of a provider.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) issuer: IssuerUrl,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) revocation: Option<Url>,
    pub(crate) end_session: Option<Url>,
    pub(crate) keys: Url,
    /// Whether every callback carries the issuer (RFC 9207).
    pub(crate) sends_issuer: bool,
}

/// How an application with a secret authenticates itself ([RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// In a header: HTTP Basic (`client_secret_basic`).
    #[default]
    Basic,
    /// In the body (`client_secret_post`).
    Post,
}

/// An application, as registered with a provider.
pub(crate) struct OAuth {
    pub(crate) http: Http,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<secret::ClientSecret>,
    pub(crate) client_auth: ClientAuth,
    /// The redirect URIs that are allowed.
    pub(crate) redirect_uris: Vec<String>,
    /// The default scopes.
    pub(crate) scopes: Vec<String>,
    keys: Mutex<Option<CoreJsonWebKeySet>>,
}

/// The field of a token response beyond OAuth 2.0.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type Granted = StandardTokenResponse<WithIdToken, BasicTokenType>;

type TokenEndpoint = Client<
    BasicErrorResponse,
    Granted,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl OAuth {
    pub(crate) fn new(
        http: Http,
        client_id: String,
        client_secret: Option<secret::ClientSecret>,
        client_auth: ClientAuth,
        redirect_uris: Vec<String>,
        scopes: Vec<String>,
    ) -> Self {
        Self {
            http,
            client_id,
            client_secret,
            client_auth,
            redirect_uris,
            scopes,
            keys: Mutex::new(None),
        }
    }

    /// Exchanges a code. An id token is required: it identifies the user.
    pub(crate) async fn exchange(
        &self,
        at: &Endpoints,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let is_other = |issuer: &String| *issuer != *at.issuer.as_str();
        if grant.issuer.as_ref().is_some_and(is_other) {
            return Err(rejected(
                "IssuerMismatch",
                "another provider has issued the code",
            ));
        }
        if at.sends_issuer && grant.issuer.is_none() {
            return Err(rejected(
                "IssuerMissing",
                "the callback does not say who has issued the code, and this provider always does",
            ));
        }
        self.keys(at).await?; // fetched first: without keys, the code would be spent in vain
        let verifier = PkceCodeVerifier::new(grant.verifier.expose().to_owned());
        let granted = self
            .client(at)
            .set_redirect_uri(redirect_url(&grant.redirect_uri)?)
            .exchange_code(AuthorizationCode::new(grant.code.expose().to_owned()))
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| {
                let sent = [grant.code.expose(), grant.verifier.expose()];
                redact(token_error(error), sent.into_iter().chain(self.secret()))
            })?;
        let refresh = granted.refresh_token().map(|token| token.secret().clone());
        let read = self.read(at, granted, IssuedFor::Code(&grant.nonce)).await;
        let identified = read.and_then(|(identity, tokens)| match identity {
            Some(identity) => Ok((identity.user, tokens)),
            None => Err(rejected(
                "IdToken",
                "there is no id token: ask for the scope openid",
            )),
        });
        if let (Err(_), Some(refresh)) = (&identified, refresh) {
            // These tokens are unused. If they cannot be revoked, they expire.
            let _ = self.revoke(at, &refresh.into()).await;
        }
        identified
    }

    fn client(&self, at: &Endpoints) -> TokenEndpoint {
        let client = Client::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(at.authorize.clone()))
            .set_token_uri(TokenUrl::from_url(at.token.clone()))
            .set_auth_type(match self.client_auth {
                ClientAuth::Basic => AuthType::BasicAuth,
                ClientAuth::Post => AuthType::RequestBody,
            });
        match &self.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    fn secret(&self) -> Option<&str> {
        self.client_secret
            .as_ref()
            .map(secret::ClientSecret::expose)
    }

    /// Reads the tokens, and the user if there is an id token.
    async fn read(
        &self,
        at: &Endpoints,
        granted: Granted,
        issued_for: IssuedFor<'_>,
    ) -> Result<(Option<Identity>, IssuedTokens), ProviderError> {
        if granted.access_token().secret().is_empty() {
            return Err(unreadable("the access token is empty"));
        }
        let mut issued = IssuedTokens {
            access: Lasting {
                token: granted.access_token().secret().as_str().into(),
                lifetime: granted.expires_in().unwrap_or(DEFAULT_LIFETIME),
            },
            id: None,
            refresh: granted
                .refresh_token()
                .map(|token| token.secret().as_str().into()),
        };
        let Some(token) = &granted.extra_fields().id_token else {
            return Ok((None, issued));
        };
        let identity = match self.verify(at, token, issued_for).await {
            Ok(identity) => identity,
            // The refresh token may have been replaced: a missing key must not lose it.
            Err(VerifyError::NoKeys(_)) if issued_for.is_refresh() => return Ok((None, issued)),
            Err(VerifyError::NoKeys(error) | VerifyError::Refused(error)) => return Err(error),
            Err(VerifyError::UnknownKey) => {
                return Err(rejected("IdToken", "no key of the provider has signed it"));
            }
        };
        issued.id = Some(Lasting {
            token: token.as_str().into(),
            lifetime: identity.lifetime,
        });
        Ok((Some(identity), issued))
    }

    /// Verifies an id token. If no cached key has signed it, fetches the keys again.
    async fn verify(
        &self,
        at: &Endpoints,
        token: &str,
        issued_for: IssuedFor<'_>,
    ) -> Result<Identity, VerifyError> {
        let client = ClientId::new(self.client_id.clone());
        let keys = self.keys(at).await.map_err(VerifyError::NoKeys)?;
        match id_token::verify(token, &client, &at.issuer, &keys, issued_for) {
            Err(VerifyError::UnknownKey) => {}
            verified => return verified,
        }
        let keys = self.newest_keys(at).await.map_err(VerifyError::NoKeys)?;
        id_token::verify(token, &client, &at.issuer, &keys, issued_for)
    }

    /// The provider's keys, from the cache or fetched.
    async fn keys(&self, at: &Endpoints) -> Result<CoreJsonWebKeySet, ProviderError> {
        let cached = self.keys.lock().clone();
        match cached {
            Some(keys) => Ok(keys),
            None => self.newest_keys(at).await,
        }
    }

    async fn newest_keys(&self, at: &Endpoints) -> Result<CoreJsonWebKeySet, ProviderError> {
        let url = JsonWebKeySetUrl::from_url(at.keys.clone());
        let keys = CoreJsonWebKeySet::fetch_async(&url, &self.http).await;
        let keys = keys.map_err(|error| discovery_error(&error, "the keys cannot be read"))?;
        self.set_keys(keys.clone());
        Ok(keys)
    }

    /// Caches the provider's keys.
    pub(crate) fn set_keys(&self, keys: CoreJsonWebKeySet) {
        *self.keys.lock() = Some(keys);
    }
}

/// A list of strings, for options.
pub(crate) fn texts(from: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    from.into_iter().map(Into::into).collect()
}

/// The error of a document that could not be fetched.
pub(crate) fn discovery_error(
    error: &DiscoveryError<http::HttpError>,
    otherwise: &str,
) -> ProviderError {
    match error {
        DiscoveryError::Request(error) => in_transit(error),
        _ => unreadable(otherwise),
    }
}
