//! The table of events, row by row, on a client with the embedded pool. A trace is the writes to
//! the store and the events, in the order they happened.

use crate::world::{CODE, LIFETIME, PASSWORD, StoreFault, World, session};
use pollster::block_on;
#[cfg(feature = "redirect")]
use typed_hub::auth::RedirectError;
use typed_hub::auth::{
    Answer, AuthFlowType, Challenge, ConfirmSignInError, DeleteUserError, Fault, IdentityProvider,
    ManualClock, MemoryChallenge, MemoryProvider, NotRevoked, Operation, SessionError,
    SignInDetails, SignInError, SignInStep, SignOutScope, StoreError, TokenStore,
};
use typed_hub::{Auth, AuthEvent};

const ENDED: &str = "→tokenRefresh_failure, ended";
const KEPT: &str = "→tokenRefresh_failure, kept";

fn code() -> Answer {
    Answer::Code(CODE.into())
}

fn new_password() -> Answer {
    Answer::NewPassword {
        password: "another horse".into(),
        attributes: [].into(),
    }
}

/// Nobody is signed in, nothing is left of a redirect, and asking publishes nothing.
#[track_caller]
pub(crate) fn assert_over(world: &World) {
    assert_eq!(world.store.stored(), None);
    assert_eq!(block_on(world.store.load_redirect()), Ok(None));
    assert_eq!(block_on(world.client.session()), Ok(None));
    #[cfg(feature = "redirect")]
    {
        let stray = "org.example.app://back?code=c&state=s";
        let stray = block_on(world.client.complete_redirect(stray));
        assert_eq!(stray, Err(RedirectError::NothingUnderWay), "F35");
    }
    assert_eq!(world.trace.take(), [""; 0]);
}

#[test]
fn f1_sign_in() {
    let world = World::new();
    let step = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert!(matches!(step, SignInStep::Done(user) if user.username == "ada"));
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
    assert!(world.store.stored().is_some());
}

#[test]
fn f2_sign_in_is_challenged() {
    let world = World::new();
    let step = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::TotpCode));
    assert!(world.trace.take().is_empty());
    assert_eq!(block_on(world.client.current_user()), Ok(None));
}

#[test]
fn f3_answer_is_accepted() {
    for (name, answer) in [("grace", code()), ("joan", new_password())] {
        let world = World::new();
        let challenges = [MemoryChallenge::NewPassword];
        world.pool.add_user("joan", PASSWORD, challenges);
        let _ = block_on(world.client.sign_in(name, PASSWORD)).unwrap();
        let step = block_on(world.client.confirm_sign_in(answer)).unwrap();
        assert!(matches!(step, SignInStep::Done(user) if user.username == name));
        assert_eq!(world.trace.take(), ["store", "→signedIn"]);
    }
}

#[test]
fn f4_answer_leads_to_another_challenge() {
    let world = World::new();
    let challenges = [
        MemoryChallenge::NewPassword,
        MemoryChallenge::Totp(CODE.into()),
    ];
    world.pool.add_user("joan", PASSWORD, challenges);
    let step = block_on(world.client.sign_in("joan", PASSWORD)).unwrap();
    assert!(matches!(
        step,
        SignInStep::Challenge(Challenge::NewPassword { .. })
    ));
    let step = block_on(world.client.confirm_sign_in(new_password())).unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::TotpCode));
    assert!(world.trace.take().is_empty());

    let step = block_on(world.client.confirm_sign_in(code())).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
}

#[test]
fn f4_answer_is_wrong_and_may_be_given_again() {
    let world = World::new();
    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    let wrong = block_on(world.client.confirm_sign_in(Answer::Code("000000".into())));
    assert!(matches!(wrong, Err(ConfirmSignInError::Provider(_))));
    assert!(world.trace.take().is_empty());
    let step = block_on(world.client.confirm_sign_in(code())).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
}

#[test]
fn f5_sign_in_fails() {
    let world = World::new();
    let refused = block_on(world.client.sign_in("ada", "wrong"));
    assert!(
        matches!(refused, Err(SignInError::Provider(error)) if error.name == "NotAuthorizedException")
    );
    assert!(world.trace.take().is_empty());
    assert_over(&world);
}

#[test]
fn f6_sign_in_while_signed_in() {
    let world = World::signed_in();
    let refused = block_on(world.client.sign_in("grace", PASSWORD));
    assert_eq!(refused, Err(SignInError::AlreadySignedIn));
    assert!(world.trace.take().is_empty());
    assert_eq!(world.pool.count(Operation::SignIn), 1);
}

#[test]
fn f7_sign_in_and_the_refresh_it_needs_succeeds() {
    let world = World::expired();
    let before = world.store.stored().unwrap().tokens;
    let refused = block_on(world.client.sign_in("grace", PASSWORD));
    assert_eq!(refused, Err(SignInError::AlreadySignedIn));
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    let tokens = world.store.stored().unwrap().tokens;
    assert_ne!(tokens.access, before.access);
}

#[test]
fn f8_sign_in_and_the_refresh_it_needs_is_rejected() {
    for fault in [Fault::NotAuthorized, Fault::Rejected] {
        let world = World::expired();
        world.pool.fail(Operation::Refresh, fault);
        let step = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        assert_eq!(world.trace.take(), ["clear", ENDED, "store", "→signedIn"]);
    }
}

#[test]
fn f9_sign_in_and_the_refresh_it_needs_fails_in_transit() {
    for world in [World::expired(), World::expired().restarted()] {
        world.pool.fail(Operation::Refresh, Fault::NetworkDown);
        let step = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        assert_eq!(world.trace.take(), [KEPT, "store", "→signedIn"]);
    }
}

#[test]
fn f10_stored_but_cannot_be_read_back() {
    let world = World::new();
    world.store.fail(StoreFault::Forget);
    let refused = block_on(world.client.sign_in("ada", PASSWORD));
    assert_eq!(refused, Err(SignInError::Store(StoreError::NotReadBack)));
    assert_eq!(world.trace.take(), ["store", "clear"]);
    world.store.clear_fault();
    assert_over(&world);
}

#[test]
fn f11_session() {
    let world = World::signed_in();
    let session = block_on(world.client.session()).unwrap();
    assert_eq!(session, world.store.stored());
    assert!(world.trace.take().is_empty());
    assert_eq!(world.refreshes(), 0);
}

#[test]
fn f11_five_seconds_left_are_enough_and_less_is_not() {
    let world = World::signed_in();
    world
        .clock
        .advance(LIFETIME.saturating_sub(typed_hub::auth::LEEWAY));
    block_on(world.client.session()).unwrap();
    assert_eq!(world.refreshes(), 0);
    world.clock.advance(std::time::Duration::from_nanos(1));
    block_on(world.client.session()).unwrap();
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn f11_the_clocks_of_pool_and_client_may_disagree() {
    let here = ManualClock::default();
    let there = ManualClock::default();
    there.advance(std::time::Duration::from_secs(60 * 60));
    let pool = MemoryProvider::builder()
        .clock(there)
        .access_lifetime(LIFETIME)
        .build();
    let world = World::around(pool, here).sign_in();
    block_on(world.client.session()).unwrap();
    assert_eq!(world.refreshes(), 0);
    world.clock.advance(LIFETIME);
    block_on(world.client.session()).unwrap();
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn f12_refresh() {
    for (world, force) in [(World::signed_in(), true), (World::expired(), false)] {
        let before = world.store.stored().unwrap();
        let session = block_on(session(&world.client, force)).unwrap();
        assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
        assert_eq!(session, world.store.stored());
        let tokens = session.unwrap().tokens;
        assert_ne!(tokens.access, before.tokens.access);
        assert_ne!(tokens.refresh, before.tokens.refresh, "it is rotated");
    }
}

#[test]
fn f12_refreshed_tokens_survive_a_store_that_fails() {
    let world = World::expired();
    world.store.fail(StoreFault::Save);
    let failed = block_on(world.client.session());
    assert!(matches!(
        failed,
        Err(SessionError::Store(StoreError::Write(_)))
    ));
    assert!(world.trace.take().is_empty());
    world.store.clear_fault();
    let session = block_on(world.client.session()).unwrap();
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert_eq!(session, world.store.stored());
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn f13_refresh_is_rejected_as_not_authorised() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NotAuthorized);
    assert_eq!(block_on(world.client.session()), Ok(None));
    assert_eq!(world.trace.take(), ["clear", ENDED]);
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    assert_over(&world);
}

#[test]
fn f14_refresh_is_rejected_otherwise() {
    let revoked: fn(&World) = |world| world.pool.revoke_sessions("ada");
    let gone: fn(&World) = |world| world.pool.remove_user("ada");
    let reset: fn(&World) = |world| world.pool.fail(Operation::Refresh, Fault::Rejected);
    for (happens, name) in [
        (revoked, "TokenRevokedException"),
        (gone, "UserNotFoundException"),
        (reset, "PasswordResetRequiredException"),
    ] {
        let world = World::expired();
        happens(&world);
        let ended = block_on(world.client.session());
        assert!(matches!(ended, Err(SessionError::Ended(error)) if error.name == name));
        assert_eq!(world.trace.take(), ["clear", ENDED]);
        assert_over(&world);
    }
}

#[test]
fn f15_refresh_fails_in_transit() {
    for fault in [Fault::NetworkDown, Fault::Throttled] {
        let world = World::expired();
        let session = world.store.stored();
        world.pool.fail(Operation::Refresh, fault);
        let failed = block_on(world.client.session());
        assert!(matches!(failed, Err(SessionError::Unreachable(_))));
        assert_eq!(world.trace.take(), [KEPT]);
        assert_eq!(world.store.stored(), session);
        world.pool.clear_fault(Operation::Refresh);
        assert!(block_on(world.client.session()).unwrap().is_some());
    }
}

#[test]
fn f16_there_is_no_refresh_token() {
    let clock = ManualClock::default();
    let pool = MemoryProvider::builder()
        .clock(clock.clone())
        .access_lifetime(LIFETIME)
        .issue_refresh_tokens(false)
        .build();
    let mut world = World::around(pool, clock).sign_in();
    let session = world.store.stored();
    world.clock.advance(LIFETIME);
    for _ in 0..2 {
        let failed = block_on(world.client.session());
        assert_eq!(failed, Err(SessionError::NoRefreshToken));
        assert_eq!(world.trace.take(), [KEPT]);
        assert_eq!(world.store.stored(), session);
        world.restart();
    }
    assert_eq!(world.refreshes(), 0);
}

#[test]
fn f18_session_while_signed_out() {
    let world = World::new();
    assert_eq!(block_on(world.client.session()), Ok(None));
    assert_eq!(block_on(world.client.refresh()), Ok(None));
    assert!(world.trace.take().is_empty());
}

#[test]
fn f19_sign_out() {
    let world = World::signed_in();
    let token = world.store.stored().unwrap();
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.pool.count(Operation::Revoke), 1);
    assert_over(&world);

    block_on(world.store.save(&token)).unwrap();
    world.clock.advance(LIFETIME);
    let world = world.restarted();
    let revoked = block_on(world.client.session());
    assert!(matches!(revoked, Err(SessionError::Ended(_))));
}

#[test]
fn f20_sign_out_and_the_revocation_fails() {
    for world in [World::signed_in(), World::expired()] {
        world.pool.fail(Operation::Revoke, Fault::NetworkDown);
        let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
        let why = out.not_revoked.unwrap();
        assert!(matches!(why, NotRevoked::Provider(error) if error.name == "NetworkError"));
        assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    }
}

#[test]
fn f21_global_sign_out() {
    let world = World::signed_in();
    let session = world.store.stored().unwrap();
    let out = block_on(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.pool.count(Operation::SignOutEverywhere), 1);
    assert_eq!(world.pool.count(Operation::Revoke), 0);
    let token = session.tokens.refresh.unwrap();
    assert!(block_on(world.pool.refresh(&session.user, &token)).is_err());
}

#[test]
fn f21_global_sign_out_renews_an_expired_access_token_first_without_an_event() {
    let world = World::expired();
    let out = block_on(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    let calls = world.pool.calls();
    let calls = &calls[1..]; // the first is the sign-in
    assert_eq!(calls, [Operation::Refresh, Operation::SignOutEverywhere]);
    assert_over(&world);
}

#[test]
fn f21_where_the_global_sign_out_fails_this_session_is_revoked_and_the_rest_is_told() {
    for (world, is_expired) in [(World::signed_in(), false), (World::expired(), true)] {
        world
            .pool
            .fail(Operation::SignOutEverywhere, Fault::Rejected);
        let session = world.store.stored().unwrap();
        let out = block_on(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
        let why = out.not_revoked.unwrap();
        assert!(matches!(why, NotRevoked::Elsewhere(_)), "{why:?}");
        assert!(why.to_string().contains("other devices"), "{why}");
        assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
        assert_eq!(world.refreshes(), usize::from(is_expired));
        assert_eq!(world.pool.count(Operation::Revoke), 1);
        let token = session.tokens.refresh.unwrap();
        assert!(block_on(world.pool.refresh(&session.user, &token)).is_err());
    }
}

#[test]
fn f21_an_access_token_that_cannot_be_renewed_is_told_and_the_session_revoked() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    let out = block_on(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
    let why = out.not_revoked.unwrap();
    assert!(matches!(why, NotRevoked::Elsewhere(error) if error.name == "NetworkError"));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.pool.count(Operation::Revoke), 1);

    let world = World::expired();
    for operation in [Operation::Refresh, Operation::Revoke] {
        world.pool.fail(operation, Fault::NetworkDown);
    }
    let out = block_on(world.client.sign_out(SignOutScope::Everywhere)).unwrap();
    assert!(matches!(out.not_revoked, Some(NotRevoked::Provider(_))));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn f22_sign_out_while_signed_out() {
    let world = World::new();
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["→signedOut"]);
}

#[test]
fn f25_delete_user() {
    let world = World::signed_in();
    block_on(world.client.delete_user()).unwrap();
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert!(block_on(world.client.sign_in("ada", PASSWORD)).is_err());
}

#[test]
fn f26_delete_user_and_the_provider_says_no() {
    for fault in [Fault::Rejected, Fault::NetworkDown] {
        let world = World::signed_in();
        let session = world.store.stored();
        world.pool.fail(Operation::DeleteUser, fault);
        let refused = block_on(world.client.delete_user());
        assert!(matches!(refused, Err(DeleteUserError::Provider(_))));
        assert!(world.trace.take().is_empty());
        assert_eq!(world.store.stored(), session);
        assert_eq!(block_on(world.client.session()), Ok(session));
    }
}

#[test]
fn f38_restart_with_a_stored_session() {
    let world = World::signed_in().restarted();
    let stored = world.store.stored().unwrap();
    let user = block_on(world.client.current_user());
    assert_eq!(user, Ok(Some(stored.user.clone())));
    assert_eq!(stored.user.username, "ada");
    assert_eq!(block_on(world.client.session()), Ok(Some(stored)));
    assert!(world.trace.take().is_empty());
    assert!(block_on(world.client.refresh()).unwrap().is_some());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
}

#[test]
fn f38_how_the_user_signed_in_is_told_and_survives_a_refresh_and_a_restart() {
    let world = World::new();
    let (send, events) = std::sync::mpsc::channel();
    let guard = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
        if let AuthEvent::SignedIn { user } = event {
            send.send(user.clone()).unwrap();
        }
    });
    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    let step = block_on(world.client.confirm_sign_in(code())).unwrap();
    let details = SignInDetails {
        login_id: "grace".to_owned(),
        auth_flow_type: AuthFlowType::UserPassword,
    };
    let told = events.recv().unwrap();
    assert_eq!(told.sign_in_details.as_ref(), Some(&details));
    assert_eq!(step, SignInStep::Done(told));
    drop(guard);
    assert!(block_on(world.client.refresh()).unwrap().is_some());
    let world = world.restarted();
    let user = block_on(world.client.current_user()).unwrap().unwrap();
    assert_eq!(user.sign_in_details.as_ref(), Some(&details));
    let session = block_on(world.client.session()).unwrap().unwrap();
    assert_eq!(session.user, user);
}

#[test]
fn a_sign_up_is_confirmed_and_publishes_nothing() {
    let world = World::new();
    block_on(world.client.sign_up("alan", "bombe", [].into())).unwrap();
    let step = block_on(world.client.sign_in("alan", "bombe")).unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::ConfirmSignUp));
    let code = world.pool.confirmation_code("alan").unwrap();
    assert!(block_on(world.client.confirm_sign_up("alan", "000000")).is_err());
    block_on(world.client.confirm_sign_up("alan", code)).unwrap();
    assert!(world.trace.take().is_empty());
    let step = block_on(world.client.sign_in("alan", "bombe")).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
}

#[test]
fn an_event_tells_who_signed_in_and_why_a_refresh_failed() {
    let world = World::new();
    let (send, events) = std::sync::mpsc::channel();
    let guard = world
        .hub
        .listen::<Auth>(move |event: &AuthEvent| send.send(event.clone()).unwrap());
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    world.pool.fail(Operation::Refresh, Fault::Throttled);
    assert!(block_on(world.client.refresh()).is_err());
    world.hub.flush();
    drop(guard);

    let events: Vec<_> = events.into_iter().collect();
    let user = block_on(world.client.current_user()).unwrap().unwrap();
    assert_eq!(events[0], AuthEvent::SignedIn { user });
    assert!(matches!(
        &events[1],
        AuthEvent::TokenRefreshFailure { error, .. } if error.name == "TooManyRequestsException"
    ));
    assert_eq!(events.len(), 2);
}

#[test]
fn f12_a_clock_that_was_set_back_means_a_refresh() {
    let world = World::new();
    world.clock.advance(LIFETIME);
    let mut world = world.sign_in();
    world.clock = ManualClock::default();
    world.restart();
    assert!(block_on(world.client.session()).unwrap().is_some());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert!(block_on(world.client.session()).unwrap().is_some());
    assert!(world.trace.take().is_empty());
}

#[test]
fn f16_forced_without_a_refresh_token_does_not_say_that_the_tokens_have_expired() {
    let clock = ManualClock::default();
    let pool = MemoryProvider::builder()
        .clock(clock.clone())
        .issue_refresh_tokens(false)
        .build();
    let world = World::around(pool, clock).sign_in();
    let error = block_on(world.client.refresh()).unwrap_err();
    assert_eq!(error, SessionError::NoRefreshToken);
    assert!(!error.to_string().contains("expired"));
}

#[test]
fn sign_out_of_a_store_that_cannot_be_read_says_that_nothing_was_revoked() {
    let world = World::signed_in().restarted();
    world.store.fail(StoreFault::Read);
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert!(matches!(out.not_revoked, Some(NotRevoked::Store(_))));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn f10_an_expired_session_is_kept_when_the_next_cannot_be_stored() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    world.store.fail(StoreFault::Save);
    let failed = block_on(world.client.sign_in("ada", PASSWORD));
    assert!(matches!(failed, Err(SignInError::Store(_))));
    assert_eq!(world.trace.take(), [KEPT]);
    world.store.clear_fault();
    world.pool.clear_fault(Operation::Refresh);
    assert!(block_on(world.client.session()).unwrap().is_some());
}
