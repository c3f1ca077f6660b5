//! What holds whatever is asked, answered, broken, dropped or done at the same time.
//!
//! The letters are those of the table of events. They are checked while an event is published:
//! nothing can have happened since what the event tells of.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use crate::world::{
    CODE, Client, LIFETIME, PASSWORD, StoreFault, TestStore, World, poll_once, session,
};
use pollster::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use strum::IntoEnumIterator;
use typed_hub::auth::{Answer, Fault, Operation, SignInStep, SignOutScope};
use typed_hub::{Auth, AuthEvent};

/// What a caller does.
#[derive(Clone, Copy, Debug)]
enum Call {
    Session { force: bool },
    CurrentUser,
    SignIn { username: &'static str, right: bool },
    Answer { right: bool },
    SignOut(SignOutScope),
    DeleteUser,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A caller begins a call. If they were waiting for another, that one is dropped.
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
    /// The process ends, and another takes up what is in the store, which works again.
    Restart,
}

const CALLERS: usize = 4;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_invariants_hold_whatever_happens(happens in vec(any_happening(), 1..60)) {
        let mut run = Run::new();
        for happening in happens {
            run.happen(happening);
        }
        run.settle();
    }

    #[test]
    fn the_invariants_hold_for_callers_on_several_threads(
        calls in vec(vec(any_call(), 1..12), CALLERS),
        faults in vec((any_operation(), any_fault()), 0..4),
    ) {
        let world = World::new();
        let watch = Watch::over(&world, Order::Unknown);
        for (operation, fault) in faults {
            if fault != Fault::NoAnswer {
                world.pool.fail(operation, fault);
            }
        }
        thread::scope(|scope| {
            for calls in calls {
                scope.spawn(|| {
                    for call in calls {
                        let begun = watch.begun(call);
                        let done = block_on(perform(world.client.clone(), call));
                        watch.resolved(begun, &done);
                        world.clock.advance(LIFETIME / 3);
                    }
                });
            }
        });
        let last = Call::SignOut(SignOutScope::ThisDevice);
        let begun = watch.begun(last);
        watch.resolved(begun, &block_on(perform(world.client.clone(), last)));
        assert_eq!(world.store.stored(), None);
        watch.nothing_is_wrong();
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The answer, shown, and what it says.
type Done = (String, Says);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    SignedIn,
    SignedOut,
    /// Nobody is signed in.
    Nobody,
    Else,
}

async fn perform(client: Client, call: Call) -> Done {
    match call {
        Call::Session { force } => {
            let session = session(&client, force).await;
            let says = [Says::Else, Says::Nobody][usize::from(session == Ok(None))];
            (format!("{session:?}"), says)
        }
        Call::CurrentUser => (format!("{:?}", client.current_user().await), Says::Else),
        Call::SignIn { username, right } => {
            let password = if right { PASSWORD } else { "wrong" };
            let step = client.sign_in(username, password).await;
            (format!("{step:?}"), says(&step))
        }
        Call::Answer { right } => {
            let code = if right { CODE } else { "000000" };
            let step = client.confirm_sign_in(Answer::Code(code.into())).await;
            (format!("{step:?}"), says(&step))
        }
        Call::SignOut(scope) => {
            let out = client.sign_out(scope).await;
            let says = [Says::Else, Says::SignedOut][usize::from(out.is_ok())];
            (format!("{out:?}"), says)
        }
        Call::DeleteUser => (format!("{:?}", client.delete_user().await), Says::Else),
    }
}

fn says<E>(step: &Result<SignInStep, E>) -> Says {
    match step {
        Ok(SignInStep::Done(_)) => Says::SignedIn,
        _ => Says::Else,
    }
}

/// Looks at every event while it is published, and at every answer when it has come.
#[derive(Clone)]
struct Watch(Arc<Mutex<Counts>>);

/// Whether calls are counted in the order in which they begin. On several threads one may be
/// counted and begin only when others, counted after it, are over.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    Known,
    #[default]
    Unknown,
}

#[derive(Default)]
struct Counts {
    order: Order,
    signed_in: usize,
    signed_out: usize,
    sign_ins_done: usize,
    sign_outs_begun: usize,
    /// Whether the events so far say that somebody is in, and how often they have come to say
    /// that nobody is.
    is_in: bool,
    emptied: usize,
    /// The numbers of the calls begun last: of all, of those that sign in, and of those that
    /// refresh; and that of the last sign-out that has been answered.
    last_call: usize,
    last_sign_in: usize,
    last_refresh: usize,
    last_sign_out: usize,
    wrong: Vec<String>,
}

/// What was the case when a call began.
#[derive(Clone, Copy)]
struct Begun {
    call: usize,
    signed_out: usize,
    emptied: usize,
    was_in: bool,
}

impl Watch {
    fn over(world: &World, order: Order) -> Self {
        let counts = Arc::new(Mutex::new(Counts {
            order,
            ..Counts::default()
        }));
        {
            let (counts, store, trace) = (
                Arc::clone(&counts),
                world.store.clone(),
                world.trace.clone(),
            );
            let listener = world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
                let last_write = trace
                    .take()
                    .into_iter()
                    .rfind(|what| !what.starts_with('→'));
                counts
                    .lock()
                    .unwrap()
                    .look(event, &store, last_write.as_deref());
            });
            listener.detach();
        }
        Self(counts)
    }

    fn begun(&self, call: Call) -> Begun {
        let mut counts = self.0.lock().unwrap();
        counts.last_call += 1;
        let number = counts.last_call;
        if let Call::SignOut(_) | Call::DeleteUser = call {
            counts.sign_outs_begun += 1;
        }
        if let Call::SignIn { .. } | Call::Answer { .. } = call {
            counts.last_sign_in = number;
        }
        if let Call::SignIn { .. } | Call::Session { .. } | Call::DeleteUser = call {
            counts.last_refresh = number;
        }
        Begun {
            call: number,
            signed_out: counts.signed_out,
            emptied: counts.emptied,
            was_in: counts.is_in,
        }
    }

    fn nothing_is_wrong(&self) {
        let wrong = &self.0.lock().unwrap().wrong;
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn resolved(&self, begun: Begun, (shown, says): &Done) {
        let mut counts = self.0.lock().unwrap();
        counts.sign_ins_done += usize::from(*says == Says::SignedIn);
        let told = *says != Says::SignedOut || counts.signed_out > begun.signed_out;
        counts.check(told, "a sign-out is told of before it is answered");
        if *says == Says::SignedOut {
            counts.last_sign_out = counts.last_sign_out.max(begun.call);
        }
        let was_out = !begun.was_in || !counts.is_in || counts.emptied > begun.emptied;
        let nobody = *says != Says::Nobody || was_out;
        counts.check(nobody, "nobody is in when the answer is nobody");
        let (events, done) = (counts.signed_in, counts.sign_ins_done);
        counts.check(done <= events, "(a) the event comes before the answer");
        counts.check_secrets(shown);
        assert!(counts.wrong.is_empty(), "{:#?}", counts.wrong);
    }
}

impl Counts {
    /// `last_write` is what was done to the store since the event before this one.
    fn look(&mut self, event: &AuthEvent, store: &TestStore, last_write: Option<&str>) {
        let stored = store.stored();
        match event {
            AuthEvent::SignedIn { user } => {
                (self.signed_in, self.is_in) = (self.signed_in + 1, true);
                let begun = self.begun_since(self.last_sign_in);
                self.check(begun, "signed in by a call that began since the sign-out");
                let is_stored = stored.is_some_and(|stored| stored.user == *user);
                self.check(is_stored, "(a) signed in, and it is stored");
                self.check(last_write == Some("store"), "(a) stored by this sign-in");
            }
            AuthEvent::SignedOut => {
                self.signed_out += 1;
                self.emptied();
                let once = self.signed_out <= self.sign_outs_begun;
                self.check(once, "(b) one event for a sign-out at most");
                self.check(stored.is_none(), "(b) no token after a sign-out");
            }
            AuthEvent::TokenRefresh => {
                let begun = self.begun_since(self.last_refresh);
                self.check(begun, "refreshed by a call that began since the sign-out");
                self.check(stored.is_some(), "(c) refreshed, and it is stored");
                self.check(last_write == Some("store"), "(c) stored by this refresh");
            }
            AuthEvent::TokenRefreshFailure { session_ended, .. } => {
                let cleared = stored.is_none();
                self.check(
                    *session_ended == cleared,
                    "(d) ended if and only if cleared",
                );
                if *session_ended {
                    self.emptied();
                    self.check(last_write == Some("clear"), "(d) cleared by this failure");
                }
            }
            AuthEvent::SignInWithRedirect
            | AuthEvent::SignInWithRedirectFailure { .. }
            | AuthEvent::CustomOAuthState { .. } => self.check(false, "no other event"),
        }
        self.check_secrets(&format!("{event:?}"));
        self.check_secrets(&serde_json::to_string(event).unwrap());
    }

    /// Whether a call began after the last sign-out did, as far as one can tell.
    fn begun_since(&self, call: usize) -> bool {
        self.order == Order::Unknown || call > self.last_sign_out
    }

    fn emptied(&mut self) {
        self.is_in = false;
        self.emptied += 1;
    }

    fn check_secrets(&mut self, shown: &str) {
        for secret in [PASSWORD, CODE, "embedded-pool-secret"] {
            self.check(!shown.contains(secret), "(g) no secret is shown");
        }
    }

    fn check(&mut self, holds: bool, what: &str) {
        if !holds {
            self.wrong.push(what.to_owned());
        }
    }
}

/// A world in which things happen, and callers who wait.
struct Run {
    world: World,
    watch: Watch,
    callers: [Option<Caller>; CALLERS],
}

struct Caller {
    call: Pin<Box<dyn Future<Output = Done>>>,
    begun: Begun,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        Self {
            watch: Watch::over(&world, Order::Known),
            callers: [const { None }; CALLERS],
            world,
        }
    }

    fn happen(&mut self, happening: Happens) {
        let World { pool, store, .. } = &self.world;
        match happening {
            Happens::Begin(caller, call) => {
                let begun = self.watch.begun(call);
                let call = Box::pin(perform(self.world.client.clone(), call));
                self.callers[caller] = Some(Caller { call, begun });
                self.poll(caller);
            }
            Happens::Poll(caller) => self.poll(caller),
            Happens::Drop(caller) => self.callers[caller] = None,
            Happens::Fail(operation, fault) => pool.fail(operation, fault),
            Happens::ClearFault(operation) => pool.clear_fault(operation),
            Happens::FailStore(fault) => store.fail(fault),
            Happens::ClearStoreFault => store.clear_fault(),
            Happens::PauseStore => store.pause(),
            Happens::ResumeStore => store.resume(),
            Happens::Wait(time) => self.world.clock.advance(time),
            Happens::Restart => {
                store.clear_fault();
                self.callers = [const { None }; CALLERS];
                self.world.restart();
            }
        }
    }

    fn poll(&mut self, caller: usize) {
        let Some(Caller { call, begun }) = &mut self.callers[caller] else {
            return;
        };
        let begun = *begun;
        match catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(done)) => {
                self.callers[caller] = None;
                self.watch.resolved(begun, &done);
            }
            Err(_) => self.callers[caller] = None, // its store has panicked, as told
        }
    }

    /// Everything works again: every caller gets an answer, and the client and the store agree.
    fn settle(mut self) {
        Operation::iter().for_each(|operation| self.world.pool.clear_fault(operation));
        self.world.store.clear_fault();
        self.world.store.resume();
        for _ in 0..20 {
            (0..CALLERS).for_each(|caller| self.poll(caller));
        }
        assert!(self.callers.iter().all(Option::is_none), "a caller waits");

        let user = block_on(self.world.client.current_user()).unwrap();
        let stored = self.world.store.stored().map(|session| session.user);
        assert_eq!(user, stored);
        let last = Call::SignOut(SignOutScope::ThisDevice);
        let begun = self.watch.begun(last);
        let done = block_on(perform(self.world.client.clone(), last));
        self.watch.resolved(begun, &done);
        assert_eq!(self.world.store.stored(), None);
        assert_eq!(block_on(self.world.client.refresh()), Ok(None));
        self.watch.nothing_is_wrong();
    }
}

fn any_happening() -> impl Strategy<Value = Happens> {
    let caller = 0..CALLERS;
    prop_oneof![
        12 => (caller.clone(), any_call()).prop_map(|(caller, call)| Happens::Begin(caller, call)),
        6 => caller.clone().prop_map(Happens::Poll),
        2 => caller.prop_map(Happens::Drop),
        3 => (any_operation(), any_fault())
            .prop_map(|(operation, fault)| Happens::Fail(operation, fault)),
        4 => any_operation().prop_map(Happens::ClearFault),
        1 => select(vec![
            StoreFault::Read,
            StoreFault::Save,
            StoreFault::Clear,
            StoreFault::Forget,
            StoreFault::Panic,
        ])
        .prop_map(Happens::FailStore),
        2 => Just(Happens::ClearStoreFault),
        2 => Just(Happens::PauseStore),
        3 => Just(Happens::ResumeStore),
        3 => select(vec![LIFETIME / 2, LIFETIME]).prop_map(Happens::Wait),
        1 => Just(Happens::Restart),
    ]
}

fn any_call() -> impl Strategy<Value = Call> {
    let username = select(vec!["ada", "grace"]);
    let scope = select(vec![SignOutScope::ThisDevice, SignOutScope::Everywhere]);
    prop_oneof![
        4 => any::<bool>().prop_map(|force| Call::Session { force }),
        1 => Just(Call::CurrentUser),
        5 => (username, prop::bool::weighted(0.8))
            .prop_map(|(username, right)| Call::SignIn { username, right }),
        3 => prop::bool::weighted(0.8).prop_map(|right| Call::Answer { right }),
        2 => scope.prop_map(Call::SignOut),
        1 => Just(Call::DeleteUser),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    select(Operation::iter().collect::<Vec<_>>())
}

fn any_fault() -> impl Strategy<Value = Fault> {
    select(Fault::iter().collect::<Vec<_>>())
}
