//! The traits that an identity provider implements.
//!
//! - [`IdentityProvider`]: the calls for an open session
//! - [`UserPool`]: sign-in and sign-up by password
//! - `refresh`: the error of a refresh
//! - `redirect`: sign-in by redirect
//! - `callback`: the URL that the browser comes back with
//! - `sign_in`: a sign-in with a user pool, and the replies to it
//! - `challenge`: what a provider may ask for during a sign-in

#[cfg(feature = "redirect")]
pub(super) mod callback;
pub(super) mod challenge;
pub(super) mod redirect;
pub(super) mod refresh;
mod sign_in;

use std::collections::BTreeMap;
use std::future::ready;

pub use self::sign_in::{SignInReply, SignInRequest};

use self::challenge::{Answer, OpenChallenge};
use self::redirect::LogoutUrl;
use self::refresh::RefreshError;
use super::error::{ProviderError, ProviderErrorKind};
use super::secret::{AccessToken, Code, IdToken, Password, RefreshToken};
use super::send::{MaybeSend, MaybeSync};
use super::tokens::IssuedTokens;
use super::user::AuthUser;

/// Attributes of a user, by the provider's names: `email`, `phone_number`, …
pub type Attributes = BTreeMap<String, String>;

/// A service that issues tokens. Every provider implements these calls for an open session.
///
/// A session begins by another trait: [`UserPool`] for a provider that takes passwords,
/// [`RedirectProvider`](super::RedirectProvider) for one with its own sign-in page.
///
/// For implementers:
///
/// - The future of any method may be dropped at any time. The client sets no time limit: the
///   provider does.
/// - Methods are called from several threads, but [`refresh`](Self::refresh) only once at a time
///   per session.
/// - [`ProviderErrorKind`] decides whether a session ends. If it is
///   unknown whether a request arrived, return [`InTransit`](super::ProviderErrorKind::InTransit):
///   it ends no session.
/// - A refresh token that an answer has replaced is not lost, even if the answer cannot be used: see
///   [`RefreshError`].
/// - No name and no message of an error may carry a password, a token or a code.
pub trait IdentityProvider: MaybeSend + MaybeSync + 'static {
    /// Issues new tokens, and only of this user.
    fn refresh(
        &self,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> impl Future<Output = Result<IssuedTokens, RefreshError>> + MaybeSend;

    /// Ends the session of this refresh token
    /// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    fn revoke(
        &self,
        token: &RefreshToken,
    ) -> impl Future<Output = Result<(), ProviderError>> + MaybeSend;

    /// Ends all sessions of the user, on every device.
    fn sign_out_everywhere(
        &self,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), ProviderError>> + MaybeSend;

    /// The page on which a browser ends its own session with the provider, after a sign-out from a
    /// session that began by redirect. The default is `None`: the provider has no such page.
    fn logout_url(
        &self,
        _id: Option<&IdToken>,
    ) -> impl Future<Output = Option<LogoutUrl>> + MaybeSend {
        ready(None)
    }
}

/// A provider that manages users and takes their passwords.
///
/// A provider with one user, whose session lasts an hour and cannot be refreshed:
///
/// ```
/// use std::time::Duration;
/// use typed_hub::Hub;
/// use typed_hub::auth::{
///     AccessToken, Answer, Attributes, AuthClient, AuthUser, Code, IdentityProvider,
///     IssuedTokens, Lasting, OpenChallenge, Password, ProviderError, ProviderErrorKind,
///     RefreshError, RefreshToken, SignInReply, SignUpStep, UserPool,
/// };
///
/// struct OnlyAda;
///
/// fn refused() -> ProviderError {
///     ProviderError::new(ProviderErrorKind::NotAuthorized, "Refused", "there is only Ada")
/// }
///
/// impl IdentityProvider for OnlyAda {
///     async fn refresh(
///         &self,
///         _: &AuthUser,
///         _: &RefreshToken,
///     ) -> Result<IssuedTokens, RefreshError> {
///         Err(refused().into())
///     }
///
///     async fn revoke(&self, _: &RefreshToken) -> Result<(), ProviderError> {
///         Ok(())
///     }
///
///     async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
///         Ok(())
///     }
/// }
///
/// impl UserPool for OnlyAda {
///     async fn sign_in(
///         &self,
///         name: &str,
///         with: Option<&Password>,
///     ) -> Result<SignInReply, ProviderError> {
///         if (name, with.map(Password::expose)) != ("ada", Some("correct horse")) {
///             return Err(refused());
///         }
///         Ok(SignInReply::SignedIn {
///             user: AuthUser::new(name, "1"),
///             tokens: IssuedTokens {
///                 access: Lasting { token: "…".into(), lifetime: Duration::from_secs(60 * 60) },
///                 id: None,
///                 refresh: None,
///             },
///         })
///     }
///
///     // All other calls are refused.
///     # async fn sign_up(
///     #     &self,
///     #     _: &str,
///     #     _: &Password,
///     #     _: &Attributes,
///     # ) -> Result<SignUpStep, ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn confirm_sign_up(&self, _: &str, _: &Code) -> Result<(), ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn answer(&self, _: &OpenChallenge, _: &Answer) -> Result<SignInReply, ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn resend_sign_up_code(&self, _: &str) -> Result<SignUpStep, ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn reset_password(&self, _: &str) -> Result<Option<String>, ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn confirm_reset_password(
///     #     &self,
///     #     _: &str,
///     #     _: &Code,
///     #     _: &Password,
///     # ) -> Result<(), ProviderError> {
///     #     Err(refused())
///     # }
///     # async fn delete_user(&self, _: &AccessToken) -> Result<(), ProviderError> {
///     #     Err(refused())
///     # }
/// }
///
/// # pollster::block_on(async {
/// let client = AuthClient::new(Hub::new(), OnlyAda)?;
/// assert!(client.sign_in("ada", "correct horse").await.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait UserPool: IdentityProvider {
    /// Creates a user.
    fn sign_up(
        &self,
        username: &str,
        password: &Password,
        attributes: &Attributes,
    ) -> impl Future<Output = Result<SignUpStep, ProviderError>> + MaybeSend;

    /// Confirms a new user by the code that was sent to them.
    fn confirm_sign_up(
        &self,
        username: &str,
        code: &Code,
    ) -> impl Future<Output = Result<(), ProviderError>> + MaybeSend;

    /// Sends a new user another code.
    fn resend_sign_up_code(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<SignUpStep, ProviderError>> + MaybeSend;

    /// Begins a sign-in. Without a password, the provider decides what to ask for.
    fn sign_in(
        &self,
        username: &str,
        password: Option<&Password>,
    ) -> impl Future<Output = Result<SignInReply, ProviderError>> + MaybeSend;

    /// Begins a sign-in with options. The default refuses a request that
    /// [has any](SignInRequest::has_options): a provider that ignored the flow could send a password
    /// that was not to be sent.
    fn sign_in_with(
        &self,
        request: &SignInRequest,
    ) -> impl Future<Output = Result<SignInReply, ProviderError>> + MaybeSend {
        async {
            if request.has_options() {
                return Err(ProviderError::new(
                    ProviderErrorKind::Misconfigured,
                    "Unsupported",
                    "this provider takes no options of a sign-in",
                ));
            }
            self.sign_in(&request.username, request.password.as_ref())
                .await
        }
    }

    /// Answers a challenge, with an answer that the challenge [takes](challenge::Challenge::takes).
    /// After an error, the same challenge may be answered again.
    fn answer(
        &self,
        challenge: &OpenChallenge,
        answer: &Answer,
    ) -> impl Future<Output = Result<SignInReply, ProviderError>> + MaybeSend;

    /// Sends a code to a user who has forgotten the password. Returns the destination, if the
    /// provider tells it.
    fn reset_password(
        &self,
        username: &str,
    ) -> impl Future<Output = Result<Option<String>, ProviderError>> + MaybeSend;

    /// Replaces a forgotten password.
    fn confirm_reset_password(
        &self,
        username: &str,
        code: &Code,
        password: &Password,
    ) -> impl Future<Output = Result<(), ProviderError>> + MaybeSend;

    /// Deletes the user.
    fn delete_user(
        &self,
        token: &AccessToken,
    ) -> impl Future<Output = Result<(), ProviderError>> + MaybeSend;
}

/// The next step of a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignUpStep {
    /// The user can sign in.
    Done,
    /// A code was sent to the user. Pass it to
    /// [`confirm_sign_up`](super::AuthClient::confirm_sign_up).
    Confirm {
        /// Where the code was sent to, if the provider tells it: `a***@example.org`.
        destination: Option<String>,
    },
}
