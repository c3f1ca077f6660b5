//! What an application chooses.

use typed_builder::TypedBuilder;

use crate::auth::secret::Nonce;

/// How to begin a sign-in by redirect.
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
    /// Where the browser is to come back to: one of those configured at the provider.
    #[builder(!default, setter(transform = |uri: impl Into<String>| uri.into()))]
    pub(crate) redirect_uri: String,
    /// What is to come back with the user: any text, up to 1,024 bytes. It comes with
    /// `AuthEvent::CustomOAuthState`. The provider sees it, so it must not be secret.
    pub(crate) custom_state: Option<String>,
    /// What the tokens are to be good for; unless set, the provider's own choice.
    #[builder(setter(transform = |scopes: impl IntoIterator<Item: Into<String>>| {
        scopes.into_iter().map(Into::into).collect()
    }))]
    pub(crate) scopes: Vec<String>,
    /// Which of the provider's own identity providers to go to, past its page of choices.
    pub(crate) identity_provider: Option<String>,
    /// Whether to ask for a sign-in, consent or an account even where none is needed: `login`,
    /// `consent`, `select_account`, `none`
    /// ([OpenID Connect Core, section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
    pub(crate) prompt: Option<String>,
    /// Who is likely to sign in.
    pub(crate) login_hint: Option<String>,
    /// What the id token must carry, where another party has chosen it; unless set, a random value.
    #[builder(setter(transform = |nonce: impl Into<Nonce>| Some(nonce.into())))]
    pub(crate) nonce: Option<Nonce>,
    /// The language of the page.
    pub(crate) lang: Option<String>,
}
