//! The options of a sign-in by redirect.

use typed_builder::TypedBuilder;

use crate::auth::secret::Nonce;

/// The options of a sign-in by redirect.
///
/// ```
/// use typed_hub::auth::redirect::RedirectOptions;
///
/// let options = RedirectOptions::builder()
///     .redirect_uri("org.example.app://signed-in")
///     .custom_state("/cart?step=2")
///     .scopes(["openid", "email"])
///     .build();
/// ```
#[derive(Clone, Debug, TypedBuilder)]
#[builder(builder_type(doc = "Options of a sign-in by redirect."))]
#[builder(field_defaults(default, setter(transform = |text: impl Into<String>| Some(text.into()))))]
pub struct RedirectOptions {
    /// The URI that the browser comes back to: one of those configured at the provider.
    #[builder(!default, setter(transform = |uri: impl Into<String>| uri.into()))]
    pub(crate) redirect_uri: String,
    /// Custom state: any text, up to 1,024 bytes, that comes back with
    /// `AuthEvent::CustomOAuthState`; an empty text counts as none. The provider sees it, so it must not be secret.
    pub(crate) custom_state: Option<String>,
    /// The scopes of the tokens; unless set, the provider's default.
    #[builder(setter(transform = |scopes: impl IntoIterator<Item: Into<String>>| {
        scopes.into_iter().map(Into::into).collect()
    }))]
    pub(crate) scopes: Vec<String>,
    /// The identity provider to use, of those behind this provider. Skips the page of choices.
    pub(crate) identity_provider: Option<String>,
    /// Whether to ask for a sign-in, consent or an account even if none is needed: `login`,
    /// `consent`, `select_account`, `none` ([OpenID Connect Core, section
    /// 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
    pub(crate) prompt: Option<String>,
    /// The user who is likely to sign in.
    pub(crate) login_hint: Option<String>,
    /// The nonce that the id token must carry, if another party has chosen it; unless set, a random
    /// value.
    #[builder(setter(transform = |nonce: impl Into<Nonce>| Some(nonce.into())))]
    pub(crate) nonce: Option<Nonce>,
    /// The language of the page.
    pub(crate) lang: Option<String>,
}
