//! A refresh that fails: what ends the session, and what does not.

use serde_json::{Value, json};
use typed_hub::auth::SessionError;

use super::keys::Key;
use super::provider::Script;
use super::{World, all, check_message};

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// F14: the session is removed.
    Ended,
    /// F15: the session is kept, and the refresh token of the answer replaces the one that was sent.
    Kept,
    /// F15: the session is kept as it is. The answer may be another user's.
    Untouched,
    /// F15: the session is kept, and the application is to be corrected.
    Misconfigured,
}

use Outcome::{Ended, Kept, Misconfigured, Untouched};

/// The key that signs is not shown, and newer keys cannot be had.
fn without_keys(script: &mut Script) {
    script.keys = json!({});
    script.header["kid"] = json!("2");
    script.signs_with = Key::Edwards(2);
}

struct Row {
    name: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
    outcome: Outcome,
    /// The name of the error.
    error: &'static str,
}

const fn row(
    outcome: Outcome,
    error: &'static str,
    name: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
) -> Row {
    Row {
        name,
        seen,
        how,
        outcome,
        error,
    }
}

const fn named(
    outcome: Outcome,
    error: &'static str,
    seen: &'static str,
    how: fn(&mut Script),
) -> Row {
    row(outcome, error, error, seen, how)
}

const ROWS: &[Row] = &[
    // False.
    row(
        Ended,
        "IdToken",
        "another user",
        "OpenID Connect Core, 12.2",
        |s| {
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another issuer",
        "OpenID Connect Core, 12.2",
        |s| {
            s.claims["iss"] = json!("https://id.example.org");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another audience",
        "OpenID Connect Core, 12.2",
        |s| {
            s.claims["aud"] = json!("other");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another party",
        "OpenID Connect Core, 12.2",
        |s| {
            s.claims["azp"] = json!("other");
        },
    ),
    row(Ended, "IdToken", "a forged signature", "a forgery", |s| {
        s.signs_with = Key::Edwards(2);
    }),
    // False, and in doubt as well.
    row(
        Ended,
        "IdToken",
        "another user, and no issuer",
        "a provider that mixes up its users",
        |s| {
            s.claims["iss"] = json!("");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another user, and an audience that cannot be read",
        "a provider that mixes up its users",
        |s| {
            s.claims["aud"] = json!([super::provider::CLIENT, 7]);
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another user, and a party that cannot be read",
        "a provider that mixes up its users",
        |s| {
            s.claims["azp"] = json!(7);
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another party, and no audience",
        "OpenID Connect Core, 3.1.3.7",
        |s| {
            s.claims["aud"] = json!("");
            s.claims["azp"] = json!("other");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another user, by a token of DPoP",
        "a provider that mixes up its users",
        |s| {
            s.answer["token_type"] = json!("DPoP");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Ended,
        "IdToken",
        "another user, and no access token",
        "a provider that mixes up its users",
        |s| {
            s.answer["access_token"] = json!("");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(Ended, "IdToken", "alg none", "RFC 8725, 2.1", |s| {
        s.header = json!({"alg": "none"});
        s.signs_with = Key::None;
    }),
    // A signature that newer keys may explain.
    row(
        Untouched,
        "IdToken",
        "another key of the same id, while newer keys cannot be had",
        "a forgery, or a key that is replaced under its id",
        |s| {
            without_keys(s);
            s.header["kid"] = json!("1");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another key of the same id and no user, while newer keys cannot be had",
        "a forgery, or a key that is replaced under its id",
        |s| {
            without_keys(s);
            s.header["kid"] = json!("1");
            s.claims["sub"] = Value::Null;
        },
    ),
    // False, by a token that nobody can verify.
    row(
        Untouched,
        "IdToken",
        "another user, and no issuer, while the keys cannot be had",
        "a provider that mixes up its users",
        |s| {
            without_keys(s);
            s.claims["iss"] = json!("");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by HS256",
        "a provider that mixes up its users",
        |s| {
            s.sign_by("HS256", Key::Secret("s3cret"));
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by an algorithm that is not supported",
        "a provider that mixes up its users",
        |s| {
            s.header["alg"] = json!("ES512");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, under a header that must be understood",
        "a provider that mixes up its users",
        |s| {
            s.header["crit"] = json!(["exp"]);
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, under a header without an algorithm",
        "a provider that mixes up its users",
        |s| {
            s.header = json!({"typ": "JWT"});
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by two parts",
        "a gateway",
        |s| {
            s.token_as_text = |token| token.rsplit_once('.').unwrap().0.to_owned();
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by a signature that is none",
        "a gateway",
        |s| {
            s.token_as_text = |token| format!("{token}*");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by a token of DPoP, while the keys cannot be had",
        "a provider that mixes up its users",
        |s| {
            without_keys(s);
            s.answer["token_type"] = json!("DPoP");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, and no access token, while the keys cannot be had",
        "a provider that mixes up its users",
        |s| {
            without_keys(s);
            s.answer["access_token"] = json!("");
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, while the keys cannot be had",
        "OpenID Connect Core, 12.2",
        |s| {
            without_keys(s);
            s.claims["sub"] = json!("grace");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another issuer, while the keys cannot be had",
        "OpenID Connect Core, 12.2",
        |s| {
            without_keys(s);
            s.claims["iss"] = json!("https://id.example.org");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another audience, while the keys cannot be had",
        "OpenID Connect Core, 12.2",
        |s| {
            without_keys(s);
            s.claims["aud"] = json!("other");
        },
    ),
    row(
        Untouched,
        "IdToken",
        "another user, by a key that is not shown",
        "OpenID Connect Core, 12.2",
        |s| {
            s.header["kid"] = json!("2");
            s.signs_with = Key::Edwards(2);
            s.claims["sub"] = json!("grace");
        },
    ),
    // Not understood.
    row(
        Kept,
        "IdToken",
        "no user, while the keys cannot be had",
        "an extension that fails",
        |s| {
            without_keys(s);
            s.claims["sub"] = Value::Null;
        },
    ),
    row(
        Kept,
        "IdToken",
        "a key that is not shown",
        "Okta, after a rotation",
        |s| {
            s.header["kid"] = json!("2");
            s.signs_with = Key::Edwards(2);
        },
    ),
    row(
        Kept,
        "IdToken",
        "a key that is not shown, and has no id",
        "ADFS, after a rotation",
        |s| {
            s.header = json!({"alg": "EdDSA"});
            s.signs_with = Key::Edwards(2);
        },
    ),
    row(
        Kept,
        "IdToken",
        "a key of an exponent that is not supported",
        "RFC 8017, 3.1",
        |s| {
            s.sign_by("RS256", Key::Rsa);
            s.keys["keys"][0]["e"] = json!("BAAAAAE"); // 34 bits and more
        },
    ),
    row(
        Kept,
        "IdToken",
        "a key of a point that is not on its curve",
        "RFC 7518, 6.2.1",
        |s| {
            s.sign_by("ES256", Key::P256);
            s.keys["keys"][0]["y"] = s.keys["keys"][0]["x"].clone();
        },
    ),
    row(
        Kept,
        "IdToken",
        "no key is shown any more",
        "a deployment",
        |s| {
            s.keys = json!({"keys": []});
            s.signs_with = Key::Edwards(2);
        },
    ),
    row(Kept, "IdToken", "no user", "an extension that fails", |s| {
        s.claims["sub"] = Value::Null;
    }),
    row(
        Kept,
        "IdToken",
        "no issuer",
        "an extension that fails",
        |s| s.claims["iss"] = json!(""),
    ),
    row(
        Kept,
        "IdToken",
        "no audience",
        "an extension that fails",
        |s| s.claims["aud"] = json!(""),
    ),
    row(
        Kept,
        "IdToken",
        "an audience that cannot be read",
        "an extension that fails",
        |s| s.claims["aud"] = json!([super::provider::CLIENT, 7]),
    ),
    row(
        Kept,
        "IdToken",
        "a party that cannot be read",
        "an extension that fails",
        |s| s.claims["azp"] = json!(7),
    ),
    row(
        Kept,
        "Unreadable",
        "an id token that is none",
        "a gateway",
        |s| {
            s.answer["id_token"] = json!("a.b.c");
        },
    ),
    row(Kept, "Unreadable", "no access token", "a gateway", |s| {
        s.answer["access_token"] = json!("");
    }),
    row(Kept, "Unreadable", "a page", "a hotel", |s| {
        s.refusal = Some((200, "<html>Welcome</html>"));
    }),
    row(Kept, "Unreadable", "nothing", "a gateway", |s| {
        s.refusal = Some((200, ""));
    }),
    row(
        Kept,
        "Unreadable",
        "a refusal without a name",
        "a firewall",
        |s| {
            s.refusal = Some((403, r#"{"message":"Forbidden"}"#));
        },
    ),
    row(
        Kept,
        "Unreadable",
        "a refusal that is an object",
        "Facebook",
        |s| {
            s.refusal = Some((400, r#"{"error":{"code":190}}"#));
        },
    ),
    row(Kept, "Status", "out of order", "any", |s| {
        s.refusal = Some((500, r#"{"error":"invalid_grant"}"#));
    }),
    row(Kept, "Status", "too many requests", "Okta", |s| {
        s.refusal = Some((429, r#"{"error":"invalid_grant"}"#));
    }),
    // Not supported.
    row(Misconfigured, "Unsupported", "encrypted", "Okta", |s| {
        s.answer["id_token"] = json!("eyJ.a.b.c.d");
    }),
    row(
        Misconfigured,
        "Unsupported",
        "HS256",
        "Auth0, a changed application",
        |s| {
            s.sign_by("HS256", Key::Secret("s3cret"));
        },
    ),
    row(Misconfigured, "Unsupported", "DPoP", "RFC 9449", |s| {
        s.answer["token_type"] = json!("DPoP");
    }),
    // By name.
    named(Ended, "invalid_grant", "RFC 6749, 5.2", |s| {
        s.refusal = Some((
            400,
            r#"{"error":"invalid_grant","error_description":"refresh-1 is over"}"#,
        ));
    }),
    named(Ended, "interaction_required", "Entra", |s| {
        s.refusal = Some((
            400,
            r#"{"error":"interaction_required","suberror":"basic_action"}"#,
        ));
    }),
    named(Ended, "login_required", "Entra", |s| {
        s.refusal = Some((400, r#"{"error":"login_required"}"#));
    }),
    named(Ended, "consent_required", "Entra", |s| {
        s.refusal = Some((400, r#"{"error":"consent_required"}"#));
    }),
    named(
        Ended,
        "account_selection_required",
        "OpenID Connect Core, 3.1.2.6",
        |s| {
            s.refusal = Some((400, r#"{"error":"account_selection_required"}"#));
        },
    ),
    named(Misconfigured, "invalid_client", "RFC 6749, 5.2", |s| {
        s.refusal = Some((401, r#"{"error":"invalid_client"}"#));
    }),
    named(Misconfigured, "unauthorized_client", "RFC 6749, 5.2", |s| {
        s.refusal = Some((400, r#"{"error":"unauthorized_client"}"#));
    }),
    named(Misconfigured, "invalid_request", "RFC 6749, 5.2", |s| {
        s.refusal = Some((400, r#"{"error":"invalid_request"}"#));
    }),
    named(
        Misconfigured,
        "unsupported_grant_type",
        "RFC 6749, 5.2",
        |s| {
            s.refusal = Some((400, r#"{"error":"unsupported_grant_type"}"#));
        },
    ),
    named(Misconfigured, "invalid_dpop_proof", "RFC 9449, 5", |s| {
        s.refusal = Some((400, r#"{"error":"invalid_dpop_proof"}"#));
    }),
    named(Misconfigured, "use_dpop_nonce", "RFC 9449, 8", |s| {
        s.refusal = Some((400, r#"{"error":"use_dpop_nonce"}"#));
    }),
    named(Misconfigured, "invalid_scope", "RFC 6749, 5.2", |s| {
        s.refusal = Some((400, r#"{"error":"invalid_scope"}"#));
    }),
    named(Kept, "temporarily_unavailable", "Entra", |s| {
        s.refusal = Some((400, r#"{"error":"temporarily_unavailable"}"#));
    }),
    named(Kept, "too_many_attempts", "Auth0", |s| {
        s.refusal = Some((
            403,
            r#"{"error":"too_many_attempts","error_description":"slow\u202e"}"#,
        ));
    }),
];

#[tokio::test]
async fn f14_f15_what_ends_a_session_and_what_does_not() {
    all(
        ROWS,
        |row| format!("{} ({})", row.name, row.seen),
        async |row| {
            let world = World::new(|_| {});
            world.sign_in().await.unwrap();
            (world.trace)();
            let before = world.stored().await;
            {
                let mut script = world.provider.script();
                script.answer["refresh_token"] = json!("refresh-2");
                (row.how)(&mut script);
            }
            let error = world.client.refresh().await.err().ok_or("refreshed")?;
            let shown = error.to_string();
            let (outcome, error) = match error {
                SessionError::Ended(error) => (Ended, error),
                SessionError::Unreachable(error) if row.outcome == Untouched => (Untouched, error),
                SessionError::Unreachable(error) => (Kept, error),
                SessionError::Misconfigured(error) => (Misconfigured, error),
                other => return Err(format!("{other:?}")),
            };
            if outcome != row.outcome || error.name != row.error {
                return Err(format!("{outcome:?}: {error}"));
            }
            check_message(&shown, "")?;
            if shown.contains("try again later") != matches!(outcome, Kept | Untouched) {
                return Err(format!("wrong advice: {shown}"));
            }
            let (events, after) = ((world.trace)(), world.stored().await);
            let told = if outcome == Ended { "ended" } else { "kept" };
            // An answer that cannot be used replaces the refresh token all the same.
            let is_issued = world.provider.script().refusal.is_none();
            let mut expected = before.filter(|_| outcome != Ended);
            if let Some(kept) = &mut expected
                && is_issued
                && outcome != Untouched
            {
                kept.tokens.refresh = Some("refresh-2".into());
            }
            let is_right = after == expected;
            if events != [format!("tokenRefresh_failure, {told}")] || !is_right {
                return Err(format!("{events:?}, {after:?}"));
            }
            // False tokens are ended at the provider as well; a doubt ends none.
            let expected = if outcome == Ended && is_issued {
                vec!["refresh-2"]
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

fn sent_at_last(world: &World) -> Option<String> {
    let requests = world.provider.script().requests("/token");
    requests.last().unwrap().field("refresh_token")
}

/// The provider has replaced the refresh token in an answer that could not be used.
#[tokio::test]
async fn f15_a_refresh_token_that_was_replaced_meanwhile_is_used() {
    let lagging = |script: &mut Script| {
        script.answer["refresh_token"] = json!("refresh-2");
        script.header["kid"] = json!("2");
        script.signs_with = Key::Edwards(2);
    };
    let world = World::new(|_| {});
    world.sign_in().await.unwrap();
    lagging(&mut world.provider.script());
    world.client.refresh().await.unwrap_err();
    {
        let mut script = world.provider.script();
        script.keys = json!({"keys": [Key::Edwards(1).shown("1"), Key::Edwards(2).shown("2")]});
        script.answer["refresh_token"] = Value::Null;
    }
    world.client.refresh().await.unwrap();
    assert_eq!(sent_at_last(&world).as_deref(), Some("refresh-2"));
    let stored = world.stored().await.unwrap().tokens.refresh;
    assert_eq!(
        stored,
        Some("refresh-2".into()),
        "the first is of no use any more"
    );
    world.client.refresh().await.unwrap();
    assert_eq!(sent_at_last(&world).as_deref(), Some("refresh-2"));

    let world = World::new(|_| {});
    world.sign_in().await.unwrap();
    lagging(&mut world.provider.script());
    world.client.refresh().await.unwrap_err();
    let here = typed_hub::auth::SignOutScope::ThisDevice;
    world.client.sign_out(here).await.unwrap();
    assert_eq!(world.revoked(), ["refresh-2"]);
}

/// It outlives the process: the one that was sent may be spent, and sent again it may end the session.
#[tokio::test]
async fn f15_a_refresh_token_that_was_replaced_outlives_a_restart() {
    let world = World::new(|_| {});
    world.sign_in().await.unwrap();
    let before = world.stored().await.unwrap().tokens;
    {
        let mut script = world.provider.script();
        script.answer["refresh_token"] = json!("refresh-2");
        script.header["kid"] = json!("2");
    }
    world.client.refresh().await.unwrap_err();
    let world = world.restarted();
    {
        let mut script = world.provider.script();
        script.answer["refresh_token"] = json!("refresh-3");
        script.header["kid"] = json!("1");
    }
    let session = world.client.session().await.unwrap().unwrap();
    assert_eq!(session.tokens.access, before.access, "it is still valid");
    world.client.refresh().await.unwrap();
    assert_eq!(sent_at_last(&world).as_deref(), Some("refresh-2"));
    assert_eq!((world.trace)(), ["tokenRefresh"]);
}

/// Members that are empty count as absent, in an answer as in a file.
#[tokio::test]
async fn f12_what_is_empty_replaces_nothing() {
    for none in [json!(""), Value::Null, json!(7), json!([])] {
        let world = World::new(|_| {});
        world.sign_in().await.unwrap();
        let before = world.stored().await.unwrap().tokens;
        {
            let mut script = world.provider.script();
            script.answer["refresh_token"] = none.clone();
            script.answer["id_token"] = none.clone();
        }
        world.client.refresh().await.unwrap();
        let after = world.stored().await.unwrap().tokens;
        assert_eq!(
            (after.refresh, after.id),
            (before.refresh, before.id),
            "{none}"
        );
    }
}
