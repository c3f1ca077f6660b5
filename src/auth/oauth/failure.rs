//! What a failure means.

use oauth2::RequestTokenError;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType};

use super::http::HttpError;
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::provider::callback::words;

/// The answer of a token endpoint that grants nothing
/// ([RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
///
/// It is the grant that ends a session. That the client or the request is wrong says nothing of
/// the user's session, so that it is kept. Words that repeat what was `sent` go no further.
pub(super) fn refused(
    error: RequestTokenError<HttpError, BasicErrorResponse>,
    sent: &[&str],
) -> ProviderError {
    let response = match error {
        RequestTokenError::Request(error) => return in_transit(&error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            return garbage("the token endpoint gives no answer that can be read");
        }
        RequestTokenError::ServerResponse(response) => response,
    };
    let kind = match response.error() {
        BasicErrorResponseType::InvalidGrant => ProviderErrorKind::Rejected,
        _ => ProviderErrorKind::InTransit,
    };
    let repeats = |words: &str| sent.iter().any(|secret| words.contains(secret));
    let name = match response.error().as_ref() {
        name if repeats(name) => "Refused".to_owned(),
        name => words(name),
    };
    let description = match response.error_description() {
        None => "the token endpoint gives no reason".to_owned(),
        Some(reason) if repeats(reason) => {
            "the reason repeats a secret, so it is not told".to_owned()
        }
        Some(reason) => words(reason),
    };
    ProviderError::new(kind, name, description)
}

pub(super) fn in_transit(error: &HttpError) -> ProviderError {
    let name = match error {
        HttpError::TimedOut => "TimedOut",
        HttpError::NotReached => "NotReached",
        HttpError::Broken => "Broken",
        HttpError::TooLong => "TooLong",
        HttpError::Status(_) => "Status",
        HttpError::Redirected => "Redirected",
        HttpError::NotSecure => "NotSecure",
        HttpError::NoTls => "NoTls",
    };
    ProviderError::new(ProviderErrorKind::InTransit, name, error.to_string())
}

/// An answer that cannot be read: nobody knows what it was to say.
pub(super) fn garbage(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InTransit, "Unreadable", message)
}

pub(crate) fn other_user() -> ProviderError {
    rejected("OtherUser", "the new tokens are another user's")
}

pub(super) fn rejected(name: &str, message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, name, message)
}
