//! Errors of OAuth endpoints.

use url::Url;

use super::http::{Answer, Fault, HttpError, shown};
use super::json::Members;
use crate::auth::error::{ProviderError, ProviderErrorKind};
pub(crate) use crate::text::sanitize;

/// The error that an endpoint answers with ([RFC 6749, section
/// 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)), by its name.
///
/// Only a refused grant, or a provider that wants to see the user again, ends a session. Any other
/// refusal does not concern the user's session, so the session is kept.
pub(super) fn refusal(answer: &Answer, of: &Url) -> ProviderError {
    let members = Members::of(&answer.body);
    let text = |name| members.as_ref().and_then(|members| members.text(name));
    let at = shown(of);
    let Some(name) = text("error") else {
        let status = answer.status;
        return unreadable(&format!(
            "the answer has status {status}, and does not name an error: {at}"
        ));
    };
    let description = text("error_description").map_or_else(
        || format!("no reason is given: {at}"),
        |text| sanitize(&text),
    );
    ProviderError::new(kind_of(&name), sanitize_name(&name), description)
}

fn kind_of(name: &str) -> ProviderErrorKind {
    match name {
        // OpenID Connect Core, section 3.1.2.6, has those about the user.
        "invalid_grant"
        | "interaction_required"
        | "login_required"
        | "consent_required"
        | "account_selection_required" => ProviderErrorKind::Rejected,
        "invalid_client"
        | "unauthorized_client"
        | "invalid_request"
        | "unsupported_grant_type"
        | "invalid_scope"
        // RFC 9449, sections 5 and 8: DPoP, which is not supported.
        | "invalid_dpop_proof"
        | "use_dpop_nonce" => ProviderErrorKind::Misconfigured,
        _ => ProviderErrorKind::InTransit,
    }
}

pub(crate) fn in_transit(error: &HttpError) -> ProviderError {
    use ProviderErrorKind::{InTransit, Misconfigured};
    let (kind, name) = match error.fault {
        Fault::TimedOut => (InTransit, "TimedOut"),
        Fault::NotReached(_) => (InTransit, "NotReached"),
        Fault::NameNotFound => (InTransit, "NameNotFound"),
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        Fault::Offline => (InTransit, "Offline"),
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        Fault::FetchRefused => (InTransit, "FetchRefused"),
        Fault::ConnectionRefused => (InTransit, "ConnectionRefused"),
        // Also of a network that wants a sign-in of its own first, and then it passes.
        Fault::NotTrusted(_) => (InTransit, "NotTrusted"),
        Fault::Tls(_) => (InTransit, "Tls"),
        Fault::Broken => (InTransit, "Broken"),
        Fault::TooLong => (InTransit, "TooLong"),
        Fault::Status { .. } => (InTransit, "Status"),
        Fault::Redirected(_) => (InTransit, "Redirected"),
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        Fault::RedirectedInPage => (InTransit, "Redirected"),
        Fault::NotSecure => (Misconfigured, "NotSecure"),
        Fault::NoTls => (Misconfigured, "NoTls"),
        Fault::RootCertificates => (Misconfigured, "RootCertificates"),
        Fault::Proxy => (Misconfigured, "Proxy"),
    };
    ProviderError::new(kind, name, error.to_string())
}

/// An answer that cannot be read, and so ends no session.
pub(crate) fn unreadable(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InTransit, "Unreadable", message)
}

pub(super) fn rejected(name: &str, message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, name, message)
}

/// The options of the application do not fit the provider, or the request.
pub(crate) fn misconfigured(name: &str, message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, name, message)
}

/// The provider asks for what this crate does not do.
pub(crate) fn unsupported(message: &str) -> ProviderError {
    misconfigured("Unsupported", message)
}

/// The name of an error without a valid name.
pub(super) const UNNAMED: &str = "Unnamed";

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
    fn a_name_looks_like_one() {
        assert_eq!(sanitize_name("invalid_grant"), "invalid_grant");
        for none in ["", "two words", "a\nline", "ä", &"x".repeat(65)] {
            assert_eq!(sanitize_name(none), UNNAMED);
        }
    }
}
