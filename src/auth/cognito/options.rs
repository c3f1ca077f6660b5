//! The pool, and the registration of the application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::config::timeout::TimeoutConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use typed_builder::TypedBuilder;
use url::Url;

use super::bounded::Bounded;
use super::retry::{self, OnlyWithoutEffect};
use super::{CognitoProvider, Hosted, Inner};
use crate::auth::oauth::http::{Http, HttpOptions};
use crate::auth::oauth::user::USERNAME_CLAIMS;
use crate::auth::oauth::{ClientAuth, Endpoints, Issuer, OAuth, Registration, texts};
use crate::auth::secret::ClientSecret;

/// How a user signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CognitoFlow {
    /// By Secure Remote Password, which does not send the password (`USER_SRP_AUTH`).
    #[default]
    Srp,
    /// By sending the password (`USER_PASSWORD_AUTH`).
    Password,
    /// By the challenges of the pool's Lambda functions (`CUSTOM_AUTH`).
    Custom,
    /// By a factor of the user's choice (`USER_AUTH`).
    Choice,
}

/// The options of a [`CognitoProvider`].
///
/// ```
/// use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
///
/// let provider = CognitoProvider::builder()
///     .region("eu-central-1")
///     .user_pool_id("eu-central-1_Example")
///     .client_id("1example23456789")
///     .flow(CognitoFlow::Srp)
///     .build();
/// ```
#[derive(TypedBuilder)]
#[builder(
    builder_type(doc = "Options of a [`CognitoProvider`]."),
    build_method(doc = "Nothing is sent yet.", into = CognitoProvider)
)]
pub struct CognitoOptions {
    /// The region of the pool: `eu-central-1`.
    #[builder(setter(into))]
    region: String,
    /// The pool: `eu-central-1_Example`.
    #[builder(setter(into))]
    user_pool_id: String,
    /// The id of the app client.
    #[builder(setter(into))]
    client_id: String,
    /// The secret of the app client, if it has one.
    #[builder(default, setter(transform = |secret: impl Into<ClientSecret>| Some(secret.into())))]
    client_secret: Option<ClientSecret>,
    /// How the secret is sent to the token endpoint; unless set, by HTTP Basic.
    #[builder(default)]
    client_auth: ClientAuth,
    /// How a user signs in; unless set, by SRP.
    #[builder(default)]
    flow: CognitoFlow,
    /// The endpoint of the service; unless set, that of the region.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    endpoint: Option<String>,
    /// How long to wait for each answer; unless set, 30 s. Within that time, a request that
    /// certainly had no effect (no connection, status 429 or 503, `TooManyRequestsException`) is
    /// sent again, up to twice, after a growing, jittered pause.
    #[builder(default = Duration::from_secs(30))]
    time_limit: Duration,
    /// The domain of the pool's sign-in pages, for signing in by redirect:
    /// `https://example.auth.eu-central-1.amazoncognito.com`.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    domain: Option<String>,
    /// The redirect URIs, as configured for the app client.
    #[builder(
        default,
        setter(transform = |uris: impl IntoIterator<Item: Into<String>>| texts(uris))
    )]
    redirect_uris: Vec<String>,
    /// The page after a sign-out, as configured for the app client.
    #[builder(default, setter(transform = |uri: impl Into<String>| Some(uri.into())))]
    logout_uri: Option<String>,
    /// The scopes of a sign-in by redirect; unless set, `openid`.
    #[builder(
        default = vec!["openid".to_owned()],
        setter(transform = |scopes: impl IntoIterator<Item: Into<String>>| texts(scopes))
    )]
    scopes: Vec<String>,
}

impl CognitoOptions {
    fn client(&self) -> Client {
        let time_limit = TimeoutConfig::builder().operation_timeout(self.time_limit);
        let tls = Provider::Rustls(CryptoMode::Ring);
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(Builder::new().tls_provider(tls).build_https())
            .retry_config(retry::config())
            .retry_classifier(OnlyWithoutEffect)
            .timeout_config(time_limit.build())
            .interceptor(Bounded)
            .allow_no_auth();
        config.set_endpoint_url(self.endpoint.clone());
        Client::from_conf(config.build())
    }

    /// The pool's sign-in pages, or why there are none.
    fn hosted(&self) -> Result<Hosted, &'static str> {
        let Some(domain) = &self.domain else {
            return Err("the domain of the sign-in pages is not known");
        };
        let domain = Url::parse(domain).ok().filter(Url::has_host);
        let domain = domain.and_then(|domain| self.hosted_at(&domain));
        domain.ok_or("the domain of the sign-in pages is no URL: begin it with https://")
    }

    fn hosted_at(&self, domain: &Url) -> Option<Hosted> {
        let service = format!("https://cognito-idp.{}.amazonaws.com", self.region);
        let pool = &self.user_pool_id;
        let at = self
            .endpoint
            .as_ref()
            .unwrap_or(&service)
            .trim_end_matches('/');
        let endpoints = Endpoints {
            issuer: Issuer::new(format!("{service}/{pool}")),
            authorize: domain.join("/oauth2/authorize").ok()?,
            token: domain.join("/oauth2/token").ok()?,
            revocation: domain.join("/oauth2/revoke").ok(),
            sends_issuer: false,
            end_session: domain.join("/logout").ok(),
            userinfo: None,
            keys: Url::parse(&format!("{at}/{pool}/.well-known/jwks.json")).ok()?,
            client_auth: self.client_auth,
        };
        let http = Http::new(&HttpOptions {
            time_limit: self.time_limit,
            root_certificates: None,
            proxy: None,
        });
        let registration = Registration {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            redirect_uris: self.redirect_uris.clone(),
            scopes: self.scopes.clone(),
            username_claims: texts(USERNAME_CLAIMS),
            ..Registration::default()
        };
        let oauth = OAuth::new(http, registration);
        Some(Hosted {
            oauth,
            endpoints,
            logout_uri: self.logout_uri.clone(),
        })
    }
}

impl From<CognitoOptions> for CognitoProvider {
    fn from(options: CognitoOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                client: options.client(),
                hosted: options.hosted(),
                user_pool_id: options.user_pool_id,
                client_id: options.client_id,
                client_secret: options.client_secret,
                flow: options.flow,
            }),
        }
    }
}

impl fmt::Debug for CognitoOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CognitoOptions")
            .field("user_pool_id", &self.user_pool_id)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
