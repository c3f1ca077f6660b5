//! Signing in in a browser: `AuthClient::sign_in_in_browser`. The browser is a thread here that
//! requests what it is sent to; a real one is in `tests/servers/real/browser.rs`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{PASSWORD, World, start};
use pollster::block_on;
use typed_hub::auth::redirect::{Loopback, LoopbackError, RedirectOptions};
use typed_hub::auth::{AuthorizeUrl, Fault, Operation, RedirectError, SignOutScope};

const LIMIT: Duration = Duration::from_secs(20);

fn options(loopback: &Loopback) -> RedirectOptions {
    RedirectOptions::builder()
        .redirect_uri(loopback.redirect_uri())
        .build()
}

/// Requests a URL, as a browser that is sent there.
fn get(url: &str) {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
}

#[test]
fn from_the_first_page_to_the_last() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let pool = world.pool.clone();
    let open = |page: &AuthorizeUrl| {
        let callback = pool.visit(page, "ada", PASSWORD).unwrap();
        thread::spawn(move || get(&callback));
        Ok(())
    };
    let signed_in = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    assert_eq!(block_on(signed_in).unwrap().username, "ada");
    let trace = [
        "store redirect",
        "clear redirect",
        "store",
        "→signInWithRedirect",
        "→signedIn",
    ];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn the_user_declines() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let pool = world.pool.clone();
    let open = |page: &AuthorizeUrl| {
        let callback = pool.decline(page).unwrap();
        thread::spawn(move || get(&callback));
        Ok(())
    };
    let declined = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    assert!(matches!(
        block_on(declined),
        Err(RedirectError::Declined(_))
    ));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn f31_nobody_comes_back_in_time() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let limit = Duration::from_millis(20);
    let late = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), |_| Ok(()), limit);
    assert_eq!(block_on(late), Err(RedirectError::TimedOut));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
    assert_eq!(block_on(world.client.session()), Ok(None));
}

#[test]
fn f31_it_is_given_up() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    {
        let given_up =
            world
                .client
                .sign_in_in_browser(&loopback, options(&loopback), |_| Ok(()), LIMIT);
        let mut given_up = pin!(given_up);
        start(given_up.as_mut());
    }
    assert_eq!(block_on(world.client.current_user()), Ok(None));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn f37_giving_up_the_first_leaves_the_second_alone() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let second = {
        let first =
            world
                .client
                .sign_in_in_browser(&loopback, options(&loopback), |_| Ok(()), LIMIT);
        let mut first = pin!(first);
        start(first.as_mut());
        let begun = world.client.sign_in_with_redirect(options(&loopback));
        let page = block_on(begun).unwrap();
        world.pool.visit(&page, "ada", PASSWORD).unwrap()
    };
    block_on(world.client.complete_redirect(&second)).unwrap();
}

#[test]
fn f31_the_page_cannot_be_opened() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let open = |_: &AuthorizeUrl| Err(LoopbackError::NoBrowser);
    let failed = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    assert_eq!(block_on(failed), Err(RedirectError::NotOpened));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
}

#[test]
fn it_ends_when_another_handle_ends_or_replaces_it() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let begin = || {
        let open = |_: &AuthorizeUrl| Ok(());
        let begun = world
            .client
            .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
        let mut begun = Box::pin(begun);
        start(begun.as_mut());
        begun
    };
    let first = begin();
    block_on(world.client.cancel_redirect()).unwrap();
    assert_eq!(block_on(first), Err(RedirectError::Cancelled));

    let second = begin();
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    assert_eq!(block_on(second), Err(RedirectError::Superseded));

    let third = begin();
    let page = block_on(world.client.sign_in_with_redirect(options(&loopback))).unwrap();
    assert_eq!(block_on(third), Err(RedirectError::Superseded));

    world.trace.take();
    let callback = world.pool.visit(&page, "ada", PASSWORD).unwrap();
    block_on(world.client.complete_redirect(&callback)).unwrap();
}

#[test]
fn it_ends_when_another_handle_takes_its_callback() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let callback = std::sync::Mutex::new(String::new());
    let open = |page: &AuthorizeUrl| {
        *callback.lock().unwrap() = world.pool.visit(page, "ada", PASSWORD).unwrap();
        Ok(())
    };
    let begun = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    let mut begun = pin!(begun);
    start(begun.as_mut());
    let taken = callback.lock().unwrap().clone();
    block_on(world.client.complete_redirect(&taken)).unwrap();
    assert_eq!(block_on(begun), Err(RedirectError::NothingUnderWay));
}

#[test]
fn f31_the_provider_does_not_answer_in_time() {
    let world = World::new();
    world.pool.fail(Operation::Exchange, Fault::NoAnswer);
    let loopback = Loopback::bind().unwrap();
    let pool = world.pool.clone();
    let open = |page: &AuthorizeUrl| {
        let callback = pool.visit(page, "ada", PASSWORD).unwrap();
        thread::spawn(move || get(&callback));
        Ok(())
    };
    let limit = Duration::from_millis(500);
    let late = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, limit);
    assert_eq!(block_on(late), Err(RedirectError::TimedOut));
    let trace = [
        "store redirect",
        "clear redirect",
        "→signInWithRedirect_failure",
    ];
    assert_eq!(world.trace.take(), trace);
    assert_eq!(block_on(world.client.session()), Ok(None));
}

/// A user who has come back too late has left a callback behind, or comes back in the middle of the
/// next sign-in.
#[test]
fn f35_the_callback_of_an_earlier_sign_in_does_not_end_the_next() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let pool = &world.pool;
    let mut late = Vec::new();
    for _ in 0..2 {
        let open = |page: &AuthorizeUrl| {
            late.push(pool.visit(page, "ada", PASSWORD).unwrap());
            Ok(())
        };
        let limit = Duration::from_millis(20);
        let timed_out = world
            .client
            .sign_in_in_browser(&loopback, options(&loopback), open, limit);
        assert_eq!(block_on(timed_out), Err(RedirectError::TimedOut));
    }
    world.trace.take();
    get(&late[0]);
    let open = |page: &AuthorizeUrl| {
        let callback = pool.visit(page, "ada", PASSWORD).unwrap();
        let late = late[1].clone();
        thread::spawn(move || {
            get(&late);
            get(&callback);
        });
        Ok(())
    };
    let signed_in = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    assert_eq!(block_on(signed_in).unwrap().username, "ada");
    let trace = [
        "store redirect",
        "clear redirect",
        "store",
        "→signInWithRedirect",
        "→signedIn",
    ];
    assert_eq!(world.trace.take(), trace);
}

/// A loopback address keeps a few callbacks only: those of earlier sign-ins must not take the place of
/// this one's.
#[test]
fn f35_callbacks_that_nobody_has_asked_for_leave_room_for_the_next() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    for number in 0..20 {
        get(&format!("{}?code={number}", loopback.redirect_uri()));
    }
    let open = |page: &AuthorizeUrl| {
        let callback = world.pool.visit(page, "ada", PASSWORD).unwrap();
        get(&callback); // has come before the client waits for it
        Ok(())
    };
    let limit = Duration::from_secs(2);
    let signed_in = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, limit);
    assert_eq!(block_on(signed_in).unwrap().username, "ada");
}

/// Any program and any web page on this machine can send a request: one without the state of the
/// sign-in is not its callback, and ends nothing.
#[test]
fn a_request_without_the_state_of_the_sign_in_does_not_end_it() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let uri = loopback.redirect_uri();
    let open = |page: &AuthorizeUrl| {
        let callback = world.pool.visit(page, "ada", PASSWORD).unwrap();
        let (_, state) = callback.split_once("state=").unwrap();
        let state = state.split('&').next().unwrap().to_owned();
        let uri = uri.clone();
        thread::spawn(move || {
            for query in [
                "code=c".to_owned(),
                "error=access_denied".to_owned(),
                "code=c&state=made-up".to_owned(),
                "error=access_denied&state=made-up".to_owned(),
                "code=c&state=".to_owned(),
                format!("code=c&state={state}&state={state}"),
                format!("code=c&state={}", &state[..state.len() - 1]),
            ] {
                get(&format!("{uri}?{query}"));
            }
            get(&callback);
        });
        Ok(())
    };
    let signed_in = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT);
    assert_eq!(block_on(signed_in).unwrap().username, "ada");
    let trace = [
        "store redirect",
        "clear redirect",
        "store",
        "→signInWithRedirect",
        "→signedIn",
    ];
    assert_eq!(world.trace.take(), trace);
}

/// Some providers accept any port only of `http://localhost`.
#[test]
fn a_browser_may_come_back_to_localhost() {
    let options_of: [fn(&Loopback) -> String; 2] = [
        |loopback| loopback.redirect_uri(),
        |loopback| loopback.redirect_uri().replace("127.0.0.1", "localhost"),
    ];
    for (is_named, uri) in [(true, options_of[0]), (false, options_of[1])] {
        let world = World::new();
        let loopback = Loopback::builder().localhost(is_named).build().unwrap();
        let uri = uri(&loopback);
        assert!(uri.starts_with("http://localhost:"), "{uri}");
        let options = RedirectOptions::builder().redirect_uri(uri).build();
        let open = |page: &AuthorizeUrl| {
            let callback = world.pool.visit(page, "ada", PASSWORD).unwrap();
            thread::spawn(move || get(&callback));
            Ok(())
        };
        let signed_in = world
            .client
            .sign_in_in_browser(&loopback, options, open, LIMIT);
        assert_eq!(block_on(signed_in).unwrap().username, "ada");
    }
}

/// A page that is loaded again and again, say.
#[test]
fn f31_callbacks_of_an_earlier_sign_in_do_not_put_off_the_end() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let limit = Duration::from_millis(500);
    let mut earlier = String::new();
    let open = |page: &AuthorizeUrl| {
        earlier = world.pool.visit(page, "ada", PASSWORD).unwrap();
        Err(LoopbackError::NoBrowser)
    };
    let ended = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, limit);
    assert_eq!(block_on(ended), Err(RedirectError::NotOpened));
    let (began, is_over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) && began.elapsed() < LIMIT {
                get(&earlier);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let late =
            world
                .client
                .sign_in_in_browser(&loopback, options(&loopback), |_| Ok(()), limit);
        let late = block_on(late);
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(late, Err(RedirectError::TimedOut));
        assert!(began.elapsed() < LIMIT, "they have put it off");
    });
}

#[test]
fn f31_the_limit_is_for_the_user_and_the_provider_together() {
    let world = World::new();
    world.pool.fail(Operation::Exchange, Fault::NoAnswer);
    let loopback = Loopback::bind().unwrap();
    let pool = world.pool.clone();
    let limit = Duration::from_secs(2);
    let open = |page: &AuthorizeUrl| {
        let callback = pool.visit(page, "ada", PASSWORD).unwrap();
        thread::spawn(move || {
            thread::sleep(limit * 3 / 4);
            get(&callback);
        });
        Ok(())
    };
    let began = Instant::now();
    let late = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, limit);
    assert_eq!(block_on(late), Err(RedirectError::TimedOut));
    assert!(
        began.elapsed() < limit * 7 / 4,
        "the provider was waited for as long as the limit once more"
    );
}

/// Any web page can send a callback with some state.
#[test]
fn false_callbacks_do_not_crowd_out_the_real_one() {
    let world = World::new();
    let loopback = Loopback::bind().unwrap();
    let open = |page: &AuthorizeUrl| {
        for number in 0..40 {
            get(&format!(
                "{}?code={number}&state={number}",
                loopback.redirect_uri()
            ));
        }
        get(&world.pool.visit(page, "ada", PASSWORD).unwrap());
        get(&format!("{}?code=1&state=1", loopback.redirect_uri()));
        Ok(())
    };
    let signed_in = world
        .client
        .sign_in_in_browser(&loopback, options(&loopback), open, LIMIT / 4);
    assert_eq!(block_on(signed_in).unwrap().username, "ada");
}
