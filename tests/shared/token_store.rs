//! What every token store promises, asked of each of them; those of a page in a page.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use typed_hub::auth::{
    AuthFlowType, AuthUser, PendingRedirect, Session, SignInDetails, TokenStore, Tokens,
};

pub(crate) const SECRET: &str = "s3cret";

pub(crate) fn session(mark: &str) -> Session {
    let user = AuthUser::new(format!("ada {mark}"), mark).with_sign_in_details(SignInDetails {
        login_id: format!("ada{mark}@example.org"),
        auth_flow_type: AuthFlowType::UserSrp,
    });
    let received_at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_700);
    let tokens = Tokens::restored(
        format!("access-{SECRET}-{mark}").into(),
        Some(format!("id-{SECRET}-{mark}").into()),
        Some(format!("refresh-{SECRET}-{mark}").into()),
        received_at,
        received_at + Duration::from_millis(3_600_001),
    );
    Session::new(user, tokens)
}

pub(crate) fn bare(access: &str) -> Session {
    let user = AuthUser::new("ada", "");
    let epoch = SystemTime::UNIX_EPOCH;
    let tokens = Tokens::restored(access.into(), None, None, epoch, epoch);
    Session::new(user, tokens).began_by_redirect(true)
}

pub(crate) fn redirect(mark: &str) -> PendingRedirect {
    PendingRedirect::restored(
        format!("state-{SECRET}-{mark}").into(),
        format!("verifier-{SECRET}-{mark}").into(),
        format!("nonce-{SECRET}-{mark}").into(),
        "http://127.0.0.1:49152/callback".to_owned(),
        Some(mark.to_owned()),
        SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 999_999_900),
    )
}

/// `open` opens the same place each time.
pub(crate) async fn contract<S: TokenStore + Debug>(open: impl Fn() -> S) {
    let store = open();
    clear_all(&store).await;
    let is = async |expected: Option<&Session>, pending: Option<&PendingRedirect>| {
        for store in [&store, &open()] {
            assert_eq!(store.load().await.unwrap().as_ref(), expected);
            assert_eq!(store.load_redirect().await.unwrap().as_ref(), pending);
        }
    };

    // Nothing is stored, and that can be removed.
    is(None, None).await;
    clear_all(&store).await;
    is(None, None).await;

    // What is saved is there, for every store of the place, and replaces what was.
    let long = "0123456789".repeat(4_000);
    let texts = [
        "first",
        "",
        "Zoë 雪 🗝 \u{0}\u{7f}\u{2028} \"\\/\r\n\t",
        &long,
    ];
    for text in texts {
        for expected in [session(text), bare(text)] {
            store.save(&expected).await.unwrap();
            is(Some(&expected), None).await;
        }
    }
    clear_all(&store).await;
    for text in texts {
        let mut expected = redirect(text);
        store.save_redirect(&expected).await.unwrap();
        is(None, Some(&expected)).await;
        expected.custom_state = None;
        open().save_redirect(&expected).await.unwrap();
        is(None, Some(&expected)).await;
    }

    // The session and the redirect do not touch each other.
    let (one, other) = (session("one"), redirect("other"));
    store.save(&one).await.unwrap();
    store.save_redirect(&other).await.unwrap();
    is(Some(&one), Some(&other)).await;
    store.clear().await.unwrap();
    is(None, Some(&other)).await;
    store.save(&one).await.unwrap();
    open().clear_redirect().await.unwrap();
    is(Some(&one), None).await;

    assert!(!format!("{store:?} {store:#?}").contains(SECRET));
    clear_all(&store).await;
    is(None, None).await;
}

pub(crate) async fn clear_all(store: &impl TokenStore) {
    store.clear().await.unwrap();
    store.clear_redirect().await.unwrap();
}
