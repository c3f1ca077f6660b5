//! HTTP requests, with a time limit, a size limit, and no redirects.
//!
//! - this file: [`Http`], which sends a request again by the policy of [`retry`]; its errors
//! - `native`: one request by `reqwest`; `page`: by the browser's `fetch`

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod native;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod page;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use self::native::Transport;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use self::page::Transport;

use std::time::Duration;

#[cfg(feature = "cognito")]
use reqwest::header::HeaderMap;
use secrecy::zeroize::Zeroizing;
use thiserror::Error;
use url::Url;

use super::failure::{in_transit, unreadable};
use super::json::Members;
use super::retry;
use crate::auth::clock::sleep;
use crate::auth::error::ProviderError;
use crate::sync::{Instant, now};
use crate::text::sanitize;

/// The longest response body that is read.
const MAX_BODY: usize = 1024 * 1024;

/// How requests are sent.
pub(crate) struct HttpOptions {
    /// How long to wait for an answer, the pauses between attempts included.
    pub(crate) time_limit: Duration,
    /// Certificates to trust in addition to those of the system, in PEM.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) root_certificates: Option<Vec<u8>>,
    /// The address of a proxy; otherwise the environment decides.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) proxy: Option<String>,
}

/// Sends requests. It follows no redirect, and uses plain HTTP only with loopback addresses.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    transport: Transport,
    time_limit: Duration,
}

/// A request: for JSON, or with a form.
struct Request {
    url: Url,
    form: Option<Zeroizing<String>>,
    authorization: Option<Authorization>,
}

/// The header `Authorization`, which is not shown.
pub(crate) struct Authorization(Zeroizing<String>);

impl Authorization {
    pub(crate) fn new(header: String) -> Self {
        Self(Zeroizing::new(header))
    }

    /// Whether it can be sent in a header.
    fn is_valid(&self) -> bool {
        let is_valid = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7F);
        self.0.bytes().all(is_valid)
    }
}

/// Why there is no response, and from which address. It holds nothing else of the request.
#[derive(Debug, Error)]
#[error("{fault}: {address}")]
pub(crate) struct HttpError {
    pub(super) fault: Fault,
    address: String,
}

/// What went wrong with a request.
#[derive(Clone, Debug, Error)]
pub(super) enum Fault {
    #[error("no answer in time")]
    TimedOut,
    #[error("no connection: {0}")]
    NotReached(String),
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    #[error("this device is offline")]
    Offline,
    /// A page is told no more. The request may have had its effect.
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    #[error(
        "the browser has no answer for this page: the server is not reached, or does not let pages of this \
         origin read its answers (CORS), or the page's own policy forbids it (CSP); the console of the \
         browser says which"
    )]
    FetchRefused,
    #[error("the name of the server is not found")]
    NameNotFound,
    #[error("the server refuses the connection: nothing listens at this address")]
    ConnectionRefused,
    #[error("the certificate of the server is not trusted: {0}")]
    NotTrusted(String),
    #[error("no encrypted connection: {0}")]
    Tls(String),
    #[error("the answer has broken off, or is no HTTP")]
    Broken,
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
    #[error("the server is out of order: status {status}")]
    Status {
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    #[error("the server sends elsewhere, which is not followed: status {0}")]
    Redirected(u16),
    /// A page is not told where to.
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    #[error("the server sends elsewhere, which is not followed")]
    RedirectedInPage,
    #[error("this address must begin with https://")]
    NotSecure,
    #[error("this system cannot verify whom it would speak with: it has no certificates to trust")]
    NoTls,
    #[error("the root certificates are not in PEM")]
    RootCertificates,
    #[error("the proxy is not the http:// or https:// URL of one")]
    Proxy,
}

/// A response that has ended.
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[cfg(feature = "cognito")]
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

impl Http {
    /// If the options do not fit, or the system offers no TLS, each request fails.
    pub(crate) fn new(options: &HttpOptions) -> Self {
        Self {
            transport: Transport::new(options),
            time_limit: options.time_limit,
        }
    }

    /// The JSON object at an address, with this access token if there is one.
    pub(crate) async fn json(
        &self,
        url: &Url,
        bearer: Option<&str>,
    ) -> Result<Members, ProviderError> {
        let authorization = bearer.map(|token| Authorization::new(format!("Bearer {token}")));
        if authorization
            .as_ref()
            .is_some_and(|header| !header.is_valid())
        {
            return Err(unreadable("the access token has spaces in it"));
        }
        let request = Request {
            url: url.clone(),
            form: None,
            authorization,
        };
        let answer = self.send(&request).await.map_err(|e| in_transit(&e))?;
        let at = shown(url);
        if !answer.is_success() {
            let status = answer.status;
            return Err(unreadable(&format!("the answer has status {status}: {at}")));
        }
        Members::of(&answer.body)
            .ok_or_else(|| unreadable(&format!("the answer is not a JSON object: {at}")))
    }

    /// Sends a form.
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: String,
        authorization: Option<Authorization>,
    ) -> Result<Answer, HttpError> {
        self.send(&Request {
            url: url.clone(),
            form: Some(Zeroizing::new(form)),
            authorization,
        })
        .await
    }

    async fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let answer = self.answer(request).await;
        answer.map_err(|fault| HttpError {
            fault,
            address: shown(&request.url),
        })
    }

    /// Sends a request, and sends it again by the policy of [`retry`].
    async fn answer(&self, request: &Request) -> Result<Answer, Fault> {
        let since = Instant::now();
        let left = || self.time_limit.saturating_sub(since.elapsed());
        let mut attempts = 0;
        loop {
            attempts += 1;
            let end = self.attempt(request, left()).await;
            let Err(fault) = &end else {
                return end;
            };
            let pause = retry::pause(attempts, fault.retry_after());
            let is_last = !fault.may_be_sent_again() || attempts == retry::ATTEMPTS;
            if is_last || pause >= left() {
                return end;
            }
            sleep(pause).await;
        }
    }

    async fn attempt(&self, request: &Request, time_limit: Duration) -> Result<Answer, Fault> {
        if !is_secure(&request.url) {
            return Err(Fault::NotSecure);
        }
        self.transport.attempt(request, time_limit).await
    }
}

/// Whether an answer of this status is to be read. `retry_after` is the header of that name.
fn check_status(status: u16, retry_after: impl FnOnce() -> Option<String>) -> Result<(), Fault> {
    match status {
        300..=399 => Err(Fault::Redirected(status)),
        429 | 500..=599 => Err(Fault::Status {
            status,
            retry_after: retry_after().and_then(|header| retry::retry_after(&header, now())),
        }),
        _ => Ok(()),
    }
}

#[cfg(feature = "cognito")]
impl HttpError {
    /// Whether there was no connection to send the request on, so that it had no effect.
    pub(crate) const fn is_unsent(&self) -> bool {
        self.fault.is_unsent()
    }
}

impl Fault {
    /// Whether there was no connection to send the request on.
    const fn is_unsent(&self) -> bool {
        match self {
            Self::NotReached(_) | Self::NameNotFound | Self::ConnectionRefused => true,
            #[cfg(all(target_family = "wasm", target_os = "unknown"))]
            Self::Offline => true,
            _ => false,
        }
    }

    /// Whether the policy of [`retry`] allows another attempt.
    const fn may_be_sent_again(&self) -> bool {
        match self {
            Self::Status { status, .. } => retry::is_unserved(*status),
            fault => fault.is_unsent(),
        }
    }

    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// An address as it may be shown: without a password and a query.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // They fail only if an address cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    sanitize(url.as_str())
}

/// Whether the address is encrypted or on this machine, so that no third party can listen.
pub(crate) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether the address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
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
    fn an_address_is_shown_without_secrets() {
        let url = Url::parse("https://ada:s3cret@id.example.org:8443/a?code=s3cret#s3cret");
        assert_eq!(shown(&url.unwrap()), "https://id.example.org:8443/a");
    }
}
