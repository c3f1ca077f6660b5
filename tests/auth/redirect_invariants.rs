//! What holds of redirects whatever is asked, answered, broken, dropped or done at the same time.
//!
//! The letters are those of the table of events.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crate::world::{LIFETIME, PASSWORD, StoreFault, World, poll_once, session};
use pollster::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use typed_hub::auth::redirect::RedirectOptions;
use typed_hub::auth::{
    AuthClient, AuthUser, AuthorizeUrl, Fault, Operation, RedirectError, SignOutScope,
};
use typed_hub::{Auth, AuthEvent, Hub};

/// What a caller does.
#[derive(Clone, Copy, Debug)]
enum Call {
    Begin { custom: bool },
    Complete(Callback),
    Cancel,
    SignIn,
    Session { force: bool },
    SignOut,
}

/// What the browser comes back with, of the page opened last or of the one before.
#[derive(Clone, Copy, Debug)]
enum Callback {
    Good,
    Earlier,
    Forged,
    Declined,
    NoCode,
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
enum Happens {
    Begin(usize, Call),
    Poll(usize),
    Drop(usize),
    Fail(Operation, Fault),
    ClearFault(Operation),
    FailStore(StoreFault),
    ClearStoreFault,
    PauseStore,
    ResumeStore,
    Wait(Duration),
    Restart,
}

const CALLERS: usize = 3;
const BACK: &str = "org.example.app://back";
const CUSTOM: &str = "käse";

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_invariants_hold_whatever_happens(happens in vec(any_happening(), 1..50)) {
        let mut run = Run::new();
        for happening in happens {
            run.happen(happening);
        }
        run.settle();
    }
}

/// What has been published, and how calls have ended.
#[derive(Default)]
struct Watch {
    last: Option<AuthEvent>,
    succeeded: usize,
    failed: usize,
    wrong: Vec<String>,
}

impl Watch {
    fn look(&mut self, event: &AuthEvent, is_stored: bool) {
        let last = self.last.replace(event.clone());
        let after_custom = matches!(last, Some(AuthEvent::CustomOAuthState { .. }));
        let after_redirect = matches!(last, Some(AuthEvent::SignInWithRedirect));
        match event {
            AuthEvent::SignInWithRedirect => self.succeeded += 1,
            AuthEvent::SignInWithRedirectFailure { .. } => self.failed += 1,
            AuthEvent::CustomOAuthState { state } => self.check(state == CUSTOM, "its own state"),
            AuthEvent::SignedIn { .. } => self.check(is_stored, "(a) signed in, and it is stored"),
            AuthEvent::SignedOut => self.check(!is_stored, "(b) no token after a sign-out"),
            AuthEvent::TokenRefresh | AuthEvent::TokenRefreshFailure { .. } => {}
        }
        let is_redirect = matches!(event, AuthEvent::SignInWithRedirect);
        self.check(!after_custom || is_redirect, "(e) custom state just before");
        let is_sign_in = matches!(event, AuthEvent::SignedIn { .. });
        self.check(!after_redirect || is_sign_in, "signed in just after");
        self.check(is_stored || !is_redirect, "redirected, and it is stored");
    }

    fn check(&mut self, holds: bool, what: &str) {
        if !holds {
            self.wrong.push(what.to_owned());
        }
    }
}

/// How a call has ended, as far as redirects go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Succeeded,
    Failed,
    Else,
}

struct Caller {
    call: Pin<Box<dyn Future<Output = Ended>>>,
}

struct Run {
    world: World,
    watch: Arc<Mutex<Watch>>,
    pages: Arc<Mutex<Vec<AuthorizeUrl>>>,
    callers: [Option<Caller>; CALLERS],
    succeeded: usize,
    failed: usize,
    /// Calls that were dropped, or ended in a way that does not tell: each may have failed.
    unknown: usize,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        restart(&mut world);
        let watch = Arc::new(Mutex::new(Watch::default()));
        {
            let (watch, store) = (Arc::clone(&watch), world.store.clone());
            let listener = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
                let is_stored = store.stored().is_some();
                watch.lock().unwrap().look(event, is_stored);
            });
            listener.detach();
        }
        Self {
            world,
            watch,
            pages: Arc::default(),
            callers: [const { None }; CALLERS],
            succeeded: 0,
            failed: 0,
            unknown: 0,
        }
    }

    fn happen(&mut self, happening: Happens) {
        match happening {
            Happens::Begin(caller, call) => {
                self.drop(caller);
                let call = Box::pin(self.call(call));
                self.callers[caller] = Some(Caller { call });
                self.poll(caller);
            }
            Happens::Poll(caller) => self.poll(caller),
            Happens::Drop(caller) => self.drop(caller),
            Happens::Fail(operation, fault) => self.world.pool.fail(operation, fault),
            Happens::ClearFault(operation) => self.world.pool.clear_fault(operation),
            Happens::FailStore(fault) => self.world.store.fail(fault),
            Happens::ClearStoreFault => self.world.store.clear_fault(),
            Happens::PauseStore => self.world.store.pause(),
            Happens::ResumeStore => self.world.store.resume(),
            Happens::Wait(time) => self.world.clock.advance(time),
            Happens::Restart => {
                self.world.store.clear_fault();
                (0..CALLERS).for_each(|caller| self.drop(caller));
                restart(&mut self.world);
            }
        }
    }

    fn drop(&mut self, caller: usize) {
        if self.callers[caller].take().is_some() {
            self.unknown += 1;
        }
    }

    fn call(&self, call: Call) -> impl Future<Output = Ended> + use<> {
        let client = self.world.client.clone();
        let pages = Arc::clone(&self.pages);
        let pool = self.world.pool.clone();
        async move {
            match call {
                Call::Begin { custom } => {
                    let options = RedirectOptions::builder().redirect_uri(BACK);
                    let options = if custom {
                        options.custom_state(CUSTOM).build()
                    } else {
                        options.build()
                    };
                    if let Ok(page) = client.sign_in_with_redirect(options).await {
                        pages.lock().unwrap().push(page);
                    }
                    Ended::Else
                }
                Call::Complete(callback) => {
                    let page = {
                        let pages = pages.lock().unwrap();
                        let earlier = usize::from(matches!(callback, Callback::Earlier));
                        pages.iter().rev().nth(earlier).cloned()
                    };
                    let Some(page) = page else { return Ended::Else };
                    let good = || pool.visit(&page, "ada", PASSWORD).unwrap();
                    let url = match callback {
                        Callback::Good | Callback::Earlier => good(),
                        Callback::Forged => good().replace("state=", "state=x"),
                        Callback::Declined => pool.decline(&page).unwrap(),
                        Callback::NoCode => good().replace("code=", "kode="),
                        Callback::Elsewhere => good().replace(BACK, "org.example.app://away"),
                    };
                    completed(&client.complete_redirect(&url).await)
                }
                Call::Cancel => match client.cancel_redirect().await {
                    Ok(()) => Ended::Failed,
                    Err(_) => Ended::Else,
                },
                Call::SignIn => {
                    let _ = client.sign_in("ada", PASSWORD).await;
                    Ended::Else
                }
                Call::Session { force } => {
                    let _ = session(&client, force).await;
                    Ended::Else
                }
                Call::SignOut => {
                    let _ = client.sign_out(SignOutScope::ThisDevice).await;
                    Ended::Else
                }
            }
        }
    }

    fn poll(&mut self, caller: usize) {
        let Some(Caller { call }) = &mut self.callers[caller] else {
            return;
        };
        if let Poll::Ready(ended) = poll_once(call.as_mut()) {
            self.callers[caller] = None;
            match ended {
                Ended::Succeeded => self.succeeded += 1,
                Ended::Failed => self.failed += 1,
                Ended::Else => {}
            }
        }
        let watch = self.watch.lock().unwrap();
        assert!(watch.wrong.is_empty(), "{:#?}", watch.wrong);
        assert!(
            self.succeeded <= watch.succeeded,
            "(f) published before the answer"
        );
    }

    /// Everything works again: every caller gets an answer, and the events agree with the answers.
    fn settle(mut self) {
        for operation in [
            Operation::AuthorizeUrl,
            Operation::Exchange,
            Operation::Refresh,
        ] {
            self.world.pool.clear_fault(operation);
        }
        self.world.pool.clear_fault(Operation::Revoke);
        self.world.pool.clear_fault(Operation::SignIn);
        self.world.store.clear_fault();
        self.world.store.resume();
        for _ in 0..20 {
            (0..CALLERS).for_each(|caller| self.poll(caller));
        }
        // Who asks for the session may still wait for a user who does not come back.
        let _ = block_on(self.world.client.cancel_redirect()).map(|()| self.failed += 1);
        for _ in 0..20 {
            (0..CALLERS).for_each(|caller| self.poll(caller));
        }
        assert!(self.callers.iter().all(Option::is_none), "a caller waits");
        block_on(self.world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
        assert_eq!(self.world.store.stored(), None);
        let watch = self.watch.lock().unwrap();
        assert!(watch.wrong.is_empty(), "{:#?}", watch.wrong);
        let told = watch.succeeded + watch.failed;
        let ended = self.succeeded + self.failed;
        assert!(
            watch.succeeded >= self.succeeded,
            "(f) a success is told of"
        );
        // A redirect that is cancelled while its callback is under way fails once, and two calls
        // say so.
        assert!(told <= ended + self.unknown, "(f) one event at most");
    }
}

fn completed(result: &Result<AuthUser, RedirectError>) -> Ended {
    match result {
        Ok(_) => Ended::Succeeded,
        Err(RedirectError::NothingUnderWay | RedirectError::NotTheCallback) => Ended::Else,
        Err(_) => Ended::Failed,
    }
}

/// Gives the world another client, as a restart does: one that waits long for a redirect.
fn restart(world: &mut World) {
    for hub in [Hub::new(), world.hub.clone()] {
        world.client = AuthClient::builder()
            .hub(hub)
            .provider(world.pool.clone())
            .store(world.store.clone())
            .clock(world.clock.clone())
            .redirect_wait(Duration::from_secs(60 * 60))
            .build()
            .unwrap();
    }
}

fn any_happening() -> impl Strategy<Value = Happens> {
    let caller = 0..CALLERS;
    prop_oneof![
        14 => (caller.clone(), any_call()).prop_map(|(caller, call)| Happens::Begin(caller, call)),
        6 => caller.clone().prop_map(Happens::Poll),
        2 => caller.prop_map(Happens::Drop),
        3 => (any_operation(), any_fault()).prop_map(|(o, f)| Happens::Fail(o, f)),
        5 => any_operation().prop_map(Happens::ClearFault),
        1 => select(vec![StoreFault::Read, StoreFault::Save, StoreFault::Clear, StoreFault::Forget])
            .prop_map(Happens::FailStore),
        2 => Just(Happens::ClearStoreFault),
        1 => Just(Happens::PauseStore),
        3 => Just(Happens::ResumeStore),
        2 => Just(Happens::Wait(LIFETIME)),
        1 => Just(Happens::Restart),
    ]
}

fn any_call() -> impl Strategy<Value = Call> {
    let callback = select(vec![
        Callback::Good,
        Callback::Good,
        Callback::Good,
        Callback::Earlier,
        Callback::Forged,
        Callback::Declined,
        Callback::NoCode,
        Callback::Elsewhere,
    ]);
    prop_oneof![
        5 => any::<bool>().prop_map(|custom| Call::Begin { custom }),
        6 => callback.prop_map(Call::Complete),
        1 => Just(Call::Cancel),
        1 => Just(Call::SignIn),
        2 => any::<bool>().prop_map(|force| Call::Session { force }),
        2 => Just(Call::SignOut),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    select(vec![
        Operation::AuthorizeUrl,
        Operation::Exchange,
        Operation::Refresh,
        Operation::Revoke,
        Operation::SignIn,
    ])
}

fn any_fault() -> impl Strategy<Value = Fault> {
    select(vec![
        Fault::NetworkDown,
        Fault::Rejected,
        Fault::NotAuthorized,
        Fault::NoAnswer,
    ])
}
