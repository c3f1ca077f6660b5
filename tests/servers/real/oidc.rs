//! The auth category on a real OpenID provider: the rows of the table it can show.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::pages::Browser;
use crate::proxy::Proxy;
use crate::server::{OidcServer, free_port};
use crate::trace::trace;
use typed_hub::Hub;
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, IdentityProvider, MemoryStore, ProviderErrorKind, RedirectError, SessionError,
    SignOutScope, TokenStore,
};

const BACK: &str = "http://127.0.0.1:49152/callback";

const SIGNED_IN: [&str; 2] = ["signInWithRedirect", "signedIn"];

struct World {
    server: OidcServer,
    provider: OidcProvider,
    hub: Hub,
    store: MemoryStore,
    client: AuthClient<OidcProvider>,
    browser: Browser,
    trace: Box<dyn Fn() -> Vec<String>>,
}

impl World {
    fn new(access_ttl: u32) -> Self {
        let server = OidcServer::start(access_ttl);
        let provider = OidcProvider::builder()
            .issuer(&server.issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .post_logout_redirect_uri("http://127.0.0.1/bye")
            .scopes(["openid", "email"])
            .time_limit(Duration::from_secs(10))
            .build();
        let hub = Hub::new();
        let store = MemoryStore::new();
        let client = client(&hub, &provider, &store);
        Self {
            trace: Box::new(trace(&hub)),
            browser: Browser::new(BACK),
            server,
            provider,
            hub,
            store,
            client,
        }
    }

    async fn callback(&mut self) -> String {
        let page = self.client.sign_in_with_redirect(options()).await.unwrap();
        self.browser.sign_in(page.as_str(), "ada").await
    }

    async fn signed_in(access_ttl: u32) -> Self {
        let mut world = Self::new(access_ttl);
        let callback = world.callback().await;
        world.client.complete_redirect(&callback).await.unwrap();
        assert_eq!((world.trace)(), SIGNED_IN);
        world
    }

    /// Drops the client and makes another over the same store, as a restart does.
    fn restart(&mut self) {
        self.client = client(&Hub::new(), &self.provider, &self.store); // the hub is free again
        self.client = client(&self.hub, &self.provider, &self.store);
    }
}

fn client(hub: &Hub, provider: &OidcProvider, store: &MemoryStore) -> AuthClient<OidcProvider> {
    AuthClient::builder()
        .hub(hub.clone())
        .provider(provider.clone())
        .store(store.clone())
        .build()
        .unwrap()
}

fn options() -> RedirectOptions {
    RedirectOptions::builder().redirect_uri(BACK).build()
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f28_to_f30_and_f35_signing_in() {
    let mut world = World::new(3600);
    let callback = world.callback().await;
    let user = world.client.complete_redirect(&callback).await.unwrap();
    assert_eq!(
        (&*user.username, &*user.user_id),
        ("ada@example.org", "ada")
    );
    assert_eq!((world.trace)(), SIGNED_IN);
    assert_eq!(world.server.count("grant.success authorization_code"), 1);
    let replayed = world.client.complete_redirect(&callback).await;
    assert_eq!(replayed, Err(RedirectError::NothingUnderWay), "F35");
    let again = world.client.sign_in_with_redirect(options()).await;
    assert_eq!(again.unwrap_err(), RedirectError::AlreadySignedIn, "F6");

    let out = world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    assert_eq!(out.not_revoked, None);
    let logout = out.logout_url.expect("F23");
    assert!(logout.as_str().starts_with(&format!(
        "{}/session/end?client_id=app",
        world.server.issuer
    )));
    assert!(logout.as_str().contains("id_token_hint="));
    assert_eq!((world.trace)(), ["signedOut"]);

    let custom = "日本語 👩‍🚀 /cart?a=b&c=d#e";
    let options = RedirectOptions::builder()
        .redirect_uri(BACK)
        .custom_state(custom)
        .build();
    let page = world.client.sign_in_with_redirect(options).await.unwrap();
    let callback = world.browser.sign_in(page.as_str(), "ada").await;
    world.client.complete_redirect(&callback).await.unwrap();
    let first = format!("customOAuthState: {custom}");
    assert_eq!(
        (world.trace)(),
        [&*first, SIGNED_IN[0], SIGNED_IN[1]],
        "F29"
    );
    world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();

    let mut another = Browser::new(BACK);
    let page = world
        .client
        .sign_in_with_redirect(self::options())
        .await
        .unwrap();
    let callback = another.decline(page.as_str()).await;
    (world.trace)();
    let declined = world.client.complete_redirect(&callback).await.unwrap_err();
    assert!(matches!(&declined, RedirectError::Declined(why) if why.name == "access_denied"));
    assert_eq!((world.trace)(), ["signInWithRedirect_failure"], "F30");
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f33_a_code_that_is_spoilt_or_another_issuers_or_asked_for_by_another() {
    let mut world = World::new(3600);
    for spoil in [
        |url: &str| url.replace("code=", "code=x"),
        |url: &str| url.replace("iss=http", "iss=https"),
    ] {
        let callback = world.callback().await;
        let failed = world
            .client
            .complete_redirect(&spoil(&callback))
            .await
            .unwrap_err();
        assert!(matches!(&failed, RedirectError::Provider(_)), "{failed:?}");
        assert_eq!((world.trace)(), ["signInWithRedirect_failure"]);
        assert_eq!(world.store.load().await, Ok(None));
    }
    // Another verifier and another nonce: what is stored is not what was asked with.
    let callback = world.callback().await;
    let pending = world.store.load_redirect().await.unwrap().unwrap();
    let (mut nonce, mut verifier) = (pending.clone(), pending);
    nonce.nonce = "another".into();
    verifier.verifier = "x".repeat(43).into();
    for spoilt in [nonce, verifier] {
        world.store.save_redirect(&spoilt).await.unwrap();
        world.restart();
        let failed = world.client.complete_redirect(&callback).await.unwrap_err();
        assert!(matches!(&failed, RedirectError::Provider(_)), "{failed:?}");
        assert_eq!((world.trace)(), ["signInWithRedirect_failure"]);
        assert_eq!(world.store.load().await, Ok(None));
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f39_a_callback_after_a_restart_and_f38_a_session_after_one() {
    let mut world = World::new(3600);
    let callback = world.callback().await;
    world.restart();
    world.client.complete_redirect(&callback).await.unwrap();
    assert_eq!((world.trace)(), SIGNED_IN);
    world.restart();
    let user = world.client.current_user().await.unwrap().unwrap();
    assert_eq!(user.user_id, "ada");
    world.restart();
    assert!(world.client.session().await.unwrap().is_some());
    assert_eq!((world.trace)(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f12_and_f17_fifty_callers_share_one_refresh_and_the_token_rotates() {
    let mut world = World::signed_in(4).await; // which is less than the 5 s a token must have left
    let before = world.store.load().await.unwrap().unwrap();
    world.restart();
    let client = Arc::new(world.client.clone());
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.refresh().await.unwrap().unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((world.trace)(), ["tokenRefresh"]);
    assert_eq!(world.server.count("grant.success refresh_token"), 1);
    let after = world.store.load().await.unwrap().unwrap();
    assert_eq!(after, answers[0]);
    assert_ne!(after.tokens.refresh, before.tokens.refresh, "it rotates");
    assert_eq!(after.user, before.user);
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f14_a_token_used_twice_ends_the_session() {
    let world = World::signed_in(3600).await;
    let old = world.store.load().await.unwrap().unwrap();
    world.client.refresh().await.unwrap();
    assert_eq!((world.trace)(), ["tokenRefresh"]);
    // Somebody else has got hold of the old one.
    let stolen = world
        .provider
        .refresh(&old.user, &old.tokens.refresh.unwrap())
        .await;
    assert_eq!(stolen.unwrap_err().error.kind, ProviderErrorKind::Rejected);
    let ended = world.client.refresh().await;
    assert!(matches!(&ended, Err(SessionError::Ended(why)) if why.name == "invalid_grant"));
    assert_eq!((world.trace)(), ["tokenRefresh_failure, ended"]);
    assert_eq!(world.client.session().await, Ok(None), "F18");
    assert_eq!((world.trace)(), [""; 0]);
}

/// The keys lag behind at a refresh, and the process restarts before the next. The provider has taken
/// the first refresh token: sent again, it would end the session there.
#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f15_a_refresh_token_that_was_replaced_in_an_answer_in_doubt_outlives_a_restart() {
    let port = free_port();
    let proxy = Proxy::to(port);
    let server = OidcServer::start_behind(port, &proxy.url(), 3600);
    let store = MemoryStore::new();
    // Each is a process of its own, which knows no keys and no tokens but those of the store.
    let process = || {
        let provider = OidcProvider::builder()
            .issuer(proxy.url())
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .time_limit(Duration::from_secs(10))
            .build();
        let hub = Hub::new();
        let trace = trace(&hub);
        (client(&hub, &provider, &store), trace)
    };
    let (client, _) = process();
    let page = client.sign_in_with_redirect(options()).await.unwrap();
    let callback = Browser::new(BACK).sign_in(page.as_str(), "ada").await;
    client.complete_redirect(&callback).await.unwrap();

    let (client, trace) = process();
    proxy.send_elsewhere("jwks_uri", &without_keys());
    let doubt = client.refresh().await.unwrap_err();
    assert!(
        matches!(&doubt, SessionError::Unreachable(why) if why.name == "IdToken"),
        "{doubt:?}"
    );
    assert_eq!(trace(), ["tokenRefresh_failure, kept"]);
    assert_eq!(server.count("refresh_token.consumed"), 1);

    let (client, trace) = process();
    proxy.clear_fault();
    assert!(client.refresh().await.unwrap().is_some());
    assert_eq!(trace(), ["tokenRefresh"]);
    assert_eq!(server.count("refresh_token.consumed"), 2);
    assert_eq!(server.count("grant.revoked"), 0);
}

/// A server that shows an empty set of keys, and its origin.
fn without_keys() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(
                stream,
                "{head}\r\ncontent-length: 11\r\n\r\n{{\"keys\":[]}}"
            );
        }
    });
    origin
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f19_a_signed_out_session_is_over_there_too_and_f20_when_nobody_is_there() {
    let world = World::signed_in(3600).await;
    let session = world.store.load().await.unwrap().unwrap();
    let out = world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    assert_eq!(out.not_revoked, None);
    let refresh = session.tokens.refresh.unwrap();
    let refused = world
        .provider
        .refresh(&session.user, &refresh)
        .await
        .unwrap_err();
    assert_eq!(refused.error.kind, ProviderErrorKind::Rejected);

    let world = World::signed_in(3600).await;
    drop(world.server);
    let kept = world.client.refresh().await;
    assert!(matches!(kept, Err(SessionError::Unreachable(_))), "F15");
    assert_eq!((world.trace)(), ["tokenRefresh_failure, kept"]);
    let out = world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    assert!(out.not_revoked.is_some(), "F20");
    assert_eq!((world.trace)(), ["signedOut"]);
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn a_redirect_uri_that_is_not_configured_begins_nothing() {
    let world = World::new(3600);
    for uri in [
        "https://example.org/callback",
        "http://127.0.0.1:1/other",
        "not a url",
    ] {
        let options = RedirectOptions::builder().redirect_uri(uri).build();
        let failed = world.client.sign_in_with_redirect(options).await;
        assert!(matches!(failed, Err(RedirectError::Provider(_))), "{uri}");
    }
    assert_eq!(world.store.load_redirect().await, Ok(None));
}
