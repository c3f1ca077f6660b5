//! The auth category in a page, with the embedded user pool and the browser's clock.
#![cfg(all(target_family = "wasm", feature = "auth"))]

#[path = "../slow.rs"]
mod slow;

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use futures_util::future::join;
use page::{auth_kinds, sleep};
use slow::{Slow, expired};
use typed_hub::auth::{AuthClient, MemoryProvider, MemoryStore, SignOutScope, TokenStore};
use typed_hub::{Auth, AuthEventKind, Hub, Replay};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn a_session_from_sign_in_to_sign_out_is_told_in_order() {
    let hub = Hub::new();
    let (log, _guard) = auth_kinds(&hub);
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let client = AuthClient::new(hub.clone(), pool).unwrap();
    let _signed_in = client.sign_in("ada", "correct horse").await.unwrap();
    let session = client.session().await.unwrap();
    assert!(session.is_some());
    client.refresh().await.unwrap();
    client.sign_out(SignOutScope::ThisDevice).await.unwrap();

    hub.flush_async().await;
    let kinds = [
        AuthEventKind::SignedIn,
        AuthEventKind::TokenRefresh,
        AuthEventKind::SignedOut,
    ];
    assert_eq!(log.take(), kinds);
    let is_signed_in = |event: &_| matches!(event, typed_hub::AuthEvent::SignedIn { .. });
    hub.wait_for_async_with::<Auth>(Replay::All, is_signed_in)
        .await;
}

fn client(store: &MemoryStore, refreshes: &Rc<Cell<u32>>) -> AuthClient<Slow> {
    AuthClient::builder()
        .hub(Hub::new())
        .provider(Slow(Rc::clone(refreshes)))
        .store(store.clone())
        .build()
        .unwrap()
}

#[wasm_bindgen_test]
async fn a_provider_need_not_be_send_and_callers_share_one_refresh() {
    let refreshes = Rc::new(Cell::new(0));
    let store = MemoryStore::new();
    store.save(&expired()).await.unwrap();
    let client = client(&store, &refreshes);
    let (one, other) = join(client.session(), client.session()).await;
    assert_eq!(one, other);
    assert_eq!(one.unwrap().unwrap().tokens.access.expose(), "access 1");
    assert_eq!(refreshes.get(), 1);
}

/// Rows F17 and F40: the second client waits for the lock on the page's timers, then finds the tokens.
#[wasm_bindgen_test]
async fn two_clients_that_share_a_store_refresh_one_after_the_other() {
    let refreshes = Rc::new(Cell::new(0));
    let store = MemoryStore::new();
    store.save(&expired()).await.unwrap();
    let (one, other) = (client(&store, &refreshes), client(&store, &refreshes));
    let (one, other) = join(one.session(), other.session()).await;
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(refreshes.get(), 1);
}

/// A call that is kept and not polled holds the lock for 5 s, and no longer.
#[wasm_bindgen_test]
async fn a_call_that_is_not_polled_loses_the_lock() {
    let refreshes = Rc::new(Cell::new(0));
    let store = MemoryStore::new();
    store.save(&expired()).await.unwrap();
    let (one, other) = (client(&store, &refreshes), client(&store, &refreshes));
    let mut kept = pin!(one.session());
    let polled = kept.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert!(other.session().await.unwrap().is_some());
    assert!(kept.await.unwrap().is_some());
}

#[wasm_bindgen_test]
async fn a_task_keeps_the_tokens_fresh_on_the_timers_of_the_page() {
    let refreshes = Rc::new(Cell::new(0));
    let store = MemoryStore::new();
    store.save(&expired()).await.unwrap();
    let client = client(&store, &refreshes);
    let task = client.keep_fresh(|pause| sleep(u32::try_from(pause.as_millis()).unwrap()));
    spawn_local(task);
    sleep(200).await;
    assert_eq!(refreshes.get(), 1);
    client.sign_out(SignOutScope::ThisDevice).await.unwrap();
    assert_eq!(store.load().await, Ok(None));
}
