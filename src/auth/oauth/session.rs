//! What is done about a session that is open.

use oauth2::basic::BasicErrorResponse;
use oauth2::{HttpRequest, RefreshToken};
use url::Url;

use super::failure::{garbage, in_transit, refused, rejected};
use super::id_token::Answers;
use super::{Endpoints, OAuth};
use crate::auth::error::ProviderError;
use crate::auth::secret;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

impl OAuth {
    /// Renews the tokens of this user
    /// ([OpenID Connect Core, section 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    pub(crate) async fn refresh(
        &self,
        at: &Endpoints,
        user: &AuthUser,
        token: &secret::RefreshToken,
    ) -> Result<IssuedTokens, ProviderError> {
        self.keys(at).await?; // while nothing is lost if they cannot be had
        let granted = self
            .client(at)
            .exchange_refresh_token(&RefreshToken::new(token.expose().to_owned()))
            .request_async(&self.http)
            .await
            .map_err(refused)?;
        let (identity, tokens) = self.read(at, granted, Answers::Refresh).await?;
        if identity.is_some_and(|identity| identity.user.user_id != user.user_id) {
            return Err(rejected("OtherUser", "the new tokens are another user's"));
        }
        Ok(tokens)
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
        let response = self
            .http
            .send(post(revocation, self.revocation(token)))
            .await;
        let response = response.map_err(|error| in_transit(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(
            serde_json::from_slice::<BasicErrorResponse>(response.body()).map_or_else(
                |_| garbage("the revocation endpoint gives no answer that can be read"),
                |error| refused(oauth2::RequestTokenError::ServerResponse(error)),
            ),
        )
    }

    fn revocation(&self, token: &secret::RefreshToken) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token.expose())
            .append_pair("token_type_hint", "refresh_token")
            .append_pair("client_id", &self.client_id);
        if let Some(secret) = &self.client_secret {
            form.append_pair("client_secret", secret.expose());
        }
        form.finish()
    }
}

fn post(url: &Url, form: String) -> HttpRequest {
    let mut request = HttpRequest::new(form.into_bytes());
    *request.method_mut() = oauth2::http::Method::POST;
    *request.uri_mut() = url.as_str().parse().unwrap_or_default();
    let form = oauth2::http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request
        .headers_mut()
        .insert(oauth2::http::header::CONTENT_TYPE, form);
    request
}
