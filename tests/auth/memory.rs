//! The embedded user pool does what a real one does with tokens.

use std::time::Duration;

use pollster::block_on;
use typed_hub::Hub;
use typed_hub::auth::{
    AuthClient, AuthFlowType, AuthUser, ConfirmSignUpError, Fault, IdentityProvider, IssuedTokens,
    ManualClock, MemoryProvider, Operation, ProviderError, ProviderErrorKind, RefreshToken,
    SignInReply, SignInRequest, SignUpStep, UserPool,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Ada {
    clock: ManualClock,
    pool: MemoryProvider,
    user: AuthUser,
    tokens: IssuedTokens,
}

impl Ada {
    fn signed_in(rotate: bool) -> Self {
        let clock = ManualClock::default();
        let pool = MemoryProvider::builder()
            .clock(clock.clone())
            .access_lifetime(HOUR)
            .refresh_lifetime(HOUR * 24)
            .rotate_refresh_tokens(rotate)
            .build();
        pool.add_user("ada", "correct horse", []);
        let reply = block_on(pool.sign_in("ada", Some(&"correct horse".into()))).unwrap();
        let SignInReply::SignedIn { user, tokens } = reply else {
            panic!("ada is asked for her password only");
        };
        Self {
            clock,
            pool,
            user,
            tokens,
        }
    }

    fn refresh(&self, token: &RefreshToken) -> Result<IssuedTokens, ProviderError> {
        let refreshed = block_on(self.pool.refresh(&self.user, token));
        refreshed.map_err(|failed| failed.error)
    }
}

#[track_caller]
fn assert_refused<R>(reply: Result<R, ProviderError>, kind: ProviderErrorKind, name: &str) {
    let error = reply.err().expect("it is refused");
    assert_eq!((error.kind, error.name.as_str()), (kind, name));
}

#[test]
fn a_refresh_token_that_was_replaced_ends_the_session_when_it_is_used_again() {
    let ada = Ada::signed_in(true);
    let first = ada.tokens.refresh.clone().unwrap();
    let second = ada.refresh(&first).unwrap().refresh.unwrap();
    assert_ne!(first, second);
    let reused = ada.refresh(&first);
    assert_refused(
        reused,
        ProviderErrorKind::Rejected,
        "RefreshTokenReuseException",
    );
    let revoked = ada.refresh(&second);
    assert_refused(
        revoked,
        ProviderErrorKind::Rejected,
        "TokenRevokedException",
    );
}

#[test]
fn without_rotation_a_refresh_token_stays_in_use() {
    let ada = Ada::signed_in(false);
    let token = ada.tokens.refresh.clone().unwrap();
    assert_eq!(ada.refresh(&token).unwrap().refresh, None);
    assert!(ada.refresh(&token).is_ok());
}

#[test]
fn a_session_cannot_be_refreshed_for_ever() {
    let ada = Ada::signed_in(false);
    let token = ada.tokens.refresh.clone().unwrap();
    ada.clock.advance(HOUR * 24);
    let expired = ada.refresh(&token);
    assert_refused(
        expired,
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );
}

#[test]
fn an_access_token_is_good_until_it_expires_or_is_revoked() {
    let ada = Ada::signed_in(true);
    ada.clock.advance(HOUR);
    let expired = block_on(ada.pool.sign_out_everywhere(&ada.tokens.access.token));
    assert_refused(
        expired,
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );

    let token = ada.tokens.refresh.clone().unwrap();
    let access = ada.refresh(&token).unwrap().access.token;
    block_on(ada.pool.sign_out_everywhere(&access)).unwrap();
    let revoked = block_on(ada.pool.delete_user(&access));
    assert_refused(
        revoked,
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );
}

#[test]
fn what_was_asked_is_noted_whatever_came_of_it() {
    let ada = Ada::signed_in(true);
    ada.pool.fail(Operation::Refresh, Fault::Throttled);
    let token = ada.tokens.refresh.clone().unwrap();
    let throttled = ada.refresh(&token);
    assert_refused(
        throttled,
        ProviderErrorKind::InTransit,
        "TooManyRequestsException",
    );
    ada.pool.clear_fault(Operation::Refresh);
    assert!(ada.refresh(&token).is_ok());
    let calls = [Operation::SignIn, Operation::Refresh, Operation::Refresh];
    assert_eq!(ada.pool.calls(), calls);
}

#[test]
fn an_access_token_outlives_a_refresh() {
    let ada = Ada::signed_in(true);
    let first = ada.tokens.refresh.clone().unwrap();
    let renewed = ada.refresh(&first).unwrap();
    assert_ne!(renewed.access.token, ada.tokens.access.token);
    block_on(ada.pool.sign_out_everywhere(&ada.tokens.access.token)).unwrap();
    let ended = block_on(ada.pool.sign_out_everywhere(&renewed.access.token));
    assert_refused(
        ended,
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );
}

#[test]
fn the_next_user_of_a_name_does_not_inherit_the_sessions() {
    let ada = Ada::signed_in(true);
    let first = ada.tokens.refresh.clone().unwrap();
    ada.pool.remove_user("ada");
    assert_refused(
        ada.refresh(&first),
        ProviderErrorKind::Rejected,
        "UserNotFoundException",
    );
    ada.pool.add_user("ada", "another", []);
    assert_refused(
        ada.refresh(&first),
        ProviderErrorKind::Rejected,
        "TokenRevokedException",
    );
}

#[test]
fn a_user_is_confirmed_once() {
    let pool = MemoryProvider::new();
    let _ = block_on(pool.sign_up("alan", &"enigma".into(), &[].into())).unwrap();
    let code = pool.confirmation_code("alan").unwrap();
    block_on(pool.confirm_sign_up("alan", &code)).unwrap();
    assert_refused(
        block_on(pool.confirm_sign_up("alan", &code)),
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );
}

#[test]
fn only_the_last_code_sent_confirms_a_user() {
    let pool = MemoryProvider::new();
    let client = AuthClient::new(Hub::new(), pool.clone()).unwrap();
    let email = [("email".to_owned(), "alan@example.org".to_owned())];
    let destination = Some("alan@example.org".to_owned());
    let step = block_on(client.sign_up("alan", "enigma", email.into()));
    assert_eq!(step, Ok(SignUpStep::Confirm { destination }));
    let first = pool.confirmation_code("alan").unwrap();
    let step = block_on(client.resend_sign_up_code("alan"));
    assert_eq!(step, Ok(SignUpStep::Confirm { destination: None }));
    let last = pool.confirmation_code("alan").unwrap();
    assert_ne!(first, last);
    assert!(matches!(
        block_on(client.confirm_sign_up("alan", first)),
        Err(ConfirmSignUpError::Provider(error)) if error.name == "CodeMismatchException"
    ));
    block_on(client.confirm_sign_up("alan", last)).unwrap();
    assert!(block_on(client.resend_sign_up_code("alan")).is_err());
}

#[test]
fn a_password_that_was_reset_replaces_the_old_one() {
    let pool = MemoryProvider::new();
    pool.add_user("ada", "forgotten", []);
    let client = AuthClient::new(Hub::new(), pool.clone()).unwrap();
    assert!(block_on(client.reset_password("nobody")).is_err());
    let _ = block_on(client.reset_password("ada")).unwrap();
    let code = pool.reset_code("ada").expect("one was sent");
    let reset = |code| block_on(client.confirm_reset_password("ada", code, "new"));
    assert!(reset("000000".into()).is_err());
    let sign_in = |password: &str| block_on(pool.sign_in("ada", Some(&password.into())));
    assert!(sign_in("forgotten").is_ok(), "nothing has changed yet");
    reset(code.clone()).unwrap();
    assert!(matches!(sign_in("new"), Ok(SignInReply::SignedIn { .. })));
    assert_refused(
        sign_in("forgotten"),
        ProviderErrorKind::NotAuthorized,
        "NotAuthorizedException",
    );
    assert!(reset(code).is_err(), "a code is good once");
}

#[test]
fn a_sign_in_tells_the_way_that_it_has_asked_for() {
    let pool = MemoryProvider::new();
    pool.add_user("ada", "correct horse", []);
    for (asked, told) in [
        (None, AuthFlowType::UserPassword),
        (Some(AuthFlowType::UserSrp), AuthFlowType::UserSrp),
    ] {
        let client = AuthClient::new(Hub::new(), pool.clone()).unwrap();
        let request = SignInRequest::builder().username("ada");
        let mut request = request.password("correct horse").build();
        request.auth_flow = asked;
        let _ = block_on(client.sign_in_with(request)).unwrap();
        let user = block_on(client.current_user()).unwrap().unwrap();
        assert_eq!(user.sign_in_details.unwrap().auth_flow_type, told);
    }
}
