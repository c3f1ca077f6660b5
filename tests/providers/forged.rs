//! A provider that lies, or somebody in its place: nobody is signed in, nothing is stored, exactly
//! the event of the table is published, and nothing that was sent is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::liar::{
    Answer, Asked, CLIENT, Liar, grant, hmac, key, key_set, now, sign, signed, unsigned,
};
use crate::shown::Shown;
use crate::trace::trace;
use openidconnect::PrivateSigningKey;
use serde_json::json;
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, IdentityProvider, MemoryStore, NotRevoked, ProviderErrorKind,
    RedirectError, RedirectProvider, SessionError, SignInError, SignInStep, SignOutScope,
    TokenStore,
};

const BACK: &str = "http://127.0.0.1:49152/callback";
const CODE: &str = "a-code-that-nobody-is-to-see";
const CLIENT_SECRET: &str = "a-client-secret-of-the-application";
const READ_BY_SDK: &str = "TRACE aws_smithy_runtime::client::orchestrator output_or_error=";
const PASSWORD: &str = "correct horse battery staple";

/// How long a provider may take that does not come to an end, and one that does.
const SHORT: Duration = Duration::from_millis(800);
const LONG: Duration = Duration::from_secs(5);

fn limit(lie: &str) -> Duration {
    if lie.ends_with("slowly") { SHORT } else { LONG }
}

/// How long anything here may take after all.
const BOUND: Duration = Duration::from_secs(6);

/// What a body without end may cost, the buffers of the system included.
const FLOOD: u64 = 24 * 1024 * 1024;

fn oidc(liar: &Liar, lie: &str) -> OidcProvider {
    OidcProvider::builder()
        .issuer(liar.origin())
        .client_id(CLIENT)
        .client_secret(CLIENT_SECRET)
        .redirect_uris([BACK])
        .time_limit(limit(lie))
        .build()
}

/// The same lies at the sign-in pages of a user pool, and its API.
fn cognito(liar: &Liar, lie: &str) -> CognitoProvider {
    liar.issue_as("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Liar");
    CognitoProvider::builder()
        .region("us-east-1")
        .user_pool_id("us-east-1_Liar")
        .client_id(CLIENT)
        .client_secret(CLIENT_SECRET)
        .endpoint(liar.origin())
        .domain(liar.origin())
        .redirect_uris([BACK])
        .time_limit(limit(lie))
        .flow(CognitoFlow::Password)
        .build()
}

struct World<P: IdentityProvider> {
    client: AuthClient<P>,
    store: MemoryStore,
    trace: Box<dyn Fn() -> Vec<String>>,
    shown: Shown,
    secrets: Vec<String>,
    began: Instant,
}

impl<P: IdentityProvider> World<P> {
    fn new(provider: P) -> Self {
        let hub = Hub::new();
        // At its finest the SDK writes down what it has read of an answer, so what this one repeats.
        let shown = Shown::of(&hub).but(READ_BY_SDK);
        let trace = Box::new(trace(&hub));
        let store = MemoryStore::new();
        let client = AuthClient::builder()
            .hub(hub)
            .provider(provider)
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            client,
            store,
            trace,
            shown,
            secrets: [CODE, CLIENT_SECRET, PASSWORD, "-of-the-liar"]
                .map(str::to_owned)
                .into(),
            began: Instant::now(),
        }
    }

    /// Nobody is signed in or on the way; nothing took long, or much; and no secret is shown.
    async fn assert_nothing_is_left(&self, liar: &Liar, lie: &str) {
        assert_eq!(self.store.load().await, Ok(None), "{lie}");
        assert_eq!(self.store.load_redirect().await, Ok(None), "{lie}");
        assert_eq!(self.client.session().await, Ok(None), "{lie}");
        assert_eq!((self.trace)(), [""; 0], "{lie}");
        self.assert_bounded(liar, lie);
    }

    fn assert_bounded(&self, liar: &Liar, lie: &str) {
        assert!(
            self.began.elapsed() < BOUND,
            "{lie}: {:?}",
            self.began.elapsed()
        );
        assert!(liar.flood() < FLOOD, "{lie}: {}", liar.flood());
        assert!(!self.shown.any_of(&self.secrets), "{lie} shows a secret");
        let elsewhere = |request: &String| request.contains(" /elsewhere");
        assert!(!liar.requests().iter().any(elsewhere), "{lie} is followed");
    }
}

impl<P: RedirectProvider> World<P> {
    /// Begins a redirect, and returns what a browser would come back with.
    async fn callback(&mut self, liar: &Liar) -> Result<String, RedirectError> {
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let page = self.client.sign_in_with_redirect(options).await?;
        let page = url::Url::parse(page.as_str()).unwrap();
        let parameter = |name: &str| {
            let mut pairs = page.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        liar.expect(&parameter("nonce"));
        let pending = self.store.load_redirect().await.unwrap().unwrap();
        self.secrets.push(pending.verifier.expose().to_owned());
        self.secrets.push(parameter("nonce"));
        let state = parameter("state");
        Ok(format!("{BACK}?code={CODE}&state={state}"))
    }

    async fn complete(&mut self, liar: &Liar) -> Result<AuthUser, RedirectError> {
        let callback = self.callback(liar).await.unwrap();
        let completed = self.client.complete_redirect(&callback).await;
        if let Err(error) = &completed {
            self.shown.error(error);
        }
        completed
    }
}

/// F33 and F34: the redirect fails, and that is all.
async fn fails<P: RedirectProvider>(provider: P, liar: &Liar, lie: &str) {
    let mut world = World::new(provider);
    let completed = world.complete(liar).await;
    assert!(
        matches!(completed, Err(RedirectError::Provider(_))),
        "{lie}: {completed:?}"
    );
    assert_eq!((world.trace)(), ["signInWithRedirect_failure"], "{lie}");
    world.assert_nothing_is_left(liar, lie).await;
}

type Lie = (&'static str, fn(&Asked) -> Answer);

/// Id tokens that prove nothing.
const ID_TOKENS: &[Lie] = &[
    ("alg none", |asked| {
        grant(&unsigned(&json!({"alg": "none"}), &asked.claims()))
    }),
    ("alg none, and a signature", |asked| {
        grant(&signed(
            &json!({"alg": "none", "kid": "1"}),
            &asked.claims(),
            1,
        ))
    }),
    ("no signature", |asked| {
        grant(&unsigned(
            &json!({"alg": "EdDSA", "kid": "1"}),
            &asked.claims(),
        ))
    }),
    ("another key under the same name", |asked| {
        grant(&signed(
            &json!({"alg": "EdDSA", "kid": "1"}),
            &asked.claims(),
            2,
        ))
    }),
    ("another key", |asked| {
        grant(&signed(
            &json!({"alg": "EdDSA", "kid": "2"}),
            &asked.claims(),
            2,
        ))
    }),
    ("a key that it brings along", |asked| {
        let header = json!({"alg": "EdDSA", "jwk": key(2).as_verification_key()});
        grant(&signed(&header, &asked.claims(), 2))
    }),
    ("signed with the public key for a secret", |asked| {
        let key = serde_json::to_value(key(1).as_verification_key()).unwrap();
        grant(&hmac(&asked.claims(), key["x"].as_str().unwrap()))
    }),
    ("signed with the client's secret", |asked| {
        grant(&hmac(&asked.claims(), CLIENT_SECRET))
    }),
    ("the signature of another token", |asked| {
        let (honest, changed) = (asked.claims(), asked.but("sub", json!("grace")));
        let (honest, changed) = (sign(&honest), sign(&changed));
        let (parts, _) = changed.rsplit_once('.').unwrap();
        let (_, signature) = honest.rsplit_once('.').unwrap();
        grant(&format!("{parts}.{signature}"))
    }),
    ("another audience", |asked| {
        grant(&sign(&asked.but("aud", json!("another"))))
    }),
    ("one audience more", |asked| {
        grant(&sign(&asked.but("aud", json!([CLIENT, "another"]))))
    }),
    ("no audience", |asked| grant(&sign(&asked.without("aud")))),
    ("for another party", |asked| {
        grant(&sign(&asked.but("azp", json!("another"))))
    }),
    ("another issuer", |asked| {
        grant(&sign(&asked.but("iss", json!("https://id.example.org"))))
    }),
    ("no issuer", |asked| grant(&sign(&asked.without("iss")))),
    ("expired", |asked| {
        // Clocks may be five minutes apart.
        grant(&sign(&asked.but("exp", json!(now() - 301))))
    }),
    ("never expires", |asked| grant(&sign(&asked.without("exp")))),
    ("from the future", |asked| {
        grant(&sign(&asked.but("iat", json!(now() + 600))))
    }),
    ("issued at no time", |asked| {
        grant(&sign(&asked.without("iat")))
    }),
    ("not valid yet", |asked| {
        grant(&sign(&asked.but("nbf", json!(now() + 600))))
    }),
    ("valid from a time that is none", |asked| {
        grant(&sign(&asked.but("nbf", json!("tomorrow"))))
    }),
    ("no nonce", |asked| grant(&sign(&asked.without("nonce")))),
    ("another nonce", |asked| {
        grant(&sign(&asked.but("nonce", json!("another"))))
    }),
    ("an empty nonce", |asked| {
        grant(&sign(&asked.but("nonce", json!(""))))
    }),
    ("nobody", |asked| grant(&sign(&asked.without("sub")))),
    ("nobody by name", |asked| {
        grant(&sign(&asked.but("sub", json!(""))))
    }),
    ("a user who is a number", |asked| {
        grant(&sign(&asked.but("sub", json!(7))))
    }),
    ("two parts", |asked| {
        let token = sign(&asked.claims());
        grant(token.rsplit_once('.').unwrap().0)
    }),
    ("four parts", |asked| {
        grant(&format!("{}.x", sign(&asked.claims())))
    }),
    ("empty", |_| grant("")),
    ("only dots", |_| grant("..")),
    ("not base64", |_| grant("ä.ö.ü")),
    ("not JSON", |_| grant("eHg.eHg.eHg")),
    ("encrypted", |asked| {
        let header = json!({"alg": "RSA-OAEP", "enc": "A256GCM"});
        grant(&signed(&header, &asked.claims(), 1))
    }),
    ("what must be understood and is not", |asked| {
        let header = json!({"alg": "EdDSA", "kid": "1", "crit": ["exp"]});
        grant(&signed(&header, &asked.claims(), 1))
    }),
    ("a long one", |_| {
        grant(&format!("{}.x.y", "e".repeat(900_000)))
    }),
];

/// Answers of a token endpoint that grant nothing.
const GRANTS: &[Lie] = &[
    ("no id token", |_| {
        Answer::Json(
            200,
            r#"{"access_token":"x-of-the-liar","token_type":"Bearer"}"#.to_owned(),
        )
    }),
    ("an empty access token", |asked| {
        let id_token = sign(&asked.claims());
        let tokens = json!({"access_token": "", "token_type": "Bearer", "id_token": id_token});
        Answer::Json(200, tokens.to_string())
    }),
    ("no access token", |asked| {
        let id_token = sign(&asked.claims());
        Answer::Json(
            200,
            json!({"token_type": "Bearer", "id_token": id_token}).to_string(),
        )
    }),
    ("tokens with a refusal's status", |asked| {
        let Answer::Json(_, tokens) = grant(&sign(&asked.claims())) else {
            unreachable!("it grants");
        };
        Answer::Json(400, tokens)
    }),
    ("another shape", |_| Answer::Json(200, "[]".to_owned())),
    ("nothing", |_| Answer::Json(200, String::new())),
    ("a page", |_| Answer::Html),
    ("elsewhere, with the code", |_| {
        Answer::Redirect(307, "/elsewhere")
    }),
    ("elsewhere", |_| Answer::Redirect(302, "/elsewhere")),
    ("no end", |_| Answer::Endless),
    ("no end, slowly", |_| Answer::Drip),
    ("it repeats what it was sent", |asked| {
        let [code, verifier] = ["code", "code_verifier"].map(|name| asked.sent(name));
        let words = format!(
            "no {code} with {verifier} of {}",
            asked.sent("client_secret")
        );
        let error = json!({"error": "invalid_grant", "error_description": words});
        Answer::Json(400, error.to_string())
    }),
    ("it names the error by what it was sent", |asked| {
        let error = json!({"error": asked.sent("code_verifier")});
        Answer::Json(400, error.to_string())
    }),
];

#[tokio::test]
async fn an_honest_provider_signs_a_user_in() {
    let liar = Liar::start();
    let mut world = World::new(oidc(&liar, "none"));
    let user = world.complete(&liar).await.unwrap();
    assert_eq!(user.user_id, "ada");
    assert_eq!((world.trace)(), ["signInWithRedirect", "signedIn"]);
    let liar = Liar::start();
    let mut world = World::new(cognito(&liar, "none"));
    assert_eq!(world.complete(&liar).await.unwrap().user_id, "ada");
    assert_eq!((world.trace)(), ["signInWithRedirect", "signedIn"]);
}

#[tokio::test]
async fn f33_f34_an_id_token_that_proves_nothing_signs_nobody_in() {
    for (name, lie) in ID_TOKENS {
        let liar = Liar::start();
        liar.lie("/token", 0, Arc::new(lie));
        fails(oidc(&liar, name), &liar, name).await;
        fails(cognito(&liar, name), &liar, name).await;
    }
}

#[tokio::test]
async fn f33_a_token_endpoint_that_lies_signs_nobody_in() {
    for (name, lie) in GRANTS {
        let liar = Liar::start();
        liar.lie("/token", 0, Arc::new(lie));
        fails(oidc(&liar, name), &liar, name).await;
        fails(cognito(&liar, name), &liar, name).await;
    }
}

#[tokio::test]
async fn f33_keys_that_are_none_sign_nobody_in() {
    const KEYS: &[Lie] = &[
        ("missing", |_| Answer::Json(404, "{}".to_owned())),
        ("empty", |_| Answer::Json(200, r#"{"keys":[]}"#.to_owned())),
        ("others", |_| Answer::Json(200, key_set(&[key(2)]))),
        ("another shape", |_| Answer::Json(200, "[1]".to_owned())),
        ("a page", |_| Answer::Html),
        ("elsewhere", |_| Answer::Redirect(302, "/elsewhere")),
        ("no end", |_| Answer::Endless),
        ("no end, slowly", |_| Answer::Drip),
    ];
    for (name, lie) in KEYS {
        let liar = Liar::start();
        // They are read with the discovery document, and again where none of those has signed.
        let newer = move |asked: &Asked| {
            if !asked.request.contains("/token ") {
                return lie(asked);
            }
            let header = json!({"alg": "EdDSA", "kid": "3"});
            grant(&signed(&header, &asked.claims(), 3))
        };
        liar.lie("/", 2, Arc::new(newer));
        fails(oidc(&liar, name), &liar, name).await;
        let liar = Liar::start();
        liar.lie("/jwks", 0, Arc::new(lie));
        fails(cognito(&liar, name), &liar, name).await;
    }
}

#[tokio::test]
async fn a_discovery_document_that_lies_begins_nothing() {
    fn but(asked: &Asked, member: &str, value: serde_json::Value) -> Answer {
        let mut document = asked.document();
        document[member] = value;
        Answer::Json(200, document.to_string())
    }
    const DOCUMENTS: &[Lie] = &[
        ("of another issuer", |asked| {
            but(asked, "issuer", json!("https://id.example.org"))
        }),
        ("of almost the issuer", |asked| {
            but(asked, "issuer", json!(format!("{}/", asked.origin)))
        }),
        ("no issuer", |asked| but(asked, "issuer", json!(null))),
        ("no token endpoint", |asked| {
            but(asked, "token_endpoint", json!(null))
        }),
        ("no keys", |asked| but(asked, "jwks_uri", json!(null))),
        ("a token endpoint that is none", |asked| {
            but(asked, "token_endpoint", json!(7))
        }),
        ("a page that is a script", |asked| {
            but(
                asked,
                "authorization_endpoint",
                json!("javascript:alert(1)"),
            )
        }),
        ("a page that is a program", |asked| {
            but(asked, "authorization_endpoint", json!("file:///bin/sh"))
        }),
        ("a page of another application", |asked| {
            but(
                asked,
                "authorization_endpoint",
                json!("ssh://id.example.org/"),
            )
        }),
        ("a page in the clear", |asked| {
            but(
                asked,
                "authorization_endpoint",
                json!("http://id.example.org/authorize"),
            )
        }),
        ("a token endpoint in the clear", |asked| {
            but(
                asked,
                "token_endpoint",
                json!("http://id.example.org/token"),
            )
        }),
        ("a way out that is a program", |asked| {
            but(asked, "end_session_endpoint", json!("file:///bin/sh"))
        }),
        ("a list", |_| Answer::Json(200, "[]".to_owned())),
        ("nothing", |_| Answer::Json(200, String::new())),
        ("a page", |_| Answer::Html),
        ("missing", |_| Answer::Json(404, "{}".to_owned())),
        ("elsewhere", |_| Answer::Redirect(302, "/elsewhere")),
        ("elsewhere for good", |_| {
            Answer::Redirect(308, "/elsewhere")
        }),
        ("no end", |_| Answer::Endless),
        ("no end, slowly", |_| Answer::Drip),
    ];
    for (name, lie) in DOCUMENTS {
        let liar = Liar::start();
        liar.lie("/openid-configuration", 0, Arc::new(lie));
        let mut world = World::new(oidc(&liar, name));
        let begun = world.callback(&liar).await;
        assert!(
            matches!(&begun, Err(RedirectError::Provider(_))),
            "{name}: {begun:?}"
        );
        world.shown.error(&begun.unwrap_err());
        world.assert_nothing_is_left(&liar, name).await;
    }
}

/// F14 and F15 by a provider that lies to a session that is open.
#[tokio::test]
async fn f14_f15_a_refresh_by_a_liar() {
    const REFRESHES: &[(Lie, bool)] = &[
        (
            ("the tokens of another user", |asked| {
                grant(&sign(&asked.but("sub", json!("grace"))))
            }),
            true,
        ),
        (
            ("another key", |asked| {
                grant(&signed(
                    &json!({"alg": "EdDSA", "kid": "1"}),
                    &asked.claims(),
                    2,
                ))
            }),
            true,
        ),
        (
            ("alg none", |asked| {
                grant(&unsigned(&json!({"alg": "none"}), &asked.claims()))
            }),
            true,
        ),
        (
            ("it repeats what it was sent, and refuses", |asked| {
                let words = format!("{} is over", asked.sent("refresh_token"));
                let error = json!({"error": "invalid_grant", "error_description": words});
                Answer::Json(400, error.to_string())
            }),
            true,
        ),
        (
            ("it repeats what it was sent", |asked| {
                let words = format!("no client has {}", asked.sent("refresh_token"));
                let error = json!({"error": "invalid_client", "error_description": words});
                Answer::Json(401, error.to_string())
            }),
            false,
        ),
        (
            ("an empty access token", |_| {
                Answer::Json(
                    200,
                    r#"{"access_token":"","token_type":"Bearer"}"#.to_owned(),
                )
            }),
            false,
        ),
        (("no end", |_| Answer::Endless), false),
        (
            ("elsewhere", |_| Answer::Redirect(307, "/elsewhere")),
            false,
        ),
    ];
    for ((name, lie), ends) in REFRESHES {
        let liar = Liar::start();
        liar.lie("/token", 1, Arc::new(lie));
        let mut world = World::new(oidc(&liar, name));
        world.complete(&liar).await.unwrap();
        (world.trace)();
        let before = world.store.load().await.unwrap();
        let refreshed = world.client.refresh().await;
        let error = refreshed.expect_err(name);
        world.shown.error(&error);
        assert_eq!(
            matches!(error, SessionError::Ended(_)),
            *ends,
            "{name}: {error:?}"
        );
        let after = world.store.load().await.unwrap();
        if *ends {
            assert_eq!((world.trace)(), ["tokenRefresh_failure, ended"], "{name}");
            assert_eq!(after, None, "{name}");
        } else {
            assert_eq!((world.trace)(), ["tokenRefresh_failure, kept"], "{name}");
            assert_eq!(after, before, "{name}");
        }
        world.assert_bounded(&liar, name);
    }
}

#[tokio::test]
async fn f20_a_revocation_by_a_liar() {
    const REVOCATIONS: &[Lie] = &[
        ("it repeats what it was sent", |asked| {
            let words = format!("{} of {}", asked.sent("token"), asked.sent("client_secret"));
            let error = json!({"error": "unsupported_token_type", "error_description": words});
            Answer::Json(400, error.to_string())
        }),
        ("no end", |_| Answer::Endless),
        ("no end, slowly", |_| Answer::Drip),
        ("elsewhere", |_| Answer::Redirect(307, "/elsewhere")),
    ];
    for (name, lie) in REVOCATIONS {
        let liar = Liar::start();
        liar.lie("/revoke", 0, Arc::new(lie));
        let mut world = World::new(oidc(&liar, name));
        world.complete(&liar).await.unwrap();
        (world.trace)();
        let out = world
            .client
            .sign_out(SignOutScope::ThisDevice)
            .await
            .unwrap();
        assert!(
            matches!(out.not_revoked, Some(NotRevoked::Provider(_))),
            "{name}"
        );
        world.shown.debug(&out.not_revoked);
        assert_eq!((world.trace)(), ["signedOut"], "{name}");
        world.assert_nothing_is_left(&liar, name).await;
    }
}

fn result(id_token: &str) -> Answer {
    result_with(id_token, &json!({}))
}

/// With these members in place of the usual ones.
fn result_with(id_token: &str, others: &serde_json::Value) -> Answer {
    let mut tokens = json!({
        "AccessToken": "an-access-token-of-the-liar",
        "ExpiresIn": 3600,
        "IdToken": id_token,
        "RefreshToken": "a-refresh-token-of-the-liar",
        "TokenType": "Bearer",
    });
    for (name, value) in others.as_object().unwrap() {
        tokens[name] = value.clone();
    }
    Answer::Json(200, json!({ "AuthenticationResult": tokens }).to_string())
}

const REPLACED: &str = "a-newer-token-of-the-liar";

/// The API of a user pool, in somebody else's hands.
#[tokio::test]
async fn f5_a_user_pool_that_lies() {
    const SIGN_INS: &[Lie] = &[
        ("no tokens", |_| Answer::Json(200, "{}".to_owned())),
        ("an id token that is none", |_| result("a.b.c")),
        ("nobody", |asked| result(&sign(&asked.without("sub")))),
        ("nobody by name", |asked| {
            result(&sign(&asked.but("sub", json!(""))))
        }),
        ("a type that repeats a token", |asked| {
            let kind = "an-access-token-of-the-liar";
            result_with(&sign(&asked.claims()), &json!({"TokenType": kind}))
        }),
        ("a challenge that nobody knows", |_| {
            Answer::Json(200, r#"{"ChallengeName":"DANCE","Session":"s"}"#.to_owned())
        }),
        ("it repeats what it was sent", |_| {
            let words = format!("{PASSWORD} is wrong");
            let error = json!({"__type": "NotAuthorizedException", "message": words});
            Answer::Json(400, error.to_string())
        }),
        ("it names the error by what it was sent", |_| {
            let error = json!({"__type": PASSWORD, "message": "wrong"});
            Answer::Json(400, error.to_string())
        }),
        ("a page", |_| Answer::Html),
        ("elsewhere", |_| Answer::Redirect(307, "/elsewhere")),
        ("no end", |_| Answer::Endless),
        ("no end, slowly", |_| Answer::Drip),
    ];
    for (name, lie) in SIGN_INS {
        let liar = Liar::start();
        liar.lie("/", 0, Arc::new(lie));
        let world = World::new(cognito(&liar, name));
        let failed = world.client.sign_in("ada", PASSWORD).await;
        assert!(
            matches!(failed, Err(SignInError::Provider(_))),
            "{name}: {failed:?}"
        );
        world.shown.error(&failed.unwrap_err());
        world.assert_nothing_is_left(&liar, name).await;
    }
}

#[tokio::test]
async fn f14_f15_a_refresh_by_a_user_pool_that_lies() {
    /// What becomes of the refresh token.
    #[derive(PartialEq)]
    enum Token {
        Removed,
        Kept,
        Replaced,
    }
    use Token::{Kept, Removed, Replaced};
    const REFRESHES: &[(Lie, Token)] = &[
        // The signature of its id tokens is not verified: it may be said by anybody.
        (
            ("the tokens of another user", |asked| {
                let of_another = sign(&asked.but("sub", json!("grace")));
                result_with(&of_another, &json!({"RefreshToken": REPLACED}))
            }),
            Kept,
        ),
        (
            ("the tokens of another user, for DPoP", |asked| {
                let of_another = sign(&asked.but("sub", json!("grace")));
                let others = json!({"RefreshToken": REPLACED, "TokenType": "DPoP"});
                result_with(&of_another, &others)
            }),
            Kept,
        ),
        (
            ("tokens of another user, and none for access", |asked| {
                let of_another = sign(&asked.but("sub", json!("grace")));
                let others = json!({"RefreshToken": REPLACED, "AccessToken": ""});
                result_with(&of_another, &others)
            }),
            Kept,
        ),
        (
            ("a type that repeats what it was sent", |asked| {
                let kind = "a-refresh-token-of-the-liar";
                let others = json!({"RefreshToken": REPLACED, "TokenType": kind});
                result_with(&sign(&asked.claims()), &others)
            }),
            Replaced,
        ),
        (
            ("a type that repeats what is issued", |asked| {
                let others = json!({"RefreshToken": REPLACED, "TokenType": REPLACED});
                result_with(&sign(&asked.claims()), &others)
            }),
            Replaced,
        ),
        (
            ("it repeats what it was sent", |_| {
                let words = "a-refresh-token-of-the-liar has been revoked";
                let error = json!({"__type": "TokenRevokedException", "message": words});
                Answer::Json(400, error.to_string())
            }),
            Removed,
        ),
        (("no tokens", |_| Answer::Json(200, "{}".to_owned())), Kept),
        (("no end", |_| Answer::Endless), Kept),
    ];
    for ((name, lie), becomes) in REFRESHES {
        let liar = Liar::start();
        let world = World::new(cognito(&liar, name));
        liar.lie("/", 0, Arc::new(|asked| result(&sign(&asked.claims()))));
        let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        liar.lie("/", 0, Arc::new(lie));
        (world.trace)();
        let mut expected = world.store.load().await.unwrap();
        let error = world.client.refresh().await.expect_err(name);
        world.shown.error(&error);
        let ends = *becomes == Removed;
        assert_eq!(
            matches!(error, SessionError::Ended(_)),
            ends,
            "{name}: {error:?}"
        );
        let told = if ends { "ended" } else { "kept" };
        assert_eq!(
            (world.trace)(),
            [format!("tokenRefresh_failure, {told}")],
            "{name}"
        );
        if let (Replaced, Some(kept)) = (becomes, &mut expected) {
            kept.tokens.refresh = Some(REPLACED.into());
        }
        let after = world.store.load().await.unwrap();
        assert_eq!(after, expected.filter(|_| !ends), "{name}");
        world.assert_bounded(&liar, name);
    }
}

/// What is sent in the clear stays on this machine.
#[tokio::test]
async fn an_issuer_in_the_clear_is_not_asked() {
    for issuer in ["http://id.example.org", "ftp://127.0.0.1", "not a url", ""] {
        let provider = OidcProvider::builder()
            .issuer(issuer)
            .client_id(CLIENT)
            .redirect_uris([BACK])
            .time_limit(SHORT)
            .build();
        let world = World::new(provider);
        let options = RedirectOptions::builder().redirect_uri(BACK).build();
        let failed = world.client.sign_in_with_redirect(options).await;
        let Err(RedirectError::Provider(error)) = failed else {
            panic!("{issuer}: {failed:?}")
        };
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured, "{issuer}");
        assert_eq!((world.trace)(), [""; 0]);
    }
}
