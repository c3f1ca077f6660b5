//! The embedded user pool does what a real one does with tokens.

use std::time::Duration;

use pollster::block_on;
use typed_hub::auth::{
    AuthUser, Fault, IdentityProvider, IssuedTokens, ManualClock, MemoryProvider, Operation,
    ProviderError, ProviderErrorKind, RefreshToken, SignInReply, UserPool,
};

const HOUR: Duration = Duration::from_hours(1);

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
        block_on(self.pool.refresh(&self.user, token))
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
