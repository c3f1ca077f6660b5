//! One sign-in and one refresh with an OpenID provider that is set up in each way that an application
//! may find.

use std::time::Duration;

use crate::pages::Browser;
use crate::server::OidcServer;
use crate::trace::trace;
use serde_json::{Value, json};
use typed_hub::Hub;
use typed_hub::auth::oidc::{ClientAuth, OidcProvider};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, MemoryStore, ProviderErrorKind, RedirectError, Session, SessionError, TokenStore,
};

use Outcome::{Refused, SignsIn};
use ProviderErrorKind::{Misconfigured, Rejected};

const BACK: &str = "http://127.0.0.1:49152/callback";
const SECRET: &str = "a-client-secret-of-some-length-01";

struct Setting {
    name: &'static str,
    /// The settings of `oidc-provider/server.mjs`.
    server: Value,
    application: Application,
    outcome: Outcome,
}

/// What the application asks for, and how it proves itself.
#[derive(Clone, Copy)]
struct Application {
    proves: Option<ClientAuth>,
    scopes: &'static [&'static str],
    prompt: Option<&'static str>,
}

const PLAIN: Application = Application {
    proves: None,
    scopes: &["openid", "email"],
    prompt: None,
};

#[derive(Clone, Copy)]
enum Outcome {
    /// A user of whom this is true, and who can be renewed.
    SignsIn(fn(&Session) -> bool),
    /// There is no refresh token (F16).
    OnlyOnce,
    /// The kind of the error, and a part of its message.
    Refused(ProviderErrorKind, &'static str),
}

fn signs_in(name: &'static str, server: Value) -> Setting {
    Setting {
        name,
        server,
        application: PLAIN,
        outcome: SignsIn(|session| session.user.user_id == "ada"),
    }
}

fn refused(
    name: &'static str,
    why: ProviderErrorKind,
    says: &'static str,
    server: Value,
) -> Setting {
    Setting {
        outcome: Refused(why, says),
        ..signs_in(name, server)
    }
}

fn proves(by: ClientAuth, setting: Setting) -> Setting {
    let application = Application {
        proves: Some(by),
        ..PLAIN
    };
    Setting {
        application,
        ..setting
    }
}

fn offline(prompt: Option<&'static str>, outcome: Outcome) -> Setting {
    let application = Application {
        scopes: &["openid", "offline_access"],
        prompt,
        ..PLAIN
    };
    Setting {
        application,
        outcome,
        ..signs_in("offline_access", json!({"refreshTokens": "offline_access"}))
    }
}

fn with_secret(method: &str) -> Value {
    json!({"client": {"token_endpoint_auth_method": method, "client_secret": SECRET}})
}

fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

fn settings() -> Vec<Setting> {
    let jwt = Setting {
        outcome: SignsIn(|session| is_jwt(session.tokens.access.expose())),
        ..signs_in(
            "access tokens are JSON Web Tokens",
            json!({"accessTokens": "jwt"}),
        )
    };
    let opaque = Setting {
        outcome: SignsIn(|session| !is_jwt(session.tokens.access.expose())),
        ..signs_in("access tokens are opaque", json!({}))
    };
    let pairwise = Setting {
        outcome: SignsIn(|session| session.user.user_id == "pairwise of ada for app"),
        ..signs_in(
            "pairwise subjects",
            json!({"client": {
                "subject_type": "pairwise", "redirect_uris": ["http://127.0.0.1/callback"],
            }}),
        )
    };
    let mut all = vec![
        opaque,
        jwt,
        pairwise,
        refused(
            "ES512",
            Misconfigured,
            "\"ES512\"",
            json!({"idTokens": "ES512"}),
        ),
        refused(
            "PAR, of all",
            Misconfigured,
            "PAR",
            json!({"pushedRequests": true}),
        ),
        refused(
            "PAR, of this application",
            Misconfigured,
            "Pushed Authorization Request must be used",
            json!({"client": {"require_pushed_authorization_requests": true}}),
        ),
        // This provider does not say what it misses; another answers `invalid_dpop_proof`.
        refused(
            "DPoP",
            Rejected,
            "grant request is invalid",
            json!({"client": {"dpop_bound_access_tokens": true}}),
        ),
        proves(
            ClientAuth::Basic,
            signs_in("client_secret_basic", with_secret("client_secret_basic")),
        ),
        proves(
            ClientAuth::Post,
            signs_in("client_secret_post", with_secret("client_secret_post")),
        ),
        offline(None, Outcome::OnlyOnce),
        offline(
            Some("consent"),
            SignsIn(|session| session.user.user_id == "ada"),
        ),
    ];
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"] {
        all.push(signs_in(algorithm, json!({"idTokens": algorithm})));
    }
    all
}

fn provider(issuer: &str, application: Application) -> OidcProvider {
    let builder = OidcProvider::builder()
        .issuer(issuer)
        .client_id("app")
        .redirect_uris(["http://127.0.0.1/callback"])
        .scopes(application.scopes.iter().copied())
        .time_limit(Duration::from_secs(10));
    match application.proves {
        Some(by) => builder.client_secret(SECRET).client_auth(by).build(),
        None => builder.build(),
    }
}

/// Signs in, and refreshes the session if there is one.
async fn seen(setting: &Setting) -> Result<(), String> {
    let server = OidcServer::start_as(&setting.server);
    let hub = Hub::new();
    let trace = trace(&hub);
    let store = MemoryStore::new();
    let client = AuthClient::builder()
        .hub(hub)
        .provider(provider(&server.issuer, setting.application))
        .store(store.clone())
        .build()
        .unwrap();
    let options = RedirectOptions::builder().redirect_uri(BACK);
    let options = match setting.application.prompt {
        Some(prompt) => options.prompt(prompt).build(),
        None => options.build(),
    };
    let signed_in = async {
        let page = client.sign_in_with_redirect(options).await?;
        let callback = Browser::new(BACK).sign_in(page.as_str(), "ada").await;
        client.complete_redirect(&callback).await
    };
    let signed_in = signed_in.await;
    let stored = store.load().await.unwrap();
    match (setting.outcome, signed_in) {
        (Refused(kind, says), Err(error)) => {
            let is_right = match &error {
                RedirectError::Provider(error) => error.kind == kind,
                RedirectError::Declined(_) => kind == Misconfigured,
                _ => false,
            };
            (is_right && error.to_string().contains(says) && stored.is_none())
                .then_some(())
                .ok_or_else(|| format!("{error:?}"))
        }
        (SignsIn(_) | Outcome::OnlyOnce, Ok(_)) => {
            trace();
            let refreshed = client.refresh().await;
            match (setting.outcome, refreshed, stored) {
                (SignsIn(is_right), Ok(Some(after)), Some(before)) => {
                    let is_new = before.tokens.access != after.tokens.access;
                    if !is_right(&before) || !is_right(&after) || !is_new {
                        return Err(format!("{before:?}, {after:?}"));
                    }
                    let events = trace();
                    (events == ["tokenRefresh"])
                        .then_some(())
                        .ok_or_else(|| format!("{events:?}"))
                }
                (Outcome::OnlyOnce, Err(SessionError::NoRefreshToken), Some(_)) => Ok(()),
                (_, refreshed, _) => Err(format!("{refreshed:?}")),
            }
        }
        (_, signed_in) => Err(format!("{signed_in:?}")),
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn a_provider_signs_in_as_it_is_set_up_or_the_error_names_why_not() {
    let mut failed = Vec::new();
    for setting in settings() {
        if let Err(why) = seen(&setting).await {
            failed.push(format!("{}: {why}", setting.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
