//! The page of this example as a user sees it: in Chromium, with a real OpenID provider and a Cognito user
//! pool. `tests/run servers` builds the page first, so that panics unwind, and installs what this needs.
#![cfg(not(target_family = "wasm"))]

#[path = "../../../../tests/servers/real/chromium.rs"]
mod chromium;
mod pool;
#[path = "../../../../tests/servers/real/server.rs"]
mod server;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use chromium::Chromium;
use pool::{PASSWORD, Pool};
use serde_json::json;
use server::{OidcServer, PATIENCE};

/// Serves the page, in a thread that ends with the process.
struct Page {
    address: String,
}

impl Page {
    fn serve(issuer: &str) -> Self {
        Self::serve_with(|_| vec![("issuer", issuer.to_owned())])
    }

    /// With these values of the page's `meta` elements, from the address it is served at.
    fn serve_with(metas: impl FnOnce(&str) -> Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut page = fs::read_to_string(here.join("index.html")).unwrap();
        for (name, value) in metas(&address) {
            let before = format!("<meta name=\"{name}\" content=\"");
            let (head, rest) = page.split_once(&before).unwrap();
            let (_, rest) = rest.split_once('"').unwrap();
            page = format!("{head}{before}{value}\"{rest}");
        }
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let page = page.clone();
                thread::spawn(move || answer(stream, &page));
            }
        });
        Self { address }
    }
}

fn answer(mut stream: TcpStream, page: &str) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let first = lines
        .next()
        .unwrap_or_else(|| Ok(String::new()))
        .unwrap_or_default();
    // The rest of the request is read, or the browser takes the connection for broken.
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let path = first.split([' ', '?']).nth(1).unwrap_or_default();
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let built = std::env::var_os("BROWSER_PAGE").map_or_else(|| here.join("pkg"), PathBuf::from);
    let (kind, body) = match path {
        "/" => ("text/html", page.as_bytes().to_vec()),
        "/pkg/browser.js" => (
            "text/javascript",
            fs::read(built.join("browser.js")).unwrap(),
        ),
        "/pkg/browser_bg.wasm" => {
            let wasm = fs::read(built.join("browser_bg.wasm")).unwrap();
            ("application/wasm", wasm)
        }
        _ => ("text/plain", Vec::new()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// The page as it is registered at the provider.
fn client() -> serde_json::Value {
    json!({ "redirect_uris": ["http://127.0.0.1/"] })
}

/// A provider that lets the page send requests.
fn provider() -> OidcServer {
    OidcServer::start_as(&json!({ "cors": true, "client": client() }))
}

/// The page, opened in a browser.
async fn opened(server: OidcServer) -> (OidcServer, Page, Chromium) {
    let page = Page::serve(&server.issuer);
    let browser = Chromium::start().await;
    browser.open_page(&page.address).await;
    (server, page, browser)
}

impl Chromium {
    async fn open_page(&self, address: &str) {
        self.open(address).await;
        self.find("body[data-ready]").await;
    }

    async fn comes_back(&self, page: &Page) {
        self.arrives_at(&page.address).await;
        self.find("body[data-ready]").await;
    }

    /// Signs in on the page of oidc-provider, and comes back.
    async fn signs_in(&self, page: &Page) {
        self.log_in("ada").await;
        self.consent().await;
        self.comes_back(page).await;
    }

    /// Leaves the page for that of the provider.
    async fn begins(&self) {
        self.click("#provider .sign-in").await;
        self.find("input[name=login]").await;
    }

    async fn address(&self) -> String {
        self.tab.current_url().await.unwrap().into()
    }

    /// Waits until the element has this text.
    async fn shows(&self, element: &str, text: &str) {
        let since = Instant::now();
        loop {
            let shown = self.text(element).await;
            if shown.contains(text) {
                return;
            }
            let error = self.text("#provider .error").await;
            assert!(
                since.elapsed() < PATIENCE,
                "{element}: {shown:?}, not {text:?} ({error})"
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn run(&self, script: &str) -> String {
        let value = self.tab.execute(script, Vec::new()).await.unwrap();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// The events that are shown.
    async fn events(&self, section: &str) -> String {
        self.run(&format!(
            "return [...document.querySelectorAll('#{section} .events li')].map(e => e.textContent).join(' ')"
        ))
        .await
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn signs_in_with_the_embedded_pool_and_survives_a_reload_and_a_panic() {
    let page = Page::serve("http://127.0.0.1:1");
    let browser = Chromium::start().await;
    browser.open_page(&page.address).await;
    browser.shows("#pool .user", "no user").await;
    browser.fill("#pool .name", "x").await;
    browser.click("#pool .sign-in").await;
    browser.shows("#pool .error", "not signed in").await;
    browser.open_page(&page.address).await;
    browser.click("#pool .sign-in").await;
    browser.shows("#pool .user", "ada").await;
    assert_eq!(browser.events("pool").await, "signedIn");

    browser.open_page(&page.address).await;
    browser.shows("#pool .user", "ada").await;
    assert_eq!(browser.events("pool").await, "", "F38");

    // The panic of a listener harms neither the others nor the rest of the page.
    for number in 1..=2 {
        browser.click("#trouble").await;
        browser.shows("#after", &format!("heard {number}")).await;
    }
    browser.click("#pool .sign-out").await;
    browser.shows("#pool .user", "no user").await;
    assert_eq!(browser.events("pool").await, "signedOut");

    // No server listens at this address, or it refuses.
    browser.click("#provider .sign-in").await;
    browser.shows("#provider .error", "(CORS)").await;
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn signs_in_by_redirect_in_the_same_page() {
    let (server, page, browser) = opened(provider()).await;

    // Declined.
    browser.click("#provider .sign-in").await;
    browser.click("a[href$=abort]").await;
    browser.comes_back(&page).await;
    browser
        .shows("#provider .events", "signInWithRedirect_failure")
        .await;
    browser.shows("#provider .error", "access_denied").await;
    assert_eq!(browser.address().await, format!("{}/", page.address));

    // The provider's page is loaded again in the middle of it, and the user has the page in another tab.
    browser.begins().await;
    browser.tab.refresh().await.unwrap();
    let first = browser.tab.window().await.unwrap();
    let second = browser.tab.new_window(true).await.unwrap().handle;
    browser.tab.switch_to_window(second.clone()).await.unwrap();
    browser.open_page(&page.address).await;
    browser.shows("#provider .user", "no user").await;
    browser.tab.switch_to_window(first.clone()).await.unwrap();
    browser.signs_in(&page).await;
    browser.shows("#provider .user", "ada@example.org").await;
    assert_eq!(
        browser.events("provider").await,
        "signInWithRedirect signedIn"
    );

    // Nothing of the callback is left in the address bar, and a reload hands nothing in.
    assert_eq!(browser.address().await, format!("{}/", page.address));
    browser.tab.refresh().await.unwrap();
    browser.comes_back(&page).await;
    browser.shows("#provider .user", "ada@example.org").await;
    assert_eq!(browser.events("provider").await, "");
    assert_eq!(browser.text("#provider .error").await, "");

    // A sign-out in the other tab is told in this one, which is not touched meanwhile.
    browser.tab.switch_to_window(second).await.unwrap();
    browser.open_page(&page.address).await;
    browser.shows("#provider .user", "ada@example.org").await;
    browser.click("#provider .sign-out").await;
    browser.shows("#provider .user", "no user").await;
    browser.tab.switch_to_window(first).await.unwrap();
    browser.shows("#provider .user", "no user").await;
    assert_eq!(browser.events("provider").await, "signedOut", "F42");
    assert_eq!(server.count("grant.revoked"), 1);
}

#[tokio::test]
#[ignore = "needs ministack and a browser: tests/run servers installs them"]
async fn signs_in_by_redirect_with_a_user_pool_of_cognito() {
    let pool = Pool::start();
    let page = Page::serve_with(|address| {
        let client_id = pool.client(&format!("{address}/"));
        vec![
            ("issuer", pool.issuer()),
            ("client-id", client_id),
            ("discovery-url", pool.discovery_url()),
        ]
    });
    pool.add_user("ada");
    let browser = Chromium::start().await;
    browser.open_page(&page.address).await;
    browser.click("#provider .sign-in").await;
    browser.log_in_to_pool("Wrong-Horse-7").await;
    browser.shows(".error", "Incorrect username").await;
    browser.log_in_to_pool(PASSWORD).await;
    browser.comes_back(&page).await;
    browser.shows("#provider .user", "ada").await;
    let told = browser.events("provider").await;
    assert_eq!(told, "signInWithRedirect signedIn", "F28");

    browser.open_page(&page.address).await;
    browser.shows("#provider .user", "ada").await;
    assert_eq!(browser.events("provider").await, "", "F38");
    browser.click("#provider .sign-out").await;
    browser.shows("#provider .user", "no user").await;
    assert_eq!(browser.events("provider").await, "signedOut");
    assert_eq!(browser.text("#provider .error").await, "");
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn a_callback_of_another_pages_making_signs_in_no_user() {
    let server = provider();
    let page = Page::serve(&server.issuer);
    let browser = Chromium::start().await;
    let forged = format!("{}/?code=x&state=y&step=2", page.address);
    browser.open_page(&forged).await;
    browser
        .shows("#provider .error", "no sign-in by redirect is under way")
        .await;
    browser.shows("#provider .user", "no user").await;
    assert_eq!(browser.events("provider").await, "");
    assert_eq!(browser.address().await, format!("{}/?step=2", page.address));
}

/// Row F32: the callback carries another state than the sign-in that is under way.
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn a_forged_callback_ends_the_sign_in_under_way_and_sends_no_code() {
    let (server, page, browser) = opened(provider()).await;
    browser.begins().await;
    browser
        .open_page(&format!("{}/?code=x&state=y", page.address))
        .await;
    browser.shows("#provider .error", "another state").await;
    let told = browser.events("provider").await;
    assert_eq!(told, "signInWithRedirect_failure");
    assert_eq!(server.count("grant.error"), 0, "no code was sent");
}

/// Row F31: a provider that sends an error without the state, and a page that has such a parameter itself.
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn an_error_without_a_state_ends_the_sign_in_under_way_and_is_the_pages_own_otherwise() {
    let server = provider();
    let page = Page::serve(&server.issuer);
    let browser = Chromium::start().await;
    let own = format!("{}/?error=full&step=2", page.address);
    browser.open_page(&own).await;
    browser.shows("#provider .user", "no user").await;
    assert_eq!(browser.events("provider").await, "");
    assert_eq!(browser.address().await, own);

    browser.begins().await;
    browser
        .open_page(&format!("{}/?error=server_error", page.address))
        .await;
    browser
        .shows("#provider .events", "signInWithRedirect_failure")
        .await;
    assert_eq!(browser.address().await, format!("{}/", page.address));
}

/// Row F31: the user goes back, and the browser shows the page as it was left.
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn going_back_ends_the_sign_in() {
    let (_server, page, browser) = opened(provider()).await;
    browser.run("window.kept = 'kept'").await;
    browser.begins().await;
    browser.tab.back().await.unwrap();
    browser.comes_back(&page).await;
    assert_eq!(browser.run("return window.kept").await, "kept");
    browser.shows("#provider .error", "was cancelled").await;
    let told = browser.events("provider").await;
    assert_eq!(told, "signInWithRedirect_failure");

    browser.click("#provider .sign-in").await;
    browser.signs_in(&page).await;
    browser.shows("#provider .user", "ada@example.org").await;
}

/// Rows F31 and F38: the user has signed in, and goes back to the page as it was before.
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn going_back_after_a_sign_in_shows_the_user_and_fails_nothing() {
    let (_server, page, browser) = opened(provider()).await;
    browser.run("window.kept = 'kept'").await;
    browser.click("#provider .sign-in").await;
    browser.signs_in(&page).await;
    browser.shows("#provider .user", "ada@example.org").await;
    for _ in 0..10 {
        browser.tab.back().await.unwrap();
        if browser.run("return window.kept").await == "kept" {
            break;
        }
    }
    browser.shows("#provider .error", "signed in already").await;
    browser.shows("#provider .user", "ada@example.org").await;
    assert_eq!(browser.events("provider").await, "signedIn");
}

/// The token endpoint answers, and the browser keeps the answer from the page.
#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn an_answer_that_the_browser_keeps_from_the_page_is_told() {
    let server = OidcServer::start_as(&json!({ "client": client() }));
    let (_server, page, browser) = opened(server).await;
    browser.click("#provider .sign-in").await;
    browser.signs_in(&page).await;
    browser.shows("#provider .error", "(CORS)").await;
    browser
        .shows("#provider .events", "signInWithRedirect_failure")
        .await;
}
