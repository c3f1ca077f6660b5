//! The common part of providers that speak OAuth 2.0 and OpenID Connect.
//!
//! - this file: [`OAuth`], a client of a provider's endpoints
//! - `page`: the address of the sign-in page
//! - `grant`: the token endpoint: codes and refresh tokens; `revoke`: its end
//! - `id_token`: the claims of id tokens; `jwt`: who has signed them, and the keys; `signature`: verifying;
//!   `user`: the name of their user
//! - `http`: sending requests; `retry`: which are sent again; `json`: reading the answers
//! - `failure`: errors; `hide`: secrets in them
//!
//! It reads of each answer only what it needs: the specifications let a provider add members, and
//! real ones do.

pub(crate) mod failure;
mod grant;
pub(crate) mod hide;
pub(crate) mod http;
mod id_token;
pub(crate) mod json;
pub(crate) mod jwt;
mod page;
pub(crate) mod retry;
mod revoke;
mod signature;
pub(crate) mod user;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

pub(crate) use self::id_token::Issuer;

use self::failure::unreadable;
use self::hide::hide_secrets;
use self::http::{Answer, Authorization, Http, HttpError, shown};
use self::id_token::{Expected, Identity, IssuedFor, VerifyError, doubtful, false_token};
use self::jwt::{Jwt, KeySet, Signed};
use crate::auth::error::ProviderError;
use crate::auth::secret;
use crate::sync::Mutex;

/// The endpoints of a provider.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) issuer: Issuer,
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    pub(crate) revocation: Option<Url>,
    pub(crate) end_session: Option<Url>,
    /// Where to ask for further claims, if they are to be asked for.
    pub(crate) userinfo: Option<Url>,
    pub(crate) keys: Url,
    /// Whether every callback carries the issuer (RFC 9207).
    pub(crate) sends_issuer: bool,
    /// How an application with a secret authenticates itself.
    pub(crate) client_auth: ClientAuth,
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
#[derive(Default)]
pub(crate) struct Registration {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<secret::ClientSecret>,
    /// The redirect URIs that are allowed.
    pub(crate) redirect_uris: Vec<String>,
    /// The default scopes.
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the address of the sign-in page.
    pub(crate) authorize_params: Vec<(String, String)>,
    /// Audiences that an id token may name beside this application.
    pub(crate) trusted_audiences: Vec<String>,
    /// The claims that name the user.
    pub(crate) username_claims: Vec<String>,
}

/// A client of a provider's endpoints.
pub(crate) struct OAuth {
    pub(crate) http: Http,
    pub(crate) registration: Registration,
    keys: Mutex<Option<KeySet>>,
}

impl OAuth {
    pub(crate) fn new(http: Http, registration: Registration) -> Self {
        Self {
            http,
            registration,
            keys: Mutex::new(None),
        }
    }

    /// Verifies an id token. If the cached keys have not signed it, fetches the keys again.
    async fn verify(
        &self,
        at: &Endpoints,
        token: &str,
        issued_for: IssuedFor<'_>,
    ) -> Result<Identity, VerifyError> {
        let expected = Expected {
            client_id: &self.registration.client_id,
            issuer: &at.issuer,
            trusted: &self.registration.trusted_audiences,
            issued_for,
        };
        let unverified = match Jwt::of(token) {
            Ok(jwt) => match self.check_signature(at, &jwt, issued_for).await {
                Ok(()) => return expected.check(jwt.claims),
                Err(unverified) => unverified,
            },
            Err(error) => error.into(),
        };
        match (issued_for, Jwt::claims_in(token)) {
            (IssuedFor::Refresh(_), Some(claims)) => {
                Err(expected.check_unverified(claims, unverified))
            }
            _ => Err(unverified),
        }
    }

    /// Checks whether the provider has signed a token.
    ///
    /// A provider may replace a key under its id. So at a refresh, a signature that is wrong by the
    /// cached keys is no more than a doubt until newer ones can be had.
    async fn check_signature(
        &self,
        at: &Endpoints,
        token: &Jwt<'_>,
        issued_for: IssuedFor<'_>,
    ) -> Result<(), VerifyError> {
        let by = token.signed_by();
        let (signed, no_newer) = self.signed(at, token).await.map_err(VerifyError::NoKeys)?;
        let wrong = match signed {
            Signed::Yes => return Ok(()),
            Signed::Wrongly => {
                format!("the signature of the id token is wrong: it is made {by}")
            }
            Signed::ForAnother => {
                format!(
                    "the id token is of an issuer for which its key is not kept: it is made {by}"
                )
            }
            Signed::ByUnknown => {
                return Err(VerifyError::Refused(doubtful(&format!(
                    "the id token is signed {by}, which is not among the keys at {}",
                    shown(&at.keys)
                ))));
            }
        };
        Err(match (no_newer, issued_for) {
            (None, _) => VerifyError::Refused(false_token(&wrong)),
            (Some(because), IssuedFor::Refresh(_)) => VerifyError::Unproven(doubtful(&format!(
                "{wrong}, unless the provider has newer keys, which cannot be had: {}",
                because.message
            ))),
            (Some(_), _) => VerifyError::Unproven(false_token(&wrong)),
        })
    }

    /// Whether the provider has signed a token. If the cached keys do not show it, the keys are
    /// fetched again; if that fails, the error is returned beside what the cached keys show.
    async fn signed(
        &self,
        at: &Endpoints,
        token: &Jwt<'_>,
    ) -> Result<(Signed, Option<ProviderError>), ProviderError> {
        let signed = self.keys(at).await?.has_signed(token).await;
        if signed == Signed::Yes {
            return Ok((signed, None));
        }
        match self.newest_keys(at).await {
            Ok(newest) => Ok((newest.has_signed(token).await, None)),
            Err(error) if signed == Signed::ByUnknown => Err(error),
            Err(error) => Ok((signed, Some(error))),
        }
    }

    /// The claims of an id token that the provider has once issued to this application, whenever
    /// that was.
    #[cfg(feature = "oidc")]
    pub(crate) async fn claims<T: serde::de::DeserializeOwned>(
        &self,
        at: &Endpoints,
        token: &secret::IdToken,
    ) -> Result<T, ProviderError> {
        let verified = self.verify(at, token.expose(), IssuedFor::Session).await;
        verified.map_err(VerifyError::into_error)?;
        let claims = Jwt::claims_of(token.expose());
        let claims = claims.and_then(|json| serde_json::from_slice(&json).ok());
        // What serde says may repeat a claim.
        claims.ok_or_else(|| {
            let message = "the claims of the id token do not have the form that is asked for";
            failure::misconfigured("Claims", message)
        })
    }

    /// The provider's keys, from the cache or fetched.
    async fn keys(&self, at: &Endpoints) -> Result<KeySet, ProviderError> {
        let cached = self.keys.lock().clone();
        match cached {
            Some(keys) => Ok(keys),
            None => self.newest_keys(at).await,
        }
    }

    async fn newest_keys(&self, at: &Endpoints) -> Result<KeySet, ProviderError> {
        signature::check_available()?;
        let document = self.http.json(&at.keys, None).await?;
        let keys = KeySet::of(&document, at.issuer.has_tenants()).await;
        let keys = keys.ok_or_else(|| {
            unreadable(&format!("there is no set of keys at {}", shown(&at.keys)))
        })?;
        *self.keys.lock() = Some(keys.clone());
        Ok(keys)
    }

    /// Fetches the keys ahead of a sign-in, so that it fails before the user has begun.
    #[cfg(feature = "oidc")]
    pub(crate) async fn fetch_keys(&self, at: &Endpoints) -> Result<(), ProviderError> {
        self.newest_keys(at).await.map(drop)
    }

    /// Sends a form, as this application.
    async fn post(
        &self,
        url: &Url,
        auth: ClientAuth,
        fields: &[(&str, &str)],
    ) -> Result<Answer, HttpError> {
        let (form, authorization) = self.form(auth, fields);
        self.http.post(url, form, authorization).await
    }

    fn form(&self, auth: ClientAuth, fields: &[(&str, &str)]) -> (String, Option<Authorization>) {
        let Registration {
            client_id,
            client_secret,
            ..
        } = &self.registration;
        let mut form = Serializer::new(String::new());
        form.extend_pairs(fields);
        let mut authorization = None;
        match (client_secret, auth) {
            (Some(secret), ClientAuth::Basic) => authorization = Some(basic(client_id, secret)),
            (secret, _) => {
                form.append_pair("client_id", client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        (form.finish(), authorization)
    }

    /// Hides these secrets, and that of the application, in an error.
    fn redact(&self, error: ProviderError, sent: &[&str]) -> ProviderError {
        let Registration {
            client_id,
            client_secret,
            ..
        } = &self.registration;
        let own = client_secret.as_ref();
        let credentials = own.map(|secret| credentials(client_id, secret));
        let own = own.map(secret::ClientSecret::expose);
        let credentials = credentials
            .as_deref()
            .map(|text| text.trim_end_matches('='));
        hide_secrets(error, sent.iter().copied().chain(own).chain(credentials))
    }
}

/// HTTP Basic, with the client id and the secret each form-encoded ([RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(client_id: &str, secret: &secret::ClientSecret) -> Authorization {
    Authorization::new(format!("Basic {}", credentials(client_id, secret)))
}

fn credentials(client_id: &str, secret: &secret::ClientSecret) -> String {
    let encoded = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    BASE64.encode(pair)
}

/// A list of strings, for options.
pub(crate) fn texts(from: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    from.into_iter().map(Into::into).collect()
}
