//! The pool's sign-in page, without a browser.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};
use url::Url;

use super::MemoryProvider;
use super::fault::Operation;
use super::pool::{Pool, not_authorized, rejected};
use crate::auth::error::ProviderError;
use crate::auth::provider::redirect::{
    AuthorizeRequest, AuthorizeUrl, RedirectGrant, RedirectProvider,
};
use crate::auth::provider::{SignInReply, SignInRequest};
use crate::auth::secret::{AuthorizationCode, Password};
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

/// The issuer that callbacks name.
const ISSUER: &str = "memory://pool";

/// A code of a user who has signed in on the page, not yet exchanged.
pub(super) struct PendingCode {
    code: AuthorizationCode,
    redirect_uri: String,
    code_challenge: String,
    user: AuthUser,
    tokens: IssuedTokens,
}

impl MemoryProvider {
    /// Acts as a user in a browser: opens the page, signs in, and returns the callback URL. Users
    /// with challenges cannot sign in this way.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] if the user cannot sign in, and so stays on the page.
    pub fn visit(
        &self,
        page: &AuthorizeUrl,
        username: &str,
        password: impl Into<Password>,
    ) -> Result<String, ProviderError> {
        let page = parse(page.as_str())?;
        let request = SignInRequest::builder().username(username);
        let request = request.password(password).build();
        let now = self.clock.now();
        let pool = &mut self.state().pool;
        match pool.sign_in(&request, self.policy, now)? {
            SignInReply::Challenged(_) => Err(rejected(
                "UnsupportedChallenge",
                "this page asks for a password and nothing else",
            )),
            SignInReply::SignedIn { user, tokens } => {
                let code = AuthorizationCode::from(pool.grants.secret("code"));
                let callback = callback(&page, &[("code", code.expose()), ("iss", ISSUER)])?;
                pool.pending_codes.push(PendingCode {
                    code,
                    redirect_uri: parameter(&page, "redirect_uri"),
                    code_challenge: parameter(&page, "code_challenge"),
                    user,
                    tokens,
                });
                Ok(callback)
            }
        }
    }

    /// Acts as a user who declines, and returns the callback URL, which says so.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] if the page is not of this pool.
    pub fn decline(&self, page: &AuthorizeUrl) -> Result<String, ProviderError> {
        let error = [
            ("error", "access_denied"),
            ("error_description", "the user declined"),
            ("iss", ISSUER),
        ];
        callback(&parse(page.as_str())?, &error)
    }
}

impl RedirectProvider for MemoryProvider {
    async fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeUrl, ProviderError> {
        self.call(Operation::AuthorizeUrl, |_, _| {
            parse(&request.redirect_uri)?;
            let mut page = parse("memory://pool/sign-in")?;
            page.query_pairs_mut()
                .append_pair("redirect_uri", &request.redirect_uri)
                .append_pair("state", request.state.expose())
                .append_pair("nonce", request.nonce.expose())
                .append_pair("code_challenge", &request.code_challenge);
            Ok(AuthorizeUrl::new(page.into()))
        })
        .await
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        issuer == ISSUER
    }

    async fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        if grant.issuer.as_deref().is_some_and(|iss| iss != ISSUER) {
            return Err(rejected(
                "IssuerMismatch",
                "another provider has issued the code",
            ));
        }
        self.call(Operation::Exchange, |pool, _| pool.exchange(grant))
            .await
    }
}

impl Pool {
    fn exchange(
        &mut self,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let position = self
            .pending_codes
            .iter()
            .position(|pending| pending.code == grant.code)
            .ok_or_else(|| not_authorized("there is no such code, or not any more"))?;
        let pending = self.pending_codes.swap_remove(position);
        let challenge = BASE64.encode(Sha256::digest(grant.verifier.expose()));
        if pending.code_challenge != challenge || pending.redirect_uri != grant.redirect_uri {
            return Err(not_authorized("somebody else has asked for this code"));
        }
        Ok((pending.user, pending.tokens))
    }
}

fn callback(page: &Url, parameters: &[(&str, &str)]) -> Result<String, ProviderError> {
    let mut url = parse(&parameter(page, "redirect_uri"))?;
    url.query_pairs_mut()
        .extend_pairs(parameters)
        .append_pair("state", &parameter(page, "state"));
    Ok(url.into())
}

fn parameter(page: &Url, name: &str) -> String {
    let value = page.query_pairs().find(|(key, _)| key == name);
    value.map_or_else(String::new, |(_, value)| value.into_owned())
}

fn parse(url: &str) -> Result<Url, ProviderError> {
    Url::parse(url).map_err(|_| rejected("InvalidUrl", "a page or a redirect URI is no URL"))
}
