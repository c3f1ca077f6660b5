//! One request by the browser's `fetch`.
//!
//! It sends no cookies and no referrer, reads nothing from a cache, and follows no redirect, which could
//! carry a code or a token elsewhere. The certificates and the proxy are those of the browser.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use js_sys::{Function, Promise, Reflect, Uint8Array, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, Headers, ReadableStreamDefaultReader, ReferrerPolicy,
    RequestCache, RequestCredentials, RequestInit, RequestRedirect, Response, ResponseType,
};

use super::{Answer, Fault, HttpOptions, MAX_BODY, Request, check_status};
use crate::auth::clock::sleep;

/// Sends requests as the browser does.
#[derive(Clone, Debug)]
pub(super) struct Transport;

impl Transport {
    pub(super) const fn new(_: &HttpOptions) -> Self {
        Self
    }

    /// Sends a request once.
    pub(super) async fn attempt(
        &self,
        request: &Request,
        time_limit: Duration,
    ) -> Result<Answer, Fault> {
        let abort = AbortOnDrop(AbortController::new().map_err(|_| Fault::Broken)?);
        let mut time_limit = pin!(sleep(time_limit));
        let mut answer = pin!(exchange(request, abort.0.signal()));
        poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => {
                let over = time_limit.as_mut().poll(context);
                over.map(|()| Err(Fault::TimedOut))
            }
        })
        .await
    }
}

/// Ends the request when its caller is gone, or does not read the rest.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(request: &Request, signal: AbortSignal) -> Result<Answer, Fault> {
    let init = init(request, &signal).map_err(|_| Fault::Broken)?;
    // A connection that is lost later may have carried the request.
    let fault = if is_offline() {
        Fault::Offline
    } else {
        Fault::FetchRefused
    };
    let sent = fetch(&request.url, &init).ok_or(Fault::Broken)?;
    let response = JsFuture::from(sent).await.map_err(|_| fault)?;
    let response: Response = response.dyn_into().map_err(|_| Fault::Broken)?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(Fault::RedirectedInPage);
    }
    check_status(response.status(), || {
        response.headers().get("retry-after").ok().flatten()
    })?;
    read(&response).await
}

fn init(request: &Request, signal: &AbortSignal) -> Result<RequestInit, JsValue> {
    let headers = Headers::new()?;
    headers.set("accept", "application/json")?;
    let init = RequestInit::new();
    if let Some(form) = &request.form {
        headers.set("content-type", "application/x-www-form-urlencoded")?;
        init.set_method("POST");
        init.set_body_opt_str(Some(form));
    }
    if let Some(authorization) = &request.authorization {
        headers.set("authorization", &authorization.0)?;
    }
    init.set_headers_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    init.set_credentials(RequestCredentials::Omit);
    init.set_cache(RequestCache::NoStore);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(Some(signal));
    Ok(init)
}

/// In a Web Worker, too.
fn fetch(url: &url::Url, init: &RequestInit) -> Option<Promise> {
    let fetch = Reflect::get(&global(), &"fetch".into()).ok()?;
    let fetch: Function = fetch.dyn_into().ok()?;
    let sent = fetch.call2(&JsValue::UNDEFINED, &url.as_str().into(), init);
    sent.ok()?.dyn_into().ok()
}

/// Whether the browser has no network. Otherwise a page is told no more of a request that fails than that
/// there is no answer.
fn is_offline() -> bool {
    let navigator = Reflect::get(&global(), &"navigator".into());
    let on_line = navigator.and_then(|navigator| Reflect::get(&navigator, &"onLine".into()));
    on_line.is_ok_and(|on_line| on_line == JsValue::FALSE)
}

async fn read(response: &Response) -> Result<Answer, Fault> {
    let broken = |_| Fault::Broken;
    let mut body = Vec::new();
    if let Some(stream) = response.body() {
        let reader = ReadableStreamDefaultReader::new(&stream).map_err(broken)?;
        loop {
            let part = JsFuture::from(reader.read()).await.map_err(broken)?;
            let done = Reflect::get(&part, &"done".into()).map_err(broken)?;
            if done.is_truthy() {
                break;
            }
            let part = Reflect::get(&part, &"value".into()).map_err(broken)?;
            let part: Uint8Array = part.dyn_into().map_err(broken)?;
            if body.len() + part.length() as usize > MAX_BODY {
                return Err(Fault::TooLong);
            }
            body.extend_from_slice(&part.to_vec());
        }
    }
    Ok(Answer {
        status: response.status(),
        body,
    })
}
