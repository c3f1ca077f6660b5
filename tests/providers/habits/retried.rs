//! A passing fault: what is sent again, and what is not.

use std::time::{Duration, Instant};

use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::{ProviderError, SessionError, SignOutScope};

use super::provider::{CLIENT, Failure, Provider};
use super::{BACK, World};

const BUSY: Failure = Failure::Status(503, None);
const THROTTLED: Failure = Failure::Status(429, None);

const ENDPOINTS: [&str; 5] = [
    "/.well-known/openid-configuration",
    "/keys",
    "/token",
    "/userinfo",
    "/revoke",
];

fn application(provider: &Provider, time_limit: Duration) -> OidcProvider {
    OidcProvider::builder()
        .issuer(&provider.origin)
        .client_id(CLIENT)
        .redirect_uris([BACK])
        .userinfo(true)
        .time_limit(time_limit)
        .build()
}

fn world(time_limit: Duration) -> World {
    World::with(|_| {}, |provider| application(provider, time_limit))
}

/// A user who has signed in, with the requests to the token endpoint that this took.
async fn signed_in(time_limit: Duration) -> World {
    let world = world(time_limit);
    world.sign_in().await.unwrap();
    (world.trace)();
    assert_eq!(sent(&world), 1);
    world
}

fn sent(world: &World) -> usize {
    world.provider.script().requests("/token").len()
}

/// The refresh fails, and the session is kept (F15).
async fn kept(world: &World) -> ProviderError {
    let error = match world.client.refresh().await {
        Err(SessionError::Unreachable(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!((world.trace)(), ["tokenRefresh_failure, kept"]);
    assert!(world.stored().await.is_some());
    error
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_request_that_was_not_served_is_sent_again_twice() {
    for path in ENDPOINTS {
        for failures in [[BUSY, BUSY], [THROTTLED, BUSY]] {
            let world = world(LONG);
            world.provider.script().fail(path, &failures);
            world.sign_in().await.unwrap();
            world.client.refresh().await.unwrap();
            let out = world.client.sign_out(SignOutScope::ThisDevice).await;
            assert_eq!(out.unwrap().not_revoked, None);
            let events = [
                "signInWithRedirect",
                "signedIn",
                "tokenRefresh",
                "signedOut",
            ];
            assert_eq!((world.trace)(), events, "{path}");
            let trips = if path == "/token" { 2 } else { 1 };
            let requests = world.provider.script().requests(path).len();
            assert_eq!(requests, trips + failures.len(), "{path}");
        }
    }
}

#[tokio::test]
async fn f15_a_request_is_sent_three_times_at_most() {
    let world = signed_in(LONG).await;
    world.provider.script().fail("/token", &[BUSY; 4]);
    assert_eq!(kept(&world).await.name, "Status");
    assert_eq!(sent(&world), 1 + 3);
}

#[tokio::test]
async fn f12_a_request_without_a_connection_is_sent_again() {
    let world = signed_in(LONG).await;
    world.provider.stop();
    let refresh = world.client.refresh();
    let restart = async {
        // The third attempt is made after 300 ms at least.
        tokio::time::sleep(Duration::from_millis(250)).await;
        world.provider.restart();
    };
    let (refreshed, ()) = futures_util::join!(refresh, restart);
    assert!(refreshed.unwrap().is_some());
    assert_eq!((world.trace)(), ["tokenRefresh"]);
    assert_eq!(sent(&world), 1 + 1);

    world.provider.stop();
    assert_eq!(kept(&world).await.name, "ConnectionRefused");
}

/// The server may have acted: it may have replaced the refresh token.
#[tokio::test]
async fn f15_a_request_whose_answer_is_lost_is_not_sent_again() {
    for (failure, name) in [
        (Failure::Cut, "Broken"),
        (Failure::Closed, "Broken"),
        (Failure::Status(500, None), "Status"),
        (Failure::Status(502, Some("0")), "Status"),
        (Failure::Status(504, None), "Status"),
    ] {
        let world = signed_in(LONG).await;
        world.provider.script().fail("/token", &[failure]);
        assert_eq!(kept(&world).await.name, name, "{failure:?}");
        assert_eq!(sent(&world), 1 + 1, "{failure:?}");
        world.client.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_may_say_when_to_come_back() {
    let world = signed_in(LONG).await;
    let in_a_second = Failure::Status(503, Some("1"));
    world.provider.script().fail("/token", &[in_a_second]);
    let since = Instant::now();
    world.client.refresh().await.unwrap();
    assert!(since.elapsed() >= Duration::from_secs(1));
    assert_eq!((world.trace)(), ["tokenRefresh"]);

    for later in [
        "60",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "18446744073709551615",
    ] {
        let world = signed_in(LONG).await;
        let failure = Failure::Status(429, Some(later));
        world.provider.script().fail("/token", &[failure]);
        let since = Instant::now();
        assert_eq!(kept(&world).await.name, "Status", "{later}");
        assert!(since.elapsed() < Duration::from_secs(5), "{later}");
        assert_eq!(sent(&world), 1 + 1, "{later}");
    }
}

/// The attempts together take no longer than one may.
#[tokio::test]
async fn f15_the_time_limit_is_that_of_all_attempts() {
    let limit = Duration::from_secs(1);
    let world = signed_in(limit).await;
    {
        let mut script = world.provider.script();
        script.takes = Duration::from_millis(700);
        script.fail("/token", &[BUSY]);
    }
    let since = Instant::now();
    let error = kept(&world).await;
    let took = since.elapsed();
    assert!(took < limit + Duration::from_millis(300), "{took:?}");
    assert_eq!(error.name, "TimedOut");
}
