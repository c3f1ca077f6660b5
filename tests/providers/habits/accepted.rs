//! A sign-in that must work.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::keys::Key;
use super::provider::{CLIENT, Script, now};
use super::{World, all, deceives};

struct Row {
    name: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
    /// The name of the user.
    user: &'static str,
    /// The lifetime of the tokens, in seconds.
    lasts: u64,
}

const fn row(name: &'static str, seen: &'static str, how: fn(&mut Script)) -> Row {
    Row {
        name,
        seen,
        how,
        user: "sub-of-ada",
        lasts: 1800,
    }
}

const fn user(
    user: &'static str,
    name: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
) -> Row {
    Row {
        user,
        ..row(name, seen, how)
    }
}

const fn lasts(lasts: u64, name: &'static str, seen: &'static str, how: fn(&mut Script)) -> Row {
    Row {
        lasts,
        ..row(name, seen, how)
    }
}

const ROWS: &[Row] = &[
    row("a plain provider", "OpenID Connect Core", |_| {}),
    // Claims that are not used.
    row(
        "updated_at is a date",
        "Auth0: ramosbugs/openidconnect-rs#230",
        |s| {
            s.claims["updated_at"] = json!("2025-12-23T10:59:07.841Z");
        },
    ),
    row(
        "updated_at is in words",
        "INDIGO IAM: indigo-iam/iam#272",
        |s| {
            s.claims["updated_at"] = json!("Wed Apr 04 18:45:44 CEST 2018");
        },
    ),
    row("locale is an object", "LinkedIn", |s| {
        s.claims["locale"] = json!({"country": "US", "language": "en"});
    }),
    row(
        "address is a text",
        "OpenID Connect Core, 5.1: not used here",
        |s| {
            s.claims["address"] = json!("1 Main Street");
        },
    ),
    row("phone_number_verified is a text", "Cognito", |s| {
        s.claims["phone_number_verified"] = json!("false");
    }),
    row(
        "auth_time is a text",
        "OpenID Connect Core, 2: not used here",
        |s| {
            s.claims["auth_time"] = json!("1766487547");
        },
    ),
    row(
        "amr is a text",
        "OpenID Connect Core, 2: not used here",
        |s| {
            s.claims["amr"] = json!("urn:oasis:names:tc:SAML:2.0:ac:classes:Password");
        },
    ),
    row(
        "acr is a number",
        "OpenID Connect Core, 2: not used here",
        |s| s.claims["acr"] = json!(1),
    ),
    row(
        "birthdate is null, picture is empty",
        "OpenID Connect Core, 5.3.2: to be left out, and is not",
        |s| {
            s.claims["birthdate"] = Value::Null;
            s.claims["picture"] = json!("");
        },
    ),
    row(
        "a claim with half a character",
        "RFC 8259, 8.2: a text cut between two surrogates",
        |s| {
            s.claims_as_text = |json| json.replacen('{', r#"{"name":"\ud83d","#, 1).into_bytes();
        },
    ),
    row(
        "a claim that is not UTF-8",
        "RFC 8259, 8.1: a directory in Latin-1",
        |s| {
            s.claims_as_text = |json| {
                let rest = json.strip_prefix('{').unwrap().as_bytes();
                [b"{\"family_name\":\"M\xfcller\",", rest].concat()
            };
        },
    ),
    row("a number out of range", "RFC 8259, 6", |s| {
        s.claims_as_text = |json| json.replacen('{', r#"{"x":1e999,"#, 1).into_bytes();
    }),
    row("a claim twice", "RFC 7519, 4: the last one counts", |s| {
        s.claims_as_text = |json| json.replacen('{', r#"{"x":1,"x":2,"#, 1).into_bytes();
    }),
    row("a claim of many floors", "RFC 8259, 9", |s| {
        s.claims_as_text = |json| {
            let deep = format!(r#"{{"x":{}1{},"#, "[".repeat(500), "]".repeat(500));
            json.replacen('{', &deep, 1).into_bytes()
        };
    }),
    row("a claim typ", "Keycloak", |s| s.claims["typ"] = json!("ID")),
    row(
        "times with fractions",
        "RFC 7519, 2: NumericDate may have them",
        |s| {
            s.claims["iat"] = json!(now_and_a_quarter());
            s.claims["exp"] = json!(now_and_a_quarter() + 1800.0);
        },
    ),
    row("times as texts", "RFC 7519, 2, not followed", |s| {
        s.claims["iat"] = json!(now().to_string());
        s.claims["exp"] = json!((now() + 1800).to_string());
    }),
    row("nbf is null", "null in place of absent", |s| {
        s.claims["nbf"] = Value::Null;
    }),
    row("nbf is now", "Entra", |s| s.claims["nbf"] = json!(now())),
    row("an audience in a list", "RFC 7519, 4.1.3", |s| {
        s.claims["aud"] = json!([CLIENT]);
    }),
    row("an audience twice", "RFC 7519, 4.1.3", |s| {
        s.claims["aud"] = json!([CLIENT, CLIENT]);
    }),
    row("azp is this client", "Google", |s| {
        s.claims["azp"] = json!(CLIENT);
    }),
    row("azp is empty", "servers in Go, without omitempty", |s| {
        s.claims["azp"] = json!("");
    }),
    // The user.
    user("ada", "preferred_username", "Keycloak", |s| {
        s.claims["preferred_username"] = json!("ada");
        s.claims["email"] = json!("ada@example.org");
        s.claims["email_verified"] = json!(true);
    }),
    user("ada@example.org", "a verified e-mail", "Google", |s| {
        s.claims["email"] = json!("ada@example.org");
        s.claims["email_verified"] = json!(true);
    }),
    user("ada@example.org", "verified is a text", "Apple", |s| {
        s.claims["email"] = json!("ada@example.org");
        s.claims["email_verified"] = json!("true");
        s.claims["is_private_email"] = json!("false");
    }),
    user(
        "ada@example.org",
        "preferred_username is empty",
        "empty in place of absent",
        |s| {
            s.claims["preferred_username"] = json!("");
            s.claims["email"] = json!("ada@example.org");
            s.claims["email_verified"] = json!(true);
        },
    ),
    row(
        "an e-mail that is not verified",
        "OpenID Connect Core, 5.1",
        |s| {
            s.claims["email"] = json!("root@example.org");
            s.claims["email_verified"] = json!(false);
        },
    ),
    row("not verified, as a text", "Apple", |s| {
        s.claims["email"] = json!("root@example.org");
        s.claims["email_verified"] = json!("false");
    }),
    row(
        "an e-mail of which nothing is said",
        "Entra: the attack called nOAuth",
        |s| {
            s.claims["email"] = json!("root@example.org");
        },
    ),
    row(
        "verified is a number",
        "OpenID Connect Core, 5.1, not followed",
        |s| {
            s.claims["email"] = json!("root@example.org");
            s.claims["email_verified"] = json!(1);
        },
    ),
    row(
        "preferred_username is a number",
        "OpenID Connect Core, 5.1, not followed",
        |s| {
            s.claims["preferred_username"] = json!(4711);
        },
    ),
    row(
        "preferred_username is blank",
        "OpenID Connect Core, 5.1, not followed",
        |s| {
            s.claims["preferred_username"] = json!("  ");
        },
    ),
    row(
        "a name that rules a terminal",
        "a user of any open directory",
        |s| {
            s.claims["preferred_username"] = json!("ada\u{1b}[2J\r\nroot");
        },
    ),
    row(
        "a name that is read backwards",
        "a user of any open directory",
        |s| {
            s.claims["preferred_username"] = json!("ada\u{202e}toor");
        },
    ),
    row("a name of 100 kB", "a user of any open directory", |s| {
        s.claims["preferred_username"] = json!("a".repeat(100_000));
    }),
    user(
        "Ådä 愛",
        "a name in any script",
        "OpenID Connect Core, 5.1",
        |s| {
            s.claims["preferred_username"] = json!("Ådä 愛");
        },
    ),
    // The header, and the keys.
    row("typ is a number", "RFC 7515, 4.1.9: it is optional", |s| {
        s.header["typ"] = json!(7);
    }),
    row(
        "typ is in lower case",
        "RFC 7515, 4.1.9: letters of either case",
        |s| s.header["typ"] = json!("jwt"),
    ),
    row(
        "members of the header that are odd",
        "RFC 7515, 4: they are ignored",
        |s| {
            s.header["x5t"] = json!(null);
            s.header["jku"] = json!(7);
            s.header["jwk"] = json!("none");
        },
    ),
    row("no key id", "GluuFederation/oxd#442", |s| {
        s.header.as_object_mut().unwrap().remove("kid");
        let others = [Key::Rsa.shown("r"), Key::Edwards(2).shown("2")];
        let keys = s.keys["keys"].as_array_mut().unwrap();
        keys.extend(others);
    }),
    row(
        "a key id that is empty",
        "servers in Go, without omitempty",
        |s| {
            s.header["kid"] = json!("");
        },
    ),
    row("a key without id", "GluuFederation/oxd#555", |s| {
        s.keys["keys"][0].as_object_mut().unwrap().remove("kid");
    }),
    row("two keys of one id", "panva/openid-client#166", |s| {
        s.keys["keys"]
            .as_array_mut()
            .unwrap()
            .push(Key::Edwards(2).shown("1"));
    }),
    row("keys that are none", "RFC 7517, 5: they are ignored", |s| {
        let odd = json!([
            null, 7, "key", [], {}, {"kty": 7}, {"kty": "AKP", "kid": "1", "alg": "ML-DSA-44"},
            {"kty": "RSA", "kid": "1", "n": 7}, {"kty": "EC", "crv": "P-521", "kid": "1"},
            {"kty": "OKP", "crv": "X25519", "x": "AAAA"}, {"kty": "oct", "k": "AAAA"},
            {"kty": "EC", "crv": "P-256", "kid": "1", "x": "!", "y": ""},
        ]);
        let keys = s.keys["keys"].as_array_mut().unwrap();
        keys.splice(0..0, odd.as_array().unwrap().clone());
    }),
    row(
        "a key for encryption of the same id",
        "RFC 7517, 4.5",
        |s| {
            let mut key = Key::Edwards(2).shown("1");
            key["use"] = json!("enc");
            s.keys["keys"].as_array_mut().unwrap().insert(0, key);
        },
    ),
    row(
        "members of a key that are odd",
        "RFC 7517, 4: they are ignored",
        |s| {
            let key = &mut s.keys["keys"][0];
            key["x5c"] = json!("");
            key["key_ops"] = json!("verify");
            key["use"] = json!(null);
            key["alg"] = json!("");
            key["exp"] = json!("never");
        },
    ),
    row(
        "members of the key set that are odd",
        "RFC 7517, 5: they are ignored",
        |s| {
            s.keys["expires"] = json!(null);
        },
    ),
    row(
        "a modulus that begins with a zero",
        "OpenAM: OpenIdentityPlatform/OpenAM#163",
        |s| {
            s.sign_by("RS256", Key::Rsa);
            let n = s.keys["keys"][0]["n"].as_str().unwrap().to_owned();
            s.keys["keys"][0]["n"] = json!(with_zero(&n));
        },
    ),
    row("padded parts", "AWS load balancers", |s| {
        s.token_as_text = |token| {
            let padded = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
            // What is signed has no padding here, so only the signature may have it.
            let (parts, signature) = token.rsplit_once('.').unwrap();
            format!("{parts}.{}", padded(signature))
        };
    }),
    row(
        "the key under another kind of content",
        "keys on a file server",
        |s| {
            s.content_type = "text/plain";
        },
    ),
    row("octets", "keys on a file server", |s| {
        s.content_type = "application/octet-stream";
    }),
    row("a byte order mark", "RFC 8259, 8.1", |s| {
        s.body_as_text = |body| format!("\u{feff}{body}");
    }),
    row("RS256", "most", |s| s.sign_by("RS256", Key::Rsa)),
    row("RS384", "RFC 7518", |s| s.sign_by("RS384", Key::Rsa)),
    row("RS512", "RFC 7518", |s| s.sign_by("RS512", Key::Rsa)),
    row("PS256", "FAPI", |s| s.sign_by("PS256", Key::Rsa)),
    row("PS384", "RFC 7518", |s| s.sign_by("PS384", Key::Rsa)),
    row("PS512", "RFC 7518", |s| s.sign_by("PS512", Key::Rsa)),
    row("ES256", "Apple", |s| s.sign_by("ES256", Key::P256)),
    row("ES384", "RFC 7518", |s| s.sign_by("ES384", Key::P384)),
    row("Ed25519, of a key for EdDSA", "RFC 9864", |s| {
        s.sign_by("Ed25519", Key::Edwards(1));
        s.keys["keys"][0]["alg"] = json!("EdDSA");
    }),
    row("EdDSA, of a key for Ed25519", "RFC 9864", |s| {
        s.keys["keys"][0]["alg"] = json!("Ed25519");
    }),
    row("Ed25519", "RFC 9864", |s| {
        s.sign_by("Ed25519", Key::Edwards(1));
    }),
    // The discovery document.
    row("lists that are null", "null in place of absent", |s| {
        for member in [
            "claims_supported",
            "scopes_supported",
            "response_types_supported",
        ] {
            s.document[member] = Value::Null;
        }
    }),
    row(
        "lists that are missing",
        "FormidableLabs/react-native-app-auth#880",
        |s| {
            let document = s.document.as_object_mut().unwrap();
            document.retain(|member, _| !member.ends_with("_supported"));
        },
    ),
    row(
        "lists that are texts",
        "Solid: nodeSolidServer/node-solid-server#1599",
        |s| {
            for member in [
                "subject_types_supported",
                "id_token_signing_alg_values_supported",
            ] {
                s.document[member] = json!("public");
            }
        },
    ),
    row(
        "addresses that are empty",
        "Gluu: GluuFederation/oxAuth#1823",
        |s| {
            for member in ["op_policy_uri", "op_tos_uri", "service_documentation"] {
                s.document[member] = json!("");
            }
            s.document["registration_endpoint"] = json!(7);
            s.document["check_session_iframe"] = json!("TBD");
            s.document["userinfo_endpoint"] = json!("");
        },
    ),
    row(
        "a page of documentation that is to be written",
        "NetSuite: ramosbugs/openidconnect-rs#71",
        |s| s.document["service_documentation"] = json!("TBD"),
    ),
    row(
        "endpoints that are not needed are empty",
        "Google has none: manfredsteyer/angular-oauth2-oidc#67",
        |s| {
            s.document["revocation_endpoint"] = json!("");
            s.document["end_session_endpoint"] = Value::Null;
        },
    ),
    row(
        "switches that are texts",
        "RFC 8414, 2, not followed",
        |s| {
            s.document["require_pushed_authorization_requests"] = json!("false");
            s.document["request_parameter_supported"] = json!("false");
            s.document["authorization_response_iss_parameter_supported"] = json!("");
        },
    ),
    row("the issuer in the callback", "Keycloak, RFC 9207", |s| {
        s.document["authorization_response_iss_parameter_supported"] = json!("true");
        s.callback = format!("&iss={}", s.origin);
    }),
    row(
        "further parameters of the callback",
        "Google, Keycloak",
        |s| {
            s.callback
                .push_str("&scope=openid&session_state=1&authuser=0&prompt=none");
        },
    ),
    // The answer of the token endpoint.
    row(
        "scope is a list",
        "Twitch: ramosbugs/openidconnect-rs#163",
        |s| s.answer["scope"] = json!(["openid"]),
    ),
    row("scope is null", "null in place of absent", |s| {
        s.answer["scope"] = Value::Null;
    }),
    row("scope is empty", "empty in place of absent", |s| {
        s.answer["scope"] = json!("");
    }),
    row("no token type", "LinkedIn: panva/openid-client#826", |s| {
        s.answer.as_object_mut().unwrap().remove("token_type");
    }),
    row("a token type in lower case", "Twitch", |s| {
        s.answer["token_type"] = json!("bearer");
    }),
    row(
        "a token type that is empty",
        "empty in place of absent",
        |s| s.answer["token_type"] = json!(""),
    ),
    row(
        "a token type that is no text",
        "RFC 6749, 5.1, not followed",
        |s| s.answer["token_type"] = json!(1),
    ),
    row(
        "members that are not known",
        "Keycloak, Salesforce, Slack",
        |s| {
            s.answer["not-before-policy"] = json!(0);
            s.answer["issued_at"] = json!("1766487547000");
            s.answer["ok"] = json!(true);
            s.answer["error"] = json!("");
        },
    ),
    row(
        "expires_in is a text",
        "NetSuite: modelcontextprotocol/typescript-sdk#1120",
        |s| s.answer["expires_in"] = json!("3599"),
    ),
    row(
        "expires_in is a fraction",
        "RFC 6749, 5.1, not followed",
        |s| s.answer["expires_in"] = json!(3599.9),
    ),
    lasts(
        600,
        "expires_in is shorter than the id token",
        "RFC 6749, 5.1",
        |s| {
            s.answer["expires_in"] = json!(600);
        },
    ),
    row(
        "expires_in cannot be read",
        "RFC 6749, 5.1, not followed",
        |s| s.answer["expires_in"] = json!("1 hour"),
    ),
    row("expires_in is null", "null in place of absent", |s| {
        s.answer["expires_in"] = Value::Null;
    }),
    row(
        "expires_in is zero",
        "RFC 6749, 5.1: a token that is over is issued by nobody",
        |s| s.answer["expires_in"] = json!(0),
    ),
    row(
        "expires_in is negative",
        "RFC 6749, 5.1, not followed",
        |s| {
            s.answer["expires_in"] = json!(-1);
        },
    ),
    row(
        "expires_in has no end",
        "RFC 6749, 5.1, not followed",
        |s| s.answer["expires_in"] = json!(1e300),
    ),
    lasts(
        900,
        "the access token says how long it lasts",
        "RFC 9068",
        |s| {
            s.answer["expires_in"] = Value::Null;
            let claims = json!({"iat": now() - 5, "exp": now() + 895}).to_string();
            s.answer["access_token"] = json!(format!("e30.{}.x", BASE64.encode(claims)));
        },
    ),
    row("no refresh token", "Google, without access_type", |s| {
        s.answer["refresh_token"] = Value::Null;
    }),
    row(
        "the shortest possible user",
        "OpenID Connect Core, 2",
        |s| {
            s.claims["sub"] = json!("u");
            s.claims["preferred_username"] = json!("sub-of-ada");
        },
    ),
    row("the longest possible user", "OpenID Connect Core, 2", |s| {
        s.claims["sub"] = json!("u".repeat(255));
        s.claims["preferred_username"] = json!("sub-of-ada");
    }),
    user(
        "Zoë",
        "a user that is not ASCII",
        "OpenID Connect Core, 2, not followed",
        |s| s.claims["sub"] = json!("Zoë"),
    ),
];

fn now_and_a_quarter() -> f64 {
    f64::from(u32::try_from(now()).unwrap()) + 0.25
}

/// The same number with a zero in front.
fn with_zero(number: &str) -> String {
    let bytes = BASE64.decode(number).unwrap();
    BASE64.encode([vec![0], bytes].concat())
}

#[tokio::test]
async fn a_habit_keeps_nobody_out() {
    all(
        ROWS,
        |row| format!("{} ({})", row.name, row.seen),
        async |row| {
            let world = World::new(row.how);
            let user = world.sign_in().await.map_err(|error| error.to_string())?;
            let shown = user.username.contains(deceives);
            if user.username != row.user || shown || user.user_id.is_empty() {
                return Err(format!("{:.99?} is not {:?}", user.username, row.user));
            }
            let events = (world.trace)();
            if events != ["signInWithRedirect", "signedIn"] {
                return Err(format!("{events:?}"));
            }
            let tokens = world.stored().await.unwrap().tokens;
            let lasts = tokens
                .expires_at
                .duration_since(tokens.received_at)
                .unwrap();
            if lasts.abs_diff(Duration::from_secs(row.lasts)) > Duration::from_secs(1) {
                return Err(format!("lasts {lasts:?}"));
            }
            let empty = tokens
                .refresh
                .is_some_and(|token| token.expose().is_empty());
            if empty {
                Err("an empty refresh token".to_owned())
            } else {
                Ok(())
            }
        },
    )
    .await;
}

/// The same habits, in the answer to a refresh: no session ends by them.
#[tokio::test]
async fn f12_a_habit_ends_no_session() {
    all(
        ROWS,
        |row| format!("{} ({})", row.name, row.seen),
        async |row| {
            let world = World::new(|_| {});
            world.sign_in().await.unwrap();
            (world.trace)();
            {
                let mut script = world.provider.script();
                let subject = script.claims["sub"].clone();
                (row.how)(&mut script);
                script.claims["sub"] = subject;
            }
            let refreshed = world.client.refresh().await;
            refreshed.map_err(|error| format!("{error}, revoked {:?}", world.revoked()))?;
            let events = (world.trace)();
            let refresh = world.stored().await.unwrap().tokens.refresh;
            if events != ["tokenRefresh"] || refresh != Some("refresh-1".into()) {
                return Err(format!("{events:?}"));
            }
            Ok(())
        },
    )
    .await;
}
