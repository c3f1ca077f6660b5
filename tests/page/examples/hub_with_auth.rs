//! A page that signs in with the embedded user pool.

use typed_hub::auth::{AuthClient, MemoryProvider, SignOutScope};
use typed_hub::{Auth, Hub};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
pub async fn start(show: js_sys::Function) {
    let hub = Hub::new();
    hub.listen_local::<Auth>(move |event| {
        let _ = show.call1(&JsValue::UNDEFINED, &event.kind().to_string().into());
    })
    .detach();
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let Ok(client) = AuthClient::new(hub, pool) else {
        return;
    };
    let _ = client.sign_in("ada", "correct horse").await;
    let _ = client.refresh().await;
    let _ = client.sign_out(SignOutScope::ThisDevice).await;
}
