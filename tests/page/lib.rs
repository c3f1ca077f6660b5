//! What the tests and examples of a page need.

#[cfg(feature = "auth")]
use std::cell::RefCell;
#[cfg(feature = "auth")]
use std::rc::Rc;

use js_sys::{Function, Promise, Reflect, global};
#[cfg(feature = "auth")]
use typed_hub::{Auth, AuthEventKind, Hub, Subscription};
use typed_hub::{Custom, CustomChannel};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// A channel of numbers.
pub enum Number {}

impl CustomChannel for Number {
    type Event = u64;
    const NAME: &'static str = "number";
}

pub type Numbers = Custom<Number>;

/// A channel of words that keeps its last events.
pub enum Word {}

impl CustomChannel for Word {
    type Event = String;
    const NAME: &'static str = "word";
    const RETAIN: usize = 3;
}

pub type Words = Custom<Word>;

/// The kinds of the auth events that a hub publishes from here on, until the guard is dropped.
#[cfg(feature = "auth")]
pub fn auth_kinds(hub: &Hub) -> (Rc<RefCell<Vec<AuthEventKind>>>, Subscription) {
    let kinds = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&kinds);
    let guard = hub.listen_local::<Auth>(move |event| noted.borrow_mut().push(event.kind()));
    (kinds, guard)
}

/// Waits for a timer of the page: milliseconds.
///
/// # Panics
///
/// When the page has no timers.
pub async fn sleep(milliseconds: u32) {
    let set = global_function("setTimeout").expect("a page has timers");
    let timer = Promise::new(&mut |done, _| {
        set.call2(&JsValue::UNDEFINED, &done, &milliseconds.into())
            .expect("a timer can be set");
    });
    JsFuture::from(timer).await.expect("a timer does not fail");
}

/// Waits until the page paints; in node, which paints nothing, for its next task.
///
/// # Panics
///
/// When the page has no timers.
pub async fn frame() {
    let Some(request) = global_function("requestAnimationFrame") else {
        return sleep(0).await;
    };
    let frame = Promise::new(&mut |done, _| {
        request
            .call1(&JsValue::UNDEFINED, &done)
            .expect("a frame can be requested");
    });
    JsFuture::from(frame).await.expect("a frame does not fail");
}

fn global_function(name: &str) -> Option<Function> {
    let function = Reflect::get(&global(), &name.into()).ok()?;
    function.dyn_into().ok()
}
