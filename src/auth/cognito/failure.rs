//! Errors of the service.

use aws_sdk_cognitoidentityprovider::config::http::HttpResponse;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};

use super::http::http_error;
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::oauth::failure;
pub(super) use crate::auth::oauth::failure::{sanitize, sanitize_name, unreadable};

/// Keeps the service's name and message of the error. For secrets in the message, see
/// [`hide_secrets`](crate::auth::oauth::hide::hide_secrets).
pub(super) fn service_error<E: ProvideErrorMetadata>(
    error: SdkError<E, HttpResponse>,
) -> ProviderError {
    let in_transit =
        |name, message| ProviderError::new(ProviderErrorKind::InTransit, name, message);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let no_answer = || match status {
        Some(status) if is_unavailable(status) => {
            let message = format!("the server is out of order: status {status}");
            ProviderError::new(ProviderErrorKind::InTransit, "Status", message)
        }
        _ => unreadable("the answer cannot be read"),
    };
    let error = match error {
        SdkError::ServiceError(service) => service.into_err(),
        SdkError::TimeoutError(_) => return in_transit("TimedOut", "no answer in time"),
        SdkError::DispatchFailure(failure) => {
            let error = failure.as_connector_error().and_then(http_error);
            return error.map_or_else(unaddressed, failure::in_transit);
        }
        SdkError::ConstructionFailure(_) => return unaddressed(),
        _ => return no_answer(),
    };
    let (Some(name), Some(status)) = (error.code(), status) else {
        return no_answer();
    };
    let message = error.message().unwrap_or("the service gives no reason");
    let kind = kind(name, status);
    ProviderError::new(kind, sanitize_name(name), sanitize(hide_input(message)))
}

/// The error of a request that cannot be made.
fn unaddressed() -> ProviderError {
    let message = "no request can be made of the region and the endpoint: the region is one such as \
                   eu-central-1, and the endpoint a URL that begins with https://";
    failure::misconfigured("Endpoint", message)
}

/// Hides the message of a failed constraint, which repeats the input.
fn hide_input(message: &str) -> &str {
    if message.contains("validation error") {
        "what was entered does not have the form that the service asks for"
    } else {
        message
    }
}

/// The errors that end a session. Any other refusal of a refresh (for example by a firewall) does
/// not concern the session, so the session is kept.
const ENDS_A_SESSION: [&str; 6] = [
    "NotAuthorizedException",
    "PasswordResetRequiredException",
    "RefreshTokenReuseException",
    "TokenRevokedException",
    "UserNotConfirmedException",
    "UserNotFoundException",
];

/// The errors that say that the user pool or its app client is set up differently (F15).
const MISCONFIGURED: [&str; 5] = [
    "FeatureUnavailableInTierException",
    "InvalidUserPoolConfigurationException",
    "OperationNotEnabledException",
    "ResourceNotFoundException",
    "UnsupportedOperationException",
];

/// Converts an error of a request that carries nothing which the user has entered but a name and a
/// password: a parameter that is not valid is one that the application has set.
pub(super) fn set_up_error(error: ProviderError) -> ProviderError {
    let is_set_up =
        error.kind == ProviderErrorKind::Rejected && error.name == "InvalidParameterException";
    let kind = if is_set_up {
        ProviderErrorKind::Misconfigured
    } else {
        error.kind
    };
    ProviderError { kind, ..error }
}

/// Converts an error of a refresh.
pub(super) fn refresh_error<E: ProvideErrorMetadata>(
    error: SdkError<E, HttpResponse>,
) -> ProviderError {
    let error = set_up_error(service_error(error));
    ProviderError {
        kind: kind_of_refresh(&error.name, error.kind),
        ..error
    }
}

fn kind_of_refresh(name: &str, kind: ProviderErrorKind) -> ProviderErrorKind {
    if kind == ProviderErrorKind::Misconfigured || ENDS_A_SESSION.contains(&name) {
        kind
    } else {
        ProviderErrorKind::InTransit
    }
}

/// The name decides, and not the words of the message (F13).
fn kind(name: &str, status: u16) -> ProviderErrorKind {
    match name {
        "TooManyRequestsException"
        | "LimitExceededException"
        | "InternalErrorException"
        | "ThrottlingException"
        | "ServiceUnavailableException" => ProviderErrorKind::InTransit,
        _ if is_unavailable(status) => ProviderErrorKind::InTransit,
        "NotAuthorizedException" => ProviderErrorKind::NotAuthorized,
        _ if MISCONFIGURED.contains(&name) => ProviderErrorKind::Misconfigured,
        _ => ProviderErrorKind::Rejected,
    }
}

const fn is_unavailable(status: u16) -> bool {
    status == 429 || status >= 500
}

/// The signature of the tokens is not verified. So nothing proves that the service has said whose
/// they are: none of them is taken over, and the session stays.
pub(super) fn another_user() -> ProviderError {
    let message = "the tokens are another user's, and their signature is not verified";
    ProviderError::new(ProviderErrorKind::InTransit, "IdToken", message)
}

pub(super) fn unanswerable(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, "Unsupported", message)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::error::ErrorMetadata;

    use super::*;

    #[test]
    fn a_refusal_that_is_not_of_the_session_does_not_end_it() {
        use ProviderErrorKind::{InTransit, Misconfigured, Rejected};
        for (name, of_a_call, of_a_refresh) in [
            ("ForbiddenException", Rejected, InTransit),
            ("InvalidParameterException", Rejected, Misconfigured),
            ("ResourceNotFoundException", Misconfigured, Misconfigured),
        ] {
            let error = ProviderError::new(kind(name, 400), name, "?");
            assert_eq!(error.kind, of_a_call, "{name}");
            let kind = kind_of_refresh(name, set_up_error(error).kind);
            assert_eq!(kind, of_a_refresh, "{name}");
        }
    }

    #[test]
    fn what_ends_a_session_and_what_does_not() {
        use ProviderErrorKind::{InTransit, NotAuthorized, Rejected};
        for (name, message, status, meaning) in [
            (
                "NotAuthorizedException",
                "Refresh Token has expired",
                400,
                NotAuthorized,
            ),
            (
                "NotAuthorizedException",
                "Refresh Token has been revoked",
                400,
                NotAuthorized,
            ),
            ("RefreshTokenReuseException", "reused", 400, Rejected),
            ("UserNotFoundException", "gone", 400, Rejected),
            ("PasswordResetRequiredException", "reset", 400, Rejected),
            ("TooManyRequestsException", "slow down", 400, InTransit),
            ("InternalErrorException", "sorry", 500, InTransit),
            ("Whatever", "?", 503, InTransit),
        ] {
            let kind = kind(name, status);
            assert_eq!(kind, meaning, "{name}: {message}");
            assert_eq!(kind_of_refresh(name, kind), meaning, "{name}: {message}");
        }
    }

    #[test]
    fn a_refresh_ends_a_session_only_for_a_reason_that_is_known_to() {
        let refreshed = |name: &str, message: &str| {
            let error = ErrorMetadata::builder().code(name).message(message).build();
            let response = HttpResponse::new(400.try_into().unwrap(), "".into());
            refresh_error(SdkError::service_error(error, response)).kind
        };
        for name in [
            "RefreshTokenReuseException",
            "TokenRevokedException",
            "UserNotFoundException",
            "UserNotConfirmedException",
            "PasswordResetRequiredException",
        ] {
            let kind = refreshed(name, "over");
            assert_eq!(kind, ProviderErrorKind::Rejected, "{name}");
        }
        for message in [
            "Refresh Token has been revoked",
            "Refresh Token has expired",
            "User is disabled.",
            "Invalid Refresh Token",
        ] {
            let kind = refreshed("NotAuthorizedException", message);
            assert_eq!(kind, ProviderErrorKind::NotAuthorized, "{message}");
        }
        for name in [
            "ForbiddenException",
            "InvalidLambdaResponseException",
            "UnexpectedLambdaException",
            "UserLambdaValidationException",
            "Whatever",
        ] {
            let kind = refreshed(name, "?");
            assert_eq!(kind, ProviderErrorKind::InTransit, "{name}");
        }
        for name in [
            "InvalidParameterException",
            "OperationNotEnabledException",
            "ResourceNotFoundException",
        ] {
            let kind = refreshed(name, "?");
            assert_eq!(kind, ProviderErrorKind::Misconfigured, "{name}");
        }
    }

    #[test]
    fn words_that_repeat_what_was_entered_are_not_shown() {
        let message = "1 validation error detected: Value '123 456' at 'confirmationCode' failed \
                       to satisfy constraint: Member must satisfy regular expression pattern";
        let error = ErrorMetadata::builder()
            .code("InvalidParameterException")
            .message(message)
            .build();
        let response = HttpResponse::new(400.try_into().unwrap(), "".into());
        let error = service_error(SdkError::service_error(error, response));
        assert_eq!(error.name, "InvalidParameterException");
        assert!(!format!("{error:?}{error}").contains("123 456"));
    }
}
