//! A sign-in that must be refused, by which name, and what the message says.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use typed_hub::auth::ProviderErrorKind::{self, InTransit, Misconfigured, Rejected};
use typed_hub::auth::RedirectError;

use super::keys::Key;
use super::provider::{CLIENT, Script, now};
use super::{World, all, check_message};

struct Row {
    name: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
    /// The kind and the name of the error, and a part of its message.
    error: (ProviderErrorKind, &'static str, &'static str),
}

const fn id_token(
    name: &'static str,
    says: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
) -> Row {
    let error = (Rejected, "IdToken", says);
    Row {
        name,
        seen,
        how,
        error,
    }
}

const fn row(
    name: &'static str,
    error: (ProviderErrorKind, &'static str, &'static str),
    seen: &'static str,
    how: fn(&mut Script),
) -> Row {
    Row {
        name,
        seen,
        how,
        error,
    }
}

fn without(value: &mut Value, member: &str) {
    value.as_object_mut().unwrap().remove(member);
}

/// After the user has come back.
const ROWS: &[Row] = &[
    // The signature.
    id_token("alg none", "alg none", "RFC 8725, 2.1", |s| {
        s.header = json!({"alg": "none"});
        s.signs_with = Key::None;
    }),
    id_token("alg None", "alg none", "RFC 8725, 2.1", |s| {
        s.header["alg"] = json!("None");
        s.signs_with = Key::None;
    }),
    id_token(
        "no signature",
        "EdDSA, with the key \"1\"",
        "RFC 7515",
        |s| s.signs_with = Key::None,
    ),
    id_token(
        "another key of the same id",
        "the signature",
        "a forgery",
        |s| {
            s.signs_with = Key::Edwards(2);
        },
    ),
    row(
        "a key that is not shown",
        (
            InTransit,
            "IdToken",
            "the key \"9\", which is not among the keys at http://127.0.0.1",
        ),
        "a forgery, or a rotation",
        |s| {
            s.header["kid"] = json!("9");
            s.signs_with = Key::Edwards(9);
        },
    ),
    row(
        "a key that the token brings along",
        (InTransit, "IdToken", "not among the keys"),
        "RFC 8725, 2.8",
        |s| {
            s.header = json!({"alg": "EdDSA", "jwk": Key::Edwards(2).shown("2")});
            s.signs_with = Key::Edwards(2);
        },
    ),
    row(
        "a key that is for encryption",
        (InTransit, "IdToken", "not among the keys"),
        "RFC 7517, 4.2",
        |s| s.keys["keys"][0]["use"] = json!("enc"),
    ),
    row(
        "a key that is for another algorithm",
        (InTransit, "IdToken", "by PS256"),
        "RFC 8725, 3.1",
        |s| {
            s.sign_by("PS256", Key::Rsa);
            s.keys["keys"][0]["alg"] = json!("RS256");
        },
    ),
    row(
        "an Ed25519 key that is for another algorithm",
        (InTransit, "IdToken", "by EdDSA"),
        "RFC 8725, 3.1",
        |s| s.keys["keys"][0]["alg"] = json!("ES256"),
    ),
    row(
        "the public key as a secret",
        (Misconfigured, "Unsupported", "\"HS256\""),
        "RFC 8725, 2.1",
        |s| {
            s.header["alg"] = json!("HS256");
            s.signs_with = Key::PublicAsSecret;
        },
    ),
    row(
        "a secret that is shown as a key",
        (Misconfigured, "Unsupported", "\"HS256\""),
        "RFC 8725, 3.5",
        |s| s.sign_by("HS256", Key::Secret("s3cret")),
    ),
    row(
        "an algorithm that is not supported",
        (Misconfigured, "Unsupported", "\"ES512\""),
        "RFC 7518, 3.4",
        |s| s.header["alg"] = json!("ES512"),
    ),
    id_token(
        "the signature of other claims",
        "the signature",
        "a forgery",
        |s| {
            s.token_as_text = |token| {
                let parts: Vec<_> = token.split('.').collect();
                let claims = String::from_utf8(BASE64.decode(parts[1]).unwrap()).unwrap();
                let claims = BASE64.encode(claims.replace("sub-of-ada", "root"));
                format!("{}.{claims}.{}", parts[0], parts[2])
            };
        },
    ),
    // The form.
    row(
        "encrypted",
        (Misconfigured, "Unsupported", "encrypted"),
        "OpenID Connect Core, 10.2",
        |s| s.token_as_text = |_| "eyJ.a.b.c.d".to_owned(),
    ),
    row(
        "a header that must be understood",
        (Misconfigured, "Unsupported", "crit"),
        "RFC 7515, 4.1.11",
        |s| s.header["crit"] = json!(["exp"]),
    ),
    row(
        "two parts",
        (InTransit, "Unreadable", "not a JSON Web Token"),
        "RFC 7515, 3.1",
        |s| s.token_as_text = |token| token.rsplit_once('.').unwrap().0.to_owned(),
    ),
    row(
        "claims that are a list",
        (InTransit, "Unreadable", "not a JSON Web Token"),
        "RFC 7519, 7.2",
        |s| s.claims_as_text = |_| b"[]".to_vec(),
    ),
    row(
        "no id token",
        (Misconfigured, "IdToken", "the scope openid"),
        "any, without openid",
        |s| s.answer["id_token"] = json!(""),
    ),
    // The claims.
    id_token(
        "another issuer",
        "of the issuer \"https://id.example.org\"",
        "a mix-up",
        |s| {
            s.claims["iss"] = json!("https://id.example.org");
        },
    ),
    id_token(
        "almost the issuer",
        "of the issuer",
        "Auth0 ends with a slash",
        |s| {
            s.claims["iss"] = json!(format!("{}/", s.origin));
        },
    ),
    row(
        "no issuer",
        (InTransit, "IdToken", "(iss)"),
        "OpenID Connect Core, 2",
        |s| s.claims["iss"] = json!(""),
    ),
    id_token(
        "another audience",
        "for \"other\" (aud)",
        "a token of another app",
        |s| {
            s.claims["aud"] = json!("other");
        },
    ),
    id_token(
        "one audience more",
        "also for \"other\"",
        "Zitadel, not trusted",
        |s| {
            s.claims["aud"] = json!([CLIENT, "other"]);
            s.claims["azp"] = json!(CLIENT);
        },
    ),
    id_token(
        "an audience that is no text",
        "(aud)",
        "OpenID Connect Core, 2",
        |s| {
            s.claims["aud"] = json!([CLIENT, 7]);
        },
    ),
    row(
        "no audience",
        (InTransit, "IdToken", "(aud)"),
        "OpenID Connect Core, 2",
        |s| s.claims["aud"] = json!(""),
    ),
    id_token(
        "another party",
        "for the party \"other\" (azp)",
        "OpenID Connect Core, 3.1.3.7",
        |s| {
            s.claims["azp"] = json!("other");
        },
    ),
    id_token(
        "a party that is no text",
        "(azp)",
        "OpenID Connect Core, 3.1.3.7",
        |s| {
            s.claims["azp"] = json!(7);
        },
    ),
    id_token("another nonce", "(nonce)", "a replay", |s| {
        s.claims["nonce"] = json!("other");
    }),
    id_token("no nonce", "(nonce)", "a replay", |s| {
        without(&mut s.claims, "nonce");
    }),
    id_token("an empty nonce", "(nonce)", "a replay", |s| {
        s.claims["nonce"] = json!("");
    }),
    id_token("expired", "expired 3", "a replay", |s| {
        s.claims["exp"] = json!(now() - 301);
    }),
    id_token("no end", "(exp)", "OpenID Connect Core, 2", |s| {
        s.claims["exp"] = json!("never");
    }),
    id_token("no beginning", "(iat)", "OpenID Connect Core, 2", |s| {
        without(&mut s.claims, "iat");
    }),
    id_token("from the future", "(iat)", "a wrong clock", |s| {
        s.claims["iat"] = json!(now() + 600);
    }),
    id_token("not valid yet", "(nbf)", "RFC 7519, 4.1.5", |s| {
        s.claims["nbf"] = json!(now() + 600);
    }),
    id_token("valid from no time", "(nbf)", "RFC 7519, 4.1.5", |s| {
        s.claims["nbf"] = json!("tomorrow");
    }),
    row(
        "nobody",
        (InTransit, "IdToken", "(sub)"),
        "OpenID Connect Core, 2",
        |s| without(&mut s.claims, "sub"),
    ),
    row(
        "nobody by name",
        (InTransit, "IdToken", "(sub)"),
        "OpenID Connect Core, 2",
        |s| s.claims["sub"] = json!(""),
    ),
    row(
        "a user who is a number",
        (InTransit, "IdToken", "(sub)"),
        "OpenID Connect Core, 2",
        |s| s.claims["sub"] = json!(4711),
    ),
    id_token("a long user", "255", "OpenID Connect Core, 2", |s| {
        s.claims["sub"] = json!("u".repeat(256));
    }),
    id_token("a user that rules a terminal", "(sub)", "a liar", |s| {
        s.claims["sub"] = json!("ada\u{1b}[2J");
    }),
    id_token("an issuer that rules a terminal", "[2J", "a liar", |s| {
        s.claims["iss"] = json!(format!("https://\u{1b}[2J\u{202e}{}", "x".repeat(10_000)));
    }),
    id_token(
        "an issuer that repeats a secret",
        "of the issuer \"…\"",
        "a liar",
        |s| {
            s.claims["iss"] = json!("refresh-1");
        },
    ),
    // The token endpoint.
    row(
        "another token type",
        (Misconfigured, "Unsupported", "\"mac\""),
        "RFC 6749, 7.1",
        |s| s.answer["token_type"] = json!("mac"),
    ),
    row(
        "DPoP",
        (Misconfigured, "Unsupported", "\"DPoP\""),
        "RFC 9449",
        |s| s.answer["token_type"] = json!("DPoP"),
    ),
    row(
        "no access token",
        (InTransit, "Unreadable", "no access token"),
        "RFC 6749, 5.1",
        |s| s.answer["access_token"] = json!(""),
    ),
    row(
        "a refusal with the status of a success",
        (InTransit, "invalid_code", "no reason is given"),
        "Slack",
        |s| s.refusal = Some((200, r#"{"ok":false,"error":"invalid_code"}"#)),
    ),
    row(
        "a wrong client secret",
        (Misconfigured, "invalid_client", "AADSTS7000215"),
        "Entra",
        |s| {
            s.refusal = Some((
                401,
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid secret.\r\nTrace ID: 1","error_codes":[7000215]}"#,
            ));
        },
    ),
    row(
        "a refusal that is a page",
        (InTransit, "Unreadable", "status 403"),
        "a firewall",
        |s| s.refusal = Some((403, "<html>no</html>")),
    ),
    row(
        "a refusal that is an object",
        (InTransit, "Unreadable", "status 400"),
        "Facebook",
        |s| s.refusal = Some((400, r#"{"error":{"message":"no","code":100}}"#)),
    ),
    row(
        "out of order",
        (InTransit, "Status", "status 503: http://127.0.0.1"),
        "any",
        |s| s.refusal = Some((503, r#"{"error":"invalid_grant"}"#)),
    ),
    row(
        "the callback is of another issuer",
        (Rejected, "IssuerMismatch", "another provider"),
        "RFC 9207",
        |s| s.callback.push_str("&iss=https%3A%2F%2Fid.example.org"),
    ),
    row(
        "the callback is of no issuer",
        (Rejected, "IssuerMissing", "who has issued the code"),
        "RFC 9207",
        |s| s.document["authorization_response_iss_parameter_supported"] = json!(true),
    ),
];

/// Before the user has gone.
const DOCUMENTS: &[Row] = &[
    row(
        "a document of another issuer",
        (
            Misconfigured,
            "Issuer",
            "of the issuer \"https://id.example.org\", and not of \"http://127",
        ),
        "OpenID Connect Discovery, 4.3",
        |s| s.document["issuer"] = json!("https://id.example.org"),
    ),
    row(
        "a document of no issuer",
        (Misconfigured, "Issuer", "of the issuer \"\""),
        "OpenID Connect Discovery, 4.3",
        |s| s.document["issuer"] = json!(7),
    ),
    row(
        "no token endpoint",
        (InTransit, "Unreadable", "no token_endpoint"),
        "OpenID Connect Discovery, 3",
        |s| s.document["token_endpoint"] = json!(""),
    ),
    row(
        "a page in the clear",
        (
            InTransit,
            "Unreadable",
            "authorization_endpoint is not an https address (http://id.",
        ),
        "a server behind a proxy",
        |s| s.document["authorization_endpoint"] = json!("http://id.example.org/a"),
    ),
    row(
        "a way out that is a program",
        (InTransit, "Unreadable", "end_session_endpoint"),
        "a liar",
        |s| s.document["end_session_endpoint"] = json!("file:///bin/sh"),
    ),
    row(
        "no document",
        (InTransit, "Unreadable", "/.well-known/openid-configuration"),
        "a mistyped issuer",
        |s| "/other".clone_into(&mut s.at),
    ),
    row(
        "a page in place of the document",
        (
            InTransit,
            "Unreadable",
            "not a JSON object: http://127.0.0.1",
        ),
        "a hotel",
        |s| s.body_as_text = |_| "<html>Welcome</html>".to_owned(),
    ),
    row(
        "no keys",
        (
            InTransit,
            "Unreadable",
            "there is no set of keys at http://127.0.0.1",
        ),
        "RFC 7517, 5",
        |s| s.keys = json!({"keys": 7}),
    ),
    row(
        "pushed requests are required",
        (Misconfigured, "Unsupported", "PAR"),
        "FAPI 2.0",
        |s| s.document["require_pushed_authorization_requests"] = json!(true),
    ),
    row(
        "signed requests are required",
        (Misconfigured, "Unsupported", "JAR"),
        "FAPI",
        |s| s.document["require_signed_request_object"] = json!("true"),
    ),
];

fn check(error: RedirectError, row: &Row) -> Result<(), String> {
    let shown = error.to_string();
    let RedirectError::Provider(error) = error else {
        return Err(format!("{error:?}"));
    };
    let (kind, name, says) = row.error;
    if (error.kind, &*error.name) != (kind, name) {
        return Err(format!("{:?}: {error}", error.kind));
    }
    check_message(&shown, says)
}

/// A signature that is known to be wrong is told as such, whatever becomes of the keys.
#[tokio::test]
async fn f33_a_wrong_signature_is_no_fault_of_the_network() {
    let world = World::new(|_| {});
    let callback = world.provider.visit(&world.page().await.unwrap());
    {
        let mut script = world.provider.script();
        script.keys = json!({});
        script.signs_with = Key::Edwards(2);
    }
    let refused = world.client.complete_redirect(&callback).await.unwrap_err();
    check_message(
        &refused.to_string(),
        "the signature of the id token is wrong",
    )
    .unwrap();
    let is_false = matches!(&refused, RedirectError::Provider(why) if why.kind == Rejected);
    assert!(is_false, "{refused:?}");
    assert_eq!(world.revoked(), [""; 0], "newer keys may have signed it");
}

#[tokio::test]
async fn f33_f34_what_proves_nothing_signs_nobody_in() {
    all(
        ROWS,
        |row| format!("{} ({})", row.name, row.seen),
        async |row| {
            let world = World::new(row.how);
            let error = world.sign_in().await.err().ok_or("signed in")?;
            let is_by_the_clock = error.to_string().contains("by the clock of this machine");
            check(error, row)?;
            let events = (world.trace)();
            if events != ["signInWithRedirect_failure"] || world.stored().await.is_some() {
                return Err(format!("{events:?}, or something is stored"));
            }
            // What is false is revoked. What is in doubt, by the clock of this machine as well, may be
            // good, and its revocation may end other sessions of the user.
            let is_issued = world.provider.script().refusal.is_none();
            let is_asked = !world.provider.script().requests("/token").is_empty();
            let is_false = row.error.0 == Rejected && !is_by_the_clock;
            let expected = if is_issued && is_asked && is_false {
                vec!["refresh-1"]
            } else {
                Vec::new()
            };
            let revoked = world.revoked();
            (revoked == expected)
                .then_some(())
                .ok_or_else(|| format!("revoked {revoked:?}"))
        },
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_is_said_to_be_none_before_the_user_goes() {
    all(
        DOCUMENTS,
        |row| format!("{} ({})", row.name, row.seen),
        async |row| {
            let world = World::new(row.how);
            let error = world.page().await.err().ok_or("begun")?;
            check(error, row)?;
            let events = (world.trace)();
            events
                .is_empty()
                .then_some(())
                .ok_or_else(|| format!("{events:?}"))
        },
    )
    .await;
}
