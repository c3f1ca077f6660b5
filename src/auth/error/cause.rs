//! What is behind a failure: the input, the provider, the store.

use std::io;

use serde::{Deserialize, Serialize};
use strum::Display;
use thiserror::Error;

/// Input that cannot be right. Nothing was sent.
///
/// ```
/// use typed_hub::auth::{Field, InputError};
///
/// let error = InputError::TooLong(Field::Code);
/// assert!(error.to_string().starts_with("the code is longer than 1024 bytes"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// Nothing was entered.
    #[error("the {0} is empty: ask the user for it")]
    Empty(Field),
    /// More was entered than any provider takes.
    #[error("the {0} is longer than {longest} bytes: ask the user for a shorter one", longest = .0.longest())]
    TooLong(Field),
}

/// The longest user name, password, code or custom state that is sent on: 1,024 bytes.
///
/// ```
/// let typed = "correct horse battery staple";
/// assert!(typed.len() <= typed_hub::auth::MAX_INPUT_BYTES);
/// ```
pub const MAX_INPUT_BYTES: usize = 1024;

/// The longest answer to a custom challenge that is sent on: 131,072 bytes. An application may have
/// a device answer, with a signature, say, where a user would enter a word.
///
/// ```
/// assert!(typed_hub::auth::MAX_ANSWER_BYTES > typed_hub::auth::MAX_INPUT_BYTES);
/// ```
pub const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// What a user enters.
///
/// ```
/// assert_eq!(typed_hub::auth::Field::Username.to_string(), "user name");
/// ```
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
    /// What a sign-in by redirect is to carry.
    #[strum(serialize = "custom state")]
    CustomState,
}

impl Field {
    /// The longest that is sent on, in bytes.
    ///
    /// ```
    /// use typed_hub::auth::{Field, MAX_ANSWER_BYTES, MAX_INPUT_BYTES};
    ///
    /// assert_eq!(Field::Username.longest(), MAX_INPUT_BYTES);
    /// assert_eq!(Field::Answer.longest(), MAX_ANSWER_BYTES);
    /// ```
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Answer => MAX_ANSWER_BYTES,
            Self::Username | Self::Password | Self::Code | Self::CustomState => MAX_INPUT_BYTES,
        }
    }
}

/// What an identity provider says when it does not do as asked.
///
/// ```
/// use typed_hub::auth::{ProviderError, ProviderErrorKind};
///
/// let error = ProviderError::new(ProviderErrorKind::Rejected, "invalid_grant", "it was revoked");
/// assert_eq!(error.to_string(), "it was revoked (invalid_grant)");
/// ```
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
///
/// ```
/// use typed_hub::auth::ProviderErrorKind;
///
/// /// What an HTTP status says of a refresh.
/// fn kind_of(status: u16) -> ProviderErrorKind {
///     match status {
///         401 => ProviderErrorKind::NotAuthorized,
///         429 | 500.. => ProviderErrorKind::InTransit,
///         _ => ProviderErrorKind::Rejected,
///     }
/// }
/// assert_eq!(kind_of(503), ProviderErrorKind::InTransit);
/// ```
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
///
/// ```
/// use std::{fs, io};
/// use typed_hub::auth::StoreError;
///
/// let read = |path| fs::read(path).map_err(|error| StoreError::Read(error.kind()));
/// assert_eq!(read("no such file"), Err(StoreError::Read(io::ErrorKind::NotFound)));
/// ```
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
///
/// ```
/// use typed_hub::auth::{AuthFailure, ProviderError, ProviderErrorKind};
///
/// let kind = ProviderErrorKind::InTransit;
/// let failure = AuthFailure::from(&ProviderError::new(kind, "TimedOut", "no answer in 30 s"));
/// assert_eq!(failure.name, "TimedOut");
/// ```
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
