//! Rows F17 and F24, and what becomes of futures that are dropped or left alone. Interleavings are
//! forced: a provider that does not answer and a store that does not finish wait for the test.

use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use crate::world::{CODE, PASSWORD, StoreFault, World, poll_once, session, start};
use pollster::block_on;
use typed_hub::auth::{
    Answer, Fault, Operation, SessionError, SignInError, SignInStep, SignOutScope,
};
use typed_hub::{Auth, AuthEvent, ReceiverOptions};

/// More than there are cores.
const CALLERS: usize = 16;

const HERE: SignOutScope = SignOutScope::ThisDevice;

/// Leaves whoever waits for a refresh without an answer.
fn hold_refreshes(world: &World) {
    world.pool.fail(Operation::Refresh, Fault::NoAnswer);
}

#[test]
fn f17_callers_in_one_task_share_one_refresh() {
    for force in [false, true] {
        let world = World::expired();
        hold_refreshes(&world);
        let mut callers: Vec<_> = (0..CALLERS)
            .map(|_| Box::pin(session(&world.client, force)))
            .collect();
        for caller in &mut callers {
            start(caller.as_mut());
        }
        world.pool.clear_fault(Operation::Refresh);
        let answers: Vec<_> = callers.into_iter().map(block_on).collect();
        assert_eq!(world.refreshes(), 1);
        assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
        let session = world.store.stored();
        assert!(answers.iter().all(|answer| answer.as_ref() == Ok(&session)));
    }
}

#[test]
fn f17_callers_on_many_threads_share_one_refresh_and_its_outcome() {
    for fault in [None, Some(Fault::Rejected), Some(Fault::NetworkDown)] {
        let world = World::expired();
        hold_refreshes(&world);
        let all_wait = Barrier::new(CALLERS + 1);
        let answers: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(|| {
                        let mut caller = Box::pin(world.client.refresh());
                        start(caller.as_mut());
                        all_wait.wait();
                        block_on(caller)
                    })
                })
                .collect();
            all_wait.wait();
            match fault {
                Some(fault) => world.pool.fail(Operation::Refresh, fault),
                None => world.pool.clear_fault(Operation::Refresh),
            }
            let answers = callers.into_iter().map(|caller| caller.join().unwrap());
            answers.collect()
        });
        assert_eq!(world.refreshes(), 1);
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
        let trace = world.trace.take();
        match (&answers[0], fault) {
            (Ok(Some(_)), None) => assert_eq!(trace, ["store", "→tokenRefresh"]),
            (Err(SessionError::Ended(_)), Some(Fault::Rejected)) => {
                assert_eq!(trace, ["clear", "→tokenRefresh_failure, ended"]);
            }
            (Err(SessionError::Unreachable(_)), Some(Fault::NetworkDown)) => {
                assert_eq!(trace, ["→tokenRefresh_failure, kept"]);
            }
            (answer, fault) => panic!("{answer:?} after {fault:?}"),
        }
    }
}

#[test]
fn f17_others_go_on_with_the_refresh_of_a_caller_who_is_dropped() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut first = Box::pin(world.client.session());
    let mut second = pin!(world.client.session());
    start(first.as_mut());
    start(second.as_mut());
    drop(first);
    world.pool.clear_fault(Operation::Refresh);
    assert!(block_on(second).unwrap().is_some());
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn f17_when_all_callers_are_dropped_the_next_one_starts_anew() {
    let world = World::expired();
    hold_refreshes(&world);
    {
        let mut caller = pin!(world.client.session());
        start(caller.as_mut());
    }
    world.pool.clear_fault(Operation::Refresh);
    assert!(block_on(world.client.session()).unwrap().is_some());
    assert_eq!(world.refreshes(), 2);
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
}

#[test]
fn f17_whoever_comes_during_the_write_gets_what_is_being_written() {
    let world = World::expired();
    world.store.pause();
    let mut first = pin!(world.client.refresh());
    let mut second = pin!(world.client.refresh());
    start(first.as_mut());
    start(second.as_mut());
    world.store.resume();
    assert_eq!(block_on(second), block_on(first));
    assert_eq!(world.refreshes(), 1);
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
}

#[test]
fn f17_the_next_session_has_a_refresh_of_its_own() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut of_the_last = pin!(world.client.refresh());
    start(of_the_last.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();

    let mut first = pin!(world.client.refresh());
    start(first.as_mut());
    let mut second = pin!(world.client.refresh());
    start(second.as_mut());
    world.pool.clear_fault(Operation::Refresh);
    assert_eq!(block_on(second), block_on(first));
    assert_eq!(world.refreshes(), 2, "one for each session");
    assert_eq!(block_on(of_the_last), Ok(world.store.stored()));
}

#[test]
fn f24_sign_out_ends_a_refresh_that_gets_no_answer() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut refresh = pin!(world.client.session());
    start(refresh.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    assert_eq!(block_on(refresh), Ok(None), "though it still has no answer");
    world.pool.clear_fault(Operation::Refresh);
    assert_eq!(block_on(world.client.refresh()), Ok(None));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.store.stored(), None);
}

#[test]
fn f24_an_answer_that_comes_with_the_sign_out_is_too_late() {
    let world = World::expired();
    hold_refreshes(&world);
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut refresh = pin!(world.client.session());
    let mut sign_out = pin!(world.client.sign_out(HERE));
    start(refresh.as_mut());
    start(sign_out.as_mut());
    world.pool.clear_fault(Operation::Revoke);
    block_on(sign_out).unwrap();
    world.pool.clear_fault(Operation::Refresh); // the answer is there before the caller looks
    assert!(!matches!(block_on(refresh), Ok(Some(_))));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.store.stored(), None);
}

#[test]
fn f24_sign_out_comes_after_a_write_that_is_under_way() {
    let world = World::expired();
    world.store.pause();
    let mut refresh = pin!(world.client.session());
    let mut sign_out = pin!(world.client.sign_out(HERE));
    start(refresh.as_mut());
    start(sign_out.as_mut());
    world.store.resume();
    block_on(sign_out).unwrap();
    assert_eq!(
        world.trace.take(),
        ["store", "→tokenRefresh", "clear", "→signedOut"]
    );
    assert_eq!(world.store.stored(), None);
    block_on(refresh).unwrap();
    assert!(world.trace.take().is_empty());
}

#[test]
fn f24_sign_out_does_not_need_the_others_to_be_polled() {
    let world = World::expired();
    world.store.pause();
    let mut refresh = pin!(world.client.session());
    start(refresh.as_mut()); // and never again, as the losing branch of a `select!`
    world.store.resume();
    block_on(world.client.sign_out(HERE)).unwrap();
    assert_eq!(
        world.trace.take(),
        ["store", "→tokenRefresh", "clear", "→signedOut"]
    );
}

#[test]
fn f24_sign_out_overtakes_a_sign_in() {
    let world = World::new();
    world.pool.fail(Operation::SignIn, Fault::NoAnswer);
    let mut sign_in = pin!(world.client.sign_in("ada", PASSWORD));
    start(sign_in.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    world.pool.clear_fault(Operation::SignIn);
    assert_eq!(block_on(sign_in), Err(SignInError::Superseded));
    assert_eq!(world.trace.take(), ["→signedOut"]);
    assert_eq!(world.store.stored(), None);
}

#[test]
fn f24_sign_out_overtakes_a_sign_in_that_waits_for_a_refresh() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut sign_in = pin!(world.client.sign_in("ada", PASSWORD));
    start(sign_in.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    assert_eq!(block_on(sign_in), Err(SignInError::Superseded));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(block_on(world.client.current_user()), Ok(None));
}

#[test]
fn f24_sign_out_overtakes_a_sign_in_while_the_provider_is_told() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    world.pool.fail(Operation::SignIn, Fault::NoAnswer);
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut sign_in = pin!(world.client.sign_in("ada", PASSWORD));
    let mut sign_out = pin!(world.client.sign_out(HERE));
    start(sign_in.as_mut());
    start(sign_out.as_mut());
    world.pool.clear_fault(Operation::SignIn);
    start(sign_in.as_mut()); // it revokes what came of it
    world.pool.clear_fault(Operation::Revoke);
    assert_eq!(block_on(sign_in), Err(SignInError::Superseded));
    assert!(block_on(sign_out).is_ok());
    let trace = ["→tokenRefresh_failure, kept", "clear", "→signedOut"];
    assert_eq!(world.trace.take(), trace);
    assert_eq!(block_on(world.client.current_user()), Ok(None));
}

#[test]
fn f24_no_sign_in_takes_the_place_of_a_session_that_ends_while_it_is_left() {
    let world = World::expired();
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut sign_out = pin!(world.client.sign_out(HERE));
    start(sign_out.as_mut());
    world.pool.fail(Operation::Refresh, Fault::NotAuthorized);
    let sign_in = block_on(world.client.sign_in("ada", PASSWORD));
    assert_eq!(sign_in, Err(SignInError::Superseded));
    world.pool.clear_fault(Operation::Revoke);
    block_on(sign_out).unwrap();
    let trace = ["clear", "→tokenRefresh_failure, ended", "→signedOut"];
    assert_eq!(world.trace.take(), trace);
    let step = block_on(world.client.sign_in("ada", PASSWORD));
    assert!(matches!(step, Ok(SignInStep::Done(_))));
}

#[test]
fn a_sign_out_that_is_dropped_late_does_not_end_the_next_one() {
    let world = World::signed_in();
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut first = Box::pin(world.client.sign_out(HERE));
    start(first.as_mut());
    world.pool.clear_fault(Operation::Revoke);
    block_on(world.client.sign_out(HERE)).unwrap();
    let step = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    world.trace.take();

    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut second = Box::pin(world.client.sign_out(HERE));
    start(second.as_mut());
    drop(first);
    let user = block_on(world.client.current_user()).unwrap();
    assert!(user.is_some(), "the provider has not replied");
    assert_eq!(world.trace.take(), [""; 0]);
    world.pool.clear_fault(Operation::Revoke);
    block_on(second).unwrap();
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn f24_the_tokens_of_a_sign_in_that_comes_too_late_are_revoked() {
    let world = World::new();
    world.pool.fail(Operation::SignIn, Fault::NoAnswer);
    let mut sign_in = pin!(world.client.sign_in("ada", PASSWORD));
    start(sign_in.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    world.pool.clear_fault(Operation::SignIn);
    assert_eq!(block_on(sign_in), Err(SignInError::Superseded));
    assert_eq!(world.pool.count(Operation::Revoke), 1);
}

#[test]
fn f24_a_token_that_comes_while_the_old_one_is_revoked_is_revoked_as_well() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut refresh = pin!(world.client.session());
    start(refresh.as_mut());
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut sign_out = pin!(world.client.sign_out(HERE));
    start(sign_out.as_mut());
    world.pool.clear_fault(Operation::Refresh);
    assert!(block_on(refresh).unwrap().is_some());
    world.pool.clear_fault(Operation::Revoke);
    assert_eq!(block_on(sign_out).unwrap().not_revoked, None);
    assert_eq!(world.pool.count(Operation::Revoke), 2);
    let trace = ["store", "→tokenRefresh", "clear", "→signedOut"];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn f10_the_tokens_of_a_session_that_cannot_be_stored_are_revoked() {
    for fault in [StoreFault::Save, StoreFault::Forget] {
        let world = World::new();
        world.store.fail(fault);
        let failed = block_on(world.client.sign_in("ada", PASSWORD));
        assert!(matches!(failed, Err(SignInError::Store(_))));
        assert_eq!(world.pool.count(Operation::Revoke), 1);
    }
}

#[test]
fn f9_the_session_whose_place_a_sign_in_takes_is_revoked() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert_eq!(world.pool.count(Operation::Revoke), 1);
    world.pool.clear_fault(Operation::Refresh);
    assert!(block_on(world.client.refresh()).unwrap().is_some());
}

#[test]
fn a_session_that_ends_while_it_is_asked_for_is_not_the_answer_when_another_has_begun() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    hold_refreshes(&world);
    let mut session = pin!(world.client.session());
    start(session.as_mut());
    let _ = block_on(world.client.confirm_sign_in(Answer::Code(CODE.into()))).unwrap();
    let session = block_on(session).unwrap().unwrap();
    assert_eq!(session.user.username, "grace");
}

#[test]
fn f24_sign_out_raced_with_refresh_on_two_threads() {
    for _ in 0..300 {
        let world = World::expired();
        let both = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                both.wait();
                let _ = block_on(world.client.refresh());
            });
            both.wait();
            block_on(world.client.sign_out(HERE)).unwrap();
        });
        let trace = world.trace.take();
        assert_eq!(trace.last().unwrap(), "→signedOut", "{trace:?}");
        assert_eq!(world.store.stored(), None, "{trace:?}");
        assert_eq!(block_on(world.client.session()), Ok(None));
    }
}

#[test]
fn a_refreshed_token_is_not_lost_with_the_caller() {
    let world = World::expired();
    world.store.pause();
    {
        let mut caller = pin!(world.client.session());
        start(caller.as_mut()); // the provider has replaced the refresh token by now
    }
    world.store.resume();
    let session = block_on(world.client.session()).unwrap();
    assert_eq!(session, world.store.stored());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert_eq!(world.refreshes(), 1);
    assert!(block_on(world.client.refresh()).unwrap().is_some());
}

#[test]
fn a_sign_in_that_was_accepted_completes_without_its_caller() {
    let world = World::new();
    world.store.pause();
    {
        let mut caller = pin!(world.client.sign_in("ada", PASSWORD));
        start(caller.as_mut());
    }
    world.store.resume();
    assert!(block_on(world.client.current_user()).unwrap().is_some());
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
}

#[test]
fn a_sign_in_without_an_answer_is_taken_back_by_dropping_it() {
    let world = World::new();
    world.pool.fail(Operation::SignIn, Fault::NoAnswer);
    {
        let mut caller = pin!(world.client.sign_in("ada", PASSWORD));
        start(caller.as_mut());
    }
    world.pool.clear_fault(Operation::SignIn);
    assert_eq!(block_on(world.client.session()), Ok(None));
    let step = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
}

#[test]
fn a_sign_out_without_an_answer_is_completed_by_the_next_call() {
    let world = World::signed_in();
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    {
        let mut caller = pin!(world.client.sign_out(HERE));
        start(caller.as_mut());
        assert!(world.trace.take().is_empty());
    }
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn a_global_sign_out_without_an_answer_is_completed_by_the_next_call() {
    let world = World::signed_in();
    let operation = Operation::SignOutEverywhere;
    world.pool.fail(operation, Fault::NoAnswer);
    {
        let mut caller = pin!(world.client.sign_out(SignOutScope::Everywhere));
        start(caller.as_mut());
    }
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

/// The other sign-out has ended the session here, and not on other devices.
#[test]
fn f21_a_sign_out_everywhere_does_not_claim_what_another_sign_out_has_not_done() {
    let world = World::expired();
    hold_refreshes(&world);
    let mut everywhere = pin!(world.client.sign_out(SignOutScope::Everywhere));
    start(everywhere.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    world.pool.clear_fault(Operation::Refresh);
    let out = block_on(everywhere).unwrap();
    assert!(out.not_revoked.is_some());
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn f21_a_sign_out_everywhere_ends_no_later_session_of_another_user() {
    let world = World::expired();
    world.pool.add_user("mary", PASSWORD, []);
    hold_refreshes(&world);
    let mut everywhere = pin!(world.client.sign_out(SignOutScope::Everywhere));
    start(everywhere.as_mut());
    block_on(world.client.sign_out(HERE)).unwrap();
    world.pool.clear_fault(Operation::Refresh);
    let _ = block_on(world.client.sign_in("mary", PASSWORD)).unwrap();
    block_on(everywhere).unwrap();
    let session = block_on(world.client.refresh()).unwrap().unwrap();
    assert_eq!(session.user.username, "mary");
}

#[test]
fn a_sign_out_that_is_dropped_while_it_waits_for_its_turn_happens() {
    let world = World::expired();
    world.store.pause();
    let mut refresh = pin!(world.client.session());
    start(refresh.as_mut());
    {
        let mut caller = pin!(world.client.sign_out(HERE));
        start(caller.as_mut());
    }
    world.store.resume();
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    let trace = world.trace.take();
    assert_eq!(trace, ["store", "→tokenRefresh", "clear", "→signedOut"]);
}

#[test]
fn an_answer_that_is_taken_back_leaves_the_challenge_open() {
    let world = World::new();
    let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
    world.pool.fail(Operation::Answer, Fault::NoAnswer);
    let answer = || world.client.confirm_sign_in(Answer::Code(CODE.into()));
    {
        let mut caller = pin!(answer());
        start(caller.as_mut());
    }
    world.pool.clear_fault(Operation::Answer);
    assert!(matches!(block_on(answer()), Ok(SignInStep::Done(_))));
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
}

#[test]
fn a_deletion_without_an_answer_is_taken_back_by_dropping_it() {
    let world = World::signed_in();
    world.pool.fail(Operation::DeleteUser, Fault::NoAnswer);
    {
        let mut caller = pin!(world.client.delete_user());
        start(caller.as_mut());
    }
    assert!(block_on(world.client.current_user()).unwrap().is_some());
    assert!(world.trace.take().is_empty());
    world.pool.clear_fault(Operation::DeleteUser);
    block_on(world.client.delete_user()).unwrap();
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn no_call_without_an_answer_blocks_the_others() {
    let world = World::signed_in();
    hold_refreshes(&world);
    world.pool.fail(Operation::DeleteUser, Fault::NoAnswer);
    let mut refresh = pin!(world.client.refresh());
    let mut deletion = pin!(world.client.delete_user());
    start(refresh.as_mut());
    start(deletion.as_mut());
    assert!(block_on(world.client.current_user()).unwrap().is_some());
    assert!(block_on(world.client.session()).unwrap().is_some());
    block_on(world.client.sign_out(HERE)).unwrap();
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    world.pool.clear_fault(Operation::DeleteUser);
    assert!(poll_once(deletion.as_mut()).is_ready());
    assert!(world.store.stored().is_some(), "it was another session");
    assert_eq!(block_on(refresh), Ok(world.store.stored()));
}

#[test]
fn the_later_of_two_sign_ins_counts() {
    let world = World::new();
    world.pool.fail(Operation::SignIn, Fault::NoAnswer);
    let mut first = pin!(world.client.sign_in("ada", PASSWORD));
    let mut second = pin!(world.client.sign_in("ada", PASSWORD));
    start(first.as_mut());
    start(second.as_mut());
    world.pool.clear_fault(Operation::SignIn);
    assert_eq!(block_on(first), Err(SignInError::Superseded));
    assert!(block_on(second).is_ok());
    assert_eq!(world.trace.take(), ["store", "→signedIn"]);
}

#[test]
fn an_inline_listener_may_call_the_client_whose_event_it_handles() {
    let world = World::new();
    let client = world.client.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let guard = {
        let seen = Arc::clone(&seen);
        world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            if let AuthEvent::SignedIn { .. } = event {
                let session = block_on(client.session()).unwrap();
                let renewed = block_on(client.refresh()).unwrap();
                seen.lock()
                    .unwrap()
                    .push((session.is_some(), renewed.is_some()));
                block_on(client.sign_out(HERE)).unwrap();
            }
        })
    };
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    drop(guard);
    assert_eq!(*seen.lock().unwrap(), [(true, true)]);
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    assert_eq!(
        world.trace.take(),
        [
            "store",
            "→signedIn",
            "store",
            "clear",
            "→tokenRefresh",
            "→signedOut"
        ]
    );
}

#[test]
fn an_inline_listener_may_force_the_next_refresh() {
    let world = World::expired();
    let client = world.client.clone();
    let first = Mutex::new(true);
    let guard = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
        let is_first = std::mem::take(&mut *first.lock().unwrap());
        if is_first && *event == AuthEvent::TokenRefresh {
            assert!(block_on(client.refresh()).unwrap().is_some());
        }
    });
    assert!(block_on(world.client.session()).unwrap().is_some());
    drop(guard);
    assert_eq!(world.refreshes(), 2);
    let twice = ["store", "→tokenRefresh", "store", "→tokenRefresh"];
    assert_eq!(world.trace.take(), twice);
}

#[test]
fn a_client_does_not_wait_for_a_full_receiver() {
    let world = World::expired();
    let options = ReceiverOptions::builder().capacity(1).build();
    let mut events = world.hub.receiver_with::<Auth>(options);
    for _ in 0..2 {
        let mut call = pin!(world.client.refresh());
        assert!(poll_once(call.as_mut()).is_ready());
    }
    let twice = ["store", "→tokenRefresh", "store", "→tokenRefresh"];
    assert_eq!(world.trace.take(), twice);
    for _ in 0..2 {
        assert_eq!(*events.recv().unwrap(), AuthEvent::TokenRefresh);
    }
}

#[test]
fn a_store_that_panics_harms_the_call_and_no_other() {
    let world = World::expired();
    world.store.fail(StoreFault::Panic);
    let panicked = thread::scope(|scope| {
        let caller = scope.spawn(|| block_on(world.client.session()));
        caller.join().is_err()
    });
    assert!(panicked);
    world.store.clear_fault();
    assert!(block_on(world.client.session()).unwrap().is_some());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert_eq!(world.refreshes(), 1);
}

#[test]
fn a_client_is_sent_and_shared_and_so_are_its_futures() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    fn is_sent<T: Send>(_: &T) {}
    let world = World::new();
    is_shared(&world.client);
    is_sent(&world.client.session());
    is_sent(&world.client.sign_in("ada", PASSWORD));
    is_sent(&world.client.sign_out(HERE));
    let boxed: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(world.client.delete_user());
    assert!(block_on(boxed).is_err());
}
