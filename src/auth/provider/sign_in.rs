//! A sign-in with a user pool, and the replies to it.

use typed_builder::TypedBuilder;

use super::Attributes;
use super::challenge::{FirstFactor, OpenChallenge};
use crate::auth::secret::Password;
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::{AuthFlowType, AuthUser};

/// A sign-in, and what it asks for besides the defaults of the provider: for
/// [`sign_in_with`](super::super::AuthClient::sign_in_with).
///
/// ```
/// use typed_hub::auth::{AuthFlowType, FirstFactor, SignInRequest};
///
/// let by_password = SignInRequest::builder()
///     .username("ada")
///     .password("correct horse")
///     .auth_flow(AuthFlowType::UserSrp)
///     .client_metadata([("tenant", "analytical-engines")])
///     .build();
/// let by_code = SignInRequest::builder()
///     .username("ada")
///     .auth_flow(AuthFlowType::User)
///     .preferred_factor(FirstFactor::EmailCode)
///     .build();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, TypedBuilder)]
#[builder(builder_type(doc = "The options of a [`SignInRequest`]."))]
#[non_exhaustive]
pub struct SignInRequest {
    /// The name that the user signs in with.
    #[builder(setter(into))]
    pub username: String,
    /// The password; unless set, the provider decides what to ask for.
    #[builder(
        default,
        setter(transform = |password: impl Into<Password>| Some(password.into()))
    )]
    pub password: Option<Password>,
    /// The way of signing in; unless set, that of the provider's own options.
    #[builder(default, setter(strip_option))]
    pub auth_flow: Option<AuthFlowType>,
    /// The first factor to ask for, with [`AuthFlowType::User`]; unless set, the password if there is
    /// one, and otherwise a factor of the user's choice.
    #[builder(default, setter(strip_option))]
    pub preferred_factor: Option<FirstFactor>,
    /// What the provider passes to the application's own code on its side, such as the Lambda
    /// functions of a Cognito user pool, with each request of this sign-in; unless set, nothing. It
    /// is not protected, so it must not carry secrets.
    #[builder(
        default,
        setter(transform = |metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>| {
            metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
        })
    )]
    pub client_metadata: Attributes,
}

impl SignInRequest {
    /// Whether it asks for anything besides the defaults of the provider.
    #[must_use]
    pub fn has_options(&self) -> bool {
        self.auth_flow.is_some()
            || self.preferred_factor.is_some()
            || !self.client_metadata.is_empty()
    }
}

/// The reply of a provider to a sign-in, or to the answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInReply {
    /// The user is signed in.
    SignedIn {
        /// The user, with the [details](AuthUser::sign_in_details) of this sign-in if the provider
        /// knows them.
        user: AuthUser,
        /// Their tokens.
        tokens: IssuedTokens,
    },
    /// The user has to answer this challenge first.
    Challenged(OpenChallenge),
}
