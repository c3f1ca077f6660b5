//! What a page has in place of threads: tasks, and a console.

use js_sys::{Function, Promise, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Runs a task on the microtask queue, never before the caller's JavaScript stack is empty.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

/// Waits for another task of the event loop, so that the page can paint and take input.
pub(crate) async fn next_task() {
    let task = Promise::new(&mut |begin, _| {
        // Absent in a worklet: its microtasks have to do.
        if call(&global(), "setTimeout", &begin).is_none() {
            let _ = begin.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(task).await;
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
