//! What an error of the service means.

use aws_sdk_cognitoidentityprovider::config::http::HttpResponse;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};

use crate::auth::error::{ProviderError, ProviderErrorKind};

/// The service's own name of the error is kept; so are its words, unless they repeat what was
/// entered.
pub(super) fn failed<E: ProvideErrorMetadata>(error: SdkError<E, HttpResponse>) -> ProviderError {
    let in_transit =
        |name, message| ProviderError::new(ProviderErrorKind::InTransit, name, message);
    let service = match error {
        SdkError::ServiceError(service) => service,
        SdkError::TimeoutError(_) => return in_transit("TimedOut", "no answer in time"),
        SdkError::DispatchFailure(_) => return in_transit("NotReached", "no connection"),
        SdkError::ConstructionFailure(_) => return in_transit("Request", "it cannot be asked"),
        _ => return in_transit("Unreadable", "the answer cannot be read"),
    };
    let status = service.raw().status().as_u16();
    let error = service.err();
    let Some(name) = error.code() else {
        return in_transit("Unreadable", "the answer cannot be read");
    };
    let message = error.message().unwrap_or("the service gives no reason");
    ProviderError::new(kind(name, message, status), name, shown(message))
}

/// The same of a refresh, where only what is known to end a session does. A function of the pool's
/// that fails, a firewall, a setting: none of them says anything of the session.
pub(super) fn not_refreshed<E: ProvideErrorMetadata>(
    error: SdkError<E, HttpResponse>,
) -> ProviderError {
    let mut error = failed(error);
    if error.kind == ProviderErrorKind::Rejected && !ends_session(&error.name) {
        error.kind = ProviderErrorKind::InTransit;
    }
    error
}

fn ends_session(name: &str) -> bool {
    matches!(
        name,
        "NotAuthorizedException"
            | "PasswordResetRequiredException"
            | "RefreshTokenReuseException"
            | "TokenRevokedException"
            | "UserNotConfirmedException"
            | "UserNotFoundException"
    )
}

/// What a constraint has refused is repeated in the words of the refusal.
fn shown(message: &str) -> &str {
    if message.contains("validation error") {
        "what was entered does not have the form that the service asks for"
    } else {
        message
    }
}

fn kind(name: &str, message: &str, status: u16) -> ProviderErrorKind {
    match name {
        "TooManyRequestsException"
        | "LimitExceededException"
        | "InternalErrorException"
        | "ThrottlingException"
        | "ServiceUnavailableException" => ProviderErrorKind::InTransit,
        _ if status == 429 || status >= 500 => ProviderErrorKind::InTransit,
        "NotAuthorizedException" if message.contains("revoked") => ProviderErrorKind::Rejected,
        "NotAuthorizedException" => ProviderErrorKind::NotAuthorized,
        _ => ProviderErrorKind::Rejected,
    }
}

pub(super) fn unreadable(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InTransit, "Unreadable", message)
}

pub(super) fn unsupported(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected, "Unsupported", message)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::error::ErrorMetadata;

    use super::*;

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
                Rejected,
            ),
            ("RefreshTokenReuseException", "reused", 400, Rejected),
            ("UserNotFoundException", "gone", 400, Rejected),
            ("PasswordResetRequiredException", "reset", 400, Rejected),
            ("TooManyRequestsException", "slow down", 400, InTransit),
            ("InternalErrorException", "sorry", 500, InTransit),
            ("Whatever", "?", 503, InTransit),
        ] {
            assert_eq!(kind(name, message, status), meaning, "{name}: {message}");
        }
    }

    #[test]
    fn a_refresh_ends_a_session_only_for_a_reason_that_is_known_to() {
        let refreshed = |name: &str, message: &str| {
            let error = ErrorMetadata::builder().code(name).message(message).build();
            let response = HttpResponse::new(400.try_into().unwrap(), "".into());
            not_refreshed(SdkError::service_error(error, response)).kind
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
        let revoked = refreshed("NotAuthorizedException", "Refresh Token has been revoked");
        assert_eq!(revoked, ProviderErrorKind::Rejected);
        let expired = refreshed("NotAuthorizedException", "Refresh Token has expired");
        assert_eq!(expired, ProviderErrorKind::NotAuthorized);
        for name in [
            "ForbiddenException",
            "InvalidLambdaResponseException",
            "InvalidParameterException",
            "OperationNotEnabledException",
            "ResourceNotFoundException",
            "UnexpectedLambdaException",
            "UserLambdaValidationException",
            "Whatever",
        ] {
            let kind = refreshed(name, "?");
            assert_eq!(kind, ProviderErrorKind::InTransit, "{name}");
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
        let error = failed(SdkError::service_error(error, response));
        assert_eq!(error.name, "InvalidParameterException");
        assert!(!format!("{error:?}{error}").contains("123 456"));
    }
}
