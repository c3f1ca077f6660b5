//! What the auth category asks of a page: its timers.

use std::time::Duration;

use js_sys::{Function, Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The longest time that a timer of a page takes, in milliseconds: about 25 days.
const LONGEST: u128 = i32::MAX as u128;

/// Waits for a timer of the page. In a worklet, which has none, the wait is over at once.
pub(crate) async fn sleep(pause: Duration) {
    let pause = i32::try_from(pause.as_millis().min(LONGEST)).unwrap_or(i32::MAX);
    let timer = Promise::new(&mut |done, _| {
        let set = Reflect::get(&global(), &"setTimeout".into());
        let set = set.ok().and_then(|set| set.dyn_into::<Function>().ok());
        let is_set =
            set.is_some_and(|set| set.call2(&JsValue::UNDEFINED, &done, &pause.into()).is_ok());
        if !is_set {
            let _ = done.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(timer).await;
}

/// The name of an exception; empty if it has none.
#[cfg(any(feature = "oidc", feature = "web-store"))]
pub(crate) fn name_of(exception: &JsValue) -> String {
    let name = Reflect::get(exception, &"name".into());
    name.ok()
        .and_then(|name| name.as_string())
        .unwrap_or_default()
}
