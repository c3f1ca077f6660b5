//! The table of the auth category, F23, F27 to F37 and F39: signing in by redirect.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::oracle::assert_over;
use crate::world::{Client, PASSWORD, StoreFault, World, describe, poll_once, start};
use pollster::block_on;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthorizeUrl, Fault, Operation, RedirectError, SignInError, SignOutScope,
    StoreError, TokenStore,
};
use typed_hub::{Auth, AuthEvent};

const BACK: &str = "org.example.app://back";

const COMPLETED: [&str; 4] = [
    "clear redirect",
    "store",
    "→signInWithRedirect",
    "→signedIn",
];

const FAILED: [&str; 2] = ["clear redirect", "→signInWithRedirect_failure"];

fn begin(client: &Client) -> AuthorizeUrl {
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    block_on(client.sign_in_with_redirect(options)).unwrap()
}

/// A world in which a redirect is under way, and the callback of a user who has signed in.
fn redirecting() -> (World, String) {
    let world = World::new();
    let page = begin(&world.client);
    let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    assert_eq!(world.trace.take(), ["store redirect"]);
    (world, callback)
}

fn complete(world: &World, callback: &str) -> Result<(), RedirectError> {
    block_on(world.client.complete_redirect(callback)).map(drop)
}

#[track_caller]
fn assert_fails(world: &World, callback: &str, why: &RedirectError) {
    assert_eq!(complete(world, callback).as_ref(), Err(why));
    assert_eq!(world.trace.take(), FAILED);
    assert_eq!(
        world.pool.count(Operation::Exchange),
        0,
        "the code was not sent"
    );
    assert_over(world);
}

#[test]
fn f23_a_sign_out_from_a_redirect_has_the_providers_logout_url() {
    let (world, callback) = redirecting();
    complete(&world, &callback).unwrap();
    world.trace.take();
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    let page = out.logout_url.unwrap();
    assert!(page.as_str().starts_with("memory://pool/sign-out?"));
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
    assert_eq!(world.pool.count(Operation::Revoke), 1);

    let world = World::signed_in();
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(out.logout_url, None, "no browser was in it");
}

#[test]
fn f23_the_logout_url_survives_a_refresh_and_a_restart() {
    let (world, callback) = redirecting();
    complete(&world, &callback).unwrap();
    block_on(world.client.refresh()).unwrap();
    let world = world.restarted();
    world.trace.take();
    let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert!(out.logout_url.is_some());
    assert_eq!(out.not_revoked, None);
    assert_eq!(world.trace.take(), ["clear", "→signedOut"]);
}

#[test]
fn f27_begin() {
    let world = World::new();
    let page = begin(&world.client);
    assert_eq!(world.trace.take(), ["store redirect"]);
    let pending = block_on(world.store.load_redirect()).unwrap().unwrap();
    assert!(page.as_str().contains(pending.state.expose()));
    assert!(!page.as_str().contains(pending.verifier.expose()));
    assert!(!format!("{page:?}").contains(pending.state.expose()));
}

#[test]
fn f28_a_good_callback() {
    let (world, callback) = redirecting();
    let user = block_on(world.client.complete_redirect(&callback)).unwrap();
    assert_eq!(user.username, "ada");
    assert_eq!(user.sign_in_details, None, "the page knows, not the client");
    assert_eq!(world.trace.take(), COMPLETED);
    assert_eq!(world.store.stored().unwrap().user, user);
    assert!(block_on(world.client.session()).unwrap().is_some());
}

#[test]
fn f29_custom_state_comes_back_as_it_went_just_before() {
    for custom in [
        " ",
        "/cart?a=b&c=d#e",
        "日本語 👩‍🚀\u{0}\n\u{202e}",
        &"ü".repeat(512),
    ] {
        let world = World::new();
        let log = crate::world::Trace::default();
        let seen = log.clone();
        let _listener = world.hub.listen_inline::<Auth>(move |event| match event {
            AuthEvent::CustomOAuthState { state } => seen.push(state.clone()),
            other => seen.push(describe(other)),
        });
        let options = RedirectOptions::builder()
            .redirect_uri(BACK)
            .custom_state(custom)
            .build();
        let page = block_on(world.client.sign_in_with_redirect(options)).unwrap();
        let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
        world.trace.take();
        complete(&world, &callback).unwrap();
        let [cleared, stored, redirected, signed_in] = COMPLETED;
        assert_eq!(log.take(), [custom, redirected, signed_in]);
        let custom = "→customOAuthState";
        let trace = [cleared, stored, custom, redirected, signed_in];
        assert_eq!(world.trace.take(), trace);
    }
}

#[test]
fn f29_an_empty_custom_state_counts_as_none() {
    let world = World::new();
    let options = RedirectOptions::builder()
        .redirect_uri(BACK)
        .custom_state("")
        .build();
    let page = block_on(world.client.sign_in_with_redirect(options)).unwrap();
    let pending = block_on(world.store.load_redirect()).unwrap().unwrap();
    assert_eq!(pending.custom_state, None);
    let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    world.trace.take();
    complete(&world, &callback).unwrap();
    assert_eq!(world.trace.take(), COMPLETED);
}

#[test]
fn f30_the_user_declines() {
    let world = World::new();
    let page = begin(&world.client);
    world.trace.take();
    let callback = world.pool.decline(&page).unwrap();
    let error = complete(&world, &callback).unwrap_err();
    assert!(matches!(&error, RedirectError::Declined(why) if why.name == "access_denied"));
    assert_eq!(world.trace.take(), FAILED);
    assert_over(&world);
}

#[test]
fn f30_an_error_and_a_code_together_are_an_error() {
    let (world, callback) = redirecting();
    let error = complete(&world, &format!("{callback}&error=server_error")).unwrap_err();
    assert!(matches!(&error, RedirectError::Declined(why) if why.name == "server_error"));
    assert_eq!(world.pool.count(Operation::Exchange), 0);
    assert_eq!(world.trace.take(), FAILED);
    assert_over(&world);
}

#[test]
fn f31_code_or_state_missing_or_there_twice() {
    for spoil in [
        |url: &str| url.replace("code=", "kode="),
        |url: &str| url.replace("state=", "stage="),
        |url: &str| format!("{url}&code=another"),
        |url: &str| format!("{url}&state=another"),
        |url: &str| format!("{url}&padding={}", "x".repeat(1_000_000)),
        |url: &str| url.replace("code=", "code=%FF"),
        |url: &str| format!("{url}&iss=another"),
        |url: &str| url.replace("iss=", "iss=%FF"),
        |url: &str| {
            url.replace("code=", "error=access_denied&kode=")
                .replace("state=", "stage=")
        },
        |_: &str| BACK.to_owned(),
    ] {
        let (world, callback) = redirecting();
        assert_fails(&world, &spoil(&callback), &RedirectError::Incomplete);
    }
}

#[test]
fn f31_cancelled() {
    let (world, callback) = redirecting();
    block_on(world.client.cancel_redirect()).unwrap();
    assert_eq!(world.trace.take(), FAILED);
    assert_eq!(
        complete(&world, &callback),
        Err(RedirectError::NothingUnderWay)
    );
    assert_over(&world);
    let again = block_on(world.client.cancel_redirect());
    assert_eq!(again, Err(RedirectError::NothingUnderWay));
    assert_eq!(world.trace.take(), [""; 0]);
}

#[test]
fn f31_a_caller_that_is_gone_before_it_has_the_page_leaves_no_redirect() {
    let world = World::new();
    world.store.pause();
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    {
        let mut begun = pin!(world.client.sign_in_with_redirect(options));
        start(begun.as_mut());
    }
    world.store.resume();
    let nothing = block_on(world.client.cancel_redirect());
    assert_eq!(nothing, Err(RedirectError::NothingUnderWay));
    let trace = world.trace.take();
    assert_eq!(trace[0], "store redirect");
    assert_eq!(trace[1..], FAILED);
    assert_over(&world);
}

#[test]
fn f31_too_late() {
    let (world, callback) = redirecting();
    world.clock.advance(Duration::from_secs(3601));
    assert_fails(&world, &callback, &RedirectError::TimedOut);
}

#[test]
fn f32_another_state() {
    let (world, callback) = redirecting();
    let forged = callback.replace("state=", "state=x");
    assert_fails(&world, &forged, &RedirectError::StateMismatch);
    let (world, callback) = redirecting();
    let shorter = &callback[..callback.len() - 1];
    assert_fails(&world, shorter, &RedirectError::StateMismatch);
}

#[test]
fn f33_the_code_is_refused_or_nobody_is_reached() {
    for fault in [
        Fault::Rejected,
        Fault::NotAuthorized,
        Fault::NetworkDown,
        Fault::Throttled,
    ] {
        let (world, callback) = redirecting();
        world.pool.fail(Operation::Exchange, fault);
        let failed = complete(&world, &callback);
        assert!(matches!(failed, Err(RedirectError::Provider(_))), "{fault}");
        assert_eq!(world.trace.take(), FAILED);
        assert_over(&world);
    }
    let (world, callback) = redirecting();
    let failed = complete(&world, &callback.replace("code=", "code=x"));
    assert!(matches!(failed, Err(RedirectError::Provider(_))));
    assert_eq!(world.trace.take(), FAILED);
    assert_over(&world);
}

#[test]
fn f33_another_issuer_does_not_get_the_code() {
    let (world, callback) = redirecting();
    let mixed_up = callback.replace("iss=memory", "iss=other");
    assert!(matches!(
        complete(&world, &mixed_up),
        Err(RedirectError::Provider(_))
    ));
    assert_eq!(world.pool.count(Operation::Exchange), 0);
    assert_eq!(world.trace.take(), FAILED);
}

#[test]
fn f30_the_words_of_another_issuer_are_not_believed() {
    let world = World::new();
    let page = begin(&world.client);
    let declined = world.pool.decline(&page).unwrap();
    let failed = complete(&world, &declined.replace("iss=memory", "iss=other")).unwrap_err();
    assert!(matches!(&failed, RedirectError::Provider(why) if why.name == "IssuerMismatch"));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn f34_a_session_that_cannot_be_stored_is_no_sign_in() {
    let (world, callback) = redirecting();
    world.store.fail(StoreFault::Save);
    assert!(matches!(
        complete(&world, &callback),
        Err(RedirectError::Store(_))
    ));
    assert_eq!(world.pool.count(Operation::Revoke), 1);
    assert_eq!(world.trace.take(), FAILED);
    world.store.clear_fault();
    assert_over(&world);

    let (world, callback) = redirecting();
    world.store.fail(StoreFault::Forget);
    let failed = complete(&world, &callback);
    assert_eq!(failed, Err(RedirectError::Store(StoreError::NotReadBack)));
    let failed = [
        "clear redirect",
        "store",
        "clear",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), failed);
    world.store.clear_fault();
    assert_over(&world);
}

#[test]
fn f35_nothing_is_under_way() {
    let world = World::new();
    assert_over(&world);
    let world = World::signed_in();
    let session = world.store.stored();
    let stray = complete(&world, &format!("{BACK}?code=c&state=s"));
    assert_eq!(stray, Err(RedirectError::NothingUnderWay));
    assert_eq!(world.trace.take(), [""; 0]);
    assert_eq!(world.store.stored(), session);
}

#[test]
fn f35_a_callback_is_used_once() {
    let (world, callback) = redirecting();
    complete(&world, &callback).unwrap();
    world.trace.take();
    assert_eq!(
        complete(&world, &callback),
        Err(RedirectError::NothingUnderWay)
    );
    assert_eq!(world.trace.take(), [""; 0]);
}

#[test]
fn a_url_of_another_place_is_no_callback() {
    let (world, callback) = redirecting();
    for other in [
        "https://example.org/",
        "org.example.app://backwards",
        "org.example.app://back/x",
        "",
        "?",
    ] {
        let url = callback.replace(BACK, other);
        assert_eq!(
            complete(&world, &url),
            Err(RedirectError::NotTheCallback),
            "{url}"
        );
    }
    assert_eq!(world.trace.take(), [""; 0]);
    complete(&world, &callback).unwrap();
}

#[test]
fn f36_who_asks_for_the_session_waits_for_the_end() {
    let (world, callback) = redirecting();
    let mut asked = pin!(world.client.session());
    start(asked.as_mut());
    complete(&world, &callback).unwrap();
    let session = block_on(asked).unwrap();
    assert!(session.is_some());
    assert_eq!(session, world.store.stored());
    assert_eq!(world.trace.take(), COMPLETED);
}

#[test]
fn f36_and_not_for_ever() {
    let world = World::new();
    drop(world.client);
    let client = AuthClient::builder()
        .hub(world.hub)
        .provider(world.pool)
        .store(world.store)
        .clock(world.clock)
        .redirect_wait(Duration::from_millis(20))
        .build()
        .unwrap();
    let _page = begin(&client);
    assert_eq!(block_on(client.session()), Ok(None));
}

#[test]
fn f36_nor_longer_than_the_redirect_may_take() {
    let (world, _) = redirecting();
    world.clock.advance(Duration::from_millis(3_599_900)); // of an hour
    let began = Instant::now();
    assert_eq!(block_on(world.client.session()), Ok(None));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "not as long as for one that has just begun, which is 10 s"
    );
}

#[test]
fn f36_nobody_waits_for_a_redirect_of_an_earlier_process() {
    let (world, callback) = redirecting();
    let world = world.restarted();
    let mut asked = pin!(world.client.session());
    assert_eq!(poll_once(asked.as_mut()), Poll::Ready(Ok(None)));
    block_on(world.client.complete_redirect(&callback)).unwrap(); // F39

    let (world, _) = redirecting();
    world.clock.advance(Duration::from_secs(3601));
    let world = world.restarted();
    assert_eq!(block_on(world.client.session()), Ok(None));
    assert_eq!(world.trace.take(), ["clear redirect"]);
}

#[test]
fn f36_nor_for_one_that_has_taken_too_long() {
    let (world, callback) = redirecting();
    world.clock.advance(Duration::from_secs(3601));
    let mut asked = pin!(world.client.session());
    assert_eq!(poll_once(asked.as_mut()), Poll::Ready(Ok(None)));
    assert_eq!(world.trace.take(), FAILED);
    let late = complete(&world, &callback);
    assert_eq!(late, Err(RedirectError::NothingUnderWay));
    assert_over(&world);
}

#[test]
fn f35_the_callback_of_a_redirect_that_is_over_does_not_end_the_next() {
    let end: [fn(&World, &str); 4] = [
        |world, _| block_on(world.client.cancel_redirect()).unwrap(),
        |world, _| drop(block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap()),
        |world, callback| {
            let forged = callback.replace("state=", "state=x");
            complete(world, &forged).unwrap_err();
        },
        |world, callback| {
            complete(world, callback).unwrap();
            block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
        },
    ];
    for end in end {
        let (world, first) = redirecting();
        end(&world, &first);
        let page = begin(&world.client);
        let second = world.pool.visit(&page, "ada", PASSWORD).unwrap();
        world.trace.take();
        let late = complete(&world, &first);
        assert_eq!(late, Err(RedirectError::NothingUnderWay));
        assert_eq!(world.trace.take(), [""; 0]);
        complete(&world, &second).unwrap();
    }
}

#[test]
fn f37_a_second_redirect_supersedes_the_first() {
    let (world, first) = redirecting();
    let page = begin(&world.client);
    let second = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    assert_eq!(world.trace.take(), ["store redirect"]);
    complete(&world, &second).unwrap();
    world.trace.take();
    assert_eq!(
        complete(&world, &first),
        Err(RedirectError::NothingUnderWay)
    );
    assert_eq!(world.trace.take(), [""; 0]);
}

#[test]
fn f37_the_callback_of_the_first_does_not_end_the_second() {
    let (world, first) = redirecting();
    let page = begin(&world.client);
    let second = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    world.trace.take();
    assert_eq!(
        complete(&world, &first),
        Err(RedirectError::NothingUnderWay)
    );
    assert_eq!(world.trace.take(), [""; 0]);
    complete(&world, &second).unwrap();
    assert_eq!(world.trace.take(), COMPLETED);
}

#[test]
fn f37_the_later_of_two_kinds_of_sign_in_counts() {
    let (world, callback) = redirecting();
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    assert_eq!(world.trace.take(), ["clear redirect", "store", "→signedIn"]);
    assert_eq!(
        complete(&world, &callback),
        Err(RedirectError::NothingUnderWay)
    );
    let another = block_on(
        world
            .client
            .sign_in_with_redirect(RedirectOptions::builder().redirect_uri(BACK).build()),
    );
    assert_eq!(another, Err(RedirectError::AlreadySignedIn), "F6");
    assert_eq!(world.trace.take(), [""; 0]);
    assert_eq!(block_on(world.store.load_redirect()), Ok(None));
}

#[test]
fn f39_a_callback_after_a_restart() {
    let (world, callback) = redirecting();
    let world = world.restarted();
    block_on(world.client.complete_redirect(&callback)).unwrap();
    assert_eq!(world.trace.take(), COMPLETED);
}

#[test]
fn a_sign_out_ends_the_redirect() {
    let (world, callback) = redirecting();
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(world.trace.take(), ["clear redirect", "→signedOut"]);
    assert_eq!(
        complete(&world, &callback),
        Err(RedirectError::NothingUnderWay)
    );
}

#[test]
fn f24_no_callback_begins_a_session_while_the_provider_is_told_of_a_sign_out() {
    let world = World::expired();
    world.pool.fail(Operation::Refresh, Fault::NetworkDown);
    let page = begin(&world.client);
    let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    world.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut out = pin!(world.client.sign_out(SignOutScope::ThisDevice));
    start(out.as_mut());
    assert_eq!(
        complete(&world, &callback),
        Err(RedirectError::NothingUnderWay)
    );
    world.pool.clear_fault(Operation::Revoke);
    block_on(out).unwrap();
    let trace = [
        "→tokenRefresh_failure, kept",
        "store redirect",
        "clear redirect",
        "clear",
        "→signedOut",
    ];
    assert_eq!(world.trace.take(), trace);
    assert_over(&world);
}

#[test]
fn a_sign_out_overtakes_a_callback_and_its_tokens_are_revoked() {
    let (world, callback) = redirecting();
    world.pool.fail(Operation::Exchange, Fault::NoAnswer);
    let mut completed = pin!(world.client.complete_redirect(&callback));
    start(completed.as_mut());
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    world.pool.clear_fault(Operation::Exchange);
    assert_eq!(block_on(completed), Err(RedirectError::Superseded));
    let trace = [
        "clear redirect",
        "→signedOut",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
    assert_eq!(world.pool.count(Operation::Revoke), 1);
    assert_over(&world);
}

#[test]
fn a_callback_that_is_cancelled_or_given_up_has_failed_once() {
    let (world, callback) = redirecting();
    world.pool.fail(Operation::Exchange, Fault::NoAnswer);
    {
        let mut completed = pin!(world.client.complete_redirect(&callback));
        start(completed.as_mut());
    }
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    assert_eq!(world.trace.take(), FAILED);
    assert_over(&world);

    let (world, callback) = redirecting();
    world.pool.fail(Operation::Exchange, Fault::NoAnswer);
    let mut completed = pin!(world.client.complete_redirect(&callback));
    start(completed.as_mut());
    block_on(world.client.cancel_redirect()).unwrap();
    world.pool.clear_fault(Operation::Exchange);
    assert_eq!(block_on(completed), Err(RedirectError::Superseded));
    assert_eq!(world.trace.take(), FAILED);
    assert_over(&world);
}

#[test]
fn a_page_that_is_not_to_be_had_begins_nothing() {
    let world = World::new();
    world.pool.fail(Operation::AuthorizeUrl, Fault::NetworkDown);
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let failed = block_on(world.client.sign_in_with_redirect(options));
    assert!(matches!(failed, Err(RedirectError::Provider(_))));
    assert_over(&world);

    let options = RedirectOptions::builder()
        .redirect_uri(BACK)
        .custom_state("x".repeat(1025))
        .build();
    let failed = block_on(world.client.sign_in_with_redirect(options));
    assert!(matches!(failed, Err(RedirectError::Input(_))));
    assert_over(&world);
}

#[test]
fn a_store_that_fails_begins_and_ends_nothing() {
    let world = World::new();
    world.store.fail(StoreFault::Save);
    let options = RedirectOptions::builder().redirect_uri(BACK).build();
    let failed = block_on(world.client.sign_in_with_redirect(options));
    assert!(matches!(failed, Err(RedirectError::Store(_))));
    world.store.clear_fault();
    assert_over(&world);

    let (world, callback) = redirecting();
    world.store.fail(StoreFault::Clear);
    assert!(matches!(
        complete(&world, &callback),
        Err(RedirectError::Store(_))
    ));
    assert_eq!(world.trace.take(), ["→signInWithRedirect_failure"]);
    assert_eq!(
        world.pool.count(Operation::Exchange),
        0,
        "it could be used twice"
    );
    let (world, _) = redirecting();
    world.store.fail(StoreFault::Clear);
    let in_between = block_on(world.client.sign_in("ada", PASSWORD));
    assert!(matches!(in_between, Err(SignInError::Store(_))));
}

#[test]
fn what_a_listener_does_between_the_events_comes_after_them() {
    let (world, callback) = redirecting();
    let client = world.client.clone();
    let _listener = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
        if matches!(event, AuthEvent::SignInWithRedirect) {
            let mut out = pin!(client.sign_out(SignOutScope::ThisDevice));
            let _ = poll_once(out.as_mut());
        }
    });
    complete(&world, &callback).unwrap();
    let _ = block_on(world.client.current_user());
    let trace = world.trace.take();
    let order = ["→signInWithRedirect", "→signedIn", "→signedOut"];
    let events: Vec<_> = trace.iter().filter(|line| line.starts_with('→')).collect();
    assert_eq!(events, order);
}

/// (g) What is shown of a redirect, whatever becomes of it.
#[test]
fn no_secret_of_a_redirect_is_shown() {
    for fault in [None, Some(Fault::Rejected), Some(Fault::NetworkDown)] {
        let (world, callback) = redirecting();
        let shown = crate::world::Trace::default();
        let events = shown.clone();
        let _listener = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            events.push(format!(
                "{event:?}{}",
                serde_json::to_string(event).unwrap()
            ));
        });
        let pending = block_on(world.store.load_redirect()).unwrap().unwrap();
        let (_, code) = callback.split_once("code=").unwrap();
        let code = code.split('&').next().unwrap().to_owned();
        if let Some(fault) = fault {
            world.pool.fail(Operation::Exchange, fault);
        }
        shown.push(format!("{pending:?}{:?}", world.client));
        shown.push(format!("{:?}{}", world.pool, world.hub.inspect()));
        match block_on(world.client.complete_redirect(&callback)) {
            Ok(user) => {
                shown.push(format!("{user:?}"));
                let id = world.store.stored().unwrap().tokens.id.unwrap();
                let out = block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
                let page = out.logout_url.as_ref().unwrap();
                assert!(page.as_str().contains(id.expose()));
                shown.push(format!("{out:?}{out:#?}"));
            }
            Err(error) => shown.push(format!("{error:?}{error}")),
        }
        let shown = shown.take().concat();
        assert!(!shown.contains("embedded-pool-secret"), "{shown}");
        let [state, verifier] = [pending.state.expose(), pending.verifier.expose()];
        for secret in [state, verifier, pending.nonce.expose(), &code] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
