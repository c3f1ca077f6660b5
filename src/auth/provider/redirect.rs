//! Sign-in by redirect: the user signs in on the provider's page, in a browser.
//!
//! The authorisation code flow with PKCE: [RFC 6749](https://www.rfc-editor.org/rfc/rfc6749),
//! [7636](https://www.rfc-editor.org/rfc/rfc7636), [8252](https://www.rfc-editor.org/rfc/rfc8252)
//! and [9207](https://www.rfc-editor.org/rfc/rfc9207).

use std::fmt;

use super::IdentityProvider;
use crate::auth::error::ProviderError;
use crate::auth::secret::{AuthorizationCode, CodeVerifier, Nonce, RedirectState};
use crate::auth::send::MaybeSend;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

/// A provider with its own sign-in page.
///
/// The client makes the state, the nonce and the verifier, and compares the state; the provider
/// knows its endpoints.
///
/// ```
/// use typed_hub::auth::{AuthClient, AuthorizeUrl, RedirectProvider, TokenStore};
///
/// /// Anything that can be signed in with by redirect.
/// fn takes<P: RedirectProvider, S: TokenStore>(client: &AuthClient<P, S>) {}
/// ```
pub trait RedirectProvider: IdentityProvider {
    /// Returns the address of that page, with all parameters of this request.
    ///
    /// Refuses a redirect URI that is not configured.
    fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> impl Future<Output = Result<AuthorizeUrl, ProviderError>> + MaybeSend;

    /// Whether this is the provider's own issuer identifier, if a callback names one (`iss`, [RFC
    /// 9207](https://www.rfc-editor.org/rfc/rfc9207)). A callback of another issuer is rejected.
    /// The default accepts any issuer.
    fn is_issuer(&self, _issuer: &str) -> bool {
        true
    }

    /// Exchanges the code that the browser has brought for tokens, and identifies the user.
    ///
    /// Refuses an [`issuer`](RedirectGrant::issuer) that is not its own before it sends the code,
    /// and then an id token that does not verify, or does not carry the nonce.
    fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> impl Future<Output = Result<(AuthUser, IssuedTokens), ProviderError>> + MaybeSend;
}

/// The parameters of the address of a sign-in page.
///
/// ```
/// use typed_hub::auth::{AuthorizeRequest, AuthorizeUrl};
///
/// /// The address of the page, in part.
/// fn page(request: &AuthorizeRequest) -> AuthorizeUrl {
///     let challenge = &request.code_challenge;
///     AuthorizeUrl::new(format!("https://id.example.org/authorize?code_challenge={challenge}"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizeRequest {
    /// The URI that the browser comes back to.
    pub redirect_uri: String,
    /// The state that the callback must carry.
    pub state: RedirectState,
    /// The nonce that the id token must carry.
    pub nonce: Nonce,
    /// The SHA-256 of the code verifier, in base64url without padding: PKCE, method `S256`.
    pub code_challenge: String,
    /// The scopes of the tokens; if empty, the provider's default.
    pub scopes: Vec<String>,
    /// The identity provider to use, of those behind this provider.
    pub identity_provider: Option<String>,
    /// Whether to ask for a sign-in, consent or an account even if none is needed.
    pub prompt: Option<String>,
    /// The user who is likely to sign in.
    pub login_hint: Option<String>,
    /// The language of the page.
    pub lang: Option<String>,
}

/// The address of a sign-in page, to be opened in a browser once, by this user.
///
/// It carries the state, so `Debug` omits the query.
///
/// ```
/// use typed_hub::auth::AuthorizeUrl;
///
/// let page = AuthorizeUrl::new("https://id.example.org/authorize?state=s".into());
/// assert_eq!(format!("{page:?}"), "AuthorizeUrl(https://id.example.org/authorize?…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "the user signs in only when this is opened in a browser"]
pub struct AuthorizeUrl(String);

impl AuthorizeUrl {
    /// Makes an address, for implementations of [`RedirectProvider`].
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthorizeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        without_query("AuthorizeUrl", &self.0, f)
    }
}

/// The address of a page on which a browser ends its own session with the provider.
///
/// It may carry the id token, so `Debug` omits the query.
///
/// ```
/// use typed_hub::auth::LogoutUrl;
///
/// let page = LogoutUrl::new("https://id.example.org/end?id_token_hint=e".into());
/// assert_eq!(format!("{page:?}"), "LogoutUrl(https://id.example.org/end?…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutUrl(String);

impl LogoutUrl {
    /// Makes an address, for implementations of [`IdentityProvider`].
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// The address, to be opened in the browser in which the user has signed in. Do not print or
    /// log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LogoutUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        without_query("LogoutUrl", &self.0, f)
    }
}

fn without_query(name: &str, url: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (page, _) = url.split_once(['?', '#']).unwrap_or((url, ""));
    f.debug_tuple(name)
        .field(&format_args!("{page}?…"))
        .finish()
}

/// The code of a callback, and all that is needed to exchange it.
///
/// ```
/// use typed_hub::auth::RedirectGrant;
///
/// /// Whether the code may be sent to this provider.
/// fn may_send(grant: &RedirectGrant) -> bool {
///     grant.issuer.as_deref().is_none_or(|issuer| issuer == "https://id.example.org")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedirectGrant {
    /// The code.
    pub code: AuthorizationCode,
    /// The PKCE verifier: proves that the sender of the code has also requested it.
    pub verifier: CodeVerifier,
    /// The nonce that the id token must carry.
    pub nonce: Nonce,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// The issuer of the code (`iss`), if the callback names one.
    pub issuer: Option<String>,
}
