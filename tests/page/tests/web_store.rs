//! The session in the storage of a page: what every store promises, and what goes wrong in a browser.
#![cfg(all(target_family = "wasm", feature = "oidc", feature = "web-store"))]

#[path = "../slow.rs"]
mod slow;
#[path = "../../shared/token_store.rs"]
mod token_store;

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::join;
use js_sys::{Error, Function, Object, Reflect};
use page::{auth_kinds, sleep};
use slow::{Slow, expired};
use token_store::{SECRET, clear_all, contract, session};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, AuthorizeRequest, AuthorizeUrl, IdentityProvider, IssuedTokens,
    MemoryProvider, ProviderError, RedirectError, RedirectGrant, RedirectProvider, SignOutScope,
    StoreError, StoreLock, TokenStore, WebStore,
};
use typed_hub::{AuthEventKind, Hub};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Event, Storage, StorageEvent, StorageEventInit, window};

wasm_bindgen_test_configure!(run_in_browser);

fn local() -> Storage {
    window().unwrap().local_storage().unwrap().unwrap()
}

#[wasm_bindgen_test]
async fn local_storage_keeps_what_every_store_promises() {
    contract(|| WebStore::local("contract")).await;
}

#[wasm_bindgen_test]
async fn session_storage_keeps_what_every_store_promises() {
    contract(|| WebStore::session("contract")).await;
}

#[wasm_bindgen_test]
async fn names_and_storages_do_not_mix() {
    let stores = [
        WebStore::local("one"),
        WebStore::local("two"),
        WebStore::session("one"),
    ];
    for (number, store) in stores.iter().enumerate() {
        store.save(&session(&number.to_string())).await.unwrap();
    }
    for (number, store) in stores.iter().enumerate() {
        let read = store.load().await.unwrap();
        assert_eq!(read, Some(session(&number.to_string())));
        clear_all(store).await;
    }
}

#[wasm_bindgen_test]
async fn what_cannot_be_understood_is_an_error_until_it_is_replaced_or_removed() {
    let store = WebStore::local("corrupt");
    for contents in ["", "{}", r#"{"access":"s3cret"#, "\u{0}"] {
        local().set_item("corrupt", contents).unwrap();
        local().set_item("corrupt.redirect", contents).unwrap();
        let error = store.load().await.unwrap_err();
        assert_eq!(error, StoreError::Read(ErrorKind::InvalidData));
        assert_eq!(store.load_redirect().await.unwrap_err(), error);
        assert!(!format!("{error} {error:?}").contains(SECRET));
        clear_all(&store).await;
        assert_eq!(store.load().await, Ok(None));
        local().set_item("corrupt", contents).unwrap();
        store.save(&session("new")).await.unwrap();
        assert_eq!(store.load().await, Ok(Some(session("new"))));
    }
    clear_all(&store).await;
}

#[wasm_bindgen_test]
async fn a_full_storage_is_an_error_and_keeps_what_was_stored() {
    let store = WebStore::local("full");
    store.save(&session("old")).await.unwrap();
    let fillers = fill("one");
    let long = session(&"x".repeat(100_000));
    let full = StoreError::Write(ErrorKind::StorageFull);
    assert_eq!(store.save(&long).await, Err(full));
    let pending = token_store::redirect(&"x".repeat(100_000));
    assert_eq!(store.save_redirect(&pending).await, Err(full));
    assert_eq!(store.load().await, Ok(Some(session("old"))));

    // The sign-in is rolled back, and nothing is left of it.
    clear_all(&store).await;
    let rest = fill("other");
    let client = client(&store);
    let refused = client.sign_in("ada", "correct horse").await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(client.session().await.unwrap(), None);
    for filler in fillers.iter().chain(&rest) {
        local().remove_item(filler).unwrap();
    }
    let _ = client.sign_in("ada", "correct horse").await.unwrap();
    clear_all(&store).await;
}

/// Leaves a few bytes of the storage free. Returns the entries that fill it.
fn fill(by: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut size = 4 * 1024 * 1024;
    while size > 0 {
        let entry = format!("filler {by} {}", entries.len());
        if local().set_item(&entry, &"x".repeat(size)).is_ok() {
            entries.push(entry);
        } else {
            size /= 2;
        }
    }
    entries
}

/// Puts a property of the window out of order while the test runs.
struct Broken {
    name: &'static str,
    on: JsValue,
    before: JsValue,
}

impl Broken {
    /// The property throws an exception of this name.
    fn throws(on: &JsValue, name: &'static str, exception: &'static str) -> Self {
        let throw = Closure::<dyn FnMut() -> Result<JsValue, JsValue>>::new(move || {
            let error = Error::new("as told");
            error.set_name(exception);
            Err(error.into())
        });
        let descriptor = Object::new();
        Reflect::set(&descriptor, &"get".into(), &throw.into_js_value()).unwrap();
        Self::define(on, name, &descriptor)
    }

    fn is(on: &JsValue, name: &'static str, value: &JsValue) -> Self {
        let descriptor = Object::new();
        Reflect::set(&descriptor, &"value".into(), value).unwrap();
        Self::define(on, name, &descriptor)
    }

    fn define(on: &JsValue, name: &'static str, descriptor: &Object) -> Self {
        let object: &Object<Object> = on.unchecked_ref();
        let before =
            Object::get_own_property_descriptor::<Object>(on.unchecked_ref(), &name.into());
        Reflect::set(descriptor, &"configurable".into(), &true.into()).unwrap();
        assert!(Reflect::define_property::<Object>(object, &name.into(), descriptor).unwrap());
        Self {
            name,
            on: on.clone(),
            before,
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        let (object, name) = (self.on.unchecked_ref(), JsValue::from(self.name));
        // Without one of its own, that of its prototype is seen again.
        let restored = if self.before.is_undefined() {
            Reflect::delete_property::<Object>(object, &name)
        } else {
            Reflect::define_property::<Object>(object, &name, self.before.unchecked_ref())
        };
        assert!(restored.unwrap());
    }
}

#[wasm_bindgen_test]
async fn a_blocked_storage_is_an_error_and_no_panic() {
    let window: JsValue = window().unwrap().into();
    for (name, store) in [
        ("localStorage", WebStore::local("blocked")),
        ("sessionStorage", WebStore::session("blocked")),
    ] {
        let blocked = Broken::throws(&window, name, "SecurityError");
        let (read, write) = (
            StoreError::Read(ErrorKind::PermissionDenied),
            StoreError::Write(ErrorKind::PermissionDenied),
        );
        assert_eq!(store.load().await, Err(read));
        assert_eq!(store.save(&session("x")).await, Err(write));
        assert_eq!(store.clear().await, Err(write));
        assert_eq!(store.load_redirect().await, Err(read));
        let pending = token_store::redirect("x");
        assert_eq!(store.save_redirect(&pending).await, Err(write));
        assert_eq!(store.clear_redirect().await, Err(write));

        let client = client(&store);
        let refused = client.sign_in("ada", "correct horse").await;
        assert!(refused.is_err(), "{refused:?}");
        drop(blocked);

        // Some browsers have no storage at all in a private window.
        let absent = Broken::is(&window, name, &JsValue::NULL);
        let read = StoreError::Read(ErrorKind::Unsupported);
        assert_eq!(store.load().await, Err(read));
        drop(absent);
        clear_all(&store).await;
    }
}

async fn lock(store: &WebStore) -> Result<StoreLock, StoreError> {
    store.lock().await
}

#[wasm_bindgen_test]
async fn the_lock_admits_one_at_a_time_and_waits_no_longer_than_its_limit() {
    let store = WebStore::local("lock");
    let held = lock(&store).await.unwrap();
    let short = store.clone().lock_limit(Duration::from_millis(50));
    let refused = lock(&short).await.unwrap_err();
    assert_eq!(refused, StoreError::Lock(ErrorKind::TimedOut));

    // Other names, and the methods of the store, are free meanwhile.
    drop(lock(&WebStore::local("another")).await.unwrap());
    drop(lock(&WebStore::session("lock")).await.unwrap());
    assert_eq!(store.load().await, Ok(None));

    let order = RefCell::new(Vec::new());
    let waits = async {
        let lock = lock(&store).await.unwrap();
        order.borrow_mut().push("granted");
        drop(lock);
    };
    let releases = async {
        sleep(50).await;
        order.borrow_mut().push("released");
        drop(held);
    };
    join(waits, releases).await;
    assert_eq!(*order.borrow(), ["released", "granted"]);
    drop(lock(&short).await.unwrap());
}

#[wasm_bindgen_test]
async fn a_request_for_the_lock_that_is_dropped_leaves_it_free() {
    let store = WebStore::local("dropped").lock_limit(Duration::from_millis(500));
    let polled_once = |store: &WebStore| {
        let store = store.clone();
        let mut request = Box::pin(async move { lock(&store).await });
        let polled = request
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        request
    };
    // Before it is granted, and after.
    drop(polled_once(&store));
    let granted = polled_once(&store);
    sleep(50).await;
    drop(granted);
    let held = lock(&store).await.unwrap();
    drop(polled_once(&store));
    drop(held);
    drop(lock(&store).await.unwrap());

    // Of one that is kept and not polled, the lock is free after 5 s.
    let kept = polled_once(&store);
    sleep(50).await;
    assert!(lock(&store).await.is_err());
    let patient = store.clone().lock_limit(Duration::from_secs(10));
    drop(lock(&patient).await.unwrap());
    let withdrawn = kept.await.unwrap_err();
    assert_eq!(withdrawn, StoreError::Lock(ErrorKind::TimedOut));
}

#[wasm_bindgen_test]
async fn a_page_without_locks_has_a_store_without_a_lock() {
    let navigator: JsValue = window().unwrap().navigator().into();
    let _absent = Broken::is(&navigator, "locks", &JsValue::UNDEFINED);
    let store = WebStore::local("insecure");
    let (one, other) = join(lock(&store), lock(&store)).await;
    assert!(one.is_ok() && other.is_ok());
}

fn client(store: &WebStore) -> AuthClient<MemoryProvider, WebStore> {
    client_of(&Hub::new(), pool(), store)
}

fn pool() -> MemoryProvider {
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    pool
}

fn client_of<P: IdentityProvider>(
    hub: &Hub,
    provider: P,
    store: &WebStore,
) -> AuthClient<P, WebStore> {
    AuthClient::builder()
        .hub(hub.clone())
        .provider(provider)
        .store(store.clone())
        .build()
        .unwrap()
}

/// As the browser tells the other pages of a change.
fn tell(entry: Option<&str>) {
    let init = StorageEventInit::new();
    init.set_key(entry);
    let event = StorageEvent::new_with_event_init_dict("storage", &init).unwrap();
    window().unwrap().dispatch_event(&event).unwrap();
}

/// Row F42, at once.
#[wasm_bindgen_test]
async fn a_sign_out_in_another_tab_is_told_at_once() {
    let store = WebStore::local("tabs");
    let hub = Hub::new();
    let (kinds, _guard) = auth_kinds(&hub);
    let client = client_of(&hub, pool(), &store);
    let ended = Rc::new(RefCell::new(false));
    let (task, is_ended) = (client.follow_tabs(), Rc::clone(&ended));
    spawn_local(async move {
        task.await;
        *is_ended.borrow_mut() = true;
    });
    let _ = client.sign_in("ada", "correct horse").await.unwrap();

    // What does not concern the store, and what leaves the session, is no sign-out.
    tell(Some("unrelated"));
    tell(Some("tabs"));
    tell(Some("tabs.redirect"));
    sleep(50).await;
    assert_eq!(*kinds.borrow(), [AuthEventKind::SignedIn]);

    for entry in [Some("tabs"), None] {
        local().remove_item("tabs").unwrap();
        tell(Some("unrelated"));
        sleep(50).await;
        assert_eq!(kinds.take().len(), 1, "not before it is told");
        tell(entry);
        sleep(50).await;
        assert_eq!(kinds.take(), [AuthEventKind::SignedOut]);
        let _ = client.sign_in("ada", "correct horse").await.unwrap();
        hub.flush_async().await;
    }

    client.sign_out(SignOutScope::ThisDevice).await.unwrap();
    assert!(!*ended.borrow());
    drop(client);
    sleep(50).await;
    assert!(*ended.borrow(), "the task ends with the client");
    hub.flush_async().await;
    kinds.take();
    tell(Some("tabs"));
    sleep(50).await;
    assert_eq!(kinds.take(), []);
}

/// Rows F40 and F41, as of two tabs: the second waits for the lock of the browser, then finds the tokens.
#[wasm_bindgen_test]
async fn two_clients_of_a_storage_refresh_one_after_the_other() {
    let store = WebStore::local("shared");
    store.save(&expired()).await.unwrap();
    let refreshes = Rc::new(Cell::new(0));
    let [one, other] =
        [(); 2].map(|()| client_of(&Hub::new(), Slow(Rc::clone(&refreshes)), &store));
    let (first, second) = join(one.session(), other.session()).await;
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(refreshes.get(), 1);
    clear_all(&store).await;
}

/// A sign-in and a refresh of another tab are told here.
#[wasm_bindgen_test]
async fn what_another_tab_does_is_told() {
    let store = WebStore::local("told");
    let hub = Hub::new();
    let (kinds, _guard) = auth_kinds(&hub);
    let pool = pool();
    let [here, elsewhere] = [&hub, &Hub::new()].map(|hub| client_of(hub, pool.clone(), &store));
    assert_eq!(here.current_user().await.unwrap(), None);
    spawn_local(here.follow_tabs());

    let _ = elsewhere.sign_in("ada", "correct horse").await.unwrap();
    assert_eq!(told(&kinds).await, [AuthEventKind::SignedIn]);
    elsewhere.refresh().await.unwrap();
    assert_eq!(told(&kinds).await, [AuthEventKind::TokenRefresh]);
    elsewhere.sign_out(SignOutScope::ThisDevice).await.unwrap();
    assert_eq!(told(&kinds).await, [AuthEventKind::SignedOut]);
}

/// Tells the page of a change until it publishes what has happened.
async fn told(kinds: &RefCell<Vec<AuthEventKind>>) -> Vec<AuthEventKind> {
    for _ in 0..500 {
        tell(Some("told"));
        sleep(10).await;
        if !kinds.borrow().is_empty() {
            break;
        }
    }
    kinds.take()
}

/// The client follows no events where there are none.
#[wasm_bindgen_test]
async fn without_a_page_to_listen_to_the_task_ends_at_once() {
    let window: JsValue = window().unwrap().into();
    let refuse = Function::new_no_args("throw new Error('as told')");
    let _broken = Broken::is(&window, "addEventListener", &refuse);
    client(&WebStore::local("deaf")).follow_tabs().await;
}

/// A provider whose sign-in page is a part of this one, so that the tests go on.
impl RedirectProvider for Slow {
    async fn authorize_url(&self, _: &AuthorizeRequest) -> Result<AuthorizeUrl, ProviderError> {
        let here = window().unwrap().location().href().unwrap();
        let (page, _) = here.split_once('#').unwrap_or((&here, ""));
        Ok(AuthorizeUrl::new(format!("{page}#provider")))
    }

    async fn exchange(&self, _: &RedirectGrant) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        unreachable!("no callback comes")
    }
}

fn redirect_options() -> RedirectOptions {
    RedirectOptions::builder()
        .redirect_uri("https://app.example.org/")
        .build()
}

/// As the browser shows a page: as it was left, or anew.
fn show(as_it_was_left: bool) {
    let event = Event::new("pageshow").unwrap();
    Reflect::set(&event, &"persisted".into(), &as_it_was_left.into()).unwrap();
    window().unwrap().dispatch_event(&event).unwrap();
}

/// Row F31.
#[wasm_bindgen_test]
async fn a_sign_in_that_leaves_no_page_ends_when_it_is_cancelled() {
    let store = WebStore::local("stays");
    let hub = Hub::new();
    let (kinds, _guard) = auth_kinds(&hub);
    let client = client_of(&hub, Slow(Rc::default()), &store);
    let cancelled = async {
        sleep(20).await;
        show(false);
        sleep(20).await;
        assert!(kinds.borrow().is_empty(), "the user is still away");
        client.cancel_redirect().await
    };
    let (signed_in, cancelled) = join(client.sign_in_in_page(redirect_options()), cancelled).await;
    assert_eq!(cancelled, Ok(()));
    assert_eq!(signed_in, Err(RedirectError::Cancelled));
    hub.flush_async().await;
    assert_eq!(kinds.take(), [AuthEventKind::SignInWithRedirectFailure]);
    assert_eq!(store.load_redirect().await, Ok(None));
}

/// The session is that of a sign-in by other means, which leaves the redirect alone.
#[wasm_bindgen_test]
async fn a_user_who_comes_back_signed_in_leaves_nothing_of_the_sign_in() {
    let store = WebStore::local("returns");
    let hub = Hub::new();
    let (kinds, _guard) = auth_kinds(&hub);
    let client = client_of(&hub, Slow(Rc::default()), &store);
    let returns = async {
        sleep(20).await;
        assert!(store.load_redirect().await.unwrap().is_some());
        store.save(&session("elsewhere")).await.unwrap();
        show(true);
    };
    let (signed_in, ()) = join(client.sign_in_in_page(redirect_options()), returns).await;
    assert_eq!(signed_in, Err(RedirectError::AlreadySignedIn));
    hub.flush_async().await;
    assert_eq!(kinds.take(), [AuthEventKind::SignedIn]);
    assert_eq!(store.load_redirect().await, Ok(None));
    clear_all(&store).await;
}
