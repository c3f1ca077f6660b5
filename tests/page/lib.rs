//! What the tests and examples of a page need.

use js_sys::{Function, Promise, Reflect, global};
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

/// Waits for a timer of the page: milliseconds.
///
/// # Panics
///
/// When the page has no timers.
pub async fn sleep(milliseconds: u32) {
    let timer = Promise::new(&mut |done, _| {
        let set: Function = Reflect::get(&global(), &"setTimeout".into())
            .and_then(JsCast::dyn_into)
            .expect("a page has timers");
        set.call2(&JsValue::UNDEFINED, &done, &milliseconds.into())
            .expect("a timer can be set");
    });
    JsFuture::from(timer).await.expect("a timer does not fail");
}
