//! What other pages do to a storage.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsCast;
use web_sys::StorageEvent;

use crate::sync::page::EventListener;

/// The events by which a page is told: of a change in another page, and of its own return from the cache
/// of the browser, during which it is not told.
const EVENTS: [&str; 2] = ["storage", "pageshow"];

/// Notices what other pages do to some entries, from the moment it is made until it is dropped.
pub(crate) struct Changes {
    state: Rc<RefCell<State>>,
    _listeners: Vec<EventListener>,
}

#[derive(Default)]
struct State {
    is_changed: bool,
    waker: Option<Waker>,
}

impl Changes {
    pub(super) fn begin(entries: &[String; 2]) -> Option<Self> {
        web_sys::window()?;
        let state = Rc::new(RefCell::new(State::default()));
        let listeners = EVENTS.map(|event| {
            let (entries, noted) = (entries.clone(), Rc::clone(&state));
            EventListener::new(event, move |event| {
                // Without an entry, all of them are removed.
                let entry = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
                if entry.is_none_or(|entry| entries.contains(&entry)) {
                    note(&noted);
                }
            })
        });
        let listeners = listeners.into_iter().collect::<Option<_>>()?;
        Some(Self {
            state,
            _listeners: listeners,
        })
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

fn note(state: &RefCell<State>) {
    let waker = {
        let mut state = state.borrow_mut();
        state.is_changed = true;
        state.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}
