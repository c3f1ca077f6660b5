//! The lock that admits one page at a time: [Web Locks](https://www.w3.org/TR/web-locks/).

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::mem;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use js_sys::{Function, Object, Promise, Reflect, global};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use super::kind_of;
use crate::sync::Mutex;
use crate::sync::page::sleep;
use crate::sync::page::spawn;

/// How long a lock that was granted waits for a caller that does not poll: 5 s.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);

/// A lock of the origin. Dropping it releases the lock.
pub(super) struct WebLock(Function);

impl Drop for WebLock {
    fn drop(&mut self) {
        // Resolves the promise for which the browser holds the lock.
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

/// Waits for the lock of this name. Dropping the future withdraws the request. `None` if the page has no
/// locks, since it is no secure context.
///
/// # Errors
///
/// [`ErrorKind::TimedOut`] if the lock is not free within `limit`, or is not polled for; and the error of
/// the browser.
pub(super) async fn request(name: &str, limit: Duration) -> Result<Option<WebLock>, ErrorKind> {
    let Some((locks, request)) = locks() else {
        return Ok(None);
    };
    let other = |error: JsValue| kind_of(&error);
    let shared = Rc::new(RefCell::new(State::Waiting(None)));
    let granted = on_grant(&shared);
    let withdraw = AbortController::new().map_err(other)?;
    let options = Object::new();
    Reflect::set(&options, &"signal".into(), &withdraw.signal()).map_err(other)?;
    let promise = request.call3(&locks, &name.into(), &options, granted.as_ref());
    let promise: Promise = promise
        .map_err(other)?
        .dyn_into()
        .map_err(|_| ErrorKind::Unsupported)?;
    let caller = Caller {
        state: Rc::clone(&shared),
        withdraw,
        _granted: granted,
    };
    spawn(async move {
        // It is rejected when the request is refused or withdrawn.
        if let Err(error) = JsFuture::from(promise).await {
            State::end(&shared, kind_of(&error));
        }
    });
    let mut limit = pin!(sleep(limit));
    poll_fn(|context| {
        let polled = caller.poll(context.waker());
        if polled.is_pending() && limit.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(ErrorKind::TimedOut));
        }
        polled
    })
    .await
    .map(Some)
}

/// The object `navigator.locks`, and its method `request`. The bindings of `web-sys` are not stable yet.
fn locks() -> Option<(JsValue, Function)> {
    let navigator = Reflect::get(&global(), &"navigator".into()).ok()?;
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    let request = Reflect::get(&locks, &"request".into()).ok()?;
    Some((locks, request.dyn_into().ok()?))
}

/// What the browser calls when it grants the lock, which is held until the returned promise ends.
fn on_grant(state: &Rc<RefCell<State>>) -> Closure<dyn FnMut(JsValue) -> JsValue> {
    let state = Rc::clone(state);
    Closure::once_assert_unwind_safe(move |_: JsValue| {
        if matches!(*state.borrow(), State::Ended(_)) {
            return JsValue::UNDEFINED; // the caller is gone
        }
        let release = Mutex::new(None);
        let held = Promise::new(&mut |resolve, _| *release.lock() = Some(resolve));
        let release = release.lock().take();
        if let Some(release) = release {
            State::replace(&state, State::Granted(WebLock(release)));
            spawn(async move {
                sleep(HAND_OVER_LIMIT).await;
                State::end(&state, ErrorKind::TimedOut);
            });
        }
        held.into()
    })
}

enum State {
    Waiting(Option<Waker>),
    Granted(WebLock),
    /// Taken by the caller, given up, or refused.
    Ended(ErrorKind),
}

impl State {
    /// Ends the request unless the caller has the lock already.
    fn end(state: &Rc<RefCell<Self>>, why: ErrorKind) {
        if !matches!(*state.borrow(), Self::Ended(_)) {
            Self::replace(state, Self::Ended(why));
        }
    }

    fn replace(state: &Rc<RefCell<Self>>, next: Self) {
        let before = state.replace(next);
        if let Self::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// The future that waits. If it is dropped, the request ends at once.
struct Caller {
    state: Rc<RefCell<State>>,
    withdraw: AbortController,
    _granted: Closure<dyn FnMut(JsValue) -> JsValue>,
}

impl Caller {
    fn poll(&self, waker: &Waker) -> Poll<Result<WebLock, ErrorKind>> {
        // User code clones and drops a waker, so neither happens while the state is borrowed.
        let waker = waker.clone();
        let before = mem::replace(
            &mut *self.state.borrow_mut(),
            State::Ended(ErrorKind::TimedOut),
        );
        match before {
            State::Granted(lock) => Poll::Ready(Ok(lock)),
            State::Ended(why) => Poll::Ready(Err(why)),
            waiting @ State::Waiting(_) => {
                *self.state.borrow_mut() = State::Waiting(Some(waker));
                drop(waiting);
                Poll::Pending
            }
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        State::end(&self.state, ErrorKind::TimedOut);
        self.withdraw.abort();
    }
}
