//! Which requests are sent again.

use aws_sdk_cognitoidentityprovider::config::http::HttpResponse;
use aws_sdk_cognitoidentityprovider::config::interceptors::InterceptorContext;
use aws_sdk_cognitoidentityprovider::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use serde::Deserialize;

use super::http::http_error;
use crate::auth::oauth::http::HttpError;
use crate::auth::oauth::retry;

/// The policy of [`retry`], carried out by the SDK.
pub(super) fn config() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(retry::ATTEMPTS)
        .with_initial_backoff(retry::FIRST_PAUSE)
        .with_max_backoff(retry::LONGEST_PAUSE)
}

/// Sends a request again only if there was no connection, or the service says that it was too busy. If
/// its answer was cut off, the service may have acted: a refresh may have replaced the refresh token.
#[derive(Debug)]
pub(super) struct OnlyUnserved;

impl ClassifyRetry for OnlyUnserved {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let may_be_sent_again = match context.response() {
            Some(response) => is_unserved(response),
            None => error
                .as_connector_error()
                .and_then(http_error)
                .is_some_and(HttpError::is_unsent),
        };
        if may_be_sent_again {
            RetryAction::transient_error()
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "OnlyUnserved"
    }
}

/// Whether the service was too busy to act. It sends most of its exceptions with status 400.
fn is_unserved(response: &HttpResponse) -> bool {
    #[derive(Deserialize)]
    struct Exception {
        #[serde(rename = "__type")]
        name: String,
    }
    if retry::is_unserved(response.status().as_u16()) {
        return true;
    }
    let exception = response.body().bytes();
    let exception = exception.and_then(|body| serde_json::from_slice(body).ok());
    exception.is_some_and(|Exception { name }| {
        name.rsplit('#').next() == Some("TooManyRequestsException")
    })
}
