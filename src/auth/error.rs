//! What can go wrong, one type per operation.
//!
//! An error says what happened and what to do about it. None of them can hold a password, a token
//! or a code: the texts come from this crate, or from a provider that promises the same.

use std::io;

use serde::{Deserialize, Serialize};
use strum::Display;
use thiserror::Error;

/// [`AuthClient::sign_up`](super::AuthClient::sign_up) failed. Nothing was published.
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
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A session is open: sign out first.
    #[error("somebody is signed in already: sign out first")]
    AlreadySignedIn,
    /// The provider refused, or was not reached.
    #[error("not signed in: {0}")]
    Provider(ProviderError),
    /// The session could not be stored, so it was given up.
    #[error("not signed in: {0}")]
    Store(StoreError),
    /// A sign-out, or another sign-in, came in between.
    #[error("not signed in: a sign-out or another sign-in began meanwhile")]
    Superseded,
}

/// [`AuthClient::confirm_sign_in`](super::AuthClient::confirm_sign_in) failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmSignInError {
    /// The input could not be right, and nothing was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No sign-in waits for an answer: begin one with `sign_in`.
    #[error("no sign-in waits for an answer: begin one with `sign_in`")]
    NoChallenge,
    /// The challenge asks for an answer of another kind. It is still open.
    #[error("the open challenge asks for another kind of answer: look at the challenge again")]
    UnfittingAnswer,
    /// The provider refused, or was not reached. The challenge is still open.
    #[error("the answer was not accepted: {0}")]
    Provider(ProviderError),
    /// The session could not be stored, so it was given up.
    #[error("not signed in: {0}")]
    Store(StoreError),
    /// A sign-out, or another sign-in, came in between.
    #[error("not signed in: a sign-out or another sign-in began meanwhile")]
    Superseded,
}

/// [`AuthClient::session`](super::AuthClient::session) has no session to give, though nobody signed
/// out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The provider has ended the session, and it has been removed: sign in again.
    #[error("the session has ended, sign in again: {0}")]
    Ended(ProviderError),
    /// The provider was not reached. The session is kept: try again later.
    #[error("the session is kept but could not be refreshed, try again later: {0}")]
    Unreachable(ProviderError),
    /// The tokens have expired, or new ones were forced, and there is nothing to refresh them with:
    /// sign in again.
    #[error("the tokens cannot be renewed, there is no refresh token: sign in again")]
    NoRefreshToken,
    /// The token store failed. What could not be written is kept in memory and written by the next
    /// call.
    #[error(transparent)]
    Store(StoreError),
}

/// [`AuthClient::current_user`](super::AuthClient::current_user) could not find out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CurrentUserError {
    /// The token store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// [`AuthClient::sign_out`](super::AuthClient::sign_out) failed: the user is still signed in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignOutError {
    /// The session could not be removed from the token store: try again.
    #[error("still signed in, try again: {0}")]
    Store(StoreError),
}

/// [`AuthClient::delete_user`](super::AuthClient::delete_user) failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeleteUserError {
    /// Nobody is signed in: sign in as the user to delete.
    #[error("nobody is signed in: sign in as the user to delete")]
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

/// Input that cannot be right. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// Nothing was entered.
    #[error("the {0} is empty: ask the user for it")]
    Empty(Field),
    /// More was entered than any provider takes.
    #[error("the {0} is longer than {MAX_INPUT_BYTES} bytes: ask the user for a shorter one")]
    TooLong(Field),
}

/// The longest user name, password, code or answer that is sent on: 1,024 bytes.
pub const MAX_INPUT_BYTES: usize = 1024;

/// What a user enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Field {
    /// The user name.
    #[strum(serialize = "user name")]
    Username,
    /// The password, or the new password.
    Password,
    /// A code.
    Code,
    /// The answer to a custom challenge.
    Answer,
}

/// What an identity provider says when it does not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} ({name})")]
pub struct ProviderError {
    /// What the failure means for the session.
    pub kind: ProviderErrorKind,
    /// The provider's own name of the error, such as `NotAuthorizedException` or `invalid_grant`.
    pub name: String,
    /// The provider's own words. They carry no secret: the provider sees to it.
    pub message: String,
}

impl ProviderError {
    /// An error of this kind, under the provider's own name for it and in its own words.
    ///
    /// The message is shown to people and travels on the hub, so it must carry no secret.
    #[must_use]
    pub fn new(
        kind: ProviderErrorKind,
        name: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            message: message.into(),
        }
    }
}

/// What a provider's failure means. It decides about a session only when the session was to be
/// refreshed: a failed sign-in, revocation or deletion ends none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display)]
pub enum ProviderErrorKind {
    /// Refused as not authorised. Of a refresh: the session is over, as if the user had signed out.
    NotAuthorized,
    /// Refused for another reason: a token revoked or used twice, a user who is gone, not
    /// confirmed, or must reset the password. Of a refresh: the session is over, and that is an
    /// error.
    Rejected,
    /// Not reached, throttled, or out of order (network, 429, 5xx). Of a refresh: the session is
    /// kept.
    InTransit,
}

/// What a token store says when it does not do as asked.
///
/// It tells the kind of the failure and no more, so that nothing of what was being stored can get
/// into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Reading failed.
    #[error("the token store cannot be read: {0}")]
    Read(io::ErrorKind),
    /// Writing, or removing, failed.
    #[error("the token store cannot be written: {0}")]
    Write(io::ErrorKind),
    /// A write that succeeded cannot be read back.
    #[error("the token store does not give back what was written to it")]
    NotReadBack,
}

/// A failure as an event tells it: a name for programs, a message for people, and no secret.
///
/// On the wire: `{"name":"…","message":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message} ({name})")]
pub struct AuthFailure {
    /// The name of the error: the provider's own where it is the provider's.
    pub name: String,
    /// What happened, in words.
    pub message: String,
}

impl From<&ProviderError> for AuthFailure {
    fn from(error: &ProviderError) -> Self {
        Self {
            name: error.name.clone(),
            message: error.message.clone(),
        }
    }
}
