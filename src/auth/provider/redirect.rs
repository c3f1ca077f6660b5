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
pub trait RedirectProvider: IdentityProvider {
    /// The address of that page, with all the parameters of this request.
    ///
    /// Refuses a redirect URI that is not configured.
    fn authorize_url(
        &self,
        request: &AuthorizeRequest,
    ) -> impl Future<Output = Result<AuthorizeUrl, ProviderError>> + Send;

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
        let page = self.0.split_once('?').map_or(&*self.0, |(page, _)| page);
        f.debug_tuple("AuthorizeUrl")
            .field(&format_args!("{page}?…"))
            .finish()
    }
}

/// What a code is traded with.
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
