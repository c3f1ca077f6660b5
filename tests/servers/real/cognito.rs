//! The auth category on a Cognito user pool: the rows of the table it can show.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::ministack::{Ministack, PASSWORD, Pool};
use crate::trace::trace;
use aws_sdk_cognitoidentityprovider::types::UserPoolMfaType;
use typed_hub::Hub;
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};
use typed_hub::auth::{
    Answer, AuthClient, AuthFlowType, Challenge, ConfirmSignInError, IdentityProvider, MemoryStore,
    ProviderErrorKind, SessionError, SignInError, SignInStep, SignOutScope, SignUpStep, TokenStore,
};

struct World {
    server: Ministack,
    pool: Pool,
    provider: CognitoProvider,
    store: MemoryStore,
    client: AuthClient<CognitoProvider>,
    trace: Box<dyn Fn() -> Vec<String>>,
}

impl World {
    /// The pool knows `ada`.
    async fn new() -> Self {
        let server = Ministack::start();
        let pool = server.pool().await;
        Self::of(server, pool, CognitoFlow::Srp).await
    }

    async fn of(server: Ministack, pool: Pool, flow: CognitoFlow) -> Self {
        server.add_user(&pool, "ada").await;
        let provider = server.provider(&pool, flow);
        let hub = Hub::new();
        let store = MemoryStore::new();
        let client = AuthClient::builder()
            .hub(hub.clone())
            .provider(provider.clone())
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            trace: Box::new(trace(&hub)),
            server,
            pool,
            provider,
            store,
            client,
        }
    }

    async fn signed_in() -> Self {
        let world = Self::new().await;
        let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
        assert!(matches!(step, SignInStep::Done(user) if user.username == "ada"));
        assert_eq!((world.trace)(), ["signedIn"]);
        world
    }
}

/// The code that an authenticator application shows now (RFC 6238).
fn totp(key: &str) -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let python = "import base64,hmac,struct,sys\n\
        k=base64.b32decode(sys.argv[1]+'='*(-len(sys.argv[1])%8))\n\
        h=hmac.new(k,struct.pack('>Q',int(sys.argv[2])//30),'sha1').digest()\n\
        o=h[-1]&15\n\
        print('%06d'%((struct.unpack('>I',h[o:o+4])[0]&0x7fffffff)%10**6))";
    let output = std::process::Command::new("python3")
        .args(["-c", python, key, &since.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f1_f5_f6_f19_by_srp_and_by_password_with_and_without_a_secret() {
    for (with_secret, flow) in [
        (false, CognitoFlow::Srp),
        (true, CognitoFlow::Srp),
        (false, CognitoFlow::Password),
        (true, CognitoFlow::Password),
    ] {
        let server = Ministack::start();
        let pool = server
            .pool_with(with_secret, UserPoolMfaType::Off, 3600)
            .await;
        let world = World::of(server, pool, flow).await;
        for (name, password) in [("ada", "Wrong-Horse-7"), ("nobody", PASSWORD)] {
            let refused = world.client.sign_in(name, password).await;
            assert!(
                matches!(refused, Err(SignInError::Provider(_))),
                "F5 {refused:?}"
            );
        }
        assert_eq!((world.trace)(), [""; 0]);
        let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
        assert!(
            matches!(step, SignInStep::Done(_)),
            "F1 {with_secret} {flow:?}"
        );
        assert_eq!((world.trace)(), ["signedIn"]);
        let again = world.client.sign_in("ada", PASSWORD).await;
        assert_eq!(again, Err(SignInError::AlreadySignedIn), "F6");
        world.client.refresh().await.unwrap().unwrap();
        assert_eq!((world.trace)(), ["tokenRefresh"], "F12");
        let session = world.store.load().await.unwrap().unwrap();
        let details = session.user.sign_in_details.clone().unwrap();
        let told = match flow {
            CognitoFlow::Srp => AuthFlowType::UserSrp,
            _ => AuthFlowType::UserPassword,
        };
        assert_eq!((&*details.login_id, details.auth_flow_type), ("ada", told));
        let out = world
            .client
            .sign_out(SignOutScope::ThisDevice)
            .await
            .unwrap();
        assert_eq!(out.not_revoked, None, "F19");
        assert_eq!((world.trace)(), ["signedOut"]);
        let refresh = session.tokens.refresh.unwrap();
        let over = world
            .provider
            .refresh(&session.user, &refresh)
            .await
            .unwrap_err();
        assert_ne!(
            over.error.kind,
            ProviderErrorKind::InTransit,
            "it is revoked there: {over}"
        );
    }
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f2_f3_f4_an_authenticator_application() {
    let server = Ministack::start();
    let pool = server
        .pool_with(false, UserPoolMfaType::Optional, 3600)
        .await;
    let world = World::of(server, pool, CognitoFlow::Srp).await;
    let _ = world.client.sign_in("ada", PASSWORD).await.unwrap();
    let access = world.store.load().await.unwrap().unwrap().tokens.access;
    let key = world
        .server
        .set_up_totp(&world.pool, "ada", access.expose(), totp)
        .await;
    world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    (world.trace)();

    let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::TotpCode), "F2");
    let wrong = world
        .client
        .confirm_sign_in(Answer::Code("000000".into()))
        .await;
    assert!(
        matches!(wrong, Err(ConfirmSignInError::Provider(_))),
        "F4 {wrong:?}"
    );
    assert_eq!((world.trace)(), [""; 0]);
    let code = totp(&key);
    let answered = world
        .client
        .confirm_sign_in(Answer::Code(code.as_str().into()));
    let step = answered.await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)), "F3 {step:?}");
    assert_eq!((world.trace)(), ["signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f2_f3_a_new_password() {
    let world = World::new().await;
    world.server.invite(&world.pool, "grace").await;
    let step = world.client.sign_in("grace", "Temporary-7").await.unwrap();
    assert!(
        matches!(step, SignInStep::Challenge(Challenge::NewPassword { .. })),
        "{step:?}"
    );
    let answer = Answer::NewPassword {
        password: PASSWORD.into(),
        attributes: [].into(),
    };
    let step = world.client.confirm_sign_in(answer).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)), "{step:?}");
    assert_eq!((world.trace)(), ["signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn signing_up_and_resetting_the_password_publish_nothing() {
    let world = World::new().await;
    let email = [("email".to_owned(), "alan@example.org".to_owned())];
    let step = world
        .client
        .sign_up("alan", PASSWORD, email.into())
        .await
        .unwrap();
    assert!(matches!(step, SignUpStep::Confirm { .. }));
    let step = world.client.sign_in("alan", PASSWORD).await.unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::ConfirmSignUp));
    world.client.resend_sign_up_code("alan").await.unwrap();
    assert!(
        world
            .client
            .confirm_sign_up("alan", "999999")
            .await
            .is_err()
    );
    world
        .client
        .confirm_sign_up("alan", "123456")
        .await
        .unwrap();
    world.client.reset_password("alan").await.unwrap();
    let new = "Another-Horse-8";
    world
        .client
        .confirm_reset_password("alan", "654321", new)
        .await
        .unwrap();
    assert_eq!((world.trace)(), [""; 0]);
    let step = world.client.sign_in("alan", new).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    assert_eq!((world.trace)(), ["signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f12_f17_short_tokens_are_refreshed_once_for_fifty_callers() {
    let server = Ministack::start();
    let pool = server.pool_with(false, UserPoolMfaType::Off, 2).await;
    let world = World::of(server, pool, CognitoFlow::Srp).await;
    let _ = world.client.sign_in("ada", PASSWORD).await.unwrap();
    (world.trace)();
    let client = Arc::new(world.client.clone());
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { client.refresh().await.unwrap().unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(caller.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((world.trace)(), ["tokenRefresh"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f13_f14_f21_f25_a_session_that_is_ended_elsewhere() {
    let world = World::signed_in().await;
    let session = world.store.load().await.unwrap().unwrap();
    world
        .provider
        .revoke(&session.tokens.refresh.unwrap())
        .await
        .unwrap();
    match world.client.refresh().await {
        Ok(None) | Err(SessionError::Ended(_)) => {} // F13 or F14, as the service puts it
        other => panic!("{other:?}"),
    }
    assert_eq!((world.trace)(), ["tokenRefresh_failure, ended"]);
    assert_eq!(world.store.load().await, Ok(None));

    let _ = world.client.sign_in("ada", PASSWORD).await.unwrap();
    let out = world
        .client
        .sign_out(SignOutScope::Everywhere)
        .await
        .unwrap();
    assert_eq!(out.not_revoked, None, "F21");
    let _ = world.client.sign_in("ada", PASSWORD).await.unwrap();
    world.client.delete_user().await.unwrap();
    assert_eq!(
        (world.trace)(),
        ["signedIn", "signedOut", "signedIn", "signedOut"],
        "F25"
    );
    assert!(world.client.sign_in("ada", PASSWORD).await.is_err());
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f15_f20_f26_the_service_is_gone() {
    let world = World::signed_in().await;
    let session = world.store.load().await.unwrap();
    drop(world.server);
    let kept = world.client.refresh().await;
    assert!(
        matches!(kept, Err(SessionError::Unreachable(_))),
        "F15 {kept:?}"
    );
    assert_eq!((world.trace)(), ["tokenRefresh_failure, kept"]);
    assert_eq!(world.store.load().await.unwrap(), session);
    assert!(world.client.delete_user().await.is_err(), "F26");
    assert_eq!((world.trace)(), [""; 0]);
    let out = world
        .client
        .sign_out(SignOutScope::ThisDevice)
        .await
        .unwrap();
    assert!(out.not_revoked.is_some(), "F20");
    assert_eq!((world.trace)(), ["signedOut"]);
    tokio::time::sleep(Duration::from_millis(1)).await;
}
