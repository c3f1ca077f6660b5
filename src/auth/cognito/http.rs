//! Sends the requests of the SDK by the HTTP client of all providers, with its proxy, its
//! certificates and its limits, and uses plain HTTP only with loopback addresses.

use std::error::Error;

use aws_sdk_cognitoidentityprovider::config::http::{HttpRequest, HttpResponse};
use aws_sdk_cognitoidentityprovider::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_cognitoidentityprovider::config::{
    ConfigBag, Intercept, RuntimeComponents, SharedHttpClient,
};
use aws_sdk_cognitoidentityprovider::error::{BoxError, ConnectorError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Body, Method, Request};
use url::Url;

use crate::auth::oauth::http::{Answer, Http, HttpError};

pub(super) fn client(http: Http) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(http));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Clone, Debug)]
struct Connector(Http);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = to_send(request).await.map_err(ConnectorError::user)?;
            let answer = http.exchange(request).await;
            let answer = answer.map_err(|error| ConnectorError::io(error.into()))?;
            received(answer).map_err(ConnectorError::user)
        })
    }
}

/// Why the request of an error has got no answer.
pub(super) fn http_error(error: &ConnectorError) -> Option<&HttpError> {
    error.source()?.downcast_ref()
}

async fn to_send(request: HttpRequest) -> Result<Request, BoxError> {
    let method = Method::try_from(request.method())?;
    let mut converted = Request::new(method, Url::parse(request.uri())?);
    for (name, value) in request.headers() {
        let (name, value) = (HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        converted.headers_mut().append(name, value);
    }
    // Read to its end: the SDK takes a body that is not read for a connection that stalls.
    let body = ByteStream::new(request.into_body()).collect().await?;
    *converted.body_mut() = Some(body.into_bytes().into());
    Ok(converted)
}

/// Hides what is sent from the SDK, which logs each request, and of a body in memory the contents:
/// passwords and tokens. Of a stream it logs none. It keeps the body in memory for further attempts.
///
/// The SDK of today makes such a stream of each body for purposes of its own. Its documentation does
/// not promise that, and says nothing about the log.
#[derive(Debug)]
pub(super) struct HideBody;

impl Intercept for HideBody {
    fn name(&self) -> &'static str {
        "HideBody"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        hide(context.request_mut().body_mut());
        Ok(())
    }
}

fn hide(body: &mut SdkBody) {
    if let Some(bytes) = body.bytes() {
        *body = streamed(bytes.to_vec());
    }
}

/// A body of which the contents are not logged.
fn streamed(body: Vec<u8>) -> SdkBody {
    SdkBody::from_body_1_x(Body::from(body))
}

fn received(answer: Answer) -> Result<HttpResponse, BoxError> {
    // The SDK logs what it receives as well: tokens.
    let body = streamed(answer.body);
    let mut converted = HttpResponse::new(answer.status.try_into()?, body);
    for (name, value) in &answer.headers {
        // The SDK takes text only, and reads none of the others.
        if let Ok(value) = value.to_str() {
            converted
                .headers_mut()
                .append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_is_hidden_is_sent_and_not_shown() {
        let mut request = HttpRequest::new(SdkBody::from("the password"));
        request.set_uri("https://id.example.org").unwrap();
        assert!(format!("{request:?}").contains("the password"));
        hide(request.body_mut());
        assert!(!format!("{request:?}").contains("password"));
        let sent = to_send(request).await.unwrap();
        let sent = sent.body().and_then(Body::as_bytes);
        assert_eq!(sent, Some(b"the password".as_slice()));
    }
}
