//! A day in the life of a session, as a listener hears it.
//!
//! Run it with `cargo run --example auth_events`. Nothing has to be set up: the identity provider
//! is a user pool embedded in this program, and its clock is moved by hand.
//!
//! With `--cognito` it is a Cognito user pool of yours: `--help` tells how.

#[cfg(feature = "cognito")]
mod cognito;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use typed_hub::auth::{
    Answer, AuthClient, Fault, ManualClock, MemoryChallenge, MemoryProvider, MemoryStore,
    Operation, SignInStep, SignOutScope,
};
use typed_hub::{Auth, AuthEvent, Custom, CustomChannel, Hub};

/// A channel of our own, beside `Auth`: what the program is doing.
enum Diary {}

impl CustomChannel for Diary {
    type Event = &'static str;
    const NAME: &'static str = "diary";
}

const HELP: &str = "\
Shows the events of a session, from the sign-in to the sign-out.

    cargo run --example auth_events

With the user pool that is embedded in this program. There is nothing to set up.

    cargo run --example auth_events --features cognito -- --cognito REGION USER_POOL_ID CLIENT_ID \
USER_NAME [ENDPOINT]

With a Cognito user pool of yours, which asks for the password and for what else it needs.

REGION         the region of the pool: eu-central-1
USER_POOL_ID   the pool: eu-central-1_Example
CLIENT_ID      an app client of the pool that allows ALLOW_USER_SRP_AUTH
USER_NAME      a user of the pool
ENDPOINT       the URL of the service, if it is not Amazon's

What is left out, from the right, is read from COGNITO_REGION, COGNITO_USER_POOL_ID,
COGNITO_CLIENT_ID, COGNITO_USER_NAME and COGNITO_ENDPOINT. The secret of the app client, if it has
one, is read from COGNITO_CLIENT_SECRET.
";

fn main() -> ExitCode {
    let arguments: Option<Vec<String>> = env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect();
    let Some(arguments) = arguments else {
        eprintln!("Error: an argument is not UTF-8.\n\n{HELP}");
        return ExitCode::from(2);
    };
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let done = match arguments.split_first() {
        None => in_the_embedded_pool(),
        Some((first, settings)) if first == "--cognito" => in_a_cognito_pool(settings),
        Some((other, _)) => {
            Err(format!("{other:?} is no argument of this program.\n\n{HELP}").into())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, in words.
fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(feature = "cognito")]
use cognito::in_a_cognito_pool;

#[cfg(not(feature = "cognito"))]
fn in_a_cognito_pool(_: &[String]) -> Result<(), Box<dyn Error>> {
    Err("this takes the feature cognito: \
        cargo run --example auth_events --features cognito -- --cognito \
        REGION USER_POOL_ID CLIENT_ID USER_NAME [ENDPOINT]"
        .into())
}

fn in_the_embedded_pool() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new();

    // Listening. Each guard listens until it is dropped.
    let diary = hub.listen::<Custom<Diary>>(|entry| println!("\n{entry}"));
    let auth = hub.listen::<Auth>(|event| println!("    {}", in_plain_words(event)));

    // The world: a clock, a pool of users, and the client that signs them in.
    let clock = ManualClock::default();
    let pool = MemoryProvider::builder().clock(clock.clone()).build();
    pool.add_user(
        "ada",
        "correct horse",
        [MemoryChallenge::Totp("271828".into())],
    );
    let client = AuthClient::builder()
        .hub(hub.clone())
        .provider(pool.clone())
        .store(MemoryStore::new())
        .clock(clock.clone())
        .build()?;

    // The client's methods are futures, for whatever runtime there is. Here there is none.
    pollster::block_on(a_day(&hub, &clock, &pool, &client))?;

    hub.flush(); // everything published so far has been heard
    println!("\nWhat the hub has done:\n\n{}", hub.inspect());
    drop((auth, diary));
    Ok(())
}

/// The match is exhaustive: were there an eighth event, this would not compile.
fn in_plain_words(event: &AuthEvent) -> String {
    match event {
        AuthEvent::SignedIn { user } => format!("{} has signed in", user.username),
        AuthEvent::SignedOut => "the user has signed out".to_owned(),
        AuthEvent::TokenRefresh => "the session has new tokens".to_owned(),
        AuthEvent::TokenRefreshFailure {
            error,
            session_ended: false,
        } => format!("no new tokens for now: {error}"),
        AuthEvent::TokenRefreshFailure {
            error,
            session_ended: true,
        } => format!("no new tokens, and the session is over: {error}"),
        AuthEvent::SignInWithRedirect => "a sign-in by redirect has succeeded".to_owned(),
        AuthEvent::SignInWithRedirectFailure { error } => {
            format!("a sign-in by redirect has failed: {error}")
        }
        AuthEvent::CustomOAuthState { state } => format!("the redirect has brought back {state}"),
    }
}

async fn a_day(
    hub: &Hub,
    clock: &ManualClock,
    pool: &MemoryProvider,
    client: &AuthClient<MemoryProvider>,
) -> Result<(), Box<dyn Error>> {
    let note = |entry| hub.publish::<Custom<Diary>>(entry);

    note("Ada mistypes her password. Nothing has happened to any session: no event.");
    let refused = client.sign_in("ada", "corect horse").await;
    assert!(refused.is_err());

    note("She types it right, and is asked for the code of her authenticator application.");
    let step = client.sign_in("ada", "correct horse").await?;
    assert!(matches!(step, SignInStep::Challenge(_)));
    let code = || Answer::Code("271828".into());
    let step = client.confirm_sign_in(code()).await?;
    assert!(matches!(step, SignInStep::Done(_)));

    note("An hour later her tokens have expired. Whoever asks for the session gets new ones.");
    clock.advance(Duration::from_secs(60 * 60));
    client.session().await?;

    note("Another hour later she is in a tunnel. The session is kept.");
    clock.advance(Duration::from_secs(60 * 60));
    pool.fail(Operation::Refresh, Fault::NetworkDown);
    assert!(client.session().await.is_err());

    note("Out of the tunnel, it goes on.");
    pool.clear_fault(Operation::Refresh);
    client.session().await?;

    note("Meanwhile an administrator has revoked her sessions.");
    pool.revoke_sessions("ada");
    clock.advance(Duration::from_secs(60 * 60));
    assert!(client.session().await.is_err());

    note("She signs in again,");
    let step = client.sign_in("ada", "correct horse").await?;
    assert!(matches!(step, SignInStep::Challenge(_)));
    let step = client.confirm_sign_in(code()).await?;
    assert!(matches!(step, SignInStep::Done(_)));

    note("and calls it a day.");
    client.sign_out(SignOutScope::ThisDevice).await?;
    Ok(())
}
