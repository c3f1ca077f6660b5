//! Whatever happens between a client and a real server: the events are those of the table, no
//! session is lost, no wait is without end, no secret is shown. It prints what it has seen.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::ministack::{Ministack, PASSWORD, Pool};
use crate::pages::Browser;
use crate::proxy::{Fault, Proxy, untrusted};
use crate::server::{OidcServer, Server, free_port};
use crate::shown::Shown;
use crate::trace::trace;
use aws_sdk_cognitoidentityprovider::types::UserPoolMfaType;
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, CurrentUserError, DeleteUserError, MemoryStore, NotRevoked, ProviderError,
    RedirectError, RedirectProvider, SessionError, SignInError, SignInStep, SignOutScope,
    TokenStore,
};

/// How long a server has that answers, and one that does not.
const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(700);

/// No operation may take longer under a fault: the slowest waits twice for `SHORT`.
const BOUND: Duration = Duration::from_secs(5);

/// What a body without end may cost, the buffers of the system included.
const FLOOD: u64 = 24 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    SignIn,
    /// The second request of a sign-in.
    Proof,
    /// The discovery document, before a redirect and before a refresh.
    Begin,
    Find,
    Refresh,
    Code,
    Keys,
    SignOut,
    Everywhere,
    DeleteUser,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Proof => "sign-in, proof",
            Self::Begin => "redirect, page",
            Self::Find => "refresh, discovery",
            Self::Refresh => "refresh",
            Self::Code => "redirect, code",
            Self::Keys => "redirect, keys",
            Self::SignOut => "sign-out",
            Self::Everywhere => "sign-out everywhere",
            Self::DeleteUser => "delete user",
        }
    }

    /// One that is refused by the service's own words, and where that says nothing of a session.
    const fn is_an_api_call(self) -> bool {
        matches!(
            self,
            Self::SignIn | Self::Proof | Self::SignOut | Self::Everywhere | Self::DeleteUser
        )
    }

    const fn begins_signed_in(self) -> bool {
        matches!(
            self,
            Self::Find | Self::Refresh | Self::SignOut | Self::Everywhere | Self::DeleteUser
        )
    }
}

/// What an operation has come to under a fault, and what came after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    /// The kind of the error, or what there was instead.
    answer: String,
    events: Vec<String>,
    store: &'static str,
    /// When the fault was over.
    after: &'static str,
}

/// The table of the auth category: F5, F15, F20, F26, F33.
fn expected(operation: Operation, fault: Fault, is_oidc: bool) -> Seen {
    let done_there = fault == Fault::Cut;
    let (events, store, after) = match operation {
        Operation::SignIn | Operation::Proof | Operation::Begin => (None, "empty", "signs in"),
        Operation::Code | Operation::Keys => {
            (Some("signInWithRedirect_failure"), "empty", "signs in")
        }
        // The server takes a refresh token once, and its answer with the next one is lost.
        Operation::Refresh if is_oidc && done_there => (
            Some("tokenRefresh_failure, kept"),
            "kept",
            "has ended, signs in",
        ),
        Operation::Find | Operation::Refresh => {
            (Some("tokenRefresh_failure, kept"), "kept", "refreshes")
        }
        Operation::SignOut | Operation::Everywhere => (Some("signedOut"), "empty", "signs in"),
        Operation::DeleteUser if done_there => (None, "kept", "has ended"),
        Operation::DeleteUser => (None, "kept", "deletes"),
    };
    // By RFC 7009 the status counts and not the body, and of nothing there is no half.
    let revoked =
        operation == Operation::SignOut && is_oidc && matches!(fault, Fault::Garbage | Fault::Cut);
    let answer = match fault {
        _ if revoked => "revoked",
        // A word of the service's own; of a refresh it says nothing of the session.
        Fault::Status(403) if operation.is_an_api_call() && !is_oidc => "Rejected",
        _ => "InTransit",
    };
    Seen {
        answer: answer.to_owned(),
        events: events.into_iter().map(str::to_owned).collect(),
        store,
        after,
    }
}

/// A provider, and a user of it.
trait Site {
    type Provider: RedirectProvider + Clone;

    const IS_OIDC: bool;

    const OPERATIONS: &'static [Operation];

    fn proxy(&self) -> &Proxy;

    fn provider(&self) -> Self::Provider;

    /// One that waits for so long at this step, or is sent to a place nobody trusts.
    fn provider_for(&self, operation: Operation, fault: Fault) -> Self::Provider;

    /// What it is registered with and nobody else is to see.
    fn secret(&self) -> Option<String>;

    /// How many requests of this operation go before the one that fails.
    fn passes(operation: Operation) -> usize;

    async fn sign_in(&self, client: &AuthClient<Self::Provider>, user: &str);

    /// Does what a user does in a browser, and returns the callback.
    async fn visit(&self, page: &str, user: &str) -> String;

    async fn add_user(&self, user: &str);

    /// What only this kind of provider can do.
    async fn attempt(
        &self,
        operation: Operation,
        client: &AuthClient<Self::Provider>,
        user: &str,
    ) -> Result<&'static str, Failed>;
}

/// Why an operation has failed.
enum Failed {
    Provider(ProviderError, Box<dyn std::error::Error + Send>),
    Otherwise(String),
}

impl Failed {
    fn of<E: std::error::Error + Clone + Send + 'static>(
        error: E,
        provider: impl FnOnce(E) -> Option<ProviderError>,
    ) -> Self {
        match provider(error.clone()) {
            Some(provider) => Self::Provider(provider, Box::new(error)),
            None => Self::Otherwise(format!("{error:?}")),
        }
    }

    fn redirect(error: RedirectError) -> Self {
        Self::of(error, |error| match error {
            RedirectError::Provider(error) => Some(error),
            _ => None,
        })
    }

    fn session(error: SessionError) -> Self {
        Self::of(error, |error| match error {
            SessionError::Unreachable(error) => Some(error),
            _ => None,
        })
    }

    fn sign_in(error: SignInError) -> Self {
        Self::of(error, |error| match error {
            SignInError::Provider(error) => Some(error),
            _ => None,
        })
    }

    fn delete(error: DeleteUserError) -> Self {
        Self::of(error, |error| match error {
            DeleteUserError::Provider(error) => Some(error),
            _ => None,
        })
    }
}

fn limit(fault: Fault) -> Duration {
    if fault == Fault::Slow { SHORT } else { LONG }
}

const BACK: &str = crate::ministack::BACK;

fn options() -> RedirectOptions {
    RedirectOptions::builder().redirect_uri(BACK).build()
}

struct Cell {
    seen: Seen,
    /// The name of the error.
    name: String,
    took: Duration,
    requests: Vec<String>,
    flood: u64,
    secret: bool,
}

async fn cell<S: Site>(site: &S, operation: Operation, fault: Fault, user: &str) -> Cell {
    let hub = Hub::new();
    let (trace, shown) = (trace(&hub), Shown::of(&hub));
    let store = MemoryStore::new();
    let client_of = |provider| {
        AuthClient::builder()
            .hub(hub.clone())
            .provider(provider)
            .store(store.clone())
            .build()
            .unwrap()
    };
    let mut secrets = vec![PASSWORD.to_owned()];
    secrets.extend(site.secret());
    let proxy = site.proxy();
    site.add_user(user).await;
    if operation.begins_signed_in() {
        site.sign_in(&client_of(site.provider()), user).await;
    }
    let before = store.load().await.unwrap();
    secrets.extend(before.iter().flat_map(crate::shown::tokens));

    let client = client_of(site.provider_for(operation, fault));
    let mut callback = String::new();
    if matches!(operation, Operation::Code | Operation::Keys) {
        let page = client.sign_in_with_redirect(options()).await;
        let page = page.unwrap_or_else(|error| panic!("{operation:?} × {fault}: {error}"));
        let pending = store.load_redirect().await.unwrap().unwrap();
        secrets.push(pending.verifier.expose().to_owned());
        secrets.push(pending.nonce.expose().to_owned());
        callback = site.visit(page.as_str(), user).await;
        let code = callback.split("code=").nth(1).unwrap();
        secrets.push(code.split('&').next().unwrap().to_owned());
    }
    trace();
    proxy.take_requests();
    proxy.fail(fault, S::passes(operation));
    let began = Instant::now();
    let answer = match operation {
        Operation::Begin => {
            let begun = client.sign_in_with_redirect(options()).await;
            begun.map(|_| "begun").map_err(Failed::redirect)
        }
        Operation::Code | Operation::Keys => {
            let completed = client.complete_redirect(&callback).await;
            completed.map(|_| "signed in").map_err(Failed::redirect)
        }
        Operation::Find | Operation::Refresh => {
            let refreshed = client.refresh().await;
            refreshed.map(|_| "refreshed").map_err(Failed::session)
        }
        Operation::SignOut => left(client.sign_out(SignOutScope::ThisDevice).await.unwrap()),
        Operation::Everywhere => left(client.sign_out(SignOutScope::Everywhere).await.unwrap()),
        other => site.attempt(other, &client, user).await,
    };
    let took = began.elapsed();
    let (answer, name) = match answer {
        Ok(what) => (what.to_owned(), what.to_owned()),
        Err(Failed::Provider(error, whole)) => {
            shown.error(&error);
            shown.push(&format!("{whole} {whole:?}"));
            (error.kind.to_string(), error.name)
        }
        Err(Failed::Otherwise(what)) => (what.clone(), what),
    };
    let events = trace();
    let now = store.load().await.unwrap();
    let store_is = match &now {
        None => "empty",
        some if *some == before => "kept",
        Some(_) => "another session",
    };
    let half_way = store.load_redirect().await.unwrap().is_some();
    let (requests, flood) = (proxy.take_requests(), proxy.take_flood());

    proxy.clear_fault();
    drop(client);
    let client = client_of(site.provider());
    let after = after(site, operation, &client, user, &trace).await;
    secrets.extend(
        store
            .load()
            .await
            .unwrap()
            .iter()
            .flat_map(crate::shown::tokens),
    );
    shown.debug(&client);
    Cell {
        seen: Seen {
            answer,
            events,
            store: if half_way { "half-way" } else { store_is },
            after,
        },
        name,
        took,
        requests,
        flood,
        secret: shown.any_of(&secrets),
    }
}

fn left(out: typed_hub::auth::SignedOut) -> Result<&'static str, Failed> {
    match out.not_revoked {
        None => Ok("revoked"),
        Some(NotRevoked::Provider(error)) => Err(Failed::Provider(error.clone(), Box::new(error))),
        Some(other) => Err(Failed::Otherwise(format!("{other:?}"))),
    }
}

/// The fault is over: what can the user do now?
async fn after<S: Site>(
    site: &S,
    operation: Operation,
    client: &AuthClient<S::Provider>,
    user: &str,
    trace: &impl Fn() -> Vec<String>,
) -> &'static str {
    let signed_in = async || {
        if matches!(operation, Operation::Code | Operation::Keys) {
            let page = client.sign_in_with_redirect(options()).await.unwrap();
            let callback = site.visit(page.as_str(), user).await;
            client.complete_redirect(&callback).await.unwrap();
        } else {
            site.sign_in(client, user).await;
        }
        let events = trace();
        let signed_in = events.last().is_some_and(|event| event == "signedIn");
        signed_in
            && matches!(
                client.current_user().await,
                Ok::<_, CurrentUserError>(Some(_))
            )
    };
    if !operation.begins_signed_in()
        || matches!(operation, Operation::SignOut | Operation::Everywhere)
    {
        return if signed_in().await {
            "signs in"
        } else {
            "does not sign in"
        };
    }
    let refreshed = client.refresh().await;
    match (refreshed, &*trace().join(" ")) {
        (Ok(Some(_)), "tokenRefresh") if operation == Operation::DeleteUser => {
            let deleted = site.attempt(operation, client, user).await.is_ok();
            let told = trace() == ["signedOut"];
            if deleted && told {
                "deletes"
            } else {
                "does not delete"
            }
        }
        (Ok(Some(_)), "tokenRefresh") => "refreshes",
        (Ok(None) | Err(SessionError::Ended(_)), "tokenRefresh_failure, ended") => {
            if operation == Operation::DeleteUser {
                "has ended"
            } else if signed_in().await {
                "has ended, signs in"
            } else {
                "has ended, does not sign in"
            }
        }
        _ => "is lost",
    }
}

/// Runs the matrix, prints it, and returns what is not as it should be.
async fn matrix<S: Site>(site: &S, name: &str) -> Vec<String> {
    let users = AtomicUsize::new(0);
    let (mut wrong, mut table) = (Vec::new(), String::new());
    write!(table, "\nWhat a fault does: {name}\n{:24}", "").unwrap();
    for operation in S::OPERATIONS {
        write!(table, "{:22}", operation.name()).unwrap();
    }
    table.push('\n');
    for fault in Fault::ALL {
        write!(table, "{fault:24}").unwrap();
        for &operation in S::OPERATIONS {
            let user = format!("user{}", users.fetch_add(1, Ordering::SeqCst));
            let cell = cell(site, operation, fault, &user).await;
            let expected = expected(operation, fault, S::IS_OIDC);
            let place = format!("{operation:?} × {fault}");
            let is_as_expected = cell.seen == expected;
            if !is_as_expected {
                let (seen, requests) = (&cell.seen, &cell.requests);
                wrong.push(format!(
                    "{place}: {seen:?}, expected {expected:?}; {requests:?}"
                ));
            }
            if cell.took > BOUND || cell.flood > FLOOD {
                let (took, flood) = (cell.took, cell.flood);
                wrong.push(format!("{place}: {took:?}, {flood} bytes of a body"));
            }
            if cell.secret {
                wrong.push(format!("{place}: shows a secret"));
            }
            let mark = if is_as_expected { "" } else { " WRONG" };
            let milliseconds = cell.took.as_millis();
            write!(
                table,
                "{:22}",
                format!("{} {milliseconds} ms{mark}", cell.name)
            )
            .unwrap();
        }
        table.push('\n');
    }
    for &operation in S::OPERATIONS {
        let is = expected(operation, Fault::Refused, S::IS_OIDC);
        let events = if is.events.is_empty() {
            "no event".to_owned()
        } else {
            is.events.join(", ")
        };
        let (store, after) = (is.store, is.after);
        writeln!(
            table,
            "{:24}{events}; session: {store}; then: {after}",
            operation.name()
        )
        .unwrap();
    }
    // Past the test harness, which shows the output of tests that fail only.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
    wrong
}

struct CognitoSite {
    server: Ministack,
    pool: Pool,
    proxy: Proxy,
    elsewhere: String,
    _untrusted: Server,
}

impl CognitoSite {
    fn provider_at(
        &self,
        api: &str,
        pages: &str,
        limit: Duration,
        flow: CognitoFlow,
    ) -> CognitoProvider {
        CognitoProvider::builder()
            .region("us-east-1")
            .user_pool_id(&self.pool.id)
            .client_id(&self.pool.client_id)
            .client_secret(self.pool.client_secret.as_deref().unwrap())
            .endpoint(api)
            .domain(pages)
            .redirect_uris([BACK])
            .time_limit(limit)
            .flow(flow)
            .build()
    }
}

impl Site for CognitoSite {
    type Provider = CognitoProvider;

    const IS_OIDC: bool = false;

    const OPERATIONS: &'static [Operation] = &[
        Operation::SignIn,
        Operation::Proof,
        Operation::Code,
        Operation::Keys,
        Operation::Refresh,
        Operation::SignOut,
        Operation::Everywhere,
        Operation::DeleteUser,
    ];

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn provider(&self) -> CognitoProvider {
        let here = self.proxy.url();
        self.provider_at(&here, &here, LONG, CognitoFlow::Password)
    }

    fn provider_for(&self, operation: Operation, fault: Fault) -> CognitoProvider {
        let here = self.proxy.url();
        let (api, pages) = match (fault, operation) {
            (Fault::Untrusted, Operation::Code) => (&here, &self.elsewhere),
            (Fault::Untrusted, _) => (&self.elsewhere, &here),
            _ => (&here, &here),
        };
        self.provider_at(api, pages, limit(fault), CognitoFlow::Srp)
    }

    fn secret(&self) -> Option<String> {
        self.pool.client_secret.clone()
    }

    fn passes(operation: Operation) -> usize {
        usize::from(matches!(operation, Operation::Proof | Operation::Keys))
    }

    async fn sign_in(&self, client: &AuthClient<CognitoProvider>, user: &str) {
        let step = client.sign_in(user, PASSWORD).await;
        assert!(matches!(step, Ok(SignInStep::Done(_))), "{step:?}");
    }

    async fn visit(&self, page: &str, user: &str) -> String {
        crate::ministack::visit(page, &self.server.endpoint, user).await
    }

    async fn add_user(&self, user: &str) {
        self.server.add_user(&self.pool, user).await;
    }

    async fn attempt(
        &self,
        operation: Operation,
        client: &AuthClient<CognitoProvider>,
        user: &str,
    ) -> Result<&'static str, Failed> {
        if operation == Operation::DeleteUser {
            let deleted = client.delete_user().await;
            deleted.map(|()| "deleted").map_err(Failed::delete)
        } else {
            let step = client.sign_in(user, PASSWORD).await;
            step.map(|_| "signed in").map_err(Failed::sign_in)
        }
    }
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f5_f15_f20_f26_f33_every_fault_at_every_step_of_a_user_pool() {
    let server = Ministack::start();
    let pool = server.pool_with(true, UserPoolMfaType::Off, 3600).await;
    let port = server.endpoint.rsplit(':').next().unwrap();
    let proxy = Proxy::to(port.parse().unwrap());
    let (untrusted, elsewhere) = untrusted();
    let site = CognitoSite {
        server,
        pool,
        proxy,
        elsewhere,
        _untrusted: untrusted,
    };
    let wrong = matrix(&site, "a Cognito user pool (ministack)").await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

struct OidcSite {
    _server: OidcServer,
    proxy: Proxy,
    elsewhere: String,
    _untrusted: Server,
}

impl OidcSite {
    fn provider_at(issuer: &str, limit: Duration) -> OidcProvider {
        OidcProvider::builder()
            .issuer(issuer)
            .client_id("app")
            .redirect_uris(["http://127.0.0.1/callback"])
            .scopes(["openid", "email"])
            .time_limit(limit)
            .build()
    }
}

impl Site for OidcSite {
    type Provider = OidcProvider;

    const IS_OIDC: bool = true;

    const OPERATIONS: &'static [Operation] = &[
        Operation::Begin,
        Operation::Code,
        Operation::Find,
        Operation::Refresh,
        Operation::SignOut,
    ];

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn provider(&self) -> OidcProvider {
        Self::provider_at(&self.proxy.url(), LONG)
    }

    fn provider_for(&self, operation: Operation, fault: Fault) -> OidcProvider {
        if fault != Fault::Untrusted {
            return Self::provider_at(&self.proxy.url(), limit(fault));
        }
        let member = match operation {
            Operation::Begin | Operation::Find => return Self::provider_at(&self.elsewhere, LONG),
            Operation::SignOut => "revocation_endpoint",
            _ => "token_endpoint",
        };
        self.proxy.send_elsewhere(member, &self.elsewhere);
        self.provider()
    }

    fn secret(&self) -> Option<String> {
        None
    }

    fn passes(operation: Operation) -> usize {
        match operation {
            // The discovery document, and the keys that go with it.
            Operation::Refresh | Operation::SignOut => 2,
            _ => 0,
        }
    }

    async fn sign_in(&self, client: &AuthClient<OidcProvider>, user: &str) {
        let page = client.sign_in_with_redirect(options()).await.unwrap();
        let callback = self.visit(page.as_str(), user).await;
        client.complete_redirect(&callback).await.unwrap();
    }

    async fn visit(&self, page: &str, user: &str) -> String {
        Browser::new(BACK).sign_in(page, user).await
    }

    async fn add_user(&self, _: &str) {}

    async fn attempt(
        &self,
        operation: Operation,
        _: &AuthClient<OidcProvider>,
        _: &str,
    ) -> Result<&'static str, Failed> {
        panic!("there is no {operation:?} here")
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f15_f20_f33_every_fault_at_every_step_of_an_openid_provider() {
    let port = free_port();
    let proxy = Proxy::to(port);
    let server = OidcServer::start_behind(port, &proxy.url(), 3600);
    let (untrusted, elsewhere) = untrusted();
    let site = OidcSite {
        _server: server,
        proxy,
        elsewhere,
        _untrusted: untrusted,
    };
    let wrong = matrix(&site, "an OpenID provider (oidc-provider)").await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
