//! `OidcProvider` in a page: by `fetch`, with signatures that the browser verifies. The provider is a stub
//! of `fetch` in `provider.js`; the real one is that of the example `browser`.
#![cfg(all(target_family = "wasm", feature = "oidc"))]

use std::time::Duration;

use js_sys::Array;
use page::{auth_kinds, sleep};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, MemoryProvider, ProviderError, ProviderErrorKind, RedirectError,
};
use typed_hub::{AuthEventKind, Hub};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(module = "/tests/provider.js")]
extern "C" {
    /// Puts a provider in the place of `fetch`, which signs by this algorithm and has this fault.
    async fn install(algorithm: &str, fault: &str);
    /// The address that the user comes back to.
    fn visit(page: &str) -> String;
    /// What has been sent since the last call.
    fn sent() -> Array;
    /// How many timers of this delay wait that have been set since `install`.
    fn waiting(milliseconds: u32) -> u32;
    fn uninstall();
}

/// In milliseconds.
const TIME_LIMIT: u32 = 500;

const BACK: &str = "http://127.0.0.1/callback";

fn provider() -> OidcProvider {
    OidcProvider::builder()
        .issuer("https://id.example.org")
        .client_id("app")
        .redirect_uris([BACK])
        .time_limit(Duration::from_millis(TIME_LIMIT.into()))
        .build()
}

async fn sign_in(algorithm: &str, fault: &str) -> Result<AuthUser, RedirectError> {
    install(algorithm, fault).await;
    sent();
    let client = AuthClient::new(Hub::new(), provider()).unwrap();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let user = match client.sign_in_with_redirect(options).await {
        Ok(page) => client.complete_redirect(&visit(page.as_str())).await,
        Err(error) => Err(error),
    };
    uninstall();
    user
}

async fn fails(fault: &str) -> ProviderError {
    match sign_in("RS256", fault).await.unwrap_err() {
        RedirectError::Provider(error) => error,
        other => panic!("{fault}: {other:?}"),
    }
}

#[wasm_bindgen_test]
async fn the_browser_verifies_each_way_to_sign() {
    for algorithm in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ] {
        let user = sign_in(algorithm, "").await;
        let user = user.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(user.username, "ada", "{algorithm}");
        let forged = sign_in(algorithm, "forged").await;
        let Err(RedirectError::Provider(error)) = forged else {
            panic!("{algorithm}: {forged:?}")
        };
        assert!(error.message.contains("signature"), "{algorithm}: {error}");
    }
}

#[wasm_bindgen_test]
async fn a_key_that_is_none_verifies_nothing() {
    let error = fails("no key").await;
    assert!(error.message.contains("not among the keys"), "{error}");
}

/// No cookie, no referrer, no cache, no redirect.
#[wasm_bindgen_test]
async fn a_request_says_no_more_than_it_must() {
    sign_in("ES256", "").await.unwrap();
    let sent: Vec<_> = sent().iter().map(|one| one.as_string().unwrap()).collect();
    let asked = "omit no-store manual no-referrer";
    let get = format!("GET {asked} application/json -");
    let post = format!("POST {asked} application/json application/x-www-form-urlencoded");
    assert_eq!(sent, [get.as_str(), &get, &post]);
}

#[wasm_bindgen_test]
async fn a_fetch_that_the_browser_refuses_is_told_as_far_as_a_page_knows() {
    for (fault, name) in [("refused", "FetchRefused"), ("offline", "Offline")] {
        let error = fails(fault).await;
        assert_eq!(error.kind, ProviderErrorKind::InTransit, "{error}");
        assert_eq!(error.name, name, "{error}");
        let is_named = error
            .message
            .contains("https://id.example.org/.well-known/");
        assert!(is_named, "{error}");
    }
    assert!(fails("refused").await.message.contains("(CORS)"));
    // What may have had its effect is sent once; what was not sent, again.
    fails("refused").await;
    assert_eq!(sent().length(), 1);
    fails("offline").await;
    assert!(sent().length() > 1);
    assert_eq!(fails("lost on the way").await.name, "FetchRefused");
    assert_eq!(sent().length(), 1);
}

#[wasm_bindgen_test]
async fn an_answer_that_is_too_long_broken_late_or_elsewhere_is_an_error() {
    for (fault, name) in [
        ("too long", "TooLong"),
        ("endless", "TooLong"),
        ("broken", "Broken"),
        ("late", "TimedOut"),
        ("stalled", "TimedOut"),
        ("elsewhere", "Redirected"),
        ("out of order", "Status"),
        ("no JSON", "Unreadable"),
    ] {
        let error = fails(fault).await;
        assert_eq!(error.name, name, "{fault}: {error}");
    }
}

/// Rows F12, F13 and F14.
#[wasm_bindgen_test]
async fn tokens_are_refreshed_by_fetch() {
    for (fault, told, stays) in [
        ("", AuthEventKind::TokenRefresh, true),
        ("ended", AuthEventKind::TokenRefreshFailure, false),
        ("unreachable", AuthEventKind::TokenRefreshFailure, true),
    ] {
        install("ES256", fault).await;
        let hub = Hub::new();
        let (kinds, _guard) = auth_kinds(&hub);
        let client = AuthClient::new(hub.clone(), provider()).unwrap();
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = client.sign_in_with_redirect(options).await.unwrap();
        let user = client.complete_redirect(&visit(page.as_str())).await;
        assert_eq!(user.unwrap().username, "ada");
        hub.flush_async().await;
        kinds.take();
        let refreshed = client.refresh().await;
        assert_eq!(refreshed.is_ok(), fault.is_empty(), "{refreshed:?}");
        hub.flush_async().await;
        assert_eq!(kinds.take(), [told], "{fault}");
        let session = client.session().await.unwrap();
        let access = session.map(|session| session.tokens.access.expose().to_owned());
        let expected = if fault.is_empty() {
            "renewed"
        } else {
            "access"
        };
        assert_eq!(access.as_deref(), stays.then_some(expected), "{fault}");
        assert_eq!(
            waiting(TIME_LIMIT),
            0,
            "a request that is answered leaves no timer"
        );
        uninstall();
    }
}

/// The browser ends a request when its future is dropped.
#[wasm_bindgen_test]
async fn a_request_that_is_dropped_is_ended() {
    install("RS256", "late").await;
    sent();
    let client = AuthClient::new(Hub::new(), provider()).unwrap();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let mut request = Box::pin(client.sign_in_with_redirect(options));
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(request.as_mut().poll(&mut context).is_pending());
    drop(request);
    drop(client);
    sleep(20).await;
    let sent: Vec<_> = sent().iter().map(|one| one.as_string().unwrap()).collect();
    assert_eq!(sent.last().map(String::as_str), Some("aborted"));
    uninstall();
}

#[wasm_bindgen_test]
async fn a_page_that_is_no_secure_context_is_told_before_the_user_has_begun() {
    let error = fails("insecure").await;
    assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
    assert!(error.message.contains("https"), "{error}");
    let is_post = |sent: JsValue| {
        sent.as_string()
            .is_some_and(|sent| sent.starts_with("POST"))
    };
    assert!(!sent().iter().any(is_post), "the user had begun");
}

#[wasm_bindgen_test]
async fn an_address_that_is_not_secure_is_not_asked() {
    install("RS256", "").await;
    sent();
    let provider = OidcProvider::builder()
        .issuer("http://id.example.org")
        .client_id("app")
        .redirect_uris([BACK])
        .build();
    let client = AuthClient::new(Hub::new(), provider).unwrap();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let refused = client.sign_in_with_redirect(options).await.unwrap_err();
    assert!(refused.to_string().contains("https://"), "{refused}");
    assert_eq!(sent().length(), 0);
    uninstall();
}

/// In node there is no page to leave; in Chromium, the provider's page is none that a page may open.
#[wasm_bindgen_test]
async fn a_page_that_cannot_be_left_stays_and_the_sign_in_has_failed() {
    let pool = MemoryProvider::new();
    let client = AuthClient::new(Hub::new(), pool).unwrap();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let stays = client.sign_in_in_page(options).await;
    assert_eq!(stays, Err(RedirectError::NotOpened));
    let cancelled = client.cancel_redirect().await;
    assert_eq!(cancelled, Err(RedirectError::NothingUnderWay));
    assert_eq!(client.complete_redirect_in_page().await, Ok(None));
}
