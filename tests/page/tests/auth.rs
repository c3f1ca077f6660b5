//! The auth category in a page, with the embedded user pool and the browser's clock.
#![cfg(all(target_family = "wasm", feature = "auth"))]

use std::cell::RefCell;
use std::rc::Rc;

use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::{Auth, AuthEventKind, Hub, Replay};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn a_session_from_sign_in_to_sign_out_is_told_in_order() {
    let hub = Hub::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = Rc::clone(&log);
    let _guard = hub.listen_local::<Auth>(move |event| written.borrow_mut().push(event.kind()));

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
