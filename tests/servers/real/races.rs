//! F24 and F17 on real servers: sign-outs that race with refreshes, and many who ask at once.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ministack::{BACK, Ministack, PASSWORD};
use crate::pages::Browser;
use crate::proxy::Proxy;
use crate::server::{OidcServer, free_port};
use crate::trace::trace;
use aws_sdk_cognitoidentityprovider::types::UserPoolMfaType;
use tokio::sync::Barrier;
use typed_hub::Hub;
use typed_hub::auth::cognito::CognitoFlow;
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, IdentityProvider, MemoryStore, SessionError, SignInStep, SignOutScope, TokenStore,
};

/// The two servers together see a thousand races.
const OF_THE_POOL: u32 = 600;
const OF_THE_PROVIDER: u32 = 400;

/// How far apart the two calls begin at most: about as long as a refresh takes.
const APART: u32 = 12_000; // in microseconds

/// Who came first.
#[derive(Debug, Default)]
struct Tally {
    refresh: u32,
    sign_out: u32,
    /// The revocation, between the two: the server has refused to refresh.
    revocation: u32,
}

struct Race<P: IdentityProvider> {
    provider: P,
    store: MemoryStore,
    client: AuthClient<P>,
    trace: Box<dyn Fn() -> Vec<String> + Send + Sync>,
    tally: Tally,
}

impl<P: IdentityProvider + Clone> Race<P> {
    fn of(provider: P) -> Self {
        let hub = Hub::new();
        let store = MemoryStore::new();
        Self {
            trace: Box::new(trace(&hub)),
            client: AuthClient::builder()
                .hub(hub)
                .provider(provider.clone())
                .store(store.clone())
                .build()
                .unwrap(),
            provider,
            store,
            tally: Tally::default(),
        }
    }

    /// Somebody is signed in. `round` decides which call begins how much earlier.
    async fn run(&mut self, round: u32) {
        (self.trace)();
        let before = self.store.load().await.unwrap().unwrap();
        let offset = round.wrapping_mul(7919) % (2 * APART);
        let (refresh_waits, sign_out_waits) = if offset < APART {
            (offset, 0)
        } else {
            (0, offset - APART)
        };
        let barrier = Arc::new(Barrier::new(2));
        let refresh = {
            let (client, barrier) = (self.client.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                wait(refresh_waits).await;
                client.refresh().await
            })
        };
        let sign_out = {
            let (client, barrier) = (self.client.clone(), barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                wait(sign_out_waits).await;
                client.sign_out(SignOutScope::ThisDevice).await
            })
        };
        let limit = Duration::from_secs(20);
        let refreshed = tokio::time::timeout(limit, refresh).await.unwrap().unwrap();
        let out = tokio::time::timeout(limit, sign_out)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(out.unwrap().not_revoked, None, "{round}");

        let events = (self.trace)();
        let events: Vec<_> = events.iter().map(String::as_str).collect();
        match (&*events, &refreshed) {
            (["tokenRefresh", "signedOut"], Ok(_)) => self.tally.refresh += 1,
            (["signedOut"], Ok(None)) => self.tally.sign_out += 1,
            (
                ["tokenRefresh_failure, ended", "signedOut"],
                Ok(None) | Err(SessionError::Ended(_)),
            ) => self.tally.revocation += 1,
            other => panic!("round {round}, {offset} µs: {other:?}"),
        }
        assert_eq!(self.store.load().await, Ok(None), "{round}");
        assert_eq!(self.client.refresh().await, Ok(None), "{round}");
        assert_eq!((self.trace)(), [""; 0], "{round}");
        if round.is_multiple_of(20) {
            // Not here, and not there either.
            let newest = refreshed.ok().flatten().unwrap_or(before);
            let refresh = newest.tokens.refresh.unwrap();
            let over = self.provider.refresh(&newest.user, &refresh).await;
            assert!(over.is_err(), "{round}");
        }
    }

    /// Prints past the test harness, which shows the output of tests that fail only.
    async fn end(self, of: &str, rounds: u32, began: Instant) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!((self.trace)(), [""; 0], "nothing comes late");
        assert_eq!(self.store.load().await, Ok(None));
        let (tally, took) = (&self.tally, began.elapsed().as_secs());
        let line = format!("\n{rounds} races at {of}, {took} s: who was first: {tally:?}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        assert!(
            tally.refresh > 0 && tally.sign_out > 0,
            "no race: {tally:?}"
        );
    }
}

/// Microseconds, which are too few for a timer.
async fn wait(microseconds: u32) {
    let until = Instant::now() + Duration::from_micros(microseconds.into());
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f24_sign_outs_race_with_refreshes_at_a_user_pool() {
    let server = Ministack::start();
    let pool = server.pool().await;
    server.add_user(&pool, "ada").await;
    let mut race = Race::of(server.provider(&pool, CognitoFlow::Password));
    let began = Instant::now();
    for round in 0..OF_THE_POOL {
        let step = race.client.sign_in("ada", PASSWORD).await.unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        race.run(round).await;
    }
    race.end("a user pool", OF_THE_POOL, began).await;
}

fn options() -> RedirectOptions {
    RedirectOptions::builder().redirect_uri(BACK).build()
}

fn provider(issuer: &str) -> OidcProvider {
    OidcProvider::builder()
        .issuer(issuer)
        .client_id("app")
        .redirect_uris(["http://127.0.0.1/callback"])
        .time_limit(Duration::from_secs(20))
        .build()
}

async fn sign_in(client: &AuthClient<OidcProvider>, browser: &mut Browser) {
    let page = client.sign_in_with_redirect(options()).await.unwrap();
    let callback = browser.sign_in(page.as_str(), "ada").await;
    client.complete_redirect(&callback).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f24_sign_outs_race_with_refreshes_at_an_openid_provider() {
    let server = OidcServer::start(3600);
    let mut race = Race::of(provider(&server.issuer));
    let mut browser = Browser::new(BACK);
    let began = Instant::now();
    for round in 0..OF_THE_PROVIDER {
        sign_in(&race.client, &mut browser).await;
        race.run(round).await;
    }
    race.end("an OpenID provider", OF_THE_PROVIDER, began).await;
}

/// Fifty who ask at once for an expired session: one request, one event, one answer.
async fn fifty<P: IdentityProvider>(race: &Race<P>, proxy: &Proxy, request: &str) {
    (race.trace)();
    proxy.take_requests();
    let callers: Vec<_> = (0..50)
        .map(|caller| {
            let client = race.client.clone();
            let force = caller % 2 == 0;
            tokio::spawn(async move {
                let session = if force {
                    client.refresh().await
                } else {
                    client.session().await
                };
                session.unwrap().unwrap()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((race.trace)(), ["tokenRefresh"]);
    assert_eq!(race.store.load().await.unwrap().as_ref(), answers.first());
    assert_eq!(proxy.take_requests(), [request]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f17_fifty_callers_are_one_request_at_a_user_pool() {
    let mut server = Ministack::start();
    // Less than the 5 s that a token must have left.
    let pool = server.pool_with(false, UserPoolMfaType::Off, 2).await;
    server.add_user(&pool, "ada").await;
    let port = server.endpoint.rsplit(':').next().unwrap().parse();
    let proxy = Proxy::to(port.unwrap());
    server.endpoint = proxy.url();
    let race = Race::of(server.provider(&pool, CognitoFlow::Password));
    let _ = race.client.sign_in("ada", PASSWORD).await.unwrap();
    fifty(&race, &proxy, "POST / HTTP/1.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f17_fifty_callers_are_one_request_at_an_openid_provider() {
    let port = free_port();
    let proxy = Proxy::to(port);
    let server = OidcServer::start_behind(port, &proxy.url(), 4);
    let race = Race::of(provider(&server.issuer));
    sign_in(&race.client, &mut Browser::new(BACK)).await;
    fifty(&race, &proxy, "POST /token HTTP/1.1").await;
}
