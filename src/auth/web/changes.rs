//! What other pages do to a storage.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, StorageEvent, Window};

/// The events by which a page is told: of a change in another page, and of its own return from the cache
/// of the browser, during which it is not told.
const EVENTS: [&str; 2] = ["storage", "pageshow"];

/// Notices what other pages do to some entries, from the moment it is made until it is dropped.
pub(crate) struct Changes {
    window: Window,
    on_event: Closure<dyn FnMut(Event)>,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    is_changed: bool,
    waker: Option<Waker>,
}

impl Changes {
    pub(super) fn begin(entries: [String; 2]) -> Option<Self> {
        let window = web_sys::window()?;
        let state = Rc::new(RefCell::new(State::default()));
        let noted = Rc::clone(&state);
        let on_event = Closure::own_assert_unwind_safe(move |event: Event| {
            // Without an entry, all of them are removed.
            let entry = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
            if entry.is_some_and(|entry| !entries.contains(&entry)) {
                return;
            }
            let waker = {
                let mut state = noted.borrow_mut();
                state.is_changed = true;
                state.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let changes = Self {
            window,
            on_event,
            state,
        };
        for event in EVENTS {
            let listener = changes.on_event.as_ref().unchecked_ref();
            let added = changes
                .window
                .add_event_listener_with_callback(event, listener);
            added.ok()?;
        }
        Some(changes)
    }

    /// Waits until something has changed since the last call.
    pub(crate) async fn next(&self) {
        poll_fn(|context| {
            let waker = context.waker().clone();
            let before = {
                let mut state = self.state.borrow_mut();
                if std::mem::take(&mut state.is_changed) {
                    return Poll::Ready(());
                }
                state.waker.replace(waker)
            };
            drop(before);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        for event in EVENTS {
            let listener = self.on_event.as_ref().unchecked_ref();
            let _ = self
                .window
                .remove_event_listener_with_callback(event, listener);
        }
    }
}
