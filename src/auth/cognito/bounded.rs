//! A size limit for answers.

use std::mem;

use aws_sdk_cognitoidentityprovider::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_cognitoidentityprovider::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cognitoidentityprovider::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use crate::auth::oauth::http::MAX_BODY;

/// Limits the length of an answer. The SDK alone would read and buffer without limit until its
/// timeout.
#[derive(Debug)]
pub(super) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let unbounded = mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(unbounded, MAX_BODY));
        Ok(())
    }
}
