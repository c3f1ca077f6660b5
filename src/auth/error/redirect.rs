//! Sign-in by redirect.

use thiserror::Error;

use super::{AuthFailure, InputError, ProviderError, StoreError};

/// A sign-in by redirect failed.
///
/// ```
/// use typed_hub::auth::RedirectError;
///
/// /// Whether to go on waiting for the user.
/// fn is_under_way(error: &RedirectError) -> bool {
///     matches!(error, RedirectError::NotTheCallback)
/// }
/// assert!(!is_under_way(&RedirectError::StateMismatch));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A user is signed in already: sign out first.
    #[error("a user is signed in already: sign out first")]
    AlreadySignedIn,
    /// No sign-in by redirect is in progress, or no longer. Nothing was published.
    #[error("no sign-in by redirect is under way: begin one with `sign_in_with_redirect`")]
    NothingUnderWay,
    /// The URL is not the redirect URI of the sign-in in progress, which goes on. Nothing was
    /// published.
    #[error(
        "this is not the redirect URI of the sign-in under way: hand in the callback as it came"
    )]
    NotTheCallback,
    /// The callback lacks its code or its state, or has one of them twice.
    #[error("the callback has no code, no state, or one of them twice: begin again")]
    Incomplete,
    /// The callback carries another state: it answers another request, or was forged. Its code was
    /// not sent.
    #[error("the callback carries another state, so it may be forged: begin again")]
    StateMismatch,
    /// The callback carries an error of the provider, for example because the user declined.
    #[error("not signed in: {0}")]
    Declined(AuthFailure),
    /// The provider refused the code, was not reached, or did not identify the user.
    #[error("not signed in: {0}")]
    Provider(ProviderError),
    /// The token store failed.
    #[error("not signed in: {0}")]
    Store(StoreError),
    /// The sign-in page could not be opened.
    #[error("the sign-in page could not be opened: show the user its address, or begin again")]
    NotOpened,
    /// The sign-in was cancelled.
    #[error("the sign-in was cancelled: begin again")]
    Cancelled,
    /// The user did not come back in time.
    #[error("the user did not come back from the sign-in page in time: begin again")]
    TimedOut,
    /// A sign-out or another sign-in has begun since.
    #[error("not signed in: a sign-out or another sign-in began meanwhile")]
    Superseded,
}

impl From<&RedirectError> for AuthFailure {
    fn from(error: &RedirectError) -> Self {
        if let RedirectError::Provider(error) = error {
            let failure = Self::from(error);
            if failure.name == Self::NETWORK_ERROR {
                return failure;
            }
        }
        Self {
            name: "OAuthSignInException".to_owned(),
            message: error.to_string(),
        }
    }
}
