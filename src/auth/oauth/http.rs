//! HTTP requests, with a time limit, a size limit, and no redirects.

use std::pin::Pin;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Request};
use thiserror::Error;

/// The longest response body that is read.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// Sends requests. It follows no redirect, and uses plain HTTP only with loopback addresses.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    /// `None` if the system offers no TLS.
    client: Option<Client>,
}

/// Why there is no response. The message holds nothing of the request.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("no answer in time")]
    TimedOut,
    #[error("no connection")]
    NotReached,
    #[error("the answer has broken off, or is none")]
    Broken,
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
    #[error("the server is out of order: status {0}")]
    Status(u16),
    #[error("the server sends elsewhere, which is not followed")]
    Redirected,
    #[error("this address takes https")]
    NotSecure,
    #[error("this system cannot verify whom it would speak with: it has no certificates to trust")]
    NoTls,
}

impl Http {
    /// Trusts these certificates in addition to those of the system. Without TLS, each request
    /// fails.
    pub(crate) fn new(time_limit: Duration, trusted: Vec<Certificate>) -> Self {
        let client = trusted
            .into_iter()
            .fold(
                Client::builder(),
                reqwest::ClientBuilder::add_root_certificate,
            )
            .timeout(time_limit)
            .redirect(Policy::none())
            .build();
        Self {
            client: client.ok(),
        }
    }

    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = Request::try_from(request).map_err(|_| HttpError::NotReached)?;
        if !is_secure(request.url()) {
            return Err(HttpError::NotSecure);
        }
        let client = self.client.as_ref().ok_or(HttpError::NoTls)?;
        let mut response = client.execute(request).await.map_err(|e| reason(&e))?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(HttpError::Status(status.as_u16()));
        }
        if status.is_redirection() {
            return Err(HttpError::Redirected);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| reason(&e))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = HttpResponse::new(body);
        *whole.status_mut() = status;
        *whole.headers_mut() = response.headers().clone();
        Ok(whole)
    }
}

/// For crates that take an HTTP client.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn reason(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        HttpError::TimedOut
    } else if error.is_connect() {
        HttpError::NotReached
    } else {
        HttpError::Broken
    }
}

/// Whether the address is encrypted or on this machine, so that no third party can listen.
pub(crate) fn is_secure(url: &url::Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether the address is on this machine.
pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_tls_is_an_error_and_no_panic() {
        let http = Http { client: None };
        let mut request = HttpRequest::new(Vec::new());
        *request.uri_mut() = "https://id.example.org/".parse().unwrap();
        let failed = pollster::block_on(http.send(request));
        assert!(matches!(failed, Err(HttpError::NoTls)));
    }
}
