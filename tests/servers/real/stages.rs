//! Providers to play the table of events on, and what happens there beside what a client asks.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::{AuthorizeUrl, IdentityProvider, RedirectProvider, Session, SignInStep};

use crate::ministack::{Ministack, PASSWORD, Pool};
use crate::oracle::Client;
use crate::pages::{Browser, plain_client};
use crate::server::OidcServer;

pub(crate) const BACK: &str = "http://127.0.0.1:49153/callback";

/// What a user must replace.
pub(crate) const TEMPORARY: &str = "Temporary-7";

/// A provider that knows `ada`.
pub(crate) trait Stage: Sized {
    type Provider: RedirectProvider + Clone;

    /// Whether a refresh of a session that was ended there is refused as not authorised, and not
    /// otherwise.
    const REFUSES_AS_NOT_AUTHORIZED: bool;

    async fn set() -> Self;

    fn provider(&self) -> Self::Provider;

    /// Ada signs in, in whatever way there is.
    async fn sign_in(&mut self, client: &Client<Self>);

    /// Ada opens the page, signs in and comes back.
    async fn visit(&mut self, page: &AuthorizeUrl) -> String;

    /// Her session is ended there.
    async fn end(&mut self, session: &Session) {
        let token = session.tokens.refresh.as_ref().unwrap();
        self.provider().revoke(token).await.unwrap();
    }

    /// Nobody is there any more.
    fn go_away(&mut self);
}

/// A Cognito user pool.
pub(crate) struct Cognito {
    server: Option<Ministack>,
    pool: Pool,
    provider: CognitoProvider,
}

impl Cognito {
    fn server(&self) -> &Ministack {
        self.server.as_ref().expect("it has gone away")
    }

    /// A user who must choose a new password.
    pub(crate) async fn invite(&self, name: &str) {
        self.server().invite(&self.pool, name).await;
    }

    /// Ada may do nothing any more.
    pub(crate) async fn disable_ada(&self) {
        let disable = self.server().admin.admin_disable_user();
        let disable = disable.user_pool_id(&self.pool.id).username("ada");
        disable.send().await.unwrap();
    }

    /// To a client that is started after this, requests for new tokens get lost on the way.
    pub(crate) fn lose_refreshes(&mut self) {
        let options = CognitoProvider::builder()
            .region("us-east-1")
            .user_pool_id(&self.pool.id)
            .client_id(&self.pool.client_id)
            .endpoint(lossy(&self.server().endpoint));
        self.provider = options.build();
    }
}

impl Stage for Cognito {
    type Provider = CognitoProvider;
    const REFUSES_AS_NOT_AUTHORIZED: bool = true;

    async fn set() -> Self {
        let server = Ministack::start();
        let pool = server.pool().await;
        server.add_user(&pool, "ada").await;
        let scopes = ["openid", "email"].map(str::to_owned).to_vec();
        let client = server.admin.update_user_pool_client();
        let client = client.user_pool_id(&pool.id).client_id(&pool.client_id);
        let client = client.set_allowed_o_auth_scopes(Some(scopes));
        client.send().await.unwrap();
        Self {
            provider: server.provider(&pool, CognitoFlow::Srp),
            server: Some(server),
            pool,
        }
    }

    fn provider(&self) -> CognitoProvider {
        self.provider.clone()
    }

    async fn sign_in(&mut self, client: &Client<Self>) {
        let step = client.sign_in("ada", PASSWORD).await.unwrap();
        assert!(matches!(step, SignInStep::Done(user) if user.username == "ada"));
    }

    async fn visit(&mut self, page: &AuthorizeUrl) -> String {
        let page = reqwest::Url::parse(page.as_str()).unwrap();
        let login = page.join("/login").unwrap();
        let mut form: HashMap<_, _> = page.query_pairs().collect();
        form.insert("username".into(), "ada".into());
        form.insert("password".into(), PASSWORD.into());
        let mut body = login.clone();
        body.query_pairs_mut().extend_pairs(form);
        let request = plain_client().post(login);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(body.query().unwrap().to_owned());
        let response = request.send().await.unwrap();
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    fn go_away(&mut self) {
        self.server = None;
    }
}

/// An address that leads to a pool, but where the first request of a connection is lost if it is
/// for new tokens. A client that is new there has no connection yet.
fn lossy(endpoint: &str) -> String {
    let pool = endpoint.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let pool = pool.clone();
            thread::spawn(move || forward(connection, &pool));
        }
    });
    format!("http://{address}")
}

fn forward(mut client: TcpStream, pool: &str) -> io::Result<()> {
    let mut first = [0; 16 * 1024];
    let length = client.read(&mut first)?;
    let first = &first[..length];
    if String::from_utf8_lossy(first).contains("GetTokensFromRefreshToken") {
        return Ok(());
    }
    let mut pool = TcpStream::connect(pool)?;
    pool.write_all(first)?;
    let (mut answer, mut to) = (pool.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut answer, &mut to));
    io::copy(&mut client, &mut pool)?;
    pool.shutdown(Shutdown::Write)
}

/// An OpenID provider.
pub(crate) struct Oidc {
    server: Option<OidcServer>,
    provider: OidcProvider,
    browser: Browser,
}

impl Oidc {
    pub(crate) async fn decline(&mut self, page: &AuthorizeUrl) -> String {
        self.browser.decline(page.as_str()).await
    }
}

impl Stage for Oidc {
    type Provider = OidcProvider;
    const REFUSES_AS_NOT_AUTHORIZED: bool = false;

    async fn set() -> Self {
        let server = OidcServer::start(3600);
        let provider = OidcProvider::builder()
            .issuer(&server.issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .post_logout_redirect_uri("http://127.0.0.1/bye")
            .time_limit(Duration::from_secs(10))
            .build();
        Self {
            server: Some(server),
            provider,
            browser: Browser::new(BACK),
        }
    }

    fn provider(&self) -> OidcProvider {
        self.provider.clone()
    }

    async fn sign_in(&mut self, client: &Client<Self>) {
        let page = client.sign_in_with_redirect(crate::oracle::options()).await;
        let callback = self.visit(&page.unwrap()).await;
        client.complete_redirect(&callback).await.unwrap();
    }

    async fn visit(&mut self, page: &AuthorizeUrl) -> String {
        self.browser.sign_in(page.as_str(), "ada").await
    }

    fn go_away(&mut self) {
        self.server = None;
    }
}
