//! Signs in to a Cognito user pool, and shows what a listener hears.
//!
//! ```text
//! cargo run --example cognito --features cognito -- \
//!     REGION USER_POOL_ID CLIENT_ID USER_NAME [ENDPOINT]
//! ```
//!
//! The password, and the answers to challenges, are read from standard input; the secret of the app
//! client, if it has one, from the environment variable `CLIENT_SECRET`.

use std::error::Error;
use std::io::{self, Write};

use typed_hub::auth::cognito::CognitoProvider;
use typed_hub::auth::{Answer, AuthClient, Challenge, SignInStep, SignOutScope};
use typed_hub::{Auth, Hub};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [region, pool, client, username, rest @ ..] = &*arguments else {
        return Err("REGION USER_POOL_ID CLIENT_ID USER_NAME [ENDPOINT]".into());
    };
    let region_endpoint = format!("https://cognito-idp.{region}.amazonaws.com");
    let options = CognitoProvider::builder()
        .region(region)
        .user_pool_id(pool)
        .client_id(client)
        .endpoint(rest.first().unwrap_or(&region_endpoint));
    let provider = match std::env::var("CLIENT_SECRET") {
        Ok(secret) => options.client_secret(secret).build(),
        Err(_) => options.build(),
    };

    let hub = Hub::new();
    let _listener = hub.listen::<Auth>(|event| println!("    event: {}", event.kind()));
    let client = AuthClient::new(hub.clone(), provider);

    let mut step = client.sign_in(username, ask("Password")?).await?;
    while let SignInStep::Challenge(challenge) = step {
        step = client.confirm_sign_in(answer(&challenge)?).await?;
    }
    if client.session(true).await?.is_some() {
        println!("The session has been refreshed.");
    }
    let out = client.sign_out(SignOutScope::ThisDevice).await?;
    if let Some(why) = out.not_revoked {
        println!("Signed out here, but {why}");
    }
    hub.flush();
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
        Challenge::SelectMfa { allowed } => Answer::Mfa(
            *allowed
                .first()
                .ok_or("no second factor that this program knows")?,
        ),
        Challenge::SelectFirstFactor { available } => Answer::FirstFactor(
            *available
                .first()
                .ok_or("no factor that this program knows")?,
        ),
        Challenge::ResetPassword => return Err("the password must be reset first".into()),
        Challenge::ConfirmSignUp => return Err("the sign-up must be confirmed first".into()),
    })
}

fn ask(what: &str) -> io::Result<String> {
    print!("{what}: ");
    io::stdout().flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
