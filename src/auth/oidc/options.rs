//! The provider, and the registration of the application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use typed_builder::TypedBuilder;

use super::{Inner, OidcProvider};
use crate::auth::oauth::http::Http;
use crate::auth::oauth::{ClientAuth, OAuth, texts};
use crate::auth::secret::ClientSecret;
use crate::sync::Mutex;

/// The options of an [`OidcProvider`].
///
/// ```
/// use std::time::Duration;
/// use typed_hub::auth::oidc::OidcProvider;
///
/// let provider = OidcProvider::builder()
///     .issuer("https://id.example.org")
///     .client_id("my-app")
///     .redirect_uris(["org.example.app://signed-in"])
///     .scopes(["openid", "email", "offline_access"])
///     .time_limit(Duration::from_secs(10))
///     .build();
/// ```
#[derive(TypedBuilder)]
#[builder(
    builder_type(doc = "Options of an [`OidcProvider`]."),
    build_method(doc = "Nothing is read or sent yet.", into = OidcProvider)
)]
pub struct OidcOptions {
    /// The provider's issuer identifier: an https URL, or one of a loopback address.
    #[builder(setter(into))]
    issuer: String,
    /// The client id of the application.
    #[builder(setter(into))]
    client_id: String,
    /// The client secret. An application on its users' machines has none.
    #[builder(default, setter(transform = |secret: impl Into<ClientSecret>| Some(secret.into())))]
    client_secret: Option<ClientSecret>,
    /// How the secret is sent; unless set, by HTTP Basic.
    #[builder(default)]
    client_auth: ClientAuth,
    /// The redirect URIs, as registered. A loopback address may have any port.
    #[builder(setter(transform = |uris: impl IntoIterator<Item: Into<String>>| texts(uris)))]
    redirect_uris: Vec<String>,
    /// The page that the browser returns to after a sign-out.
    #[builder(default, setter(transform = |uri: impl Into<String>| Some(uri.into())))]
    post_logout_redirect_uri: Option<String>,
    /// The scopes; unless set, `openid`.
    #[builder(
        default = vec!["openid".to_owned()],
        setter(transform = |scopes: impl IntoIterator<Item: Into<String>>| texts(scopes))
    )]
    scopes: Vec<String>,
    /// How long to wait for each answer; unless set, 30 s.
    #[builder(default = Duration::from_secs(30))]
    time_limit: Duration,
    /// A certificate to trust in addition to those of the system.
    #[builder(default, setter(strip_option))]
    root_certificate: Option<reqwest::Certificate>,
}

impl From<OidcOptions> for OidcProvider {
    fn from(options: OidcOptions) -> Self {
        let trusted = options.root_certificate.into_iter().collect();
        let oauth = OAuth::new(
            Http::new(options.time_limit, trusted),
            options.client_id,
            options.client_secret,
            options.client_auth,
            options.redirect_uris,
            options.scopes,
        );
        Self {
            inner: Arc::new(Inner {
                oauth,
                issuer: options.issuer,
                post_logout_redirect_uri: options.post_logout_redirect_uri,
                endpoints: Mutex::new(None),
            }),
        }
    }
}

impl fmt::Debug for OidcOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcOptions")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
