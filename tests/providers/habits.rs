//! Habits of real providers, each a row: what must work, and what must be refused.
//!
//! Each row signs a user in at a provider that has the habit, through `OidcProvider` and
//! `AuthClient`, or refreshes the session of a user who has signed in before. `seen` says where the
//! habit was seen, or which rule it is about.

mod accepted;
mod keys;
pub(crate) mod options;
mod provider;
mod refreshed;
mod refused;
mod retried;

use std::time::Duration;

use typed_hub::Hub;
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{AuthClient, AuthUser, MemoryStore, RedirectError, Session, TokenStore};

use self::provider::{CLIENT, Provider, Script};
use crate::trace::trace;

const BACK: &str = "http://127.0.0.1:49152/callback";

/// What no error may show.
const SECRETS: [&str; 7] = [
    "the-code",
    "access-1",
    "access-2",
    "refresh-1",
    "refresh-2",
    "eyJ",
    "s3cret",
];

/// A user, and a provider with a habit.
struct World {
    provider: Provider,
    store: MemoryStore,
    client: AuthClient<OidcProvider>,
    trace: Box<dyn Fn() -> Vec<String>>,
}

impl World {
    /// The application as it would be registered with any provider.
    fn new(script: impl FnOnce(&mut Script)) -> Self {
        Self::with(script, application)
    }

    /// The application of [`new`](Self::new) after a restart: its process has ended, and its store
    /// has not.
    fn restarted(self) -> Self {
        Self::over(self.provider, self.store, application)
    }

    fn with(
        script: impl FnOnce(&mut Script),
        application: impl FnOnce(&Provider) -> OidcProvider,
    ) -> Self {
        let provider = Provider::start();
        script(&mut provider.script());
        Self::over(provider, MemoryStore::new(), application)
    }

    fn over(
        provider: Provider,
        store: MemoryStore,
        application: impl FnOnce(&Provider) -> OidcProvider,
    ) -> Self {
        let hub = Hub::new();
        let trace = Box::new(trace(&hub));
        let client = AuthClient::builder()
            .hub(hub)
            .provider(application(&provider))
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            provider,
            store,
            client,
            trace,
        }
    }

    async fn page(&self) -> Result<url::Url, RedirectError> {
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = self.client.sign_in_with_redirect(options).await?;
        Ok(url::Url::parse(page.as_str()).unwrap())
    }

    async fn sign_in(&self) -> Result<AuthUser, RedirectError> {
        let callback = self.provider.visit(&self.page().await?);
        self.client.complete_redirect(&callback).await
    }

    async fn stored(&self) -> Option<Session> {
        self.store.load().await.unwrap()
    }

    /// The refresh tokens that were revoked.
    fn revoked(&self) -> Vec<String> {
        let requests = self.provider.script().requests("/revoke");
        let tokens = requests.iter().map(|request| request.field("token"));
        tokens.collect::<Option<_>>().unwrap()
    }
}

fn application(provider: &Provider) -> OidcProvider {
    OidcProvider::builder()
        .issuer(&provider.origin)
        .client_id(CLIENT)
        .redirect_uris([BACK])
        .time_limit(Duration::from_secs(10))
        .build()
}

/// Runs each row, and tells all that fail.
async fn all<R>(rows: &[R], name: fn(&R) -> String, row: impl AsyncFn(&R) -> Result<(), String>) {
    let mut failed = Vec::new();
    for each in rows {
        if let Err(why) = row(each).await {
            failed.push(format!("{}: {why}", name(each)));
        }
    }
    let count = failed.len();
    assert!(
        failed.is_empty(),
        "{count} of {} rows:\n{}",
        rows.len(),
        failed.join("\n")
    );
}

/// Checks a message: it names the cause, on one line, and shows no secret.
fn check_message(message: &str, says: &str) -> Result<(), String> {
    if !message.contains(says) {
        return Err(format!("{says:?} is not in {message:?}"));
    }
    let is_secret = |secret: &&&str| message.contains(**secret);
    if let Some(secret) = SECRETS.iter().find(is_secret) {
        return Err(format!("{secret:?} is in {message:?}"));
    }
    let is_long = message.chars().count() > 1000;
    if is_long || message.contains(deceives) {
        return Err(format!("not a short line: {message:?}"));
    }
    Ok(())
}

/// What a terminal would obey, or hide.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
