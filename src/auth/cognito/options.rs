//! The pool, and the registration of the application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::config::timeout::TimeoutConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use typed_builder::TypedBuilder;
use url::Url;

use super::http::HideBody;
use super::retry::{self, OnlyUnserved};
use super::{CognitoProvider, Hosted, Inner, http};
use crate::auth::error::ProviderError;
use crate::auth::oauth::failure::{misconfigured, sanitize};
use crate::auth::oauth::http::{Http, HttpOptions, is_secure};
use crate::auth::oauth::user::USERNAME_CLAIMS;
use crate::auth::oauth::{ClientAuth, Endpoints, Issuer, OAuth, Registration, texts};
use crate::auth::provider::Attributes;
use crate::auth::secret::ClientSecret;
use crate::auth::user::AuthFlowType;

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

impl CognitoFlow {
    pub(super) const fn with_password(self, there_is_one: bool) -> AuthFlowType {
        match self {
            Self::Srp => AuthFlowType::UserSrp,
            Self::Password => AuthFlowType::UserPassword,
            Self::Custom if there_is_one => AuthFlowType::CustomWithSrp,
            Self::Custom => AuthFlowType::CustomWithoutSrp,
            Self::Choice => AuthFlowType::User,
        }
    }
}

/// Which form the issuer of a user pool has ([Amazon Cognito API reference,
/// `IssuerConfigurationType`
/// ](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CognitoIssuer {
    /// `https://cognito-idp.{region}.amazonaws.com/{pool}` (`ORIGINAL`).
    #[default]
    Original,
    /// `https://issuer-cognito-idp.{region}.amazonaws.com/{pool}` (`UPDATED`), as of a pool that is
    /// replicated in several regions.
    Updated,
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
    /// How a user signs in, unless the sign-in itself says it
    /// ([`SignInRequest`](crate::auth::SignInRequest)); unless set, by SRP.
    #[builder(default)]
    flow: CognitoFlow,
    /// What the service passes to the Lambda functions of the pool with each request ([Amazon Cognito
    /// API reference, `ClientMetadata`
    /// ](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_InitiateAuth.html));
    /// unless set, nothing. The metadata of a sign-in is sent as well, and takes precedence. Metadata
    /// is not protected, so it must not carry secrets.
    #[builder(
        default,
        setter(transform = |metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>| {
            metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
        })
    )]
    client_metadata: Attributes,
    /// The endpoint of the service, an https URL, or one of a loopback address; unless set, that of
    /// the region.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    endpoint: Option<String>,
    /// How long to wait for each answer; unless set, 30 s. Within that time, a request that the
    /// service has not served (no connection, status 429 or 503, `TooManyRequestsException`) is
    /// sent again, up to twice, after a growing, jittered pause.
    #[builder(default = Duration::from_secs(30))]
    time_limit: Duration,
    /// Certificates to trust in addition to those of the system, in PEM.
    #[builder(default, setter(transform = |pem: impl Into<Vec<u8>>| Some(pem.into())))]
    root_certificates: Option<Vec<u8>>,
    /// The http:// or https:// URL of the proxy by which requests are sent; unless set, the
    /// environment names it (`HTTPS_PROXY` and `NO_PROXY`). A request to a loopback address is sent
    /// by none.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    proxy: Option<String>,
    /// The domain of the pool's sign-in pages, for signing in by redirect, as an https URL:
    /// `https://example.auth.eu-central-1.amazoncognito.com`.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    domain: Option<String>,
    /// The form of the pool's issuer, which the id token of a sign-in by redirect names; unless set,
    /// the original one. In China and in the European Sovereign Cloud it ends as the hosts there do.
    #[builder(default)]
    issuer: CognitoIssuer,
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
    fn client(&self, http: Http) -> Client {
        // The limit of one request comes first: its error names the address.
        let time_limit = self.time_limit.saturating_add(Duration::from_millis(100));
        let time_limit = TimeoutConfig::builder().operation_timeout(time_limit);
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(http::client(http))
            .retry_config(retry::config())
            .retry_classifier(OnlyUnserved)
            .interceptor(HideBody)
            .timeout_config(time_limit.build())
            .allow_no_auth();
        config.set_endpoint_url(self.endpoint.clone());
        Client::from_conf(config.build())
    }

    /// The pool's sign-in pages, or why there are none.
    fn hosted(&self, http: Http) -> Result<Hosted, ProviderError> {
        let Some(domain) = &self.domain else {
            let message = "the domain of the sign-in pages is not known";
            return Err(misconfigured("Domain", message));
        };
        let url = Url::parse(domain).ok().filter(Url::has_host);
        let url = url.filter(is_secure).ok_or_else(|| {
            let message = format!(
                "the domain of the sign-in pages is no secure URL, begin it with https://: {:?}",
                sanitize(domain)
            );
            misconfigured("Domain", &message)
        })?;
        self.hosted_at(&url, http).ok_or_else(|| {
            let message = "the region, the pool or the domain cannot be part of a URL";
            misconfigured("Domain", message)
        })
    }

    fn hosted_at(&self, domain: &Url, http: Http) -> Option<Hosted> {
        let (region, pool) = (&self.region, &self.user_pool_id);
        let host = match self.issuer {
            CognitoIssuer::Original => "cognito-idp",
            CognitoIssuer::Updated => "issuer-cognito-idp",
        };
        let issuer = format!("https://{host}.{region}.{}", dns_suffix(region));
        let keys = self.endpoint.as_ref().unwrap_or(&issuer);
        let keys = keys.trim_end_matches('/');
        let endpoints = Endpoints {
            issuer: Issuer::new(format!("{issuer}/{pool}")),
            authorize: domain.join("/oauth2/authorize").ok()?,
            token: domain.join("/oauth2/token").ok()?,
            revocation: domain.join("/oauth2/revoke").ok(),
            sends_issuer: false,
            end_session: domain.join("/logout").ok(),
            userinfo: None,
            keys: Url::parse(&format!("{keys}/{pool}/.well-known/jwks.json")).ok()?,
            client_auth: self.client_auth,
        };
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

/// The end of the names of the service's hosts in the partition of this region ([AWS partitions
/// ](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)).
fn dns_suffix(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "amazonaws.com.cn",
        Some("eusc") => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

impl From<CognitoOptions> for CognitoProvider {
    fn from(mut options: CognitoOptions) -> Self {
        let said = |text: &String| !text.is_empty();
        options.endpoint = options.endpoint.filter(said);
        options.domain = options.domain.filter(said);
        options.logout_uri = options.logout_uri.filter(said);
        let secret = options.client_secret;
        options.client_secret = secret.filter(|secret| !secret.expose().is_empty());
        let http = Http::new(&HttpOptions {
            time_limit: options.time_limit,
            root_certificates: options.root_certificates.take(),
            proxy: options.proxy.take(),
        });
        Self {
            inner: Arc::new(Inner {
                client: options.client(http.clone()),
                hosted: options.hosted(http),
                user_pool_id: options.user_pool_id,
                client_id: options.client_id,
                client_secret: options.client_secret,
                flow: options.flow,
                client_metadata: options.client_metadata,
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
