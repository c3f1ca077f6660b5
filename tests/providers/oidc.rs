//! `OidcProvider` with an OpenID provider that is having a bad day, or does not do as it should.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::oidc_stub::{BACK, CLIENT, Server};
use typed_hub::auth::oidc::{ClientAuth, OidcProvider};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, MemoryStore, RedirectError, Session, SessionError, SignOutScope,
    TokenStore,
};
use typed_hub::{Auth, AuthEvent, Hub};

struct World {
    server: Server,
    store: MemoryStore,
    client: AuthClient<OidcProvider>,
    events: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        Self::with(provider)
    }

    fn with(provider: impl FnOnce(&Server) -> OidcProvider) -> Self {
        let server = Server::start();
        let store = MemoryStore::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let hub = Hub::new();
        let seen = Arc::clone(&events);
        hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            seen.lock().unwrap().push(event.kind().to_string());
        })
        .detach();
        let client = AuthClient::builder()
            .hub(hub)
            .provider(provider(&server))
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            server,
            store,
            client,
            events,
        }
    }

    async fn signed_in() -> Self {
        let world = Self::new();
        world.sign_in().await.unwrap();
        world.events();
        world
    }

    async fn sign_in(&self) -> Result<AuthUser, RedirectError> {
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = self.client.sign_in_with_redirect(options).await.unwrap();
        let callback = self.server.visit(&page);
        self.client.complete_redirect(&callback).await
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    async fn stored(&self) -> Session {
        self.store.load().await.unwrap().unwrap()
    }

    /// Another client over the same store, as after a restart.
    fn restarted(&self) -> AuthClient<OidcProvider> {
        AuthClient::builder()
            .hub(Hub::new())
            .provider(provider(&self.server))
            .store(self.store.clone())
            .build()
            .unwrap()
    }
}

fn provider(server: &Server) -> OidcProvider {
    OidcProvider::builder()
        .issuer(&server.issuer)
        .client_id(CLIENT)
        .redirect_uris([BACK])
        .time_limit(Duration::from_secs(10))
        .build()
}

#[tokio::test]
async fn a_refresh_token_is_not_spent_while_the_keys_cannot_be_had() {
    let world = World::signed_in().await;
    let client = world.restarted();
    world.server.state().shows_keys = false;
    let kept = client.refresh().await;
    assert!(matches!(kept, Err(SessionError::Unreachable(_))));
    assert_eq!(world.server.requests("/token").len(), 1, "that of the code");
    world.server.state().shows_keys = true;
    assert!(client.refresh().await.unwrap().is_some());
}

#[tokio::test]
async fn a_code_is_not_spent_while_the_keys_cannot_be_had() {
    let world = World::new();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let page = world.client.sign_in_with_redirect(options).await.unwrap();
    let callback = world.server.visit(&page);
    world.server.state().shows_keys = false;
    let failed = world.restarted().complete_redirect(&callback).await;
    assert!(matches!(failed, Err(RedirectError::Provider(_))));
    assert_eq!(world.server.requests("/token").len(), 0);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_kept_when_newer_keys_cannot_be_had() {
    let world = World::signed_in().await;
    let before = world.stored().await.tokens;
    {
        let mut server = world.server.state();
        (server.shows_keys, server.signs_with) = (false, 2);
    }
    assert!(world.client.refresh().await.unwrap().is_some());
    let after = world.stored().await.tokens;
    assert_eq!(after.refresh, Some("refresh-2".into()));
    assert_eq!(after.id, before.id, "the new one is not known to be good");
    assert_eq!(world.events(), ["tokenRefresh"]);
}

#[tokio::test]
async fn newer_keys_are_asked_for() {
    let world = World::signed_in().await;
    let before = world.stored().await.tokens;
    {
        let mut server = world.server.state();
        (server.shown, server.signs_with) = (vec![1, 2], 2);
    }
    assert!(world.client.refresh().await.unwrap().is_some());
    assert_ne!(world.stored().await.tokens.id, before.id);
}

#[tokio::test]
async fn a_clock_that_is_wrong_ends_no_session() {
    const FAR: Duration = Duration::from_secs(24 * 365 * 60 * 60);
    for is_ahead in [true, false] {
        let world = World::signed_in().await;
        {
            let mut server = world.server.state();
            let now = server.issued_at;
            server.issued_at = if is_ahead { now + FAR } else { now - FAR };
        }
        let session = world.client.refresh().await.unwrap().unwrap();
        let tokens = session.tokens;
        let lasts = tokens.expires_at.duration_since(tokens.received_at);
        assert_eq!(lasts.unwrap(), Duration::from_secs(60 * 60));
        assert_eq!(world.events(), ["tokenRefresh"]);
    }
}

#[tokio::test]
async fn clocks_may_be_some_minutes_apart_at_a_sign_in_and_no_more() {
    const MINUTE: Duration = Duration::from_secs(60);
    for (apart, is_fine) in [(4 * MINUTE, true), (10 * MINUTE, false)] {
        for is_ahead in [true, false] {
            let world = World::new();
            {
                let mut server = world.server.state();
                let now = server.issued_at;
                server.lifetime = Duration::from_secs(20);
                server.issued_at = if is_ahead { now + apart } else { now - apart };
            }
            let signed_in = world.sign_in().await;
            assert_eq!(signed_in.is_ok(), is_fine, "{apart:?} {is_ahead}");
        }
    }
}

#[tokio::test]
async fn the_tokens_of_another_user_are_refused() {
    let world = World::signed_in().await;
    world.server.state().subject = "eve";
    let ended = world.client.refresh().await;
    assert!(matches!(&ended, Err(SessionError::Ended(why)) if why.name == "IdToken"));
    assert_eq!(world.events(), ["tokenRefresh_failure"]);
    assert_eq!(world.store.load().await, Ok(None));
}

#[tokio::test]
async fn an_application_with_a_secret_proves_itself_in_one_way() {
    for way in [ClientAuth::Basic, ClientAuth::Post] {
        let world = World::with(|server| {
            OidcProvider::builder()
                .issuer(&server.issuer)
                .client_id(CLIENT)
                .client_secret("s3cret&")
                .client_auth(way)
                .redirect_uris([BACK])
                .build()
        });
        world.sign_in().await.unwrap();
        world.client.refresh().await.unwrap();
        let here = SignOutScope::ThisDevice;
        world.client.sign_out(here).await.unwrap();
        let mut requests = world.server.requests("/token");
        requests.extend(world.server.requests("/revoke"));
        assert_eq!(requests.len(), 3);
        for request in requests {
            let header = request.authorization.as_deref();
            let secret = request.field("client_secret");
            match way {
                ClientAuth::Basic => {
                    assert_eq!(header, Some("Basic YXBwOnMzY3JldCUyNg=="));
                    assert_eq!(secret, None);
                }
                ClientAuth::Post => {
                    assert_eq!(header, None);
                    assert_eq!(secret.as_deref(), Some("s3cret&"));
                    assert_eq!(request.field("client_id").as_deref(), Some(CLIENT));
                }
            }
        }
    }
}

/// (g) A provider may say again what it was sent.
#[tokio::test]
async fn what_was_sent_is_not_said_again() {
    const WHY: &str = "is not good";
    for secret in ["{secret}", "{verifier}"] {
        for body in [
            format!(r#"{{"error":"invalid_grant","error_description":"{secret} {WHY}"}}"#),
            format!(r#"{{"error":"{secret} {WHY}"}}"#),
        ] {
            let world = World::new();
            world.server.state().refuses = Some((400, body));
            let failed = world.sign_in().await.unwrap_err();
            let sent = world.server.requests("/token").pop().unwrap();
            let shown = format!("{failed:?}{failed}");
            for field in ["code", "code_verifier"] {
                assert!(!shown.contains(&sent.field(field).unwrap()), "{shown}");
            }
        }
    }
    let world = World::signed_in().await;
    let body = r#"{"error":"temporarily_unavailable","error_description":"{secret}"}"#;
    world.server.state().refuses = Some((400, body.to_owned()));
    let failed = world.client.refresh().await.unwrap_err();
    assert!(!format!("{failed:?}{failed}").contains("refresh-1"));
    let body = r#"{"error":"temporarily_unavailable","error_description":"come back later"}"#;
    world.server.state().refuses = Some((400, body.to_owned()));
    let failed = world.client.refresh().await.unwrap_err();
    assert!(failed.to_string().contains("come back later"), "{failed}");
}

#[tokio::test]
async fn tokens_that_are_not_what_they_should_be_are_revoked() {
    let revoked = |world: &World| {
        let requests = world.server.requests("/revoke");
        let tokens = requests.iter().map(|request| request.field("token"));
        tokens.collect::<Option<Vec<_>>>().unwrap()
    };
    let world = World::new();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let page = world.client.sign_in_with_redirect(options).await.unwrap();
    let callback = world.server.visit(&page);
    world.server.state().nonce = Some("another".to_owned());
    assert!(world.client.complete_redirect(&callback).await.is_err());
    assert_eq!(revoked(&world), ["refresh-1"]);

    let world = World::new();
    world.server.state().signs_with = 2;
    assert!(world.sign_in().await.is_err());
    assert_eq!(revoked(&world), [""; 0], "the key may be a newer one");

    let world = World::new();
    world.server.state().issues_id_tokens = false;
    assert!(world.sign_in().await.is_err());
    assert_eq!(revoked(&world), [""; 0], "nothing in it is false");

    let world = World::signed_in().await;
    world.server.state().subject = "eve";
    assert!(world.client.refresh().await.is_err());
    assert_eq!(revoked(&world), ["refresh-2"]);
}

#[tokio::test]
async fn a_provider_that_always_names_itself_has_not_sent_what_does_not() {
    for (iss, is_fine) in [(None, false), (Some("other"), false), (Some("own"), true)] {
        let world = World::new();
        world.server.state().says_issuer = true;
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = world.client.sign_in_with_redirect(options).await.unwrap();
        let callback = world.server.visit(&page);
        let callback = match iss {
            None => callback,
            Some("own") => format!("{callback}&iss={}", world.server.issuer),
            Some(other) => format!("{callback}&iss={other}"),
        };
        let completed = world.client.complete_redirect(&callback).await;
        assert_eq!(completed.is_ok(), is_fine, "{iss:?}");
        let sent = world.server.requests("/token").len();
        assert_eq!(sent, usize::from(is_fine));
    }
}

#[tokio::test]
async fn a_nonce_can_be_given() {
    let world = World::new();
    let options = RedirectOptions::builder()
        .redirect_uri(BACK)
        .nonce("chosen by another party")
        .build();
    let page = world.client.sign_in_with_redirect(options).await.unwrap();
    let callback = world.server.visit(&page);
    let nonce = world.server.state().nonce.clone();
    assert_eq!(nonce.as_deref(), Some("chosen by another party"));
    world.client.complete_redirect(&callback).await.unwrap();
}

#[tokio::test]
async fn nobody_is_sent_to_a_page_that_would_not_say_who_they_are() {
    let world = World::new();
    let options = |scope: &str| {
        RedirectOptions::builder()
            .redirect_uri(BACK)
            .scopes([scope])
            .build()
    };
    for scopes in ["email", "openid2 email"] {
        let begun = world.client.sign_in_with_redirect(options(scopes)).await;
        let refused = matches!(&begun, Err(RedirectError::Provider(why)) if why.name == "Scopes");
        assert!(refused, "{scopes}");
    }
    let begun = world.client.sign_in_with_redirect(options("email openid"));
    assert!(begun.await.is_ok());
}
