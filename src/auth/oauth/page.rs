//! The address of the sign-in page, and the allowed redirect URIs.

use url::Url;

use super::failure::{misconfigured, sanitize};
use super::http::is_loopback;
use super::{Endpoints, OAuth};
use crate::auth::error::ProviderError;
use crate::auth::provider::redirect::{AuthorizeRequest, AuthorizeUrl};

/// The parameters that tie a callback to its request, and those by which another document could
/// replace them ([RFC 9101](https://www.rfc-editor.org/rfc/rfc9101)).
const OWN: [&str; 10] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_type",
    "scope",
    "state",
];

impl OAuth {
    pub(crate) fn authorize_url(
        &self,
        at: &Endpoints,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeUrl, ProviderError> {
        self.may_redirect_to(&request.redirect_uri)?;
        let own = &self.registration;
        let scopes = if request.scopes.is_empty() {
            own.scopes.join(" ")
        } else {
            request.scopes.join(" ")
        };
        if !scopes.split_whitespace().any(|scope| scope == "openid") {
            return Err(misconfigured(
                "Scopes",
                "without the scope openid, the provider does not say who signs in: add it",
            ));
        }
        let mut further = own.authorize_params.iter();
        if let Some((name, _)) = further.find(|(name, _)| OWN.contains(&&**name)) {
            return Err(misconfigured(
                "AuthorizeParams",
                &format!(
                    "the parameter {:?} is set by this crate: remove it",
                    sanitize(name)
                ),
            ));
        }
        let asked = [
            ("identity_provider", &request.identity_provider),
            ("prompt", &request.prompt),
            ("login_hint", &request.login_hint),
            ("lang", &request.lang),
            ("ui_locales", &request.lang),
        ];
        let asked = asked.map(|(name, value)| (name, value.as_deref()));
        let is_asked = |of: &str| {
            asked
                .iter()
                .any(|(name, value)| *name == of && value.is_some())
        };
        let mut page = at.authorize.clone();
        page.set_fragment(None);
        {
            let mut query = page.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &own.client_id)
                .append_pair("redirect_uri", &request.redirect_uri)
                .append_pair("scope", &scopes)
                .append_pair("state", request.state.expose())
                .append_pair("nonce", request.nonce.expose())
                .append_pair("code_challenge", &request.code_challenge)
                .append_pair("code_challenge_method", "S256");
            for (name, value) in asked {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            for (name, value) in &own.authorize_params {
                if !is_asked(name) {
                    query.append_pair(name, value);
                }
            }
        }
        Ok(AuthorizeUrl::new(page.into()))
    }

    /// Checks that the URI is configured; a loopback address may have any port ([RFC 8252, section
    /// 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
    fn may_redirect_to(&self, uri: &str) -> Result<(), ProviderError> {
        if Url::parse(uri).is_err() {
            return Err(redirect_uri("is no URL", uri));
        }
        let without_port = |uri: &str| {
            let mut url = Url::parse(uri).ok().filter(is_loopback)?;
            url.set_port(None).ok()?;
            Some(url)
        };
        let fits = |known: &String| {
            known == uri
                || without_port(known).is_some_and(|known| Some(known) == without_port(uri))
        };
        if self.registration.redirect_uris.iter().any(fits) {
            return Ok(());
        }
        Err(redirect_uri("is not one of those configured", uri))
    }
}

fn redirect_uri(why: &str, uri: &str) -> ProviderError {
    let message = format!("the redirect URI {:?} {why}", sanitize(uri));
    misconfigured("RedirectUri", &message)
}
