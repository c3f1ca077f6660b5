//! What cannot be right is refused by a typed error, before anything is sent, stored or published.

use crate::world::{CODE, LIFETIME, PASSWORD, StoreFault, World};
use pollster::block_on;
use typed_hub::auth::{
    Answer, Challenge, ConfirmSignInError, ConfirmSignUpError, CurrentUserError, DeleteUserError,
    Fault, Field, InputError, MAX_ANSWER_BYTES, MAX_INPUT_BYTES, Operation, ResetPasswordError,
    SessionError, SignInError, SignInStep, SignOutError, SignOutScope, SignUpError, StoreError,
};

fn too_long() -> String {
    "x".repeat(MAX_INPUT_BYTES + 1)
}

fn assert_untouched(world: &World) {
    assert!(world.pool.calls().is_empty());
    assert!(world.trace.take().is_empty());
    assert_eq!(world.store.stored(), None);
}

#[test]
fn an_empty_or_oversized_name_or_password_is_not_sent() {
    let world = World::new();
    let long = too_long();
    for (username, password, error) in [
        ("", PASSWORD, InputError::Empty(Field::Username)),
        ("ada", "", InputError::Empty(Field::Password)),
        (&long, PASSWORD, InputError::TooLong(Field::Username)),
        ("ada", &long, InputError::TooLong(Field::Password)),
    ] {
        let refused = block_on(world.client.sign_in(username, password));
        assert_eq!(refused, Err(SignInError::Input(error)));
        let refused = block_on(world.client.sign_up(username, password, [].into()));
        assert_eq!(refused, Err(SignUpError::Input(error)));
        let reset = world
            .client
            .confirm_reset_password(username, CODE, password);
        assert_eq!(block_on(reset), Err(ResetPasswordError::Input(error)));
    }
    for (username, error) in [
        ("", InputError::Empty(Field::Username)),
        (&long, InputError::TooLong(Field::Username)),
    ] {
        let refused = block_on(world.client.confirm_sign_up(username, CODE));
        assert_eq!(refused, Err(ConfirmSignUpError::Input(error)));
        let refused = block_on(world.client.resend_sign_up_code(username));
        assert_eq!(refused, Err(ConfirmSignUpError::Input(error)));
        let refused = block_on(world.client.reset_password(username));
        assert_eq!(refused, Err(ResetPasswordError::Input(error)));
    }
    assert_untouched(&world);
}

#[test]
fn the_longest_input_is_sent() {
    let world = World::new();
    let longest = "x".repeat(MAX_INPUT_BYTES);
    let refused = block_on(world.client.sign_in(&longest, longest.as_str()));
    assert!(matches!(refused, Err(SignInError::Provider(_))));
}

#[test]
fn an_empty_or_oversized_code_is_not_sent() {
    let world = World::new();
    for (code, error) in [
        (String::new(), InputError::Empty(Field::Code)),
        (too_long(), InputError::TooLong(Field::Code)),
    ] {
        let refused = block_on(world.client.confirm_sign_up("ada", code.clone()));
        assert_eq!(refused, Err(ConfirmSignUpError::Input(error)));
        let reset = world
            .client
            .confirm_reset_password("ada", code.clone(), PASSWORD);
        assert_eq!(block_on(reset), Err(ResetPasswordError::Input(error)));
        let refused = block_on(world.client.confirm_sign_in(Answer::Code(code.into())));
        assert_eq!(refused, Err(ConfirmSignInError::Input(error)));
    }
    let refused = block_on(world.client.confirm_sign_in(Answer::Custom("".into())));
    let empty = InputError::Empty(Field::Answer);
    assert_eq!(refused, Err(ConfirmSignInError::Input(empty)));
    let answer = |length: usize| Answer::Custom("x".repeat(length).into());
    let refused = block_on(world.client.confirm_sign_in(answer(MAX_ANSWER_BYTES + 1)));
    let long = InputError::TooLong(Field::Answer);
    assert_eq!(refused, Err(ConfirmSignInError::Input(long)));
    assert!(long.to_string().contains("131072 bytes"));
    let taken = block_on(world.client.confirm_sign_in(answer(MAX_ANSWER_BYTES)));
    assert_eq!(taken, Err(ConfirmSignInError::NoChallenge));
    assert_untouched(&world);
}

#[test]
fn an_answer_with_no_challenge_open_is_not_sent() {
    let world = World::new();
    let code = || Answer::Code(CODE.into());
    let refused = block_on(world.client.confirm_sign_in(code()));
    assert_eq!(refused, Err(ConfirmSignInError::NoChallenge));
    assert_untouched(&world);

    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    let _ = block_on(world.client.confirm_sign_in(code())).unwrap();
    let again = block_on(world.client.confirm_sign_in(code()));
    assert_eq!(again, Err(ConfirmSignInError::NoChallenge));
}

#[test]
fn an_answer_of_another_kind_is_not_sent_and_leaves_the_challenge_open() {
    let world = World::new();
    let step = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    assert_eq!(step, SignInStep::Challenge(Challenge::TotpCode));
    let refused = block_on(
        world
            .client
            .confirm_sign_in(Answer::Password(PASSWORD.into())),
    );
    assert_eq!(refused, Err(ConfirmSignInError::UnfittingAnswer));
    assert_eq!(world.pool.count(Operation::Answer), 0);
    let step = block_on(world.client.confirm_sign_in(Answer::Code(CODE.into()))).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
}

#[test]
fn a_store_that_cannot_be_read_is_told_and_asked_again() {
    let world = World::signed_in().restarted();
    world.store.fail(StoreFault::Read);
    assert!(matches!(
        block_on(world.client.session()),
        Err(SessionError::Store(StoreError::Read(_)))
    ));
    assert!(matches!(
        block_on(world.client.current_user()),
        Err(CurrentUserError::Store(StoreError::Read(_)))
    ));
    assert!(matches!(
        block_on(world.client.sign_in("ada", PASSWORD)),
        Err(SignInError::Store(StoreError::Read(_)))
    ));
    assert!(world.trace.take().is_empty());
    world.store.clear_fault();
    assert!(block_on(world.client.session()).unwrap().is_some());
}

#[test]
fn a_store_that_cannot_be_read_can_be_emptied() {
    let world = World::signed_in().restarted();
    world.store.fail(StoreFault::Read);
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.store.stored(), None);
}

#[test]
fn a_store_that_cannot_be_written_leaves_nobody_signed_in() {
    let world = World::new();
    world.store.fail(StoreFault::Save);
    assert!(matches!(
        block_on(world.client.sign_in("ada", PASSWORD)),
        Err(SignInError::Store(StoreError::Write(_)))
    ));
    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    assert!(matches!(
        block_on(world.client.confirm_sign_in(Answer::Code(CODE.into()))),
        Err(ConfirmSignInError::Store(StoreError::Write(_)))
    ));
    assert!(world.trace.take().is_empty(), "there is nothing to remove");
    assert_eq!(block_on(world.client.current_user()), Ok(None));
}

#[test]
fn a_store_that_cannot_be_emptied_leaves_the_user_signed_in() {
    let world = World::signed_in();
    world.store.fail(StoreFault::Clear);
    assert!(matches!(
        block_on(world.client.sign_out(SignOutScope::ThisDevice)),
        Err(SignOutError::Store(StoreError::Write(_)))
    ));
    assert!(world.trace.take().is_empty());
    assert!(block_on(world.client.current_user()).unwrap().is_some());

    world.clock.advance(LIFETIME);
    world.pool.fail(Operation::Refresh, Fault::Rejected);
    assert!(matches!(
        block_on(world.client.session()),
        Err(SessionError::Store(StoreError::Write(_)))
    ));
    assert_eq!(world.trace.take(), ["→tokenRefresh_failure, kept"]);

    world.store.clear_fault();
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn a_user_who_is_not_signed_in_cannot_be_deleted() {
    let world = World::new();
    let refused = block_on(world.client.delete_user());
    assert_eq!(refused, Err(DeleteUserError::SignedOut));
    assert_untouched(&world);

    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    assert!(matches!(
        block_on(world.client.delete_user()),
        Err(DeleteUserError::Session(SessionError::Unreachable(_)))
    ));
    assert_eq!(world.pool.count(Operation::DeleteUser), 0);
}
