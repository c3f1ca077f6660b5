//! Refresh and revocation.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use oauth2::basic::BasicErrorResponse;
use oauth2::http::header::{AUTHORIZATION, CONTENT_TYPE};
use oauth2::http::{HeaderValue, Method};
use oauth2::{HttpRequest, RefreshToken, TokenResponse};
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::failure::{in_transit, redact, rejected, token_error, unreadable};
use super::id_token::IssuedFor;
use super::{ClientAuth, Endpoints, OAuth};
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::secret;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

impl OAuth {
    /// Renews the tokens of this user. If the new tokens are invalid or another user's, the session
    /// is ended ([OpenID Connect Core, section
    /// 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    #[cfg_attr(
        not(feature = "oidc"),
        expect(dead_code, reason = "a user pool refreshes by its API")
    )]
    pub(crate) async fn refresh(
        &self,
        at: &Endpoints,
        user: &AuthUser,
        token: &secret::RefreshToken,
    ) -> Result<IssuedTokens, ProviderError> {
        self.keys(at).await?; // fetched first: a failure loses nothing yet
        let granted = self
            .client(at)
            .exchange_refresh_token(&RefreshToken::new(token.expose().to_owned()))
            .request_async(&self.http)
            .await
            .map_err(|error| self.redact(token_error(error), token))?;
        let renewed = granted.refresh_token().map(|token| token.secret().clone());
        let read = self.read(at, granted, IssuedFor::Refresh).await;
        let tokens = read.and_then(|(identity, tokens)| match identity {
            Some(identity) if identity.user.user_id != user.user_id => {
                Err(rejected("IdToken", "the id token is another user's"))
            }
            _ => Ok(tokens),
        });
        if let Err(error) = &tokens
            && error.kind == ProviderErrorKind::Rejected
        {
            // The session ends here, so end it at the provider as well.
            let last = renewed.map_or_else(|| token.clone(), Into::into);
            let _ = self.revoke(at, &last).await;
        }
        tokens
    }

    /// Ends the session of a refresh token
    /// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    pub(crate) async fn revoke(
        &self,
        at: &Endpoints,
        token: &secret::RefreshToken,
    ) -> Result<(), ProviderError> {
        let revocation = at
            .revocation
            .as_ref()
            .ok_or_else(|| rejected("Unsupported", "the provider has no revocation endpoint"))?;
        let response = self.http.send(self.revocation(revocation, token)).await;
        let response = response.map_err(|error| in_transit(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(
            serde_json::from_slice::<BasicErrorResponse>(response.body()).map_or_else(
                |_| unreadable("the revocation endpoint gives no answer that can be read"),
                |error| {
                    let error = token_error(oauth2::RequestTokenError::ServerResponse(error));
                    self.redact(error, token)
                },
            ),
        )
    }

    fn redact(&self, error: ProviderError, token: &secret::RefreshToken) -> ProviderError {
        redact(error, [token.expose()].into_iter().chain(self.secret()))
    }

    fn revocation(&self, at: &Url, token: &secret::RefreshToken) -> HttpRequest {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.expose())
            .append_pair("token_type_hint", "refresh_token");
        let mut authorization = None;
        match (&self.client_secret, self.client_auth) {
            (Some(secret), ClientAuth::Basic) => {
                authorization = basic(&self.client_id, secret);
            }
            (secret, _) => {
                form.append_pair("client_id", &self.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        let mut request = HttpRequest::new(form.finish().into_bytes());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = at.as_str().parse().unwrap_or_default();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        request
    }
}

/// HTTP Basic, with the client id and the secret each form-encoded ([RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(client_id: &str, secret: &secret::ClientSecret) -> Option<HeaderValue> {
    let encoded = |text: &str| -> String { byte_serialize(text.as_bytes()).collect() };
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    let mut header = HeaderValue::try_from(format!("Basic {}", BASE64.encode(pair))).ok()?;
    header.set_sensitive(true);
    Some(header)
}
