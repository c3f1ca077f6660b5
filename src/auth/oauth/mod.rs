//! What is common to providers that speak OAuth 2.0 and OpenID Connect.
//!
//! - this file: [`OAuth`], a client of a provider's endpoints
//! - `page`: where a user signs in
//! - `session`: what is done about one that is open
//! - `id_token`: who has signed in; `failure`: what an error means; `http`: how requests are sent

pub(crate) mod failure;
pub(crate) mod http;
mod id_token;
mod page;
#[cfg(feature = "oidc")]
mod session;

use std::time::Duration;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeVerifier, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use openidconnect::core::CoreJsonWebKeySet;
use openidconnect::{DiscoveryError, IssuerUrl, JsonWebKeySetUrl};
use serde::{Deserialize, Serialize};
use url::Url;

use self::failure::{garbage, hiding, in_transit, refused, rejected};
use self::http::Http;
use self::id_token::{Identity, Unverified};
use self::page::redirect_url;
use crate::auth::error::ProviderError;
use crate::auth::provider::redirect::RedirectGrant;
use crate::auth::secret;
use crate::auth::tokens::{IssuedTokens, Lasting};
use crate::auth::user::AuthUser;
use crate::sync::Mutex;

/// How long an access token is taken to last whose server does not say.
const UNSAID: Duration = Duration::from_hours(1);

/// Where a provider is to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) issuer: IssuerUrl,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    #[cfg(feature = "oidc")]
    pub(crate) revocation: Option<Url>,
    pub(crate) end_session: Option<Url>,
    pub(crate) keys: Url,
}

/// An application, as registered with a provider.
pub(crate) struct OAuth {
    pub(crate) http: Http,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<secret::ClientSecret>,
    /// Where the browser may come back to.
    pub(crate) redirect_uris: Vec<String>,
    /// What to ask for where nothing else is asked for.
    pub(crate) scopes: Vec<String>,
    keys: Mutex<Option<CoreJsonWebKeySet>>,
}

/// What a token endpoint says beside the standard fields.
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
        redirect_uris: Vec<String>,
        scopes: Vec<String>,
    ) -> Self {
        Self {
            http,
            client_id,
            client_secret,
            redirect_uris,
            scopes,
            keys: Mutex::new(None),
        }
    }

    /// Trades a code. The id token decides whose the tokens are, so there must be one.
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
                hiding(refused(error), sent.into_iter().chain(self.secret()))
            })?;
        let (identity, tokens) = self.read(at, granted, Some(&grant.nonce)).await?;
        let identity = identity
            .ok_or_else(|| rejected("IdToken", "there is no id token: ask for the scope openid"))?;
        Ok((identity.user, tokens))
    }

    fn client(&self, at: &Endpoints) -> TokenEndpoint {
        let client = Client::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(at.authorize.clone()))
            .set_token_uri(TokenUrl::from_url(at.token.clone()));
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

    /// What was granted, and to whom.
    async fn read(
        &self,
        at: &Endpoints,
        granted: Granted,
        nonce: Option<&secret::Nonce>,
    ) -> Result<(Option<Identity>, IssuedTokens), ProviderError> {
        if granted.access_token().secret().is_empty() {
            return Err(garbage("the access token is empty"));
        }
        let mut issued = IssuedTokens {
            access: Lasting {
                token: granted.access_token().secret().as_str().into(),
                lifetime: granted.expires_in().unwrap_or(UNSAID),
            },
            id: None,
            refresh: granted
                .refresh_token()
                .map(|token| token.secret().as_str().into()),
        };
        let Some(token) = &granted.extra_fields().id_token else {
            return Ok((None, issued));
        };
        let identity = self.verify(at, token, nonce).await?;
        issued.id = Some(Lasting {
            token: token.as_str().into(),
            lifetime: identity.lifetime,
        });
        Ok((Some(identity), issued))
    }

    /// Verifies an id token; with new keys if those at hand have not signed it.
    async fn verify(
        &self,
        at: &Endpoints,
        token: &str,
        nonce: Option<&secret::Nonce>,
    ) -> Result<Identity, ProviderError> {
        let client = ClientId::new(self.client_id.clone());
        let known = self.keys.lock().clone();
        if let Some(keys) = known {
            match id_token::verify(token, &client, &at.issuer, &keys, nonce) {
                Ok(identity) => return Ok(identity),
                Err(Unverified::Refused(error)) => return Err(error),
                Err(Unverified::UnknownKey) => {}
            }
        }
        let url = JsonWebKeySetUrl::from_url(at.keys.clone());
        let keys = CoreJsonWebKeySet::fetch_async(&url, &self.http).await;
        let keys = keys.map_err(|error| unread(&error, "the keys cannot be read"))?;
        *self.keys.lock() = Some(keys.clone());
        id_token::verify(token, &client, &at.issuer, &keys, nonce).map_err(|error| match error {
            Unverified::Refused(error) => error,
            Unverified::UnknownKey => rejected("IdToken", "no key of the provider has signed it"),
        })
    }
}

/// Why a document could not be had.
pub(crate) fn unread(error: &DiscoveryError<http::HttpError>, otherwise: &str) -> ProviderError {
    match error {
        DiscoveryError::Request(error) => in_transit(error),
        _ => garbage(otherwise),
    }
}
