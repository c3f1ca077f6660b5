//! The error of a refresh.

use thiserror::Error;

use crate::auth::error::ProviderError;
use crate::auth::secret::RefreshToken;

/// [`IdentityProvider::refresh`](super::IdentityProvider::refresh) failed.
///
/// A provider that rotates refresh tokens ([OAuth 2.0 Security Best Current Practice, section
/// 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2)) may send a new one in an answer
/// that cannot be used, for example because its id token cannot be verified. The old token is spent
/// then: sending it again may end the session. So the error carries the new one, and a client that
/// keeps the session stores it beside the other tokens, which stay as they are.
///
/// ```
/// use typed_hub::auth::{ProviderError, ProviderErrorKind, RefreshError};
///
/// let error = ProviderError::new(ProviderErrorKind::InTransit, "Unreadable", "no access token");
/// let failed = RefreshError { replacement: Some("refresh-2".into()), ..error.clone().into() };
/// assert_eq!(failed.to_string(), error.to_string());
/// assert!(!format!("{failed:?}").contains("refresh-2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{error}")]
pub struct RefreshError {
    /// Why the tokens are not renewed.
    pub error: ProviderError,
    /// The refresh token that has replaced the one that was sent, if any. It is not used if the
    /// error ends the session.
    pub replacement: Option<RefreshToken>,
}

impl From<ProviderError> for RefreshError {
    fn from(error: ProviderError) -> Self {
        Self {
            error,
            replacement: None,
        }
    }
}
