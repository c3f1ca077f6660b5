//! The causes of a failure: the input, the provider, the store.

use std::io;

use serde::{Deserialize, Serialize};
use strum::Display;
use thiserror::Error;

/// Invalid input. Nothing was sent.
///
/// ```
/// use typed_hub::auth::{Field, InputError};
///
/// let error = InputError::TooLong(Field::Code);
/// assert!(error.to_string().starts_with("the code is longer than 1024 bytes"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// The field is empty.
    #[error("the {0} is empty: ask the user for it")]
    Empty(Field),
    /// The field is longer than any provider accepts.
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

/// The longest answer to a custom challenge that is sent on: 131,072 bytes. A device may answer in
/// place of the user, for example with a signature.
///
/// ```
/// assert!(typed_hub::auth::MAX_ANSWER_BYTES > typed_hub::auth::MAX_INPUT_BYTES);
/// ```
pub const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// A field that a user enters.
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
    /// The answer to a custom challenge, or the credential of a passkey.
    Answer,
    /// An email address.
    #[strum(serialize = "email address")]
    Email,
    /// The custom state of a sign-in by redirect.
    #[strum(serialize = "custom state")]
    CustomState,
}

impl Field {
    /// The greatest length that is sent on, in bytes.
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
            Self::Username | Self::Password | Self::Code | Self::Email | Self::CustomState => {
                MAX_INPUT_BYTES
            }
        }
    }
}

/// An error of an identity provider.
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
    /// The provider's own message. It must carry no secret.
    pub message: String,
}

impl ProviderError {
    /// Makes an error of this kind, with the provider's own name and message.
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

/// The meaning of a provider's error. It can end a session only when a refresh fails: a failed
/// sign-in, revocation or deletion ends none.
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
    /// Refused as not authorised. If a refresh fails so, the session has ended, as if the user had
    /// signed out.
    NotAuthorized,
    /// Refused for another reason: a token that was revoked or used twice, or a user who is
    /// deleted, not confirmed, or must reset the password. If a refresh fails so, the session has
    /// ended, and that is an error.
    Rejected,
    /// Not reached, throttled, or unavailable (network, 429, 5xx). If a refresh fails so, the
    /// session is kept.
    InTransit,
    /// The application is not set up as the provider asks: an address, the client id or secret, a
    /// scope, or a feature that is not supported. If a refresh fails so, the session is kept, and
    /// trying again does not help.
    Misconfigured,
}

/// An error of a token store.
///
/// It holds only the kind of the failure, so that no stored secret can get into it.
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
    /// The lock was not had: another process holds it, or it cannot be opened.
    #[error("the token store cannot be locked: {0}")]
    Lock(io::ErrorKind),
    /// A write that succeeded cannot be read back.
    #[error("the token store does not give back what was written to it")]
    NotReadBack,
}

/// A failure in an event: a name for programs, a message for people, and no secret.
///
/// On the wire: `{"name":"…","message":"…"}`.
///
/// The names are those that front-end libraries know: the service's own name of the error;
/// `NetworkError` for a request that did not arrive, or whose answer was broken;
/// `OAuthSignInException` for a redirect that was refused, failed or was cancelled. The message
/// tells which.
///
/// ```
/// use typed_hub::auth::{AuthFailure, ProviderError, ProviderErrorKind};
///
/// let kind = ProviderErrorKind::InTransit;
/// let failure = AuthFailure::from(&ProviderError::new(kind, "TimedOut", "no answer in 30 s"));
/// assert_eq!(failure.name, "NetworkError");
/// assert_eq!(failure.message, "no answer in 30 s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message} ({name})")]
pub struct AuthFailure {
    /// The name of the error.
    pub name: String,
    /// What happened, for people.
    pub message: String,
}

/// The names of this crate for requests that did not arrive, or whose answer was broken.
const IN_TRANSIT: [&str; 15] = [
    "Broken",
    "ConnectionRefused",
    "FetchRefused",
    "NameNotFound",
    "NoTls",
    "NotReached",
    "NotSecure",
    "NotTrusted",
    "Offline",
    "Redirected",
    "Status",
    "TimedOut",
    "Tls",
    "TooLong",
    "Unreadable",
];

impl AuthFailure {
    pub(super) const NETWORK_ERROR: &'static str = "NetworkError";
}

impl From<&ProviderError> for AuthFailure {
    fn from(error: &ProviderError) -> Self {
        let is_in_transit = error.kind == ProviderErrorKind::InTransit;
        let name = if is_in_transit && IN_TRANSIT.contains(&&*error.name) {
            Self::NETWORK_ERROR
        } else {
            &error.name
        };
        Self {
            name: name.to_owned(),
            message: error.message.clone(),
        }
    }
}
