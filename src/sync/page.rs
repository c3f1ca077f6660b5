//! What a page has in place of threads: tasks, timers, events, and a console.

use std::slice;
use std::sync::OnceLock;
use std::time::Duration;

use js_sys::{Array, Function, Promise, Reflect, global};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The longest time that a timer of a page takes, in milliseconds: about 25 days.
const LONGEST: u128 = i32::MAX as u128;

/// Runs a task on the microtask queue, never before the caller's JavaScript stack is empty.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(task);
}

/// A promise, and the function that fulfils it.
pub(crate) fn promise() -> (Promise, Function) {
    let fulfil = OnceLock::new();
    let promise = Promise::new(&mut |function, _| {
        let _ = fulfil.set(function);
    });
    let fulfil = fulfil.into_inner();
    (
        promise,
        fulfil.expect("a promise calls its executor at once"),
    )
}

/// Waits for another task of the event loop, before which the page can paint and take input. The wait
/// begins with this call. A browser delays timers in a page that is not shown, and messages in none.
pub(crate) fn next_task() -> impl Future<Output = ()> {
    let (turn, fulfil) = promise();
    let open = send_to(&fulfil).map(ClosedOnDrop);
    async move {
        if open.is_some() {
            let _ = JsFuture::from(turn).await;
        } else {
            sleep(Duration::ZERO).await;
        }
    }
}

/// Sends a message to a function. Returns the port that it comes by, if there are such ports.
fn send_to(function: &Function) -> Option<JsValue> {
    let channel: Function = get(&global(), "MessageChannel")?.dyn_into().ok()?;
    let channel = Reflect::construct(&channel, &Array::new()).ok()?;
    let port = get(&channel, "port1")?;
    Reflect::set(&port, &"onmessage".into(), function).ok()?;
    call(&get(&channel, "port2")?, "postMessage", &[JsValue::NULL])?;
    Some(port)
}

/// A port that is open keeps a program of node alive.
struct ClosedOnDrop(JsValue);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        call(&self.0, "close", &[]);
    }
}

/// Waits for a timer of the page. In a worklet, which has none, the wait is over at once.
pub(crate) async fn sleep(pause: Duration) {
    let pause = i32::try_from(pause.as_millis().min(LONGEST)).unwrap_or(i32::MAX);
    let (over, fulfil) = promise();
    let arguments = [fulfil.into(), pause.into()];
    if let Some(timer) = call(&global(), "setTimeout", &arguments) {
        let _timer = ClearedOnDrop(timer);
        let _ = JsFuture::from(over).await;
    }
}

/// A timer that is no longer waited for would stay until it fires.
struct ClearedOnDrop(JsValue);

impl Drop for ClearedOnDrop {
    fn drop(&mut self) {
        call(&global(), "clearTimeout", slice::from_ref(&self.0));
    }
}

/// Listens to an event of the page until this is dropped.
pub(crate) struct EventListener {
    event: &'static str,
    callback: Closure<dyn FnMut(JsValue)>,
}

impl EventListener {
    /// `None` if the page lets nothing listen.
    pub(crate) fn new(
        event: &'static str,
        callback: impl FnMut(JsValue) + 'static,
    ) -> Option<Self> {
        let callback = Closure::own_assert_unwind_safe(callback);
        let listener = Self { event, callback };
        listener.call("addEventListener")?;
        Some(listener)
    }

    fn call(&self, method: &str) -> Option<JsValue> {
        let callback = self.callback.as_ref().clone();
        call(&global(), method, &[self.event.into(), callback])
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        self.call("removeEventListener");
    }
}

/// Writes a line to the console. Standard error leads nowhere.
pub(super) fn log_error(line: &str) {
    if let Some(console) = get(&global(), "console") {
        call(&console, "error", &[line.into()]);
    }
}

fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok()
}

/// Calls a method, if there is one that succeeds.
fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let method: Function = get(object, method)?.dyn_into().ok()?;
    let arguments: Array = arguments.iter().collect();
    method.apply(object, &arguments).ok()
}
