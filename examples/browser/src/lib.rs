//! A page that shows the events of the auth category as they come. It signs in with the embedded user pool,
//! and by redirect with an OpenID provider; the sessions survive a reload, and tabs share them.
//!
//! ```text
//! rustup target add wasm32-unknown-unknown
//! tests/servers/install wasm-bindgen        # in the root of the repository; takes minutes
//! cd examples/browser
//! cargo build --target wasm32-unknown-unknown --release
//! ../../target/tools/bin/wasm-bindgen --target web --out-dir pkg \
//!     target/wasm32-unknown-unknown/release/browser.wasm
//! python3 -m http.server --bind 127.0.0.1 8000
//! # open http://127.0.0.1:8000/
//! ```
//!
//! The embedded user pool works as it is. Its users are made anew with each load of the page, so that a
//! session that was kept over a reload cannot be refreshed. For the other half, name your provider in
//! `index.html`, and register the redirect URI `http://127.0.0.1:8000/` there.
//!
//! Built like this, "Let a listener panic" ends the program. To let the page go on, build it by
//! `RUSTFLAGS="-Cpanic=unwind" cargo +nightly build -Zbuild-std=std,panic_unwind --target
//! wasm32-unknown-unknown --release`, after `rustup component add --toolchain nightly rust-src`.
#![cfg(target_family = "wasm")]

use std::fmt::Display;
use std::rc::Rc;

use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, IdentityProvider, MemoryProvider, SignInStep, SignOutScope, WebStore,
};
use typed_hub::{Auth, AuthEvent, Custom, CustomChannel, Hub};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, UnwrapThrowExt};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, Element, HtmlElement, HtmlInputElement, window};

#[wasm_bindgen(start)]
fn start() {
    pool();
    provider();
    trouble();
}

/// Sign-in by password, with a user pool in the page.
fn pool() {
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    let account = Account::open("pool", pool);
    let signing_in = Rc::clone(&account);
    account.on_click(".sign-in", async move || {
        let (name, password) = (signing_in.input(".name"), signing_in.input(".password"));
        match signing_in.client.sign_in(&name, password).await {
            Ok(SignInStep::Challenge(challenge)) => signing_in.say(format!("{challenge:?}")),
            Ok(_) => {}
            Err(error) => signing_in.say(error),
        }
    });
    spawn_local(async move { account.show().await });
}

/// Sign-in by redirect. The page is left, and loaded again by the callback.
fn provider() {
    let back = format!("{}/", window().unwrap_throw().origin());
    let provider = OidcProvider::builder()
        .issuer(meta("issuer"))
        .discovery_url(meta("discovery-url"))
        .client_id(meta("client-id"))
        .redirect_uris([back.clone()])
        .scopes(["openid", "email"])
        .build();
    let account = Account::open("provider", provider);
    let signing_in = Rc::clone(&account);
    account.on_click(".sign-in", async move || {
        let options = RedirectOptions::builder()
            .redirect_uri(back.clone())
            .build();
        if let Err(error) = signing_in.client.sign_in_in_page(options).await {
            signing_in.say(error);
        }
    });
    spawn_local(async move {
        if let Err(error) = account.client.complete_redirect_in_page().await {
            account.say(error);
        }
        account.show().await;
    });
}

/// A listener that panics. Where panics unwind, it harms nothing else; otherwise the program ends.
fn trouble() {
    enum Trouble {}
    impl CustomChannel for Trouble {
        type Event = u32;
        const NAME: &'static str = "trouble";
    }
    let hub = Hub::new();
    hub.listen::<Custom<Trouble>>(|_| panic!("as told"))
        .detach();
    hub.listen_local::<Custom<Trouble>>(|number| {
        find(&document(), "#after").set_text_content(Some(&format!("heard {number}")));
    })
    .detach();
    let mut number = 0;
    on_click(&find(&document(), "#trouble"), move || {
        number += 1;
        hub.publish::<Custom<Trouble>>(number);
    });
}

/// A client with a hub of its own, and the part of the page that shows it.
struct Account<P> {
    client: AuthClient<P, WebStore>,
    section: Element,
}

impl<P: IdentityProvider> Account<P> {
    fn open(name: &str, provider: P) -> Rc<Self> {
        let section = find(&document(), &format!("#{name}"));
        let hub = Hub::new();
        let shown = section.clone();
        hub.listen_local::<Auth>(move |event| {
            let line = document().create_element("li").unwrap_throw();
            line.set_text_content(Some(&event.kind().to_string()));
            let _ = find(&shown, ".events").append_child(&line);
            match event {
                AuthEvent::SignedIn { user } => show(&shown, Some(user)),
                AuthEvent::SignedOut
                | AuthEvent::TokenRefreshFailure {
                    session_ended: true,
                    ..
                } => show(&shown, None),
                _ => {}
            }
        })
        .detach();
        let client = AuthClient::builder()
            .hub(hub)
            .provider(provider)
            .store(WebStore::local(name))
            .build()
            .expect("the hub is new");
        spawn_local(client.follow_tabs());
        let account = Rc::new(Self { client, section });
        let signing_out = Rc::clone(&account);
        account.on_click(".sign-out", async move || {
            if let Err(error) = signing_out.client.sign_out(SignOutScope::ThisDevice).await {
                signing_out.say(error);
            }
        });
        account
    }

    /// The user of a session that was there before the page.
    async fn show(&self) {
        match self.client.current_user().await {
            Ok(user) => show(&self.section, user.as_ref()),
            Err(error) => self.say(error),
        }
    }

    fn say(&self, error: impl Display) {
        find(&self.section, ".error").set_text_content(Some(&error.to_string()));
    }

    fn input(&self, selector: &str) -> String {
        find(&self.section, selector)
            .unchecked_into::<HtmlInputElement>()
            .value()
    }

    fn on_click(&self, selector: &str, click: impl AsyncFn() + 'static) {
        let click = Rc::new(click);
        let error = find(&self.section, ".error");
        on_click(&find(&self.section, selector), move || {
            error.set_text_content(None);
            let click = Rc::clone(&click);
            spawn_local(async move { click().await });
        });
    }
}

fn show(section: &Element, user: Option<&AuthUser>) {
    let name = user.map_or("no user", |user| &user.username);
    find(section, ".user").set_text_content(Some(name));
}

fn on_click(button: &Element, click: impl FnMut() + 'static) {
    let click = Closure::<dyn FnMut()>::own_assert_unwind_safe(click).into_js_value();
    let button: &HtmlElement = button.unchecked_ref();
    button.set_onclick(Some(click.unchecked_ref()));
}

fn document() -> Document {
    window().and_then(|window| window.document()).unwrap_throw()
}

/// The element within another one, or within the document.
fn find(within: &web_sys::Node, selector: &str) -> Element {
    let found = match within.dyn_ref::<Element>() {
        Some(element) => element.query_selector(selector),
        None => document().query_selector(selector),
    };
    found.ok().flatten().expect("index.html has it")
}

/// What `index.html` says under this name.
fn meta(name: &str) -> String {
    find(&document(), &format!("meta[name={name}]"))
        .get_attribute("content")
        .unwrap_or_default()
}
