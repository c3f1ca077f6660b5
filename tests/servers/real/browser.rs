//! Signing in by redirect as a user does it: in a real browser, on a provider's own pages, which
//! send it back to a loopback address.

use std::time::Duration;

use crate::chromium::Chromium;
use crate::ministack::{Ministack, PASSWORD};
use crate::server::OidcServer;
use crate::trace::trace;
use tokio::sync::oneshot;
use typed_hub::Hub;
use typed_hub::auth::cognito::CognitoProvider;
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::{Loopback, RedirectOptions};
use typed_hub::auth::{
    AuthClient, AuthUser, AuthorizeUrl, MemoryStore, RedirectError, RedirectProvider, SignOutScope,
    TokenStore,
};

/// How long the user may take.
const LIMIT: Duration = Duration::from_secs(30);

const SIGNED_IN: [&str; 2] = ["signInWithRedirect", "signedIn"];

const CLOSE_THIS: &str = "You can close this window and go back to the application.";

/// An application on this machine: its client, and the addresses the browser comes back to.
struct Application<P> {
    hub: Hub,
    provider: P,
    store: MemoryStore,
    client: AuthClient<P>,
    loopback: Loopback,
    bye: Loopback,
    trace: Box<dyn Fn() -> Vec<String>>,
}

impl<P: RedirectProvider + Clone> Application<P> {
    /// `provider` is told where the browser is to go after signing out.
    fn new(provider: impl FnOnce(&str) -> P) -> Self {
        let bye = Loopback::bind_to(0, "/bye").unwrap();
        Self::around(
            provider(&bye.redirect_uri()),
            Loopback::bind().unwrap(),
            bye,
        )
    }

    fn around(provider: P, loopback: Loopback, bye: Loopback) -> Self {
        let hub = Hub::new();
        let store = MemoryStore::new();
        let client = client(&hub, &provider, &store);
        Self {
            trace: Box::new(trace(&hub)),
            hub,
            provider,
            store,
            client,
            loopback,
            bye,
        }
    }

    /// Drops the client and makes another over the same store, as a restart does.
    fn restart(&mut self) {
        self.client = client(&Hub::new(), &self.provider, &self.store); // the hub is free again
        self.client = client(&self.hub, &self.provider, &self.store);
    }

    fn options(&self) -> RedirectOptions {
        RedirectOptions::builder()
            .redirect_uri(self.loopback.redirect_uri())
            .build()
    }

    fn options_with(&self, custom_state: &str) -> RedirectOptions {
        RedirectOptions::builder()
            .redirect_uri(self.loopback.redirect_uri())
            .custom_state(custom_state)
            .build()
    }

    async fn begin(&self, options: RedirectOptions) -> AuthorizeUrl {
        self.client.sign_in_with_redirect(options).await.unwrap()
    }

    /// What the browser comes back with.
    async fn callback(&self) -> String {
        self.loopback.callback(LIMIT).await.unwrap()
    }

    /// Signs in in the browser, where the user does this on the page.
    async fn sign_in_in_browser(
        &self,
        options: RedirectOptions,
        user: impl AsyncFnOnce(String),
    ) -> Result<AuthUser, RedirectError> {
        let (page, opened) = oneshot::channel();
        let open = |url: &AuthorizeUrl| {
            page.send(url.as_str().to_owned()).unwrap();
            Ok(())
        };
        let signed_in = self
            .client
            .sign_in_in_browser(&self.loopback, options, open, LIMIT);
        tokio::join!(signed_in, async { user(opened.await.unwrap()).await }).0
    }

    async fn sign_out(&self) -> String {
        let out = self.client.sign_out(SignOutScope::ThisDevice).await;
        let out = out.unwrap();
        assert_eq!(out.not_revoked, None);
        assert_eq!((self.trace)(), ["signedOut"]);
        out.logout_url.expect("F23").as_str().to_owned()
    }
}

fn client<P: RedirectProvider + Clone>(
    hub: &Hub,
    provider: &P,
    store: &MemoryStore,
) -> AuthClient<P> {
    AuthClient::builder()
        .hub(hub.clone())
        .provider(provider.clone())
        .store(store.clone())
        .build()
        .unwrap()
}

fn on_oidc(server: &OidcServer) -> Application<OidcProvider> {
    Application::new(|bye| {
        OidcProvider::builder()
            .issuer(&server.issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .post_logout_redirect_uri(bye)
            .scopes(["openid", "email"])
            .time_limit(Duration::from_secs(10))
            .build()
    })
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f27_f28_f23_in_and_out() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let user = app
        .sign_in_in_browser(app.options(), async |page| {
            browser.open(&page).await;
            browser.find("input[name=login]").await;
            assert_eq!((app.trace)(), [""; 0], "F27");
            let pending = app.store.load_redirect().await.unwrap();
            assert!(pending.is_some(), "F27");
            browser.log_in("ada").await;
            browser.consent().await;
        })
        .await
        .unwrap();
    assert_eq!(
        (&*user.username, &*user.user_id),
        ("ada@example.org", "ada")
    );
    assert_eq!((app.trace)(), SIGNED_IN, "F28");
    assert_eq!(app.store.load_redirect().await, Ok(None));
    assert_eq!(app.store.load().await.unwrap().unwrap().user, user);

    browser.arrives_at(&app.loopback.redirect_uri()).await;
    assert_eq!(browser.text("body").await, CLOSE_THIS);
    assert_eq!(
        browser.tab.title().await.unwrap(),
        "Back to the application"
    );

    // Signed out here, the user is still signed in in the browser: no password is asked for.
    app.sign_out().await;
    app.sign_in_in_browser(app.options(), async |page| {
        browser.open(&page).await;
        browser.consent().await;
    })
    .await
    .unwrap();
    assert_eq!((app.trace)(), SIGNED_IN);

    // The logout URL ends that too.
    let logout = app.sign_out().await;
    browser.open(&logout).await;
    browser.click("button[name=logout]").await;
    browser.arrives_at(&app.bye.redirect_uri()).await;
    let page = app.begin(app.options()).await;
    browser.open(page.as_str()).await;
    browser.find("input[name=login]").await;
    assert_eq!((app.trace)(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f28_the_page_that_is_left_in_the_browser_holds_no_secret() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let page = app.begin(app.options()).await;
    browser.open(page.as_str()).await;
    browser.log_in("ada").await;
    browser.consent().await;
    let callback = app.callback().await;
    browser.arrives_at(&app.loopback.redirect_uri()).await;
    assert_eq!(browser.text("body").await, CLOSE_THIS);

    // The address still has the code, which is good for nothing once it has been used.
    let source = browser.tab.source().await.unwrap();
    let (_, query) = callback.split_once('?').unwrap();
    for (name, secret) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        assert!(!source.contains(secret), "the page has the {name}");
    }
    // Nothing was fetched beside the page, and nothing is kept by the browser.
    for (empty, script) in [
        (
            "0",
            "return String(performance.getEntriesByType('resource').length)",
        ),
        ("", "return document.cookie"),
        (
            "0",
            "return String(localStorage.length + sessionStorage.length)",
        ),
    ] {
        let got = browser.tab.execute(script, Vec::new()).await.unwrap();
        assert_eq!(got, empty, "{script}");
    }
    app.client.complete_redirect(&callback).await.unwrap();
    assert_eq!((app.trace)(), SIGNED_IN);
    let replayed = app.client.complete_redirect(&callback).await;
    assert_eq!(replayed, Err(RedirectError::NothingUnderWay), "F35");
    assert_eq!((app.trace)(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f29_any_text_comes_back() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let longest = "🦀".repeat(256);
    let texts = [
        "/cart?step=2&x=a+b%20c#end",
        "日本語 עברית العربية 👩\u{200d}🚀 e\u{301}",
        "\u{0}\r\n\t\"'<script>\\\u{7f}\u{202e}\u{10ffff}",
        " ",
        &longest,
    ];
    for (round, text) in texts.into_iter().enumerate() {
        let signed_in = app.sign_in_in_browser(app.options_with(text), async |page| {
            browser.open(&page).await;
            if round == 0 {
                browser.log_in("ada").await;
            }
            browser.consent().await;
        });
        signed_in.await.unwrap();
        let state = format!("customOAuthState: {text}");
        assert_eq!((app.trace)(), [&*state, SIGNED_IN[0], SIGNED_IN[1]]);
        app.sign_out().await;
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f30_the_user_cancels_on_the_page_and_tries_again() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let declined = app
        .sign_in_in_browser(app.options_with("a state"), async |page| {
            browser.open(&page).await;
            browser.click("a[href$=abort]").await;
        })
        .await
        .unwrap_err();
    assert!(matches!(&declined, RedirectError::Declined(why) if why.name == "access_denied"));
    assert_eq!((app.trace)(), ["signInWithRedirect_failure"]);
    assert_eq!(app.store.load_redirect().await, Ok(None));
    assert_eq!(app.store.load().await, Ok(None));
    // Whether it has succeeded the page does not know, and does not say.
    browser.arrives_at(&app.loopback.redirect_uri()).await;
    assert_eq!(browser.text("body").await, CLOSE_THIS);

    let signed_in = app.sign_in_in_browser(app.options(), async |page| {
        browser.open(&page).await;
        browser.log_in("ada").await;
        browser.consent().await;
    });
    signed_in.await.unwrap();
    assert_eq!((app.trace)(), SIGNED_IN);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f31_f35_the_user_goes_back_and_forward() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    browser.open("about:blank").await;

    // Back before signing in: the application is told, and the page leads to nothing any more.
    let page = app.begin(app.options()).await;
    browser.open(page.as_str()).await;
    browser.find("input[name=login]").await;
    browser.tab.back().await.unwrap();
    browser.arrives_at("about:blank").await;
    assert_eq!((app.trace)(), [""; 0]);
    app.client.cancel_redirect().await.unwrap();
    assert_eq!((app.trace)(), ["signInWithRedirect_failure"], "F31");
    browser.tab.forward().await.unwrap();
    browser.log_in("ada").await;
    browser.consent().await;
    let late = app.client.complete_redirect(&app.callback().await).await;
    assert_eq!(late, Err(RedirectError::NothingUnderWay), "F35");
    assert_eq!((app.trace)(), [""; 0]);
    assert_eq!(server.count("grant.success authorization_code"), 0);

    // Back and forward after signing in, which the browser may do by itself, and once more from the
    // server: the callback comes a second time.
    let signed_in = app.sign_in_in_browser(app.options(), async |page| {
        browser.open(&page).await;
        browser.consent().await;
    });
    let user = signed_in.await.unwrap();
    assert_eq!((app.trace)(), SIGNED_IN);
    browser.arrives_at(&app.loopback.redirect_uri()).await;
    browser.tab.back().await.unwrap();
    browser.arrives_at(&server.issuer).await;
    browser.tab.forward().await.unwrap();
    browser.arrives_at(&app.loopback.redirect_uri()).await;
    assert_eq!(browser.text("body").await, CLOSE_THIS);
    browser.tab.refresh().await.unwrap();
    let again = app.client.complete_redirect(&app.callback().await).await;
    assert_eq!(again, Err(RedirectError::NothingUnderWay), "F35");
    assert_eq!((app.trace)(), [""; 0]);
    assert_eq!(server.count("grant.success authorization_code"), 1);
    assert_eq!(app.client.current_user().await, Ok(Some(user)));
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f31_f35_the_user_takes_too_long() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let mut page = String::new();
    let open = |url: &AuthorizeUrl| {
        url.as_str().clone_into(&mut page);
        Ok(())
    };
    let limit = Duration::from_millis(100);
    let late = app
        .client
        .sign_in_in_browser(&app.loopback, app.options(), open, limit);
    assert_eq!(late.await, Err(RedirectError::TimedOut));
    assert_eq!((app.trace)(), ["signInWithRedirect_failure"], "F31");
    assert_eq!(app.store.load_redirect().await, Ok(None));

    browser.open(&page).await;
    browser.log_in("ada").await;
    browser.consent().await;
    let late = app.client.complete_redirect(&app.callback().await).await;
    assert_eq!(late, Err(RedirectError::NothingUnderWay), "F35");
    assert_eq!((app.trace)(), [""; 0]);
    assert_eq!(server.count("grant.success authorization_code"), 0);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f28_two_applications_at_once_in_one_browser() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let (one, other) = (on_oidc(&server), on_oidc(&server));
    let first = browser.tab.window().await.unwrap();
    let second = browser.tab.new_window(true).await.unwrap().handle;
    let page = one.begin(one.options_with("one")).await;
    browser.open(page.as_str()).await;
    browser.find("input[name=login]").await;
    browser.tab.switch_to_window(second).await.unwrap();
    let page = other.begin(other.options_with("other")).await;
    browser.open(page.as_str()).await;
    browser.log_in("ada").await;
    browser.consent().await;
    let of_other = other.callback().await;
    browser.tab.switch_to_window(first).await.unwrap();
    browser.log_in("ada").await;
    browser.consent().await;
    let of_one = one.callback().await;

    // Neither is taken for the other's.
    let mixed = one.client.complete_redirect(&of_other).await;
    assert_eq!(mixed, Err(RedirectError::NotTheCallback));
    assert_eq!(((one.trace)(), (other.trace)()), (vec![], vec![]));
    one.client.complete_redirect(&of_one).await.unwrap();
    let own = ["customOAuthState: one", SIGNED_IN[0], SIGNED_IN[1]];
    assert_eq!((one.trace)(), own);
    assert_eq!((other.trace)(), [""; 0]);
    other.client.complete_redirect(&of_other).await.unwrap();
    let own = ["customOAuthState: other", SIGNED_IN[0], SIGNED_IN[1]];
    assert_eq!((other.trace)(), own);
    assert_eq!((one.trace)(), [""; 0]);
    let (one, other) = (one.store.load().await, other.store.load().await);
    assert_ne!(one.unwrap().unwrap().tokens, other.unwrap().unwrap().tokens);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f37_the_page_that_was_opened_last_counts() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let app = on_oidc(&server);
    let first = app.begin(app.options_with("first")).await;
    browser.open(first.as_str()).await;
    browser.find("input[name=login]").await;
    let second = app.begin(app.options_with("second")).await;
    assert_eq!((app.trace)(), [""; 0]);

    browser.log_in("ada").await;
    browser.consent().await;
    let superseded = app.client.complete_redirect(&app.callback().await).await;
    assert_eq!(superseded, Err(RedirectError::NothingUnderWay), "as F35");
    assert_eq!((app.trace)(), [""; 0]);
    assert_eq!(server.count("grant.success authorization_code"), 0);

    browser.open(second.as_str()).await;
    browser.consent().await;
    let callback = app.callback().await;
    app.client.complete_redirect(&callback).await.unwrap();
    let own = ["customOAuthState: second", SIGNED_IN[0], SIGNED_IN[1]];
    assert_eq!((app.trace)(), own);
}

#[tokio::test]
#[ignore = "needs oidc-provider and a browser: tests/run servers installs them"]
async fn f36_f39_a_session_asked_for_and_a_restart_while_the_user_is_in_the_browser() {
    let server = OidcServer::start(3600);
    let browser = Chromium::start().await;
    let mut app = on_oidc(&server);
    let page = app.begin(app.options_with("before")).await;
    browser.open(page.as_str()).await;
    browser.find("input[name=login]").await;
    let completed = async {
        browser.log_in("ada").await;
        browser.consent().await;
        let callback = app.callback().await;
        assert_eq!((app.trace)(), [""; 0]);
        app.client.complete_redirect(&callback).await.unwrap()
    };
    // Whoever asks meanwhile is answered when it has ended.
    let (session, user) = tokio::join!(app.client.session(), completed);
    assert_eq!(session.unwrap().unwrap().user, user, "F36");
    let own = ["customOAuthState: before", SIGNED_IN[0], SIGNED_IN[1]];
    assert_eq!((app.trace)(), own, "F28");

    app.client.sign_out(SignOutScope::ThisDevice).await.unwrap();
    assert_eq!((app.trace)(), ["signedOut"]);
    let page = app.begin(app.options_with("before")).await;
    app.restart();
    // Nobody waits for a user of whom only an earlier process knows that he is in a browser.
    assert_eq!(app.client.session().await, Ok(None));
    let browser = Chromium::start().await;
    browser.open(page.as_str()).await;
    browser.log_in("ada").await;
    browser.consent().await;
    let callback = app.callback().await;
    app.client.complete_redirect(&callback).await.unwrap();
    assert_eq!((app.trace)(), own, "F39");
}

// A user pool's own pages.

/// The pool knows `ada`.
async fn on_cognito(server: &Ministack) -> Application<CognitoProvider> {
    let pool = server.pool().await;
    server.add_user(&pool, "ada").await;
    let loopback = Loopback::bind().unwrap();
    let bye = Loopback::bind_to(0, "/bye").unwrap();
    server
        .register(&pool, &loopback.redirect_uri(), &bye.redirect_uri())
        .await;
    let provider = CognitoProvider::builder()
        .region("us-east-1")
        .user_pool_id(&pool.id)
        .client_id(&pool.client_id)
        .endpoint(&server.endpoint)
        .domain(&server.endpoint)
        .redirect_uris([loopback.redirect_uri()])
        .logout_uri(bye.redirect_uri())
        .time_limit(Duration::from_secs(10))
        .build();
    Application::around(provider, loopback, bye)
}

#[tokio::test]
#[ignore = "needs ministack and a browser: tests/run servers installs them"]
async fn f27_f28_f29_f23_in_and_out_of_a_pool() {
    let server = Ministack::start();
    let browser = Chromium::start().await;
    let app = on_cognito(&server).await;
    let user = app
        .sign_in_in_browser(app.options(), async |page| {
            browser.open(&page).await;
            browser.log_in_to_pool("Wrong-Horse-7").await;
            let why = browser.text(".error").await;
            assert_eq!(why, "Incorrect username or password.");
            assert_eq!((app.trace)(), [""; 0], "F27");
            browser.log_in_to_pool(PASSWORD).await;
        })
        .await
        .unwrap();
    assert_eq!(user.username, "ada");
    assert_eq!((app.trace)(), SIGNED_IN, "F28");
    browser.arrives_at(&app.loopback.redirect_uri()).await;
    assert_eq!(browser.text("body").await, CLOSE_THIS);
    app.client.refresh().await.unwrap().unwrap();
    assert_eq!((app.trace)(), ["tokenRefresh"], "F12");

    let logout = app.sign_out().await;
    browser.open(&logout).await;
    browser.arrives_at(&app.bye.redirect_uri()).await;

    let state = "日本語 👩\u{200d}🚀 /cart?a=b&c=d#e";
    let signed_in = app.sign_in_in_browser(app.options_with(state), async |page| {
        browser.open(&page).await;
        browser.log_in_to_pool(PASSWORD).await;
    });
    signed_in.await.unwrap();
    let first = format!("customOAuthState: {state}");
    assert_eq!((app.trace)(), [&*first, SIGNED_IN[0], SIGNED_IN[1]], "F29");
}

#[tokio::test]
#[ignore = "needs ministack and a browser: tests/run servers installs them"]
async fn f33_f35_f39_a_code_of_a_pool() {
    let server = Ministack::start();
    let browser = Chromium::start().await;
    let mut app = on_cognito(&server).await;
    let page = app.begin(app.options_with("before")).await;
    browser.open(page.as_str()).await;
    app.restart();
    browser.log_in_to_pool(PASSWORD).await;
    let callback = app.callback().await;
    app.client.complete_redirect(&callback).await.unwrap();
    let own = ["customOAuthState: before", SIGNED_IN[0], SIGNED_IN[1]];
    assert_eq!((app.trace)(), own, "F39");
    browser.tab.refresh().await.unwrap();
    let again = app.client.complete_redirect(&app.callback().await).await;
    assert_eq!(again, Err(RedirectError::NothingUnderWay), "F35");
    app.sign_out().await;

    let page = app.begin(app.options()).await;
    browser.open(page.as_str()).await;
    browser.log_in_to_pool(PASSWORD).await;
    let spoilt = app.callback().await.replace("code=", "code=x");
    let failed = app.client.complete_redirect(&spoilt).await;
    assert!(matches!(failed, Err(RedirectError::Provider(_))), "F33");
    assert_eq!((app.trace)(), ["signInWithRedirect_failure"], "F33");

    let page = app.begin(app.options()).await;
    browser.open(page.as_str()).await;
    browser.log_in_to_pool(PASSWORD).await;
    let callback = app.callback().await;
    drop(server);
    let failed = app.client.complete_redirect(&callback).await;
    assert!(matches!(failed, Err(RedirectError::Provider(_))), "F33");
    assert_eq!((app.trace)(), ["signInWithRedirect_failure"], "F33");
    assert_eq!(app.store.load_redirect().await, Ok(None));
    assert_eq!(app.store.load().await, Ok(None));
}
