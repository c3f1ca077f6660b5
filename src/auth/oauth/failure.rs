//! Errors of OAuth endpoints.

use oauth2::RequestTokenError;
use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType};

use super::http::HttpError;
use crate::auth::error::{ProviderError, ProviderErrorKind};
pub(crate) use crate::auth::error::text::sanitize;

/// The error of a token endpoint ([RFC 6749, section
/// 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
///
/// Only an invalid grant ends a session. A wrong client or request does not concern the user's
/// session, so the session is kept.
pub(super) fn token_error(
    error: RequestTokenError<HttpError, BasicErrorResponse>,
) -> ProviderError {
    let response = match error {
        RequestTokenError::Request(error) => return in_transit(&error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            return unreadable("the token endpoint gives no answer that can be read");
        }
        RequestTokenError::ServerResponse(response) => response,
    };
    let kind = match response.error() {
        BasicErrorResponseType::InvalidGrant => ProviderErrorKind::Rejected,
        _ => ProviderErrorKind::InTransit,
    };
    let description = response.error_description().map_or_else(
        || "the token endpoint gives no reason".to_owned(),
        |text| sanitize(text),
    );
    ProviderError::new(kind, sanitize_name(response.error().as_ref()), description)
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

/// An answer that cannot be read, and so ends no session.
pub(crate) fn unreadable(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InTransit, "Unreadable", message)
}

pub(super) fn rejected(name: &str, message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, name, message)
}

/// Removes sent secrets from an error: a provider may repeat them, and errors are shown.
pub(crate) fn redact<'s>(
    error: ProviderError,
    sent: impl IntoIterator<Item = &'s str>,
) -> ProviderError {
    let ProviderError {
        kind,
        mut name,
        mut message,
    } = error;
    for secret in sent.into_iter().filter(|secret| !secret.is_empty()) {
        if name.contains(secret) {
            UNNAMED.clone_into(&mut name);
        }
        if message.contains(secret) {
            "the provider repeats what it was sent, which is not shown".clone_into(&mut message);
        }
    }
    ProviderError {
        kind,
        name,
        message,
    }
}

/// The name of an error without a valid name.
const UNNAMED: &str = "Unnamed";

/// Returns a foreign error name if it is valid.
pub(crate) fn sanitize_name(name: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:#".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        UNNAMED
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_shown() {
        let error = || rejected("invalid_grant", "no s3cret here");
        let hidden = redact(error(), ["", "another", "s3cret"]);
        assert_eq!(hidden.name, "invalid_grant");
        assert!(!hidden.to_string().contains("s3cret"));
        assert_eq!(redact(error(), ["", "another"]), error());
        assert_eq!(redact(rejected("a-s3cret", ""), ["s3cret"]).name, UNNAMED);
    }

    #[test]
    fn a_name_looks_like_one() {
        assert_eq!(sanitize_name("invalid_grant"), "invalid_grant");
        for none in ["", "two words", "a\nline", "ä", &"x".repeat(65)] {
            assert_eq!(sanitize_name(none), UNNAMED);
        }
    }
}
