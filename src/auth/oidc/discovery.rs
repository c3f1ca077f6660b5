//! The discovery document ([OpenID Connect
//! Discovery, section 3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)).

use url::Url;

use super::Inner;
use crate::auth::error::ProviderError;
use crate::auth::oauth::failure::{misconfigured, sanitize, unreadable, unsupported};
use crate::auth::oauth::http::{is_secure, shown};
use crate::auth::oauth::json::Members;
use crate::auth::oauth::{ClientAuth, Endpoints};

impl Inner {
    /// The provider's endpoints, and its keys, from the cache or fetched.
    pub(super) async fn endpoints(&self) -> Result<Endpoints, ProviderError> {
        let cached = self.endpoints.lock().clone();
        if let Some(cached) = cached {
            return Ok(cached);
        }
        let address = self.address()?;
        let document = self.oauth.http.json(&address, None).await?;
        let found = self.read(&document, &shown(&address))?;
        self.oauth.fetch_keys(&found).await?;
        *self.endpoints.lock() = Some(found.clone());
        Ok(found)
    }

    /// The address of the document ([OpenID Connect Discovery, section
    /// 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
    fn address(&self) -> Result<Url, ProviderError> {
        let issuer = self.issuer.as_str();
        let well_known = || {
            let issuer = issuer.trim_end_matches('/');
            format!("{issuer}/.well-known/openid-configuration")
        };
        if self.issuer.has_tenants() && self.discovery_url.is_none() {
            return Err(misconfigured(
                "Issuer",
                "the issuer has a tenant in braces: set the discovery_url as well",
            ));
        }
        let address = self.discovery_url.clone().unwrap_or_else(well_known);
        Url::parse(&address).map_err(|_| {
            let address = sanitize(&address);
            misconfigured(
                "Issuer",
                &format!("the issuer, or its discovery_url, is no URL: {address:?}"),
            )
        })
    }

    fn read(&self, document: &Members, address: &str) -> Result<Endpoints, ProviderError> {
        let issuer = document.text("issuer").unwrap_or_default();
        if issuer != self.issuer.as_str() {
            return Err(misconfigured(
                "Issuer",
                &format!(
                    "the discovery document is of the issuer {:?}, and not of {:?}, to the letter: \
                     {address}",
                    sanitize(&issuer),
                    sanitize(self.issuer.as_str())
                ),
            ));
        }
        for (member, what) in [
            (
                "require_pushed_authorization_requests",
                "pushed requests (PAR, RFC 9126)",
            ),
            (
                "require_signed_request_object",
                "signed requests (JAR, RFC 9101)",
            ),
        ] {
            if document.is_true(member) {
                return Err(unsupported(&format!(
                    "the provider takes only {what}, which is not supported: {address}"
                )));
            }
        }
        let optional = |member: &str| {
            let Some(url) = document.text(member).and_then(|url| Url::parse(&url).ok()) else {
                return Ok(None);
            };
            // The system opens a page, and would run a program as well. A provider elsewhere has
            // nothing on this machine.
            if url.scheme() == "https" || (is_secure(&url) && address.starts_with("http://")) {
                return Ok(Some(url));
            }
            Err(unreadable(&format!(
                "the {member} is not an https address ({}): {address}",
                shown(&url)
            )))
        };
        let required = |member: &str| {
            optional(member)?.ok_or_else(|| {
                unreadable(&format!(
                    "the discovery document has no {member}: {address}"
                ))
            })
        };
        let userinfo = self
            .asks_userinfo
            .then(|| required("userinfo_endpoint"))
            .transpose()?;
        Ok(Endpoints {
            issuer: self.issuer.clone(),
            authorize: required("authorization_endpoint")?,
            token: required("token_endpoint")?,
            revocation: optional("revocation_endpoint")?,
            end_session: optional("end_session_endpoint")?,
            userinfo,
            keys: required("jwks_uri")?,
            sends_issuer: document.is_true("authorization_response_iss_parameter_supported"),
            client_auth: self.client_auth.unwrap_or_else(|| client_auth(document)),
        })
    }
}

/// How the provider takes a client secret: in the body only if it takes it in no header.
fn client_auth(document: &Members) -> ClientAuth {
    let methods = document.texts("token_endpoint_auth_methods_supported");
    let methods = methods.unwrap_or_default();
    let takes = |method: &str| methods.iter().any(|one| one == method);
    if takes("client_secret_post") && !takes("client_secret_basic") {
        ClientAuth::Post
    } else {
        ClientAuth::Basic
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::oidc::OidcProvider;

    /// Reads the document of this issuer, in which a member is this address.
    fn read(issuer: &str, member: &str, url: &str) -> Result<Endpoints, ProviderError> {
        let provider = OidcProvider::builder()
            .issuer(issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .userinfo(true)
            .build();
        let mut document = json!({"issuer": issuer});
        for endpoint in ENDPOINTS {
            document[endpoint] = json!("https://id.example.org/endpoint");
        }
        document[member] = json!(url);
        let document = Members::of(document.to_string().as_bytes()).unwrap();
        let address = format!("{issuer}/.well-known/openid-configuration");
        provider.inner.read(&document, &address)
    }

    const ENDPOINTS: [&str; 6] = [
        "authorization_endpoint",
        "end_session_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
    ];

    #[test]
    fn a_provider_elsewhere_has_nothing_on_this_machine() {
        for member in ENDPOINTS {
            for url in [
                "http://127.0.0.1:8080/endpoint",
                "http://[::1]/endpoint",
                "http://localhost/endpoint",
            ] {
                let refused = read("https://id.example.org", member, url).map(drop);
                let refused = refused.unwrap_err();
                assert!(refused.message.contains(member), "{refused}");
                assert!(refused.message.contains(url), "{refused}");
                let own = read("http://127.0.0.1:9000", member, url);
                assert!(own.is_ok(), "{member}, {url}");
            }
        }
    }
}
