//! Signs in to a Cognito user pool, refreshes the session and signs out.
//!
//! The password, and the answers to challenges, are read from standard input. A terminal does not
//! show a password while it is typed.

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal, Write};

use typed_hub::auth::cognito::CognitoProvider;
use typed_hub::auth::{
    Answer, AuthClient, Challenge, ConfirmSignInError, FirstFactor, MfaMethod, SignInStep,
    SignOutScope,
};
use typed_hub::{Auth, Hub};

use crate::in_plain_words;

/// How often an answer can be given.
const ATTEMPTS: usize = 3;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn in_a_cognito_pool(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (provider, username) = provider(arguments)?;
    let hub = Hub::new();
    let listener = hub.listen::<Auth>(|event| println!("    {}", in_plain_words(event)));
    let client = AuthClient::new(hub.clone(), provider)?;
    let done = in_and_out(&client, &username).await;
    hub.flush(); // everything published so far has been heard
    drop(listener);
    done
}

/// The pool, and the name of its user.
fn provider(arguments: &[String]) -> Result<(CognitoProvider, String), Box<dyn Error>> {
    const NAMES: [&str; 4] = ["REGION", "USER_POOL_ID", "CLIENT_ID", "USER_NAME"];
    let in_environment = |name: &str| {
        let value = env::var(format!("COGNITO_{name}")).ok();
        value.filter(|value| !value.is_empty())
    };
    let said = |at: usize, name: &str| {
        let argument = arguments.get(at).filter(|argument| !argument.is_empty());
        argument.cloned().or_else(|| in_environment(name))
    };
    if let Some(extra) = arguments.get(NAMES.len() + 1) {
        let message = format!("after the ENDPOINT there is one argument too many, {extra:?}");
        return Err(message.into());
    }
    let settings = [0, 1, 2, 3].map(|at| said(at, NAMES[at]));
    let missing: Vec<_> = NAMES.iter().zip(&settings).collect();
    let missing = missing.into_iter().filter(|(_, said)| said.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    let [Some(region), Some(pool), Some(client), Some(username)] = settings else {
        let message = format!(
            "say {}, each as an argument or in the environment (COGNITO_{}); --help tells more",
            missing.join(", "),
            missing.join(", COGNITO_")
        );
        return Err(message.into());
    };
    let options = CognitoProvider::builder()
        .region(region)
        .user_pool_id(pool)
        .client_id(client);
    let provider = match (said(4, "ENDPOINT"), in_environment("CLIENT_SECRET")) {
        (None, None) => options.build(),
        (None, Some(secret)) => options.client_secret(secret).build(),
        (Some(endpoint), None) => options.endpoint(endpoint).build(),
        (Some(endpoint), Some(secret)) => options.endpoint(endpoint).client_secret(secret).build(),
    };
    Ok((provider, username))
}

async fn in_and_out(
    client: &AuthClient<CognitoProvider>,
    username: &str,
) -> Result<(), Box<dyn Error>> {
    let mut step = client.sign_in(username, ask_secret("Password")?).await?;
    while let SignInStep::Challenge(challenge) = step {
        step = confirm(client, &challenge).await?;
    }
    client.refresh().await?;
    let out = client.sign_out(SignOutScope::ThisDevice).await?;
    if let Some(why) = out.not_revoked {
        println!("Signed out here, but {why}");
    }
    Ok(())
}

/// Answers a challenge, again after a wrong answer.
async fn confirm(
    client: &AuthClient<CognitoProvider>,
    challenge: &Challenge,
) -> Result<SignInStep, Box<dyn Error>> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match client.confirm_sign_in(answer(challenge)?).await {
            Err(error @ (ConfirmSignInError::Input(_) | ConfirmSignInError::Provider(_)))
                if left > 0 =>
            {
                println!("Once more, please: {error}");
            }
            done => return Ok(done?),
        }
    }
}

fn answer(challenge: &Challenge) -> Result<Answer, Box<dyn Error>> {
    Ok(match challenge {
        Challenge::TotpCode => Answer::Code(ask("The code of your authenticator")?.into()),
        Challenge::SmsCode { destination } | Challenge::EmailCode { destination } => {
            let destination = destination.as_deref().unwrap_or("you");
            Answer::Code(ask(&format!("The code sent to {destination}"))?.into())
        }
        Challenge::SetUpTotp { key } => {
            println!("Add this key to your authenticator: {}", key.expose());
            Answer::Code(ask("The code it shows")?.into())
        }
        Challenge::NewPassword { missing_attributes } => {
            let password = ask_secret("New password")?.into();
            let attribute = |name: &String| ask(name).map(|value| (name.clone(), value));
            let attributes = missing_attributes.iter().map(attribute);
            Answer::NewPassword {
                password,
                attributes: attributes.collect::<io::Result<_>>()?,
            }
        }
        Challenge::Custom { parameters } => {
            for (name, value) in parameters {
                println!("{name}: {value}");
            }
            Answer::Custom(ask("Answer")?.into())
        }
        Challenge::Password => Answer::Password(ask_secret("Password")?.into()),
        Challenge::SelectMfa { allowed } | Challenge::SelectMfaSetUp { allowed } => {
            Answer::Mfa(choose(allowed, |method| match method {
                MfaMethod::Totp => "a code of your authenticator",
                MfaMethod::Sms => "a code by SMS",
                MfaMethod::Email => "a code by email",
            })?)
        }
        Challenge::SelectFirstFactor { available } => {
            Answer::FirstFactor(choose(available, |factor| match factor {
                FirstFactor::Password => "your password",
                FirstFactor::SmsCode => "a code by SMS",
                FirstFactor::EmailCode => "a code by email",
                FirstFactor::Passkey => "a passkey",
            })?)
        }
        Challenge::SetUpEmail => Answer::Email(ask("Email address")?),
        Challenge::Passkey { options } => {
            println!("For your authenticator: {options}");
            Answer::Passkey(ask("Its credential, as JSON")?.into())
        }
        Challenge::ResetPassword => {
            return Err("the password must be reset first: call `reset_password`".into());
        }
        Challenge::ConfirmSignUp => {
            return Err("the sign-up must be confirmed first: call `confirm_sign_up`".into());
        }
    })
}

/// One of several, by its number.
fn choose<T: Copy>(from: &[T], words: impl Fn(T) -> &'static str) -> io::Result<T> {
    if let [only] = from {
        return Ok(*only);
    }
    for (number, choice) in (1..).zip(from) {
        println!("{number}: {}", words(*choice));
    }
    loop {
        let number = ask("Number")?.trim().parse::<usize>().unwrap_or(0);
        match number.checked_sub(1).and_then(|at| from.get(at)) {
            Some(choice) => return Ok(*choice),
            None => println!("A number from 1 to {}, please.", from.len()),
        }
    }
}

/// A password, which a terminal does not show.
fn ask_secret(what: &str) -> io::Result<String> {
    if io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what}: "))
    } else {
        ask(what)
    }
}

fn ask(what: &str) -> io::Result<String> {
    print!("{what}: ");
    io::stdout().flush()?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        println!();
        let message = format!("the input has ended before an answer to {what:?}");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
