//! One request by `reqwest`, with TLS by `ring`.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy, Response};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use url::Url;

use super::{Answer, Fault, HttpOptions, MAX_BODY, Request, check_status, is_loopback};
#[cfg(feature = "cognito")]
use super::{Http, HttpError, is_secure, shown};
use crate::text::sanitize;

/// Sends requests with the certificates, the proxy and the time limit of the options.
#[derive(Clone, Debug)]
pub(super) struct Transport(Result<Clients, Fault>);

#[derive(Clone, Debug)]
struct Clients {
    /// Sends by the proxy, if there is one.
    outward: Client,
    /// Sends to this machine, and so by no proxy.
    loopback: Client,
}

impl Transport {
    /// If the options do not fit, or the system offers no TLS, each request fails.
    pub(super) fn new(options: &HttpOptions) -> Self {
        Self(Clients::new(options))
    }

    /// Sends a request once.
    pub(super) async fn attempt(
        &self,
        request: &Request,
        time_limit: Duration,
    ) -> Result<Answer, Fault> {
        let response = self.respond(to_send(request, time_limit)?).await?;
        check_status(response.status().as_u16(), || {
            let header = response.headers().get(RETRY_AFTER)?;
            Some(header.to_str().ok()?.to_owned())
        })?;
        read(response).await
    }

    async fn respond(&self, request: reqwest::Request) -> Result<Response, Fault> {
        let clients = self.0.as_ref().map_err(Fault::clone)?;
        let client = if is_loopback(request.url()) {
            &clients.loopback
        } else {
            &clients.outward
        };
        client.execute(request).await.map_err(|e| fault(&e))
    }
}

#[cfg(feature = "cognito")]
impl Http {
    /// Sends a request once, and returns the answer of any status.
    pub(crate) async fn exchange(
        &self,
        mut request: reqwest::Request,
    ) -> Result<Answer, HttpError> {
        let address = shown(request.url());
        *request.timeout_mut() = Some(self.time_limit);
        let answer = async {
            if !is_secure(request.url()) {
                return Err(Fault::NotSecure);
            }
            read(self.transport.respond(request).await?).await
        };
        answer.await.map_err(|fault| HttpError { fault, address })
    }
}

fn to_send(request: &Request, time_limit: Duration) -> Result<reqwest::Request, Fault> {
    let method = request.form.as_ref().map_or(Method::GET, |_| Method::POST);
    let mut to_send = reqwest::Request::new(method, request.url.clone());
    *to_send.timeout_mut() = Some(time_limit);
    if let Some(form) = &request.form {
        *to_send.body_mut() = Some(form.to_string().into());
    }
    let headers = to_send.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if request.form.is_some() {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, kind);
    }
    if let Some(authorization) = &request.authorization {
        // It has been checked.
        let header = HeaderValue::try_from(authorization.0.as_str());
        let mut header = header.map_err(|_| Fault::Broken)?;
        header.set_sensitive(true);
        headers.insert(AUTHORIZATION, header);
    }
    Ok(to_send)
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

#[cfg(test)]
mod tests {
    use super::super::Http;
    use super::*;

    #[test]
    fn a_system_without_tls_is_an_error_and_no_panic() {
        let http = Http {
            transport: Transport(Err(Fault::NoTls)),
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
            Transport::new(&options).0.map(drop)
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
}
