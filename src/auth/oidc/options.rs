//! The provider, and the registration of the application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use typed_builder::TypedBuilder;

use super::{Inner, OidcProvider};
use crate::auth::oauth::http::{Http, HttpOptions};
use crate::auth::oauth::user::USERNAME_CLAIMS;
use crate::auth::oauth::{ClientAuth, Issuer, OAuth, Registration, texts};
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
///     .authorize_params([("prompt", "consent")]) // or no refresh token comes
///     .time_limit(Duration::from_secs(10))
///     .build();
/// ```
#[derive(TypedBuilder)]
#[builder(
    builder_type(doc = "Options of an [`OidcProvider`]."),
    build_method(doc = "Nothing is read or sent yet.", into = OidcProvider)
)]
pub struct OidcOptions {
    /// The provider's issuer identifier, to the letter: an https URL, or one of a loopback address.
    ///
    /// `{tenantid}` in it stands for the tenant that an id token names in its claim `tid`. This is
    /// how the documents of [Microsoft
    /// Entra](https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc) name the issuer
    /// of all tenants. It needs a [`discovery_url`](OidcOptionsBuilder::discovery_url), and users of
    /// *every* tenant can sign in. A subject is unique only within its tenant, so the `user_id` of such
    /// a user is both, with a dot between them: `sub.tid`.
    ///
    /// ```
    /// use typed_hub::auth::oidc::OidcProvider;
    ///
    /// let entra = "https://login.microsoftonline.com";
    /// let provider = OidcProvider::builder()
    ///     .issuer(format!("{entra}/{{tenantid}}/v2.0"))
    ///     .discovery_url(format!("{entra}/common/v2.0/.well-known/openid-configuration"))
    ///     .client_id("my-app")
    ///     .redirect_uris(["http://localhost/callback"])
    ///     .build();
    /// ```
    #[builder(setter(into))]
    issuer: String,
    /// The address of the discovery document, if it is not that of the issuer ([OpenID Connect
    /// Discovery, section
    /// 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)), as with a
    /// policy of Azure AD B2C. The document must name the issuer all the same.
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    discovery_url: Option<String>,
    /// The client id of the application.
    #[builder(setter(into))]
    client_id: String,
    /// The client secret. An application on its users' machines has none.
    #[builder(default, setter(transform = |secret: impl Into<ClientSecret>| Some(secret.into())))]
    client_secret: Option<ClientSecret>,
    /// How the secret is sent; unless set, by HTTP Basic if the discovery document does not say that
    /// the provider takes it only in the body.
    #[builder(default, setter(strip_option))]
    client_auth: Option<ClientAuth>,
    /// The redirect URIs, as registered. A loopback address may have any port.
    #[builder(setter(transform = |uris: impl IntoIterator<Item: Into<String>>| texts(uris)))]
    redirect_uris: Vec<String>,
    /// The page that the browser returns to after a sign-out.
    #[builder(default, setter(transform = |uri: impl Into<String>| Some(uri.into())))]
    post_logout_redirect_uri: Option<String>,
    /// Whether the logout URL carries the id token, which spares the user a question ([OpenID
    /// Connect RP-Initiated Logout, section
    /// 2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)); unless set, it
    /// does. It then stays in the history of the browser, and may be too long for some servers.
    #[builder(default = true)]
    id_token_hint: bool,
    /// The scopes; unless set, `openid`.
    ///
    /// With `offline_access`, most providers issue a refresh token only if the sign-in asks for
    /// consent as well: `prompt=consent`, among the `authorize_params` or of one sign-in ([OpenID
    /// Connect Core, section
    /// 11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)).
    #[builder(
        default = vec!["openid".to_owned()],
        setter(transform = |scopes: impl IntoIterator<Item: Into<String>>| texts(scopes))
    )]
    scopes: Vec<String>,
    /// Further parameters of the address of the sign-in page, such as `audience`, `resource`,
    /// `acr_values` or `access_type` ([RFC 6749, section
    /// 8.2](https://www.rfc-editor.org/rfc/rfc6749#section-8.2)).
    ///
    /// A sign-in is refused if one of them is a parameter that this crate sets, such as `state`,
    /// `nonce` or `scope`. A parameter that a sign-in sets itself, such as `prompt`, takes
    /// precedence.
    #[builder(
        default,
        setter(transform = |params: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>| {
            params.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
        })
    )]
    authorize_params: Vec<(String, String)>,
    /// Audiences that an id token may name beside this application ([OpenID Connect Core, section
    /// 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)), such as
    /// the project of Zitadel. An id token that names one must name this application as the
    /// authorised party (`azp`). Unless set, there are none.
    #[builder(
        default,
        setter(transform = |audiences: impl IntoIterator<Item: Into<String>>| texts(audiences))
    )]
    trusted_audiences: Vec<String>,
    /// The claims that name the user; unless set, `cognito:username`, `preferred_username` and
    /// `email`.
    ///
    /// The first that is there counts. An `email` counts only if `email_verified` is true ([OpenID
    /// Connect Core, section
    /// 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)), and a text with
    /// characters that are not shown, or of more than 256 characters, never does. If there is none,
    /// the user is named by `sub`.
    #[builder(
        default = texts(USERNAME_CLAIMS),
        setter(transform = |claims: impl IntoIterator<Item: Into<String>>| texts(claims))
    )]
    username_claims: Vec<String>,
    /// Whether the userinfo endpoint is asked for the claims that name the user, beside the id token
    /// ([OpenID Connect Core, section
    /// 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)); unless set, it is not.
    /// The sign-in fails if the endpoint does not answer, or answers with another user's claims.
    #[builder(default)]
    userinfo: bool,
    /// How long to wait for each answer; unless set, 30 s. A request that the provider has not served (no
    /// connection, status 429 or 503) is sent again within that time, up to twice.
    #[builder(default = Duration::from_secs(30))]
    time_limit: Duration,
    /// Certificates to trust in addition to those of the system, in PEM. Not in a page, whose browser
    /// decides.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    #[builder(default, setter(transform = |pem: impl Into<Vec<u8>>| Some(pem.into())))]
    root_certificates: Option<Vec<u8>>,
    /// The http:// or https:// URL of the proxy by which requests are sent; unless set, the
    /// environment names it (`HTTPS_PROXY` and `NO_PROXY`). A request to a loopback address is sent
    /// by none. Not in a page, whose browser decides.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    #[builder(default, setter(transform = |url: impl Into<String>| Some(url.into())))]
    proxy: Option<String>,
}

/// An option that is empty counts as unset.
impl From<OidcOptions> for OidcProvider {
    fn from(options: OidcOptions) -> Self {
        let said = |text: &String| !text.is_empty();
        let secret = options.client_secret;
        let http = Http::new(&HttpOptions {
            time_limit: options.time_limit,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            root_certificates: options.root_certificates,
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            proxy: options.proxy,
        });
        let registration = Registration {
            client_id: options.client_id,
            client_secret: secret.filter(|secret| !secret.expose().is_empty()),
            redirect_uris: options.redirect_uris,
            scopes: options.scopes,
            authorize_params: options.authorize_params,
            trusted_audiences: options.trusted_audiences,
            username_claims: options.username_claims,
        };
        Self {
            inner: Arc::new(Inner {
                oauth: OAuth::new(http, registration),
                issuer: Issuer::new(options.issuer),
                discovery_url: options.discovery_url.filter(said),
                client_auth: options.client_auth,
                asks_userinfo: options.userinfo,
                post_logout_redirect_uri: options.post_logout_redirect_uri.filter(said),
                id_token_hint: options.id_token_hint,
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
