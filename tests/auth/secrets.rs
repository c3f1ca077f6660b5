//! No event, error, panic, log line, report, `Debug` or `Display` carries a password, a token or a code.

use std::fmt::{Debug, Display, Write};
use std::panic::{self, AssertUnwindSafe};

use crate::alone::alone;
use crate::world::{CODE, PASSWORD, StoreFault, Trace, World};
use pollster::block_on;
use typed_hub::auth::{
    Answer, AuthUser, Challenge, Code, Fault, MemoryChallenge, OpenChallenge, Operation, Session,
    SignInReply, SignOutScope,
};
use typed_hub::{Auth, AuthEvent};

const NEW_PASSWORD: &str = "tr0ub4dor&3";
const WRONG_PASSWORD: &str = "hunter2-was-wrong";
const WRONG_CODE: &str = "314159";

/// Everything that was shown, in one text.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn debug(&mut self, value: &impl Debug) {
        write!(self.0, "{value:?}\n{value:#?}\n").unwrap();
    }

    fn both(&mut self, value: &(impl Debug + Display)) {
        self.debug(value);
        write!(self.0, "{value}\n{value:#}\n").unwrap();
    }

    fn session(&mut self, session: Option<Session>) -> Vec<String> {
        let session = session.unwrap();
        self.debug(&session);
        self.debug(&session.tokens.access);
        self.debug(&session.tokens.refresh);
        let tokens = session.tokens;
        vec![
            tokens.access.expose().to_owned(),
            tokens.id.unwrap().expose().to_owned(),
            tokens.refresh.unwrap().expose().to_owned(),
        ]
    }
}

#[test]
fn nothing_that_is_shown_carries_a_secret() {
    let world = World::new();
    let events = Trace::default();
    let guard = {
        let events = events.clone();
        world.hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            let wire = serde_json::to_string(event).unwrap();
            events.push(format!("{event:?} {event:#?} {wire}"));
        })
    };
    let mut shown = Shown::default();
    let mut secrets: Vec<String> = [PASSWORD, NEW_PASSWORD, WRONG_PASSWORD, CODE, WRONG_CODE]
        .map(str::to_owned)
        .into();
    let challenges = [
        MemoryChallenge::NewPassword,
        MemoryChallenge::Totp(CODE.into()),
    ];
    shown.debug(&challenges);
    world.pool.add_user("joan", PASSWORD, challenges);
    let client = &world.client;

    // Signing up
    shown.debug(&block_on(client.sign_up("alan", NEW_PASSWORD, [].into())));
    let code = world.pool.confirmation_code("alan").unwrap();
    shown.debug(&code);
    secrets.push(code.expose().to_owned());
    shown.both(&block_on(client.confirm_sign_up("alan", WRONG_CODE)).unwrap_err());
    shown.both(&block_on(client.sign_up("alan", NEW_PASSWORD, [].into())).unwrap_err());

    // Signing in, with every refusal on the way
    shown.both(&block_on(client.sign_in("joan", WRONG_PASSWORD)).unwrap_err());
    let long = format!("{WRONG_PASSWORD}{}", "x".repeat(2000));
    shown.both(&block_on(client.sign_in("joan", long)).unwrap_err());
    shown.debug(&block_on(client.sign_in("joan", PASSWORD)).unwrap());
    let wrong = Answer::Code(WRONG_CODE.into());
    shown.debug(&wrong);
    shown.both(&block_on(client.confirm_sign_in(wrong)).unwrap_err());
    let new_password = Answer::NewPassword {
        password: NEW_PASSWORD.into(),
        attributes: [].into(),
    };
    shown.debug(&new_password);
    shown.debug(&block_on(client.confirm_sign_in(new_password)).unwrap());
    let wrong = block_on(client.confirm_sign_in(Answer::Code(WRONG_CODE.into())));
    shown.both(&wrong.unwrap_err());
    world.store.fail(StoreFault::Forget);
    let code = || Answer::Code(CODE.into());
    shown.both(&block_on(client.confirm_sign_in(code())).unwrap_err());
    world.store.clear_fault();
    let _ = block_on(client.sign_in("joan", NEW_PASSWORD)).unwrap();
    shown.debug(&block_on(client.confirm_sign_in(code())).unwrap());

    // Refreshing
    secrets.extend(shown.session(block_on(client.session()).unwrap()));
    secrets.extend(shown.session(block_on(client.refresh()).unwrap()));
    for fault in [Fault::NetworkDown, Fault::Throttled] {
        world.pool.fail(Operation::Refresh, fault);
        shown.both(&block_on(client.refresh()).unwrap_err());
    }
    world.pool.fail(Operation::DeleteUser, Fault::Rejected);
    shown.both(&block_on(client.delete_user()).unwrap_err());
    world.pool.clear_fault(Operation::Refresh);
    world.pool.revoke_sessions("joan");
    shown.both(&block_on(client.refresh()).unwrap_err());

    // Signing out
    let _ = block_on(client.sign_in("ada", PASSWORD)).unwrap();
    secrets.extend(shown.session(block_on(client.session()).unwrap()));
    world.pool.fail(Operation::Revoke, Fault::NotAuthorized);
    shown.debug(&block_on(client.sign_out(SignOutScope::ThisDevice)).unwrap());

    shown.debug(&world.client);
    shown.debug(&world.pool);
    shown.debug(&world.hub);
    let report = world.hub.inspect();
    shown.both(&report);
    shown.0 += &serde_json::to_string(&report).unwrap();
    drop(guard);
    let events = events.take();
    assert!(events.len() >= 7, "{events:?}");
    shown.0 += &events.concat();

    assert_eq!(secrets.len(), 5 + 1 + 9);
    for secret in secrets {
        assert!(
            !shown.0.contains(&secret),
            "{secret} is in what was shown:\n{}",
            shown.0
        );
    }
    let mark = "embedded-pool-secret";
    assert!(!shown.0.contains(mark), "a token of the pool is shown");
}

#[test]
fn what_a_provider_is_made_of_shows_no_secret() {
    let open = OpenChallenge {
        username: "ada".to_owned(),
        challenge: Challenge::SetUpTotp {
            key: "JBSWY3DPEHPK3PXP".into(),
        },
        continuation: "AYABeC1-continuation".into(),
    };
    let mut shown = Shown::default();
    shown.debug(&open);
    shown.debug(&SignInReply::Challenged(open));
    shown.debug(&Answer::Custom("the-answer-is-42".into()));
    shown.debug(&Answer::Password("p4ssw0rd".into()));
    shown.debug(&Code::from("123123"));
    for secret in ["JBSWY3", "AYABeC1", "answer-is", "p4ssw0rd", "123123"] {
        assert!(!shown.0.contains(secret), "{secret} in {}", shown.0);
    }
}

/// A listener and a store panic; a caller learns of it by a panic of their own. Alone in its
/// process, which has one panic hook and one logger.
#[test]
fn no_panic_message_and_no_log_line_carries_a_secret() {
    let test = "no_panic_message_and_no_log_line_carries_a_secret";
    if alone(module_path!(), test).is_some() {
        return;
    }
    let shown = Trace::default();
    let previous = panic::take_hook();
    {
        let shown = shown.clone();
        panic::set_hook(Box::new(move |panic| shown.push(panic.to_string())));
    }
    #[cfg(feature = "tracing")]
    tracing::subscriber::set_global_default(log::Lines(shown.clone())).unwrap();

    let world = World::new();
    #[cfg(feature = "tracing")]
    world.hub.log::<Auth>().detach();
    let listener = world
        .hub
        .listen::<Auth>(|event: &AuthEvent| panic!("a listener panics at {event:?}"));
    let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
    let mut before = Shown::default();
    let secrets = before.session(block_on(world.client.session()).unwrap());
    world.store.fail(StoreFault::Panic);
    let refresh = panic::catch_unwind(AssertUnwindSafe(|| block_on(world.client.refresh())));
    assert!(refresh.is_err());
    world.store.clear_fault();
    block_on(world.client.sign_out(SignOutScope::ThisDevice)).unwrap();
    world.hub.flush();
    listener.close();
    panic::set_hook(previous);

    let shown = shown.take().concat();
    for expected in ["a listener panics", "the store panics", "has panicked"] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
    assert_eq!(shown.contains("sequence="), cfg!(feature = "tracing"));
    for secret in [PASSWORD, "embedded-pool-secret"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(secrets.iter().all(|secret| !shown.contains(secret)));
}

#[cfg(feature = "tracing")]
mod log {
    use std::fmt::{Debug, Write};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use crate::world::Trace;

    /// Writes everything that is logged down.
    pub(super) struct Lines(pub(super) Trace);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, attributes: &Attributes<'_>) -> Id {
            self.0.push(format!("{attributes:?}"));
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            struct Line(String);

            impl Visit for Line {
                fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                    write!(self.0, " {field}={value:?}").unwrap();
                }
            }

            let mut line = Line(String::new());
            event.record(&mut line);
            self.0.push(line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}

#[test]
fn this_test_would_find_one() {
    let mut shown = Shown::default();
    shown.debug(&AuthUser::new("ada", PASSWORD));
    assert!(shown.0.contains(PASSWORD));
}
