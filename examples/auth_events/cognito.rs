//! Signs in to a Cognito user pool, refreshes the session and signs out.
//!
//! ```text
//! cargo run --example auth_events --features cognito -- \
//!     --cognito REGION USER_POOL_ID CLIENT_ID USER_NAME [ENDPOINT]
//! ```
//!
//! What is left out, from the right, is read from the environment: `COGNITO_REGION`,
//! `COGNITO_USER_POOL_ID`, `COGNITO_CLIENT_ID`, `COGNITO_USER_NAME` and `COGNITO_ENDPOINT`. The
//! endpoint is Amazon's unless it is said. The secret of the app client, if it has one, is
//! `COGNITO_CLIENT_SECRET`. The password, and the answers to challenges, are read from standard
//! input.

use std::env;
use std::error::Error;
use std::io::{self, Write};

use typed_hub::auth::cognito::CognitoProvider;
use typed_hub::auth::{Answer, AuthClient, Challenge, SignInStep, SignOutScope};
use typed_hub::{Auth, Hub};

use crate::in_plain_words;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn in_a_cognito_pool(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(), Box<dyn Error>> {
    let mut setting = |name: &str| {
        let missing = || format!("say {name}, as an argument or in the environment");
        let argument = arguments.next();
        argument.or_else(|| env::var(name).ok()).ok_or_else(missing)
    };
    let region = setting("COGNITO_REGION")?;
    let pool = setting("COGNITO_USER_POOL_ID")?;
    let client = setting("COGNITO_CLIENT_ID")?;
    let username = setting("COGNITO_USER_NAME")?;
    let amazon = format!("https://cognito-idp.{region}.amazonaws.com");
    let options = CognitoProvider::builder()
        .region(region)
        .user_pool_id(pool)
        .client_id(client)
        .endpoint(setting("COGNITO_ENDPOINT").unwrap_or(amazon));
    let provider = match env::var("COGNITO_CLIENT_SECRET") {
        Ok(secret) => options.client_secret(secret).build(),
        Err(_) => options.build(),
    };

    let hub = Hub::new();
    let listener = hub.listen::<Auth>(|event| println!("    {}", in_plain_words(event)));
    let client = AuthClient::new(hub.clone(), provider)?;
    let done = in_and_out(&client, &username).await;
    hub.flush(); // everything published so far has been heard
    drop(listener);
    done
}

async fn in_and_out(
    client: &AuthClient<CognitoProvider>,
    username: &str,
) -> Result<(), Box<dyn Error>> {
    let mut step = client.sign_in(username, ask("Password")?).await?;
    while let SignInStep::Challenge(challenge) = step {
        step = client.confirm_sign_in(answer(&challenge)?).await?;
    }
    client.refresh().await?;
    let out = client.sign_out(SignOutScope::ThisDevice).await?;
    if let Some(why) = out.not_revoked {
        println!("Signed out here, but {why}");
    }
    Ok(())
}

fn answer(challenge: &Challenge) -> Result<Answer, Box<dyn Error>> {
    Ok(match challenge {
        Challenge::TotpCode | Challenge::SmsCode { .. } | Challenge::EmailCode { .. } => {
            Answer::Code(ask("Code")?.into())
        }
        Challenge::SetUpTotp { key } => {
            println!("Add this key to your authenticator: {}", key.expose());
            Answer::Code(ask("The code it shows")?.into())
        }
        Challenge::NewPassword { missing_attributes } => {
            let password = ask("New password")?.into();
            let attribute = |name: &String| ask(name).map(|value| (name.clone(), value));
            let attributes = missing_attributes.iter().map(attribute);
            Answer::NewPassword {
                password,
                attributes: attributes.collect::<io::Result<_>>()?,
            }
        }
        Challenge::Custom { parameters } => {
            println!("{parameters:?}");
            Answer::Custom(ask("Answer")?.into())
        }
        Challenge::Password => Answer::Password(ask("Password")?.into()),
        Challenge::SelectMfa { allowed } | Challenge::SelectMfaSetUp { allowed } => Answer::Mfa(
            *allowed
                .first()
                .ok_or("no second factor that this program knows")?,
        ),
        Challenge::SelectFirstFactor { available } => Answer::FirstFactor(
            *available
                .first()
                .ok_or("no factor that this program knows")?,
        ),
        Challenge::SetUpEmail => Answer::Email(ask("Email address")?),
        Challenge::Passkey { options } => {
            println!("For your authenticator: {options}");
            Answer::Passkey(ask("Its credential, as JSON")?.into())
        }
        Challenge::ResetPassword => return Err("the password must be reset first".into()),
        Challenge::ConfirmSignUp => return Err("the sign-up must be confirmed first".into()),
    })
}

fn ask(what: &str) -> io::Result<String> {
    print!("{what}: ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
