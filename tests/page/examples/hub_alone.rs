//! A page with a hub: one channel, one listener, one event.

use page::Numbers;
use typed_hub::Hub;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
pub fn start(show: js_sys::Function) {
    let hub = Hub::new();
    hub.listen_local::<Numbers>(move |n| {
        let _ = show.call1(&JsValue::UNDEFINED, &JsValue::from(*n));
    })
    .detach();
    hub.publish::<Numbers>(1);
}
