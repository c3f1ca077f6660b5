//! What a page has in place of threads: tasks, and a console.

use std::time::Duration;

use js_sys::{Function, Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The longest time that a timer of a page takes, in milliseconds: about 25 days.
const LONGEST: u128 = i32::MAX as u128;

/// Runs a task on the microtask queue, never before the caller's JavaScript stack is empty.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

/// Waits for another task of the event loop, so that the page can paint and take input.
pub(crate) async fn next_task() {
    sleep(Duration::ZERO).await;
}

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

/// Writes a line to the console. Standard error leads nowhere.
pub(super) fn log_error(line: &str) {
    if let Ok(console) = Reflect::get(&global(), &"console".into()) {
        call(&console, "error", &line.into());
    }
}

/// Calls a method, if there is one that succeeds.
fn call(object: &JsValue, method: &str, argument: &JsValue) -> Option<JsValue> {
    let method = Reflect::get(object, &method.into()).ok()?;
    let method: Function = method.dyn_into().ok()?;
    method.call1(object, argument).ok()
}
