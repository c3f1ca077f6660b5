//! Errors, one type per operation.
//!
//! - this file: sign-up, sign-in, sign-out, and the session
//! - `new_client`: making a client
//! - `redirect`: sign-in by redirect
//! - `cause`: the causes: the input, the provider, the store
//!
//! An error says what happened and what to do about it. No error holds a password, a token or a
//! code: the texts come from this crate, or from a provider that guarantees the same.

mod cause;
mod new_client;
mod redirect;

use thiserror::Error;

pub use self::cause::{
    AuthFailure, Field, InputError, MAX_ANSWER_BYTES, MAX_INPUT_BYTES, ProviderError,
    ProviderErrorKind, StoreError,
};
pub use self::new_client::NewClientError;
pub use self::redirect::RedirectError;

/// [`AuthClient::sign_up`](super::AuthClient::sign_up) failed. Nothing was published.
///
/// ```
/// use typed_hub::auth::{Field, InputError, SignUpError};
///
/// let error = SignUpError::from(InputError::Empty(Field::Password));
/// assert_eq!(error.to_string(), "the password is empty: ask the user for it");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignUpError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The provider refused, or was not reached.
    #[error("not signed up: {0}")]
    Provider(ProviderError),
}

/// [`AuthClient::confirm_sign_up`](super::AuthClient::confirm_sign_up) failed. Nothing was
/// published.
///
/// ```
/// use typed_hub::auth::{ConfirmSignUpError, Field, InputError};
///
/// let error = ConfirmSignUpError::from(InputError::Empty(Field::Code));
/// assert_eq!(error.to_string(), "the code is empty: ask the user for it");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmSignUpError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The provider refused, or was not reached.
    #[error("sign-up not confirmed: {0}")]
    Provider(ProviderError),
}

/// [`AuthClient::reset_password`](super::AuthClient::reset_password) or
/// [`confirm_reset_password`](super::AuthClient::confirm_reset_password) failed. Nothing was
/// published.
///
/// ```
/// use typed_hub::auth::{Field, InputError, ResetPasswordError};
///
/// let error = ResetPasswordError::from(InputError::Empty(Field::Username));
/// assert_eq!(error.to_string(), "the user name is empty: ask the user for it");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResetPasswordError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The provider refused, or was not reached.
    #[error("the password was not reset: {0}")]
    Provider(ProviderError),
}

/// [`AuthClient::sign_in`](super::AuthClient::sign_in) failed.
///
/// ```
/// use typed_hub::auth::{ProviderErrorKind, SignInError};
///
/// /// What to show under a sign-in form.
/// fn hint(error: &SignInError) -> &str {
///     match error {
///         SignInError::Provider(error) if error.kind == ProviderErrorKind::InTransit => "offline?",
///         SignInError::Provider(_) => "wrong user name or password",
///         SignInError::AlreadySignedIn => "sign out first",
///         _ => "try again",
///     }
/// }
/// assert_eq!(hint(&SignInError::AlreadySignedIn), "sign out first");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A user is signed in already: sign out first.
    #[error("a user is signed in already: sign out first")]
    AlreadySignedIn,
    /// The provider refused, or was not reached.
    #[error("not signed in: {0}")]
    Provider(ProviderError),
    /// The session could not be stored, so it was rolled back.
    #[error("not signed in: {0}")]
    Store(StoreError),
    /// A sign-out or another sign-in has begun since.
    #[error("not signed in: a sign-out or another sign-in began meanwhile")]
    Superseded,
}

/// [`AuthClient::confirm_sign_in`](super::AuthClient::confirm_sign_in) failed.
///
/// ```
/// use typed_hub::auth::ConfirmSignInError;
///
/// /// Whether the same challenge can be answered again.
/// fn is_open(error: &ConfirmSignInError) -> bool {
///     use ConfirmSignInError::{Input, Provider, UnfittingAnswer};
///     matches!(error, Input(_) | Provider(_) | UnfittingAnswer)
/// }
/// assert!(!is_open(&ConfirmSignInError::Superseded));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmSignInError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No sign-in waits for an answer: begin one with `sign_in`.
    #[error("no sign-in waits for an answer: begin one with `sign_in`")]
    NoChallenge,
    /// The challenge asks for an answer of another kind, or does not offer this choice. It is still
    /// open.
    #[error("the open challenge does not take this answer: look at the challenge again")]
    UnfittingAnswer,
    /// Another client of the token store has signed in meanwhile: sign out first.
    #[error("a user has signed in already: sign out first")]
    AlreadySignedIn,
    /// The provider refused, or was not reached. The challenge is still open.
    #[error("the answer was not accepted: {0}")]
    Provider(ProviderError),
    /// The session could not be stored, so it was rolled back.
    #[error("not signed in: {0}")]
    Store(StoreError),
    /// A sign-out or another sign-in has begun since.
    #[error("not signed in: a sign-out or another sign-in began meanwhile")]
    Superseded,
}

/// [`AuthClient::session`](super::AuthClient::session) failed.
///
/// ```
/// use typed_hub::auth::SessionError;
///
/// /// Whether it is of use to try again.
/// fn is_passing(error: &SessionError) -> bool {
///     matches!(error, SessionError::Unreachable(_) | SessionError::Store(_))
/// }
/// assert!(!is_passing(&SessionError::NoRefreshToken));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The provider has ended the session, and it has been removed: sign in again.
    #[error("the session has ended, sign in again: {0}")]
    Ended(ProviderError),
    /// The provider was not reached. The session is kept: try again later.
    #[error("the session is kept but could not be refreshed, try again later: {0}")]
    Unreachable(ProviderError),
    /// The application is not set up as the provider asks. The session is kept: correct the
    /// options, or the registration at the provider. Trying again does not help.
    #[error("the session is kept, but this application must be set up differently: {0}")]
    Misconfigured(ProviderError),
    /// The tokens have expired, or a refresh was forced, and there is no refresh token: sign in
    /// again.
    #[error("the tokens cannot be renewed, there is no refresh token: sign in again")]
    NoRefreshToken,
    /// The token store failed. Tokens that could not be written are kept in memory, and the next
    /// call writes them.
    #[error(transparent)]
    Store(StoreError),
}

/// [`AuthClient::current_user`](super::AuthClient::current_user) failed.
///
/// ```
/// use std::io;
/// use typed_hub::auth::{CurrentUserError, StoreError};
///
/// let error = CurrentUserError::Store(StoreError::Read(io::ErrorKind::PermissionDenied));
/// assert_eq!(error.to_string(), "the token store cannot be read: permission denied");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CurrentUserError {
    /// The token store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// [`AuthClient::sign_out`](super::AuthClient::sign_out) failed: the user is still signed in.
///
/// ```
/// use typed_hub::auth::{SignOutError, StoreError};
///
/// let error = SignOutError::Store(StoreError::NotReadBack);
/// assert!(error.to_string().starts_with("still signed in, try again"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignOutError {
    /// The session could not be removed from the token store: try again.
    #[error("still signed in, try again: {0}")]
    Store(StoreError),
}

/// [`AuthClient::delete_user`](super::AuthClient::delete_user) failed.
///
/// ```
/// use typed_hub::auth::DeleteUserError;
///
/// /// Whether the user is still there.
/// fn remains(error: &DeleteUserError) -> bool {
///     !matches!(error, DeleteUserError::Store(_))
/// }
/// assert!(remains(&DeleteUserError::SignedOut));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeleteUserError {
    /// No user is signed in: sign in as the user to delete.
    #[error("no user is signed in: sign in as the user to delete")]
    SignedOut,
    /// The session had expired and could not be refreshed.
    #[error("the user was not deleted: {0}")]
    Session(SessionError),
    /// The provider refused, or was not reached. The user is still signed in.
    #[error("the user was not deleted: {0}")]
    Provider(ProviderError),
    /// The user is deleted, but the session could not be removed from the store: sign out.
    #[error("the user is deleted but still in the token store, sign out: {0}")]
    Store(StoreError),
}
