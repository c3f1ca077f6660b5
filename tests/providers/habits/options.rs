//! Providers that need an option of the application.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{ProviderErrorKind, RedirectError, SessionError, SignOutScope};

use super::keys::Key;
use super::provider::{CLIENT, Failure, Provider, Script};
use super::{BACK, World, check_message};
use crate::closed::Closed;

type Habit = fn(&mut Script);

/// The options of an application, and those of this test.
macro_rules! application {
    ($($option:ident = $value:expr),*) => {
        OidcProvider::builder()
            .client_id(CLIENT)
            .redirect_uris([BACK])
            .time_limit(Duration::from_secs(10))
            $(.$option($value))*
            .build()
    };
}

fn why(error: RedirectError, says: &str) -> (ProviderErrorKind, String) {
    check_message(&error.to_string(), says).unwrap();
    let RedirectError::Provider(error) = error else {
        panic!("{error:?}")
    };
    (error.kind, error.name)
}

/// Azure AD B2C has a discovery document for each policy, and one issuer.
#[tokio::test]
async fn a_discovery_document_may_be_elsewhere() {
    let b2c = |script: &mut Script| {
        let issuer = format!("{}/tenant/v2.0/", script.origin);
        script.at = "/tenant/policy/v2.0/.well-known/openid-configuration?p=policy".to_owned();
        script.document["issuer"] = json!(issuer);
        let page = format!("{}/authorize?p=policy", script.origin);
        script.document["authorization_endpoint"] = json!(page);
        script.claims["iss"] = json!(issuer);
    };
    let issuer = |provider: &Provider| format!("{}/tenant/v2.0/", provider.origin);
    let world = World::with(b2c, |provider| {
        let document = format!("{}{}", provider.origin, provider.script().at);
        application!(issuer = issuer(provider), discovery_url = document)
    });
    let page = world.page().await.unwrap();
    assert!(
        page.query()
            .unwrap()
            .starts_with("p=policy&response_type=code&"),
        "{page}"
    );
    let callback = world.provider.visit(&page);
    world.client.complete_redirect(&callback).await.unwrap();

    let world = World::with(b2c, |provider| application!(issuer = issuer(provider)));
    let refused = why(world.page().await.unwrap_err(), "/tenant/v2.0/.well-known/");
    assert_eq!(refused.1, "Unreadable");
}

const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The document of Entra has a name in braces, in place of the tenant of a user.
fn entra(script: &mut Script) {
    "/common/v2.0/.well-known/openid-configuration".clone_into(&mut script.at);
    script.document["issuer"] = json!(format!("{}/{{tenantid}}/v2.0", script.origin));
    is_of(script, TENANT);
}

fn is_of(script: &mut Script, tenant: &str) {
    script.claims["iss"] = json!(format!("{}/{tenant}/v2.0", script.origin));
    script.claims["tid"] = json!(tenant);
}

fn for_all_tenants(provider: &Provider) -> OidcProvider {
    let origin = &provider.origin;
    let document = format!("{origin}{}", provider.script().at);
    let issuer = format!("{origin}/{{tenantid}}/v2.0");
    application!(issuer = issuer, discovery_url = document)
}

#[tokio::test]
async fn an_issuer_may_be_that_of_the_users_tenant() {
    let application = for_all_tenants;
    let world = World::with(entra, application);
    world.sign_in().await.unwrap();
    world.client.refresh().await.unwrap();

    let rows: [(&str, Habit); 4] = [
        ("another tenant's", |script| {
            script.claims["tid"] = json!("another");
        }),
        ("no tenant's", |script| script.claims["tid"] = json!("")),
        ("no tenant", |script| {
            script.claims["iss"] = script.document["issuer"].clone();
            script.claims["tid"] = json!("{tenantid}");
        }),
        ("of another server", |script| {
            script.claims["iss"] = json!(format!("https://id.example.org/{TENANT}/v2.0"));
        }),
    ];
    for (name, how) in rows {
        let script = |script: &mut Script| {
            entra(script);
            how(script);
        };
        let world = World::with(script, application);
        let refused = why(world.sign_in().await.unwrap_err(), "{tenantid}");
        assert_eq!(
            refused,
            (ProviderErrorKind::Rejected, "IdToken".to_owned()),
            "{name}"
        );
    }

    // RFC 9207: the callback is of the same tenant as the id token.
    for (tenant, is_fine) in [(TENANT, true), ("another", false)] {
        let script = |script: &mut Script| {
            entra(script);
            script.callback = format!("&iss={}/{tenant}/v2.0", script.origin);
        };
        let signed_in = World::with(script, application).sign_in().await;
        assert_eq!(signed_in.is_ok(), is_fine, "{signed_in:?}");
    }

    let world = World::with(entra, |provider| {
        application!(issuer = format!("{}/{{tenantid}}", provider.origin))
    });
    let refused = why(world.page().await.unwrap_err(), "discovery_url");
    assert_eq!(refused.0, ProviderErrorKind::Misconfigured);
}

/// Two tenants may have users of one subject.
#[tokio::test]
async fn f14_a_user_is_that_of_the_tenant() {
    let world = World::with(entra, for_all_tenants);
    let ada = world.sign_in().await.unwrap();
    assert_eq!(ada.user_id, format!("sub-of-ada.{TENANT}"));
    assert_eq!(ada.username, "sub-of-ada");
    world.client.refresh().await.unwrap();
    is_of(&mut world.provider.script(), "another");
    let ended = world.client.refresh().await.unwrap_err();
    assert!(
        matches!(&ended, SessionError::Ended(why) if why.name == "IdToken"),
        "{ended:?}"
    );
    assert!(world.stored().await.is_none());

    let namesake = World::with(entra, for_all_tenants);
    is_of(&mut namesake.provider.script(), "another");
    assert_ne!(namesake.sign_in().await.unwrap().user_id, ada.user_id);
}

/// A key of Entra says for which tenant it is kept: one tenant cannot sign for another.
#[tokio::test]
async fn a_key_is_that_of_the_tenant() {
    const FOR_ANOTHER: &str = "for which its key is not kept";
    const NO_KEY: &str = "not among the keys";
    for (issuer, refusal) in [
        (json!("{origin}/{tenantid}/v2.0"), None),
        (json!(format!("{{origin}}/{TENANT}/v2.0")), None),
        (Value::Null, None),
        (json!(7), Some((ProviderErrorKind::InTransit, NO_KEY))),
        (
            json!(["{origin}/another/v2.0"]),
            Some((ProviderErrorKind::InTransit, NO_KEY)),
        ),
        (
            json!("{origin}/another/v2.0"),
            Some((ProviderErrorKind::Rejected, FOR_ANOTHER)),
        ),
        (
            json!("https://id.example.org/{tenantid}/v2.0"),
            Some((ProviderErrorKind::Rejected, FOR_ANOTHER)),
        ),
    ] {
        let script = |script: &mut Script| {
            entra(script);
            let issuer = issuer.to_string().replace("{origin}", &script.origin);
            script.keys["keys"][0]["issuer"] = serde_json::from_str(&issuer).unwrap();
        };
        let signed_in = World::with(script, for_all_tenants).sign_in().await;
        assert_eq!(
            signed_in.is_ok(),
            refusal.is_none(),
            "{issuer}: {signed_in:?}"
        );
        if let (Err(error), Some((kind, says))) = (signed_in, refusal) {
            assert_eq!(why(error, says), (kind, "IdToken".to_owned()));
        }
    }
}

/// Zitadel names the project, and its other applications, beside this one.
#[tokio::test]
async fn other_audiences_may_be_trusted() {
    let sign_in = async |audience: Value, party: Value| {
        let script = |script: &mut Script| {
            script.claims["aud"] = audience;
            script.claims["azp"] = party;
        };
        let world = World::with(script, |provider| {
            let trusted = ["the-project", "another-app"];
            application!(issuer = &provider.origin, trusted_audiences = trusted)
        });
        world.sign_in().await
    };
    let own = || json!(CLIENT);
    sign_in(json!([CLIENT, "the-project"]), own())
        .await
        .unwrap();
    sign_in(json!(["another-app", "the-project", CLIENT]), own())
        .await
        .unwrap();
    sign_in(own(), Value::Null).await.unwrap();
    for (audience, party, says) in [
        (json!([CLIENT, "the-project"]), Value::Null, "(azp)"),
        (
            json!([CLIENT, "the-project"]),
            json!("another-app"),
            "(azp)",
        ),
        (json!([CLIENT, "a-third"]), own(), "\"a-third\""),
        (json!(["the-project"]), own(), "\"the-project\" (aud)"),
        (json!("the-project"), own(), "\"the-project\" (aud)"),
    ] {
        let refused = why(sign_in(audience, party).await.unwrap_err(), says);
        assert_eq!(refused.1, "IdToken");
    }
}

/// At a refresh, an id token that does not say for which party it is ends no session.
#[tokio::test]
async fn f15_other_audiences_without_a_party_are_a_doubt() {
    let script = |script: &mut Script| {
        script.claims["aud"] = json!([CLIENT, "the-project"]);
        script.claims["azp"] = json!(CLIENT);
    };
    let world = World::with(script, |provider| {
        application!(
            issuer = &provider.origin,
            trusted_audiences = ["the-project"]
        )
    });
    world.sign_in().await.unwrap();
    world.provider.script().claims["azp"] = Value::Null;
    let kept = world.client.refresh().await.unwrap_err();
    check_message(&kept.to_string(), "(azp)").unwrap();
    assert!(matches!(kept, SessionError::Unreachable(_)), "{kept:?}");
    assert!(world.stored().await.is_some());
}

/// Google names itself with its scheme and without, in its callbacks and in its id tokens.
#[tokio::test]
async fn google_has_two_names() {
    const GOOGLE: &str = "https://accounts.google.com";
    let names = [GOOGLE, "accounts.google.com"];
    let signed_in = async |in_callback: &str, in_token: &str| {
        let script = |script: &mut Script| {
            script.document["issuer"] = json!(GOOGLE);
            script.callback = format!("&iss={in_callback}");
            script.claims["iss"] = json!(in_token);
        };
        let world = World::with(script, |provider| {
            let document = format!("{}{}", provider.origin, provider.script().at);
            application!(issuer = GOOGLE, discovery_url = document)
        });
        world.sign_in().await.map(|_| world)
    };
    for in_callback in names {
        for (in_token, later) in [(names[0], names[1]), (names[1], names[0])] {
            let world = signed_in(in_callback, in_token).await.unwrap();
            world.provider.script().claims["iss"] = json!(later);
            world.client.refresh().await.unwrap();
        }
        let other = signed_in(in_callback, "http://accounts.google.com").await;
        assert_eq!(why(other.err().unwrap(), "(iss)").1, "IdToken");
    }
}

/// Auth0 takes `audience`, Google `access_type`, and so on.
#[tokio::test]
async fn the_sign_in_page_takes_further_parameters() {
    let world = World::with(
        |_| {},
        |provider| {
            let params = [
                ("audience", "https://api.example.org"),
                ("prompt", "select_account"),
            ];
            application!(issuer = &provider.origin, authorize_params = params)
        },
    );
    let values = |page: &url::Url, name: &str| {
        let pairs = page.query_pairs().filter(|(key, _)| key == name);
        pairs
            .map(|(_, value)| value.into_owned())
            .collect::<Vec<_>>()
    };
    let page = world.page().await.unwrap();
    assert_eq!(values(&page, "audience"), ["https://api.example.org"]);
    assert_eq!(values(&page, "prompt"), ["select_account"]);
    let options = RedirectOptions::builder()
        .redirect_uri(BACK)
        .prompt("login")
        .build();
    let page = world.client.sign_in_with_redirect(options).await.unwrap();
    let page = url::Url::parse(page.as_str()).unwrap();
    assert_eq!(
        values(&page, "prompt"),
        ["login"],
        "what a sign-in asks for takes precedence"
    );

    for name in [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "request",
        "request_uri",
        "response_type",
        "scope",
        "state",
    ] {
        let world = World::with(
            |_| {},
            |provider| {
                let params = [(name, "other")];
                application!(issuer = &provider.origin, authorize_params = params)
            },
        );
        let refused = why(world.page().await.unwrap_err(), name);
        assert_eq!(
            refused,
            (
                ProviderErrorKind::Misconfigured,
                "AuthorizeParams".to_owned()
            )
        );
    }
}

#[tokio::test]
async fn the_application_chooses_the_claims_that_name_a_user() {
    let script = |script: &mut Script| {
        script.claims["preferred_username"] = json!("another name");
        script.claims["upn"] = json!("ada@corp.example.org");
        script.claims["email"] = json!("root@example.org");
    };
    let name = async |claims: &[&str]| {
        let world = World::with(script, |provider| {
            let claims = claims.iter().copied();
            application!(issuer = &provider.origin, username_claims = claims)
        });
        world.sign_in().await.unwrap().username
    };
    assert_eq!(name(&["upn"]).await, "ada@corp.example.org");
    assert_eq!(name(&["unique_name", "upn"]).await, "ada@corp.example.org");
    assert_eq!(name(&["email"]).await, "sub-of-ada", "it is not verified");
    assert_eq!(name(&[]).await, "sub-of-ada");
}

/// Okta and GitLab keep the claims of a profile out of the id token.
#[tokio::test]
async fn the_userinfo_endpoint_may_be_asked() {
    let world = |script: fn(&mut Script)| {
        World::with(script, |provider| {
            application!(issuer = &provider.origin, userinfo = true)
        })
    };
    let named = world(|script| {
        script.claims["preferred_username"] = json!("an older name");
        script.userinfo["preferred_username"] = json!("ada");
        script.userinfo["updated_at"] = json!("today");
    });
    assert_eq!(named.sign_in().await.unwrap().username, "ada");
    let asked = named.provider.script().requests("/userinfo");
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer access-1"));

    let falls_back = world(|script| script.claims["preferred_username"] = json!("ada"));
    assert_eq!(falls_back.sign_in().await.unwrap().username, "ada");

    let rows: [(Habit, &str, &str, bool); 4] = [
        (
            |script| script.userinfo["sub"] = json!("grace"),
            "Userinfo",
            "/userinfo are another",
            true,
        ),
        (
            |script| script.userinfo["sub"] = json!(""),
            "Userinfo",
            "(sub)",
            true,
        ),
        (
            |script| script.userinfo = json!("eyJ.a.b"),
            "Unreadable",
            "/userinfo",
            false,
        ),
        (
            |script| script.fail("/userinfo", &[Failure::Status(500, None)]),
            "Status",
            "status 500",
            false,
        ),
    ];
    for (script, name, says, is_false) in rows {
        let refused = world(script);
        assert_eq!(why(refused.sign_in().await.unwrap_err(), says).1, name);
        let is_revoked = refused.revoked() == ["refresh-1"];
        assert_eq!(is_revoked, is_false, "{says}: {:?}", refused.revoked());
    }
    let none = world(|script| script.document["userinfo_endpoint"] = json!(""));
    assert_eq!(
        why(none.page().await.unwrap_err(), "userinfo_endpoint").1,
        "Unreadable"
    );
}

#[tokio::test]
async fn the_logout_url_need_not_carry_the_id_token() {
    for hint in [true, false] {
        let world = World::with(
            |_| {},
            |provider| application!(issuer = &provider.origin, id_token_hint = hint),
        );
        world.sign_in().await.unwrap();
        let out = world
            .client
            .sign_out(SignOutScope::ThisDevice)
            .await
            .unwrap();
        let url = out.logout_url.unwrap();
        assert_eq!(url.as_str().contains("id_token_hint="), hint);
        assert!(url.as_str().contains("client_id=app"));
    }
}

/// Apple and Twitch take a secret in the body only, and say so.
#[tokio::test]
async fn a_secret_is_sent_as_the_provider_takes_it() {
    for (takes, is_header) in [
        (json!(["client_secret_post"]), false),
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["private_key_jwt"]), true),
        (json!("client_secret_post"), false),
        (Value::Null, true),
    ] {
        let script = |script: &mut Script| {
            script.document["token_endpoint_auth_methods_supported"] = takes;
        };
        let world = World::with(script, |provider| {
            application!(issuer = &provider.origin, client_secret = "s3cret")
        });
        world.sign_in().await.unwrap();
        let sent = world.provider.script().requests("/token").pop().unwrap();
        assert_eq!(sent.authorization.is_some(), is_header);
        assert_eq!(sent.field("client_secret").is_none(), is_header);
    }
}

#[tokio::test]
async fn an_option_that_is_empty_is_one_that_is_not_set() {
    let world = World::with(
        |_| {},
        |provider| {
            application!(
                issuer = &provider.origin,
                client_secret = "",
                discovery_url = "",
                post_logout_redirect_uri = ""
            )
        },
    );
    world.sign_in().await.unwrap();
    let sent = world.provider.script().requests("/token").pop().unwrap();
    assert_eq!(
        (&sent.authorization, sent.field("client_secret")),
        (&None, None)
    );
    let out = world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    let url = out.logout_url.unwrap();
    assert!(
        !url.as_str().contains("post_logout_redirect_uri"),
        "{}",
        url.as_str()
    );
}

/// A provider may repeat what it was sent. That is hidden, and no word of its own is.
#[tokio::test]
async fn a_refusal_is_shown_without_the_secret_and_with_its_words() {
    for (secret, refusal, says) in [
        (
            "s3cret",
            r#"{"error":"invalid_client","error_description":"not Basic YXBwOnMzY3JldA=="}"#,
            "not Basic …==",
        ),
        (
            "a-secret-of-some-length",
            r#"{"error":"invalid_client","error_description":"not YXBwOmEtc2VjcmV0LW9mLXNvbWUt"}"#,
            "not …",
        ),
        (
            "s3cret",
            r#"{"error":"invalid_client","error_description":"(s3cret) is not it"}"#,
            "(…) is not it",
        ),
        (
            "a&b",
            r#"{"error":"invalid_client","error_description":"client_secret=a%26b&c"}"#,
            "client_secret=…&c",
        ),
        (
            "client",
            r#"{"error":"invalid_client","error_description":"the client is not known"}"#,
            "the client is not known",
        ),
        (
            "i",
            r#"{"error":"invalid_client","error_description":"invalid"}"#,
            "invalid (invalid_client)",
        ),
    ] {
        let script = |script: &mut Script| script.refusal = Some((401, refusal));
        let world = World::with(script, |provider| {
            application!(issuer = &provider.origin, client_secret = secret)
        });
        let refused = world.sign_in().await.unwrap_err();
        assert_eq!(why(refused, says).1, "invalid_client");
    }
}

/// A server that writes down the first line of each connection.
pub(crate) fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (lines, received) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            let _ = lines.send(line);
        }
    });
    (address, received)
}

#[tokio::test]
async fn a_proxy_is_asked_for_other_machines_and_not_for_this_one() {
    let (address, lines) = proxy();
    let world = World::with(
        |_| {},
        |_| application!(issuer = "https://id.example.org", proxy = &address),
    );
    let failed = world.page().await.unwrap_err();
    check_message(&failed.to_string(), "https://id.example.org/.well-known/").unwrap();
    let line = lines.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(line, "CONNECT id.example.org:443 HTTP/1.1\r\n");
    let again: Vec<_> = lines.try_iter().collect();
    assert_eq!(again, [&*line, &line], "there was no connection");

    let world = World::with(
        |_| {},
        |provider| application!(issuer = &provider.origin, proxy = &address),
    );
    world.sign_in().await.unwrap();
    assert!(
        lines.try_recv().is_err(),
        "a request to this machine goes by no proxy"
    );

    for none in ["socks5://127.0.0.1:1", "127.0.0.1:1", ""] {
        let world = World::with(
            |_| {},
            |_| application!(issuer = "https://id.example.org", proxy = none),
        );
        let refused = why(world.page().await.unwrap_err(), "proxy");
        assert_eq!(
            refused,
            (ProviderErrorKind::Misconfigured, "Proxy".to_owned())
        );
    }
}

/// What fails on the way is told by its cause and its address.
#[tokio::test]
async fn why_a_server_is_not_reached_is_said() {
    let closed = Closed::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent
        .local_addr()
        .map(|address| (address, silent))
        .unwrap();
    let (plain, _lines) = proxy();
    for (issuer, name, says) in [
        (
            format!("http://{}", closed.address()),
            "ConnectionRefused",
            "refuses the connection",
        ),
        (
            format!("http://{}", silent.0),
            "TimedOut",
            "no answer in time",
        ),
        (
            "https://id.typed-hub.invalid".to_owned(),
            "NameNotFound",
            "is not found",
        ),
        (plain, "Broken", "broken off"),
    ] {
        // Only silence is to take as long as this; a name server may take longer.
        let limit = Duration::from_millis(if name == "TimedOut" { 500 } else { 10_000 });
        let application = OidcProvider::builder()
            .issuer(&issuer)
            .client_id(CLIENT)
            .redirect_uris([BACK])
            .time_limit(limit)
            .build();
        let world = World::with(|_| {}, |_| application);
        let failed = world.page().await.unwrap_err();
        check_message(&failed.to_string(), &issuer).unwrap();
        let why = why(failed, says);
        assert_eq!(
            why,
            (ProviderErrorKind::InTransit, name.to_owned()),
            "{issuer}"
        );
    }
}

/// A server on this machine that speaks TLS, with a certificate of its own.
pub(crate) fn encrypted() -> String {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls.key")).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 204 None\r\nconnection: close\r\n\r\n");
        }
    });
    origin
}

pub(crate) const CERTIFICATE: &str = include_str!("tls.pem");

#[tokio::test]
async fn a_certificate_is_trusted_if_the_application_says_so() {
    let issuer = encrypted();
    let world = World::with(|_| {}, |_| application!(issuer = &issuer));
    let failed = world.page().await.unwrap_err();
    check_message(&failed.to_string(), &issuer).unwrap();
    let not_trusted = why(failed, "certificate of the server is not trusted");
    assert_eq!(
        not_trusted,
        (ProviderErrorKind::InTransit, "NotTrusted".to_owned())
    );

    let trusting = application!(issuer = &issuer, root_certificates = CERTIFICATE);
    let world = World::with(|_| {}, |_| trusting);
    let reached = why(world.page().await.unwrap_err(), "not a JSON object");
    assert_eq!(reached.1, "Unreadable", "it has answered");

    for none in ["", "not PEM", include_str!("tls.key")] {
        let world = World::with(
            |_| {},
            |_| application!(issuer = &issuer, root_certificates = none),
        );
        let refused = why(world.page().await.unwrap_err(), "not in PEM");
        assert_eq!(
            refused,
            (
                ProviderErrorKind::Misconfigured,
                "RootCertificates".to_owned()
            )
        );
    }
}

/// The application reads further claims in a type of its own, and only of tokens that are true.
#[tokio::test]
async fn an_application_reads_the_claims_of_its_own_tokens() {
    #[derive(Debug, serde::Deserialize, PartialEq)]
    struct Profile {
        sub: String,
        roles: Vec<String>,
    }
    let script = |script: &mut Script| script.claims["roles"] = json!(["reader", "s3cret"]);
    let mut provider = None;
    let world = World::with(script, |of| {
        provider.insert(application!(issuer = &of.origin)).clone()
    });
    let provider = provider.unwrap();
    world.sign_in().await.unwrap();
    let id = world.stored().await.unwrap().tokens.id.unwrap();
    let profile: Profile = provider.claims(&id).await.unwrap();
    assert_eq!((&*profile.sub, profile.roles.len()), ("sub-of-ada", 2));

    let unfit = provider
        .claims::<HashMap<String, String>>(&id)
        .await
        .unwrap_err();
    assert_eq!(unfit.name, "Claims");
    check_message(&unfit.to_string(), "the form").unwrap();

    let (parts, signature) = id.expose().rsplit_once('.').unwrap();
    let changed = BASE64.encode(json!({"sub": "root", "roles": []}).to_string());
    let header = parts.split_once('.').unwrap().0;
    let forged = format!("{header}.{changed}.{signature}");
    let refused = provider.claims::<Profile>(&forged.as_str().into()).await;
    assert_eq!(refused.unwrap_err().name, "IdToken");
    world.provider.script().keys = json!({"keys": [Key::Edwards(2).shown("2")]});
    let restarted = application!(issuer = &world.provider.origin);
    let withdrawn = restarted.claims::<Profile>(&id).await.unwrap_err();
    check_message(&withdrawn.to_string(), "not among the keys").unwrap();
}
