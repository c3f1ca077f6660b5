//! HTTP requests, with a time limit, a size limit, and no redirects.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_timer::Delay;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy, Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use url::Url;

use super::failure::{in_transit, unreadable};
use super::json::Members;
use super::retry;
use crate::auth::error::ProviderError;
use crate::auth::error::text::sanitize;

/// The longest response body that is read.
const MAX_BODY: usize = 1024 * 1024;

/// How requests are sent.
pub(crate) struct HttpOptions {
    /// How long to wait for an answer, the pauses between attempts included.
    pub(crate) time_limit: Duration,
    /// Certificates to trust in addition to those of the system, in PEM.
    pub(crate) root_certificates: Option<Vec<u8>>,
    /// The address of a proxy; otherwise the environment decides.
    pub(crate) proxy: Option<String>,
}

/// Sends requests. It follows no redirect, and uses plain HTTP only with loopback addresses.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    clients: Result<Clients, Fault>,
    time_limit: Duration,
}

#[derive(Clone, Debug)]
struct Clients {
    /// Sends by the proxy, if there is one.
    outward: Client,
    /// Sends to this machine, and so by no proxy.
    loopback: Client,
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
            clients: Clients::new(options),
            time_limit: options.time_limit,
        }
    }

    /// The JSON object at an address, with this access token if there is one.
    pub(crate) async fn json(
        &self,
        url: &Url,
        bearer: Option<&str>,
    ) -> Result<Members, ProviderError> {
        let mut request = Request::new(Method::GET, url.clone());
        if let Some(token) = bearer {
            let header = HeaderValue::try_from(format!("Bearer {token}"));
            let mut header = header.map_err(|_| unreadable("the access token has spaces in it"))?;
            header.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        let answer = self.send(request).await.map_err(|e| in_transit(&e))?;
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
        authorization: Option<HeaderValue>,
    ) -> Result<Answer, HttpError> {
        let mut request = Request::new(Method::POST, url.clone());
        let headers = request.headers_mut();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        *request.body_mut() = Some(form.into());
        self.send(request).await
    }

    async fn send(&self, mut request: Request) -> Result<Answer, HttpError> {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        let address = shown(request.url());
        let answer = self.answer(request).await;
        answer.map_err(|fault| HttpError { fault, address })
    }

    /// Sends a request, and sends it again by the policy of [`retry`].
    async fn answer(&self, mut request: Request) -> Result<Answer, Fault> {
        let since = Instant::now();
        let left = || self.time_limit.saturating_sub(since.elapsed());
        let mut attempts = 0;
        loop {
            let again = request.try_clone(); // only a streamed body, of which there is none, has no clone
            *request.timeout_mut() = Some(left());
            attempts += 1;
            let end = self.attempt(request).await;
            let (Err(fault), Some(next)) = (&end, again) else {
                return end;
            };
            let pause = retry::pause(attempts, fault.retry_after());
            let is_last = !fault.may_be_sent_again() || attempts == retry::ATTEMPTS;
            if is_last || pause >= left() {
                return end;
            }
            Delay::new(pause).await;
            request = next;
        }
    }

    async fn attempt(&self, request: Request) -> Result<Answer, Fault> {
        let response = self.respond(request).await?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Fault::Status {
                status: status.as_u16(),
                retry_after: retry_after(response.headers()),
            });
        }
        if status.is_redirection() {
            return Err(Fault::Redirected(status.as_u16()));
        }
        read(response).await
    }

    /// Sends a request once, and returns the answer of any status.
    #[cfg(feature = "cognito")]
    pub(crate) async fn exchange(&self, mut request: Request) -> Result<Answer, HttpError> {
        let address = shown(request.url());
        *request.timeout_mut() = Some(self.time_limit);
        let answer = async { read(self.respond(request).await?).await };
        answer.await.map_err(|fault| HttpError { fault, address })
    }

    async fn respond(&self, request: Request) -> Result<Response, Fault> {
        if !is_secure(request.url()) {
            return Err(Fault::NotSecure);
        }
        let clients = self.clients.as_ref().map_err(Fault::clone)?;
        let client = if is_loopback(request.url()) {
            &clients.loopback
        } else {
            &clients.outward
        };
        client.execute(request).await.map_err(|e| fault(&e))
    }
}

async fn read(mut response: Response) -> Result<Answer, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| fault(&e))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Fault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        #[cfg(feature = "cognito")]
        headers: std::mem::take(response.headers_mut()),
        body,
    })
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
        matches!(
            self,
            Self::NotReached(_) | Self::NameNotFound | Self::ConnectionRefused
        )
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

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(header, SystemTime::now())
}

impl Clients {
    fn new(options: &HttpOptions) -> Result<Self, Fault> {
        let tls = tls(options.root_certificates.as_deref())?;
        let client = || {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(Policy::none())
        };
        let outward = match &options.proxy {
            Some(proxy) => client().proxy(proxy_at(proxy).ok_or(Fault::Proxy)?),
            None => client(),
        };
        Ok(Self {
            outward: outward.build().map_err(|_| Fault::NoTls)?,
            loopback: client().no_proxy().build().map_err(|_| Fault::NoTls)?,
        })
    }
}

fn proxy_at(address: &str) -> Option<Proxy> {
    let url = Url::parse(address).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    is_http.then(|| Proxy::all(url).ok())?
}

/// TLS by `ring`, with the certificates that the system trusts. `reqwest` alone would bring a
/// second implementation of the cryptography, or take one that is global to the process.
fn tls(root_certificates: Option<&[u8]>) -> Result<ClientConfig, Fault> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match root_certificates {
        None => Verifier::new(Arc::clone(&ring)),
        #[cfg(target_os = "android")]
        Some(_) => return Err(Fault::RootCertificates),
        #[cfg(not(target_os = "android"))]
        Some(pem) => {
            let roots: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|_| Fault::RootCertificates)?;
            if roots.is_empty() {
                return Err(Fault::RootCertificates);
            }
            Verifier::new_with_extra_roots(roots, Arc::clone(&ring))
        }
    };
    let verifier = Arc::new(verifier.map_err(|_| Fault::NoTls)?);
    let mut config = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|_| Fault::NoTls)?
        .dangerous() // the name of the call that takes a verifier; this one is the system's
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::TimedOut;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    let mut last = None;
    while let Some(error) = cause {
        last = Some(error);
        if let Some(fault) = known_cause(error) {
            return fault;
        }
        // What an I/O error wraps is not its source.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = wrapped.map_or_else(|| error.source(), |inner| Some(inner));
    }
    match last {
        Some(last) if error.is_connect() => Fault::NotReached(sanitize(&last.to_string())),
        _ => Fault::Broken,
    }
}

fn known_cause(error: &(dyn StdError + 'static)) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        let why = sanitize(&error.to_string());
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => Fault::NotTrusted(why),
            _ => Fault::Tls(why),
        });
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return (error.kind() == io::ErrorKind::ConnectionRefused)
            .then_some(Fault::ConnectionRefused);
    }
    is_name_not_found(error).then_some(Fault::NameNotFound)
}

/// Whether the name of a server was not found, by an error of the connector that all providers use.
/// Its type is private.
fn is_name_not_found(error: &(dyn StdError + 'static)) -> bool {
    error.to_string() == "dns error"
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
    fn a_system_without_tls_is_an_error_and_no_panic() {
        let http = Http {
            clients: Err(Fault::NoTls),
            time_limit: Duration::from_secs(1),
        };
        let url = Url::parse("https://id.example.org/").unwrap();
        let failed = pollster::block_on(http.post(&url, String::new(), None));
        assert!(matches!(failed, Err(error) if matches!(error.fault, Fault::NoTls)));
    }

    #[test]
    fn options_that_do_not_fit_are_an_error_and_no_panic() {
        let with = |root_certificates: Option<&str>, proxy: Option<&str>| {
            let options = HttpOptions {
                time_limit: Duration::from_secs(1),
                root_certificates: root_certificates.map(Into::into),
                proxy: proxy.map(Into::into),
            };
            Http::new(&options).clients.map(drop)
        };
        for none in [
            "",
            "no PEM",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            let failed = with(Some(none), None);
            assert!(matches!(failed, Err(Fault::RootCertificates)), "{none}");
        }
        for none in [
            "",
            "proxy",
            "proxy:3128",
            "socks5://proxy:1080",
            "ftp://proxy",
        ] {
            assert!(
                matches!(with(None, Some(none)), Err(Fault::Proxy)),
                "{none}"
            );
        }
    }

    #[test]
    fn an_address_is_shown_without_secrets() {
        let url = Url::parse("https://ada:s3cret@id.example.org:8443/a?code=s3cret#s3cret");
        assert_eq!(shown(&url.unwrap()), "https://id.example.org:8443/a");
    }
}
