//! Signing in by redirect: the user signs in on a page of the provider's, in a browser.
//!
//! The authorisation code flow with PKCE: [RFC 6749](https://www.rfc-editor.org/rfc/rfc6749),
//! [7636](https://www.rfc-editor.org/rfc/rfc7636), [8252](https://www.rfc-editor.org/rfc/rfc8252)
//! and [9207](https://www.rfc-editor.org/rfc/rfc9207).

use std::fmt;

use super::IdentityProvider;
use crate::auth::error::ProviderError;
use crate::auth::secret::{AuthorizationCode, CodeVerifier, Nonce, RedirectState};
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

/// A provider with a page of its own to sign in on.
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
    /// The address of that page, with all the parameters of this request.
    ///
    /// Refuses a redirect URI that is not configured.
    fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> impl Future<Output = Result<AuthorizeUrl, ProviderError>> + Send;

    /// Whether this is the provider's own issuer identifier, where a callback names one (`iss`,
    /// [RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)). Nothing that another has sent is
    /// believed. Any is taken for its own, unless implemented.
    fn is_issuer(&self, _issuer: &str) -> bool {
        true
    }

    /// Trades the code that the browser has brought for tokens, and says whose they are.
    ///
    /// Refuses, before the code is sent, an [`issuer`](RedirectGrant::issuer) that is not its own;
    /// and afterwards an id token that does not verify, or does not carry the nonce.
    fn exchange(
        &self,
        grant: &RedirectGrant,
    ) -> impl Future<Output = Result<(AuthUser, IssuedTokens), ProviderError>> + Send;
}

/// What the address of a sign-in page is to carry.
///
/// ```
/// use typed_hub::auth::{AuthorizeRequest, AuthorizeUrl};
///
/// /// What a provider makes of it, in part.
/// fn page(request: &AuthorizeRequest) -> AuthorizeUrl {
///     let challenge = &request.code_challenge;
///     AuthorizeUrl::new(format!("https://id.example.org/authorize?code_challenge={challenge}"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizeRequest {
    /// Where the browser is to come back to.
    pub redirect_uri: String,
    /// What the callback must carry.
    pub state: RedirectState,
    /// What the id token must carry.
    pub nonce: Nonce,
    /// The SHA-256 of the code verifier, in base64url without padding: PKCE, method `S256`.
    pub code_challenge: String,
    /// What the tokens are to be good for; the provider's default when it is empty.
    pub scopes: Vec<String>,
    /// Which of the provider's own identity providers to go to.
    pub identity_provider: Option<String>,
    /// Whether to ask for a sign-in, consent or an account even where none is needed.
    pub prompt: Option<String>,
    /// Who is likely to sign in.
    pub login_hint: Option<String>,
    /// The language of the page.
    pub lang: Option<String>,
}

/// The address of a sign-in page, to be opened in a browser: once, by this user.
///
/// It carries the state, so it is not printed by `Debug`.
///
/// ```
/// use typed_hub::auth::AuthorizeUrl;
///
/// let page = AuthorizeUrl::new("https://id.example.org/authorize?state=s".into());
/// assert_eq!(format!("{page:?}"), "AuthorizeUrl(https://id.example.org/authorize?…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "nobody signs in until this is opened in a browser"]
pub struct AuthorizeUrl(String);

impl AuthorizeUrl {
    /// An address, for the use of a [`RedirectProvider`].
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
/// It may carry the id token, so it is not printed by `Debug`.
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
    /// An address, for the use of an [`IdentityProvider`].
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

/// What a code is traded with.
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
    /// The proof that whoever sends the code has also asked for it.
    pub verifier: CodeVerifier,
    /// What the id token must carry.
    pub nonce: Nonce,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// Who says they have issued the code (`iss`), if the callback says so.
    pub issuer: Option<String>,
}
