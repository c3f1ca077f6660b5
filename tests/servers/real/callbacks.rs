//! F30 to F35 on real servers: callbacks that are spoilt, forged, replayed or somebody else's. The
//! code of none of them is sent, and the server is not even asked.

use std::time::{Duration, Instant};

use crate::ministack::{BACK, Ministack};
use crate::pages::Browser;
use crate::proxy::Proxy;
use crate::server::{OidcServer, free_port};
use crate::shown::Shown;
use crate::trace::trace;
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, MemoryStore, RedirectError, RedirectProvider, SignOutScope, TokenStore,
};

const FAILED: [&str; 1] = ["signInWithRedirect_failure"];

type Spoil = fn(&str) -> String;

type Expected = fn(&RedirectError) -> bool;

/// What is wrong, how a good callback is made so, and what it comes to.
const SPOILT: &[(&str, Spoil, Expected)] = &[
    (
        "another state",
        |url| url.replace("state=", "state=x"),
        |error| *error == RedirectError::StateMismatch,
    ),
    (
        "a state cut short",
        |url| {
            let (before, state) = url.split_once("state=").unwrap();
            format!("{before}state={}", &state[1..])
        },
        |error| *error == RedirectError::StateMismatch,
    ),
    (
        "no state",
        |url| url.replace("state=", "stage="),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "an empty state",
        |url| url.replace("state=", "state=&stage="),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "two states",
        |url| format!("{url}&state=another"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "the same state twice",
        |url| {
            let (_, query) = url.split_once('?').unwrap();
            let state = query.split('&').find(|pair| pair.starts_with("state="));
            format!("{url}&{}", state.unwrap())
        },
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "no code",
        |url| url.replace("code=", "kode="),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "two codes",
        |url| format!("{url}&code=another"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "an error and a code",
        |url| format!("{url}&error=server_error&error_description=sorry"),
        |error| matches!(error, RedirectError::Declined(why) if why.name == "server_error"),
    ),
    (
        "two errors",
        |url| format!("{url}&error=one&error=two"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "1 MB",
        |url| format!("{url}&padding={}", "x".repeat(1024 * 1024)),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "a code of 1 MB",
        |url| url.replace("code=", &format!("code={}", "x".repeat(1024 * 1024))),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "a code that is no UTF-8",
        |url| url.replace("code=", "code=%FF%FE"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "a state that is no UTF-8",
        |url| url.replace("state=", "state=%C3%28"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "all in the fragment",
        |url| url.replace('?', "#"),
        |error| *error == RedirectError::Incomplete,
    ),
    (
        "another issuer",
        |url| {
            let mut url = url::Url::parse(url).unwrap();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            let pairs = pairs.into_iter().filter(|(name, _)| name != "iss");
            let pairs: Vec<_> = pairs.collect();
            url.query_pairs_mut()
                .clear()
                .extend_pairs(pairs)
                .append_pair("iss", "https://id.example.org");
            url.into()
        },
        |error| matches!(error, RedirectError::Provider(why) if why.name == "IssuerMismatch"),
    ),
];

/// Callbacks to somewhere else, which end nothing.
const ELSEWHERE: &[Spoil] = &[
    |url| url.replace("127.0.0.1", "id.example.org"),
    |url| url.replace("127.0.0.1", "127.0.0.2"),
    |url| url.replace("127.0.0.1", "localhost"),
    |url| url.replace("http://127.0.0.1", "http://127.0.0.1@id.example.org"),
    |url| url.replace("http:", "https:"),
    |url| url.replace(":49153", ":49154"),
    |url| url.replace("/callback", "/callback/../other"),
    |_| String::new(),
];

trait Site {
    type Provider: RedirectProvider;

    fn provider(&self) -> Self::Provider;

    fn proxy(&self) -> &Proxy;

    async fn visit(&self, page: &str) -> String;
}

struct World<'s, S: Site> {
    site: &'s S,
    store: MemoryStore,
    client: AuthClient<S::Provider>,
    trace: Box<dyn Fn() -> Vec<String>>,
    shown: Shown,
}

impl<'s, S: Site> World<'s, S> {
    fn new(site: &'s S) -> Self {
        let hub = Hub::new();
        let (trace, shown) = (Box::new(trace(&hub)), Shown::of(&hub));
        let store = MemoryStore::new();
        Self {
            site,
            client: AuthClient::builder()
                .hub(hub)
                .provider(site.provider())
                .store(store.clone())
                .build()
                .unwrap(),
            store,
            trace,
            shown,
        }
    }

    async fn callback(&self) -> String {
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = self.client.sign_in_with_redirect(options).await.unwrap();
        let callback = self.site.visit(page.as_str()).await;
        self.site.proxy().take_requests();
        callback
    }

    /// Whether a code was sent to the server since the callback came.
    fn was_sent(&self) -> bool {
        let requests = self.site.proxy().take_requests();
        requests.iter().any(|line| line.starts_with("POST"))
    }
}

/// What must not be shown of a callback.
fn code_of(callback: &str) -> String {
    let code = callback.split("code=").nth(1).unwrap();
    code.split('&').next().unwrap().to_owned()
}

async fn bad_callbacks<S: Site>(site: &S) {
    for (what, spoil, expected) in SPOILT {
        let world = World::new(site);
        let callback = world.callback().await;
        let pending = world.store.load_redirect().await.unwrap().unwrap();
        let began = Instant::now();
        let error = world.client.complete_redirect(&spoil(&callback)).await;
        let error = error.expect_err(what);
        assert!(began.elapsed() < Duration::from_secs(2), "{what}");
        assert!(expected(&error), "{what}: {error:?}");
        assert_eq!((world.trace)(), FAILED, "{what}");
        assert!(!world.was_sent(), "{what}: the code is sent");
        assert_eq!(world.store.load().await, Ok(None), "{what}");
        assert_eq!(world.store.load_redirect().await, Ok(None), "{what}");
        // The good one comes too late.
        let late = world.client.complete_redirect(&callback).await;
        assert_eq!(late, Err(RedirectError::NothingUnderWay), "{what}");
        assert_eq!((world.trace)(), [""; 0], "{what}");
        world.shown.error(&error);
        let secrets = [code_of(&callback), pending.verifier.expose().to_owned()];
        assert!(!world.shown.any_of(&secrets), "{what} is shown");
    }

    let world = World::new(site);
    let callback = world.callback().await;
    for elsewhere in ELSEWHERE {
        let url = elsewhere(&callback);
        let error = world.client.complete_redirect(&url).await;
        assert_eq!(error, Err(RedirectError::NotTheCallback), "{url}");
    }
    assert_eq!((world.trace)(), [""; 0]);
    assert!(!world.was_sent());
    world.client.complete_redirect(&callback).await.unwrap();
    assert_eq!((world.trace)(), ["signInWithRedirect", "signedIn"]);

    // A replay, of a callback and of its code.
    let session = world.store.load().await.unwrap();
    world.site.proxy().take_requests();
    let replayed = world.client.complete_redirect(&callback).await;
    assert_eq!(replayed, Err(RedirectError::NothingUnderWay), "F35");
    assert!(!world.was_sent());
    assert_eq!(world.store.load().await.unwrap(), session);
    let out = world.client.sign_out(SignOutScope::ThisDevice).await;
    assert_eq!(out.unwrap().not_revoked, None);
    (world.trace)();
    let stolen = code_of(&callback);
    let next = world.callback().await;
    let injected = next.replace(&code_of(&next), &stolen);
    let refused = world.client.complete_redirect(&injected).await;
    let Err(RedirectError::Provider(why)) = &refused else {
        panic!("a code is used twice: {refused:?}");
    };
    assert_eq!(why.name, "invalid_grant");
    assert_eq!((world.trace)(), FAILED);
    assert_eq!(world.store.load().await, Ok(None));

    // The code of another's sign-in, which was never used: PKCE tells.
    let (victim, world) = (World::new(site), World::new(site));
    let theirs = code_of(&victim.callback().await);
    let ours = world.callback().await;
    let injected = ours.replace(&code_of(&ours), &theirs);
    let refused = world.client.complete_redirect(&injected).await;
    assert!(
        matches!(&refused, Err(RedirectError::Provider(why)) if why.name == "invalid_grant"),
        "{refused:?}"
    );
    assert_eq!((world.trace)(), FAILED);
    assert_eq!(world.store.load().await, Ok(None));
}

struct CognitoSite {
    _server: Ministack,
    provider: CognitoProvider,
    proxy: Proxy,
    direct: String,
}

impl Site for CognitoSite {
    type Provider = CognitoProvider;

    fn provider(&self) -> Self::Provider {
        self.provider.clone()
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    async fn visit(&self, page: &str) -> String {
        crate::ministack::visit(page, &self.direct, "ada").await
    }
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f30_to_f35_bad_callbacks_of_a_user_pool() {
    let mut server = Ministack::start();
    let pool = server.pool().await;
    server.add_user(&pool, "ada").await;
    let port = server.endpoint.rsplit(':').next().unwrap().parse();
    let proxy = Proxy::to(port.unwrap());
    let direct = std::mem::replace(&mut server.endpoint, proxy.url());
    let site = CognitoSite {
        provider: server.provider(&pool, CognitoFlow::Password),
        _server: server,
        proxy,
        direct,
    };
    bad_callbacks(&site).await;
}

struct OidcSite {
    server: OidcServer,
    proxy: Proxy,
}

impl Site for OidcSite {
    type Provider = OidcProvider;

    fn provider(&self) -> OidcProvider {
        OidcProvider::builder()
            .issuer(&self.server.issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .time_limit(Duration::from_secs(10))
            .build()
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    async fn visit(&self, page: &str) -> String {
        Browser::new(BACK).sign_in(page, "ada").await
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f30_to_f35_bad_callbacks_of_an_openid_provider() {
    let port = free_port();
    let proxy = Proxy::to(port);
    let server = OidcServer::start_behind(port, &proxy.url(), 3600);
    bad_callbacks(&OidcSite { server, proxy }).await;
}
