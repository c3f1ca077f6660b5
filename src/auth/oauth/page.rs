//! The address of the sign-in page, and the allowed redirect URIs.

use oauth2::{CsrfToken, RedirectUrl, Scope};
use url::Url;

use super::failure::rejected;
use super::http::is_loopback;
use super::{Endpoints, OAuth};
use crate::auth::error::ProviderError;
use crate::auth::provider::redirect::{AuthorizeRequest, AuthorizeUrl};

impl OAuth {
    pub(crate) fn authorize_url(
        &self,
        at: &Endpoints,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeUrl, ProviderError> {
        self.may_redirect_to(&request.redirect_uri)?;
        let scopes = if request.scopes.is_empty() {
            &self.scopes
        } else {
            &request.scopes
        };
        let mut named = scopes.iter().flat_map(|scope| scope.split_whitespace());
        if !named.any(|scope| scope == "openid") {
            return Err(rejected(
                "Scopes",
                "nobody can tell who signs in without the scope openid: add it",
            ));
        }
        let state = request.state.expose().to_owned();
        let client = self.client(at);
        let mut page = client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(scopes.iter().cloned().map(Scope::new))
            .set_redirect_uri(std::borrow::Cow::Owned(redirect_url(
                &request.redirect_uri,
            )?))
            .add_extra_param("code_challenge", &request.code_challenge)
            .add_extra_param("code_challenge_method", "S256")
            .add_extra_param("nonce", request.nonce.expose());
        for (name, value) in [
            ("identity_provider", &request.identity_provider),
            ("prompt", &request.prompt),
            ("login_hint", &request.login_hint),
            ("lang", &request.lang),
            ("ui_locales", &request.lang),
        ] {
            if let Some(value) = value {
                page = page.add_extra_param(name, value);
            }
        }
        let (url, _) = page.url();
        Ok(AuthorizeUrl::new(url.into()))
    }

    /// Checks that the URI is configured; a loopback address may have any port ([RFC 8252, section
    /// 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
    fn may_redirect_to(&self, uri: &str) -> Result<(), ProviderError> {
        let without_port = |uri: &str| {
            let mut url = Url::parse(uri).ok().filter(is_loopback)?;
            url.set_port(None).ok()?;
            Some(url)
        };
        let fits = |known: &String| {
            known == uri
                || without_port(known).is_some_and(|known| Some(known) == without_port(uri))
        };
        if self.redirect_uris.iter().any(fits) {
            return Ok(());
        }
        Err(rejected(
            "RedirectUri",
            "this redirect URI is not one of those configured",
        ))
    }
}

pub(super) fn redirect_url(uri: &str) -> Result<RedirectUrl, ProviderError> {
    RedirectUrl::new(uri.to_owned())
        .map_err(|_| rejected("RedirectUri", "this redirect URI is no URL"))
}
