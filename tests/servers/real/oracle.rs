//! The table of events, row by row, on every real provider that can show the row. A trace is the
//! writes to the store and the events, in the order they happened.
//!
//! The client goes by a clock of the test's: an hour later its tokens have expired, whatever the
//! server thinks.

use std::time::{Duration, SystemTime};

use crate::ministack::PASSWORD;
use crate::stages::{BACK, Cognito, Oidc, Stage, TEMPORARY};
use crate::world::{StoreFault, TestStore, Trace, describe};
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    Answer, AuthClient, AuthorizeUrl, Challenge, DeleteUserError, IdentityProvider, ManualClock,
    RedirectError, Session, SessionError, SignInError, SignInStep, SignOutScope, StoreError,
    TokenStore, Tokens,
};
use typed_hub::{Auth, AuthEvent, Hub};

/// Makes a test of each row on each provider. What one alone can show is a test by itself.
macro_rules! rows {
    ($($row:ident)+) => {
        mod user_pool {
            $(
                #[tokio::test]
                #[ignore = "needs ministack: tests/run servers installs it"]
                async fn $row() {
                    super::$row::<super::Cognito>().await;
                }
            )+
        }

        mod openid {
            $(
                #[tokio::test]
                #[ignore = "needs oidc-provider: tests/run servers installs it"]
                async fn $row() {
                    super::$row::<super::Oidc>().await;
                }
            )+
        }
    };
}

rows! {
    f6_signed_in_already f10_by_redirect f11_f12_session f13_f14_ended_elsewhere f16_no_refresh_token
    f17_many_ask_at_once f18_f22_signed_out f19_sign_out f23_f27_f28_f35_by_redirect
    f29_custom_state f31_cancelled f31_no_code_or_no_state f31_too_late f32_another_state
    f33_code_refused f33_nobody_there f36_session_asked_for f37_superseded f38_restart f39_restart
}

pub(crate) type Client<S> = AuthClient<<S as Stage>::Provider, TestStore>;

struct World<S: Stage> {
    stage: S,
    hub: Hub,
    clock: ManualClock,
    store: TestStore,
    client: Client<S>,
    trace: Trace,
}

impl<S: Stage> World<S> {
    /// Nobody is signed in.
    async fn new() -> Self {
        let clock = ManualClock::at(SystemTime::now());
        let stage = S::set().await;
        let hub = Hub::new();
        let trace = Trace::default();
        let log = trace.clone();
        let listener = hub.listen_inline::<Auth>(move |event: &AuthEvent| match event {
            AuthEvent::CustomOAuthState { state } => log.push(state),
            _ => log.push(describe(event)),
        });
        listener.detach();
        let store = TestStore::new(trace.clone());
        Self {
            client: client::<S>(&stage, &hub, &store, &clock),
            stage,
            hub,
            clock,
            store,
            trace,
        }
    }

    /// Ada is signed in.
    async fn signed_in() -> Self {
        let mut world = Self::new().await;
        world.stage.sign_in(&world.client).await;
        world.trace.take();
        world
    }

    /// Ada is signed in, and her tokens have expired.
    async fn expired() -> Self {
        let world = Self::signed_in().await;
        world.clock.advance(Duration::from_secs(60 * 60));
        world
    }

    /// A redirect is under way, and Ada has come back.
    async fn redirecting() -> (Self, String) {
        let mut world = Self::new().await;
        let page = world.begin(options()).await;
        let callback = world.stage.visit(&page).await;
        (world, callback)
    }

    async fn begin(&self, options: RedirectOptions) -> AuthorizeUrl {
        let page = self.client.sign_in_with_redirect(options).await.unwrap();
        self.assert(&["store redirect"]);
        page
    }

    fn restart(&mut self) {
        let make = |hub: &Hub| client::<S>(&self.stage, hub, &self.store, &self.clock);
        self.client = make(&Hub::new()); // the hub is free again
        self.client = make(&self.hub);
    }

    /// This has happened since it was last asked, and nothing else.
    #[track_caller]
    fn assert(&self, trace: &[&str]) {
        assert_eq!(self.trace.take(), trace);
    }

    async fn sign_out(&self) {
        let out = self.client.sign_out(SignOutScope::ThisDevice).await;
        assert_eq!(out.unwrap().not_revoked, None);
        self.assert(&["clear", "→signedOut"]);
    }

    /// The callback ends the redirect, and nothing is left of it.
    async fn assert_fails(&self, callback: &str, is: impl FnOnce(&RedirectError) -> bool) {
        let failed = self.client.complete_redirect(callback).await.unwrap_err();
        assert!(is(&failed), "{failed:?}");
        self.assert(&["clear redirect", "→signInWithRedirect_failure"]);
        self.assert_over().await;
    }

    async fn assert_over(&self) {
        assert_eq!(self.store.stored(), None);
        assert_eq!(self.store.load_redirect().await, Ok(None));
        assert_eq!(self.client.session().await, Ok(None));
        let stray = format!("{BACK}?code=c&state=s");
        let stray = self.client.complete_redirect(&stray).await;
        assert_eq!(stray, Err(RedirectError::NothingUnderWay), "F35");
        self.assert(&[]);
    }
}

fn client<S: Stage>(stage: &S, hub: &Hub, store: &TestStore, clock: &ManualClock) -> Client<S> {
    AuthClient::builder()
        .hub(hub.clone())
        .provider(stage.provider())
        .store(store.clone())
        .clock(clock.clone())
        .build()
        .unwrap()
}

pub(crate) fn options() -> RedirectOptions {
    RedirectOptions::builder().redirect_uri(BACK).build()
}

const COMPLETED: [&str; 4] = [
    "clear redirect",
    "store",
    "→signInWithRedirect",
    "→signedIn",
];

// With a password.

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f1_sign_in() {
    let world = World::<Cognito>::new().await;
    let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
    assert!(matches!(step, SignInStep::Done(user) if user.username == "ada"));
    world.assert(&["store", "→signedIn"]);
    let session = world.client.session().await.unwrap();
    assert_eq!(session, world.store.stored());
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f2_f3_a_challenge() {
    let world = World::<Cognito>::new().await;
    world.stage.invite("grace").await;
    let step = world.client.sign_in("grace", TEMPORARY).await.unwrap();
    let SignInStep::Challenge(Challenge::NewPassword { .. }) = step else {
        panic!("{step:?}");
    };
    world.assert(&[]);
    assert_eq!(world.client.current_user().await, Ok(None), "F2");
    let answer = Answer::NewPassword {
        password: PASSWORD.into(),
        attributes: [].into(),
    };
    let step = world.client.confirm_sign_in(answer).await.unwrap();
    assert!(matches!(step, SignInStep::Done(user) if user.username == "grace"));
    world.assert(&["store", "→signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f5_sign_in_fails() {
    let world = World::<Cognito>::new().await;
    let refused = world.client.sign_in("ada", "Wrong-Horse-7").await;
    assert!(
        matches!(refused, Err(SignInError::Provider(_))),
        "{refused:?}"
    );
    world.assert(&[]);
    world.assert_over().await;
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f7_sign_in_refreshes_first() {
    let world = World::<Cognito>::expired().await;
    let before = world.store.stored().unwrap();
    let refused = world.client.sign_in("ada", PASSWORD).await;
    assert_eq!(refused, Err(SignInError::AlreadySignedIn));
    world.assert(&["store", "→tokenRefresh"]);
    assert_ne!(
        world.store.stored().unwrap().tokens.access,
        before.tokens.access
    );
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f8_sign_in_after_the_session_was_ended() {
    let mut world = World::<Cognito>::expired().await;
    world.stage.end(&world.store.stored().unwrap()).await;
    let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    let failed = "→tokenRefresh_failure, ended";
    world.assert(&["clear", failed, "store", "→signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f9_sign_in_after_the_refresh_was_lost() {
    let mut world = World::<Cognito>::expired().await;
    world.stage.lose_refreshes();
    world.restart();
    let step = world.client.sign_in("ada", PASSWORD).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    let failed = "→tokenRefresh_failure, kept";
    world.assert(&[failed, "store", "→signedIn"]);
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f10_not_read_back() {
    let world = World::<Cognito>::new().await;
    world.store.fail(StoreFault::Forget);
    let refused = world.client.sign_in("ada", PASSWORD).await;
    assert_eq!(refused, Err(SignInError::Store(StoreError::NotReadBack)));
    world.assert(&["store", "clear"]);
    world.store.clear_fault();
    world.assert_over().await;
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f13_disabled() {
    let world = World::<Cognito>::expired().await;
    world.stage.disable_ada().await;
    assert_eq!(world.client.session().await, Ok(None));
    world.assert(&["clear", "→tokenRefresh_failure, ended"]);
    world.assert_over().await;
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f15_f20_f26_nobody_there() {
    let mut world = World::<Cognito>::signed_in().await;
    let session = world.store.stored();
    world.stage.go_away();
    let refused = world.client.delete_user().await;
    assert!(matches!(refused, Err(DeleteUserError::Provider(_))), "F26");
    world.assert(&[]);
    assert_eq!(world.store.stored(), session);
    nobody_there(world).await;
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f21_everywhere() {
    let world = World::<Cognito>::signed_in().await;
    let session = world.store.stored().unwrap();
    let out = world.client.sign_out(SignOutScope::Everywhere).await;
    assert_eq!(out.unwrap().not_revoked, None);
    world.assert(&["clear", "→signedOut"]);
    assert_refused(&world, &session).await;
}

#[tokio::test]
#[ignore = "needs ministack: tests/run servers installs it"]
async fn f25_delete_user() {
    let world = World::<Cognito>::signed_in().await;
    world.client.delete_user().await.unwrap();
    world.assert(&["clear", "→signedOut"]);
    assert!(world.client.sign_in("ada", PASSWORD).await.is_err());
}

// However the session began.

async fn f6_signed_in_already<S: Stage>() {
    let world = World::<S>::signed_in().await;
    let refused = world.client.sign_in_with_redirect(options()).await;
    assert_eq!(refused, Err(RedirectError::AlreadySignedIn));
    world.assert(&[]);
    assert_eq!(world.store.load_redirect().await, Ok(None));
}

async fn f11_f12_session<S: Stage>() {
    let world = World::<S>::signed_in().await;
    let before = world.store.stored().unwrap();
    let session = world.client.session().await.unwrap().unwrap();
    assert_eq!(session, before, "F11");
    world.assert(&[]);
    let forced = world.client.refresh().await.unwrap().unwrap();
    world.assert(&["store", "→tokenRefresh"]);
    assert_ne!(forced.tokens.access, before.tokens.access, "F12");
    world.clock.advance(Duration::from_secs(60 * 60));
    let renewed = world.client.session().await.unwrap().unwrap();
    world.assert(&["store", "→tokenRefresh"]);
    assert_ne!(renewed.tokens.access, forced.tokens.access, "F12");
    assert_eq!(Some(renewed), world.store.stored());
}

async fn f13_f14_ended_elsewhere<S: Stage>() {
    let mut world = World::<S>::expired().await;
    world.stage.end(&world.store.stored().unwrap()).await;
    let ended = world.client.session().await;
    if S::REFUSES_AS_NOT_AUTHORIZED {
        assert_eq!(ended, Ok(None), "F13");
    } else {
        assert!(matches!(ended, Err(SessionError::Ended(_))), "{ended:?}");
    }
    world.assert(&["clear", "→tokenRefresh_failure, ended"]);
    world.assert_over().await;
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f15_f20_nobody_there() {
    let mut world = World::<Oidc>::signed_in().await;
    world.stage.go_away();
    nobody_there(world).await;
}

async fn nobody_there<S: Stage>(world: World<S>) {
    let session = world.store.stored();
    world.clock.advance(Duration::from_secs(60 * 60));
    let kept = world.client.session().await;
    assert!(matches!(kept, Err(SessionError::Unreachable(_))), "F15");
    world.assert(&["→tokenRefresh_failure, kept"]);
    assert_eq!(world.store.stored(), session);
    let out = world.client.sign_out(SignOutScope::ThisDevice).await;
    assert!(out.unwrap().not_revoked.is_some(), "F20");
    world.assert(&["clear", "→signedOut"]);
}

async fn f16_no_refresh_token<S: Stage>() {
    let mut world = World::<S>::signed_in().await;
    let Session { user, tokens, .. } = world.store.stored().unwrap();
    let access = tokens.access.clone();
    let (received, expires) = (tokens.received_at, tokens.expires_at);
    let without = Tokens::restored(access, tokens.id, None, received, expires);
    let session = Session::new(user, without);
    world.store.save(&session).await.unwrap();
    world.restart();
    world.clock.advance(Duration::from_secs(60 * 60));
    world.trace.take();
    let kept = world.client.session().await;
    assert_eq!(kept, Err(SessionError::NoRefreshToken));
    world.assert(&["→tokenRefresh_failure, kept"]);
    assert_eq!(world.store.stored(), Some(session));
}

async fn f17_many_ask_at_once<S: Stage>() {
    let world = World::<S>::expired().await;
    let ask = || {
        let client = world.client.clone();
        tokio::spawn(async move { client.session().await.unwrap().unwrap() })
    };
    let callers: Vec<_> = (0..50).map(|_| ask()).collect();
    for caller in callers {
        let answer = Some(caller.await.unwrap());
        assert_eq!(answer, world.store.stored());
    }
    world.assert(&["store", "→tokenRefresh"]);
}

async fn f18_f22_signed_out<S: Stage>() {
    let world = World::<S>::new().await;
    assert_eq!(world.client.session().await, Ok(None), "F18");
    assert_eq!(world.client.refresh().await, Ok(None), "F18");
    world.assert(&[]);
    let out = world.client.sign_out(SignOutScope::ThisDevice).await;
    assert_eq!(out.unwrap().not_revoked, None);
    world.assert(&["→signedOut"]);
}

async fn f19_sign_out<S: Stage>() {
    let world = World::<S>::signed_in().await;
    let session = world.store.stored().unwrap();
    world.sign_out().await;
    world.assert_over().await;
    assert_refused(&world, &session).await;
}

/// The session is over there too.
async fn assert_refused<S: Stage>(world: &World<S>, session: &Session) {
    let token = session.tokens.refresh.as_ref().unwrap();
    let refreshed = world.stage.provider().refresh(&session.user, token).await;
    assert!(refreshed.is_err());
}

async fn f38_restart<S: Stage>() {
    let mut world = World::<S>::signed_in().await;
    world.restart();
    let stored = world.store.stored().unwrap();
    let user = world.client.current_user().await.unwrap();
    assert_eq!(user.as_ref(), Some(&stored.user));
    assert_eq!(world.client.session().await, Ok(Some(stored)));
    world.assert(&[]);
    world.client.refresh().await.unwrap().unwrap();
    world.assert(&["store", "→tokenRefresh"]);
}

// By redirect.

async fn f23_f27_f28_f35_by_redirect<S: Stage>() {
    let mut world = World::<S>::new().await;
    let page = world.begin(options()).await;
    let pending = world.store.load_redirect().await.unwrap().unwrap();
    assert!(page.as_str().contains(pending.state.expose()), "F27");
    assert!(!page.as_str().contains(pending.verifier.expose()), "F27");
    let callback = world.stage.visit(&page).await;
    let user = world.client.complete_redirect(&callback).await.unwrap();
    world.assert(&COMPLETED);
    assert_eq!(world.store.stored().unwrap().user, user, "F28");
    let replayed = world.client.complete_redirect(&callback).await;
    assert_eq!(replayed, Err(RedirectError::NothingUnderWay), "F35");
    world.assert(&[]);

    world.restart();
    let out = world.client.sign_out(SignOutScope::ThisDevice).await;
    let out = out.unwrap();
    assert!(out.logout_url.is_some(), "F23");
    assert_eq!(out.not_revoked, None);
    world.assert(&["clear", "→signedOut"]);
}

async fn f29_custom_state<S: Stage>() {
    for custom in [" ", "/cart?a=b&c=d#e", "日本語 👩\u{200d}🚀\u{0}\n\u{202e}"] {
        let mut world = World::<S>::new().await;
        let options = RedirectOptions::builder()
            .redirect_uri(BACK)
            .custom_state(custom);
        let page = world.begin(options.build()).await;
        let callback = world.stage.visit(&page).await;
        world.client.complete_redirect(&callback).await.unwrap();
        let [cleared, stored, redirected, signed_in] = COMPLETED;
        world.assert(&[cleared, stored, custom, redirected, signed_in]);
    }
}

#[tokio::test]
#[ignore = "needs oidc-provider: tests/run servers installs it"]
async fn f30_declined() {
    let mut world = World::<Oidc>::new().await;
    let page = world.begin(options()).await;
    let callback = world.stage.decline(&page).await;
    let declined = |error: &RedirectError| matches!(error, RedirectError::Declined(why) if why.name == "access_denied");
    world.assert_fails(&callback, declined).await;
}

async fn f31_no_code_or_no_state<S: Stage>() {
    for lacks in ["code=", "state="] {
        let (world, callback) = World::<S>::redirecting().await;
        let renamed = callback.replace(lacks, "x=");
        let incomplete = |error: &RedirectError| *error == RedirectError::Incomplete;
        world.assert_fails(&renamed, incomplete).await;
    }
}

async fn f31_cancelled<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    world.client.cancel_redirect().await.unwrap();
    world.assert(&["clear redirect", "→signInWithRedirect_failure"]);
    let late = world.client.complete_redirect(&callback).await;
    assert_eq!(late, Err(RedirectError::NothingUnderWay), "F35");
    world.assert_over().await;
}

async fn f31_too_late<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    world.clock.advance(Duration::from_secs(61 * 60));
    let late = |error: &RedirectError| *error == RedirectError::TimedOut;
    world.assert_fails(&callback, late).await;
}

async fn f32_another_state<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    let forged = callback.replace("state=", "state=x");
    let mismatch = |error: &RedirectError| *error == RedirectError::StateMismatch;
    world.assert_fails(&forged, mismatch).await;
}

async fn f33_code_refused<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    let spoilt = callback.replace("code=", "code=x");
    let refused = |error: &RedirectError| matches!(error, RedirectError::Provider(_));
    world.assert_fails(&spoilt, refused).await;
}

async fn f33_nobody_there<S: Stage>() {
    let (mut world, callback) = World::<S>::redirecting().await;
    world.stage.go_away();
    let unreached = |error: &RedirectError| matches!(error, RedirectError::Provider(_));
    world.assert_fails(&callback, unreached).await;
}

async fn f10_by_redirect<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    world.store.fail(StoreFault::Forget);
    let failed = world.client.complete_redirect(&callback).await;
    assert_eq!(failed, Err(RedirectError::Store(StoreError::NotReadBack)));
    let failure = "→signInWithRedirect_failure";
    world.assert(&["clear redirect", "store", "clear", failure]);
    world.store.clear_fault();
    world.assert_over().await;
}

async fn f36_session_asked_for<S: Stage>() {
    let (world, callback) = World::<S>::redirecting().await;
    // The one who asks is first, and waits.
    let (session, user) = tokio::join!(
        world.client.session(),
        world.client.complete_redirect(&callback)
    );
    assert_eq!(session.unwrap().unwrap().user, user.unwrap());
    world.assert(&COMPLETED);
}

async fn f37_superseded<S: Stage>() {
    let (mut world, first) = World::<S>::redirecting().await;
    let page = world.begin(options()).await;
    let second = world.stage.visit(&page).await;
    let superseded = world.client.complete_redirect(&first).await;
    assert_eq!(superseded, Err(RedirectError::NothingUnderWay), "as F35");
    world.assert(&[]);
    world.client.complete_redirect(&second).await.unwrap();
    world.assert(&COMPLETED);
}

async fn f39_restart<S: Stage>() {
    let (mut world, callback) = World::<S>::redirecting().await;
    world.restart();
    world.client.complete_redirect(&callback).await.unwrap();
    world.assert(&COMPLETED);
}
