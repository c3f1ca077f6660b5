//! A command-line program that signs its user in, in a browser, with any OpenID provider.
//!
//! ```text
//! cargo run --example sign_in_in_browser --features oidc,loopback -- ISSUER CLIENT_ID [SCOPE…]
//! ```
//!
//! Register the program as a native application, with the redirect URI
//! `http://127.0.0.1/callback`; the port is chosen when it runs. `--help` tells the rest.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::{self, Loopback, RedirectOptions};
use typed_hub::auth::{AuthClient, AuthorizeUrl, RedirectError, SignOutScope};
use typed_hub::{Auth, AuthEvent, Hub};

const HELP: &str = "\
Signs you in with an OpenID provider, in your browser, and out again.

    cargo run --example sign_in_in_browser --features oidc,loopback -- ISSUER CLIENT_ID [SCOPE…]

ISSUER      the provider, as its own discovery document names it: https://accounts.google.com
CLIENT_ID   the id under which this program is registered there, as a native application with
            the redirect URI http://127.0.0.1/callback
SCOPE…      what to ask for, openid among it; unless said, openid

A provider that wants a client secret as well finds it in OIDC_CLIENT_SECRET.
";

/// How long the browser may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Option<Vec<String>> = env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect();
    let arguments = arguments.unwrap_or_default();
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let (issuer, client_id, scopes) = match &*arguments {
        [issuer, client_id, scopes @ ..] if !issuer.is_empty() && !client_id.is_empty() => {
            (issuer, client_id, scopes)
        }
        _ => return wrong_use("Say ISSUER and CLIENT_ID."),
    };
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return wrong_use(&format!("There is no option {option:?}."));
    }
    if !scopes.is_empty() && !scopes.iter().any(|scope| scope == "openid") {
        return wrong_use("Say openid among the scopes: without it no user is named.");
    }
    match sign_in_and_out(issuer, client_id, scopes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn wrong_use(why: &str) -> ExitCode {
    eprintln!("{why}\n\n{HELP}");
    ExitCode::from(2)
}

async fn sign_in_and_out(
    issuer: &str,
    client_id: &str,
    scopes: &[String],
) -> Result<(), Box<dyn Error>> {
    let scopes = if scopes.is_empty() {
        &["openid".to_owned()]
    } else {
        scopes
    };
    let options = OidcProvider::builder()
        .issuer(issuer)
        .client_id(client_id)
        .redirect_uris(["http://127.0.0.1/callback"])
        .scopes(scopes)
        .id_token_hint(false); // the logout URL is printed
    let secret = env::var("OIDC_CLIENT_SECRET").ok();
    let provider = match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => options.client_secret(secret).build(),
        None => options.build(),
    };

    let hub = Hub::new();
    let _listener = hub.listen::<Auth>(|event| match event {
        AuthEvent::CustomOAuthState { state } => println!("    customOAuthState: {state}"),
        AuthEvent::SignInWithRedirectFailure { error } => println!("    failed: {error}"),
        _ => println!("    {}", event.kind()),
    });

    let client = AuthClient::new(hub.clone(), provider)?;
    let loopback = Loopback::bind()?;
    let back = loopback.redirect_uri();
    let options = RedirectOptions::builder()
        .redirect_uri(&back)
        .custom_state("from the command line")
        .build();
    let open = |page: &AuthorizeUrl| {
        if redirect::open(page).is_ok() {
            println!("The sign-in page opens in your browser.");
        } else {
            println!(
                "No browser opens. Open this page in a browser on this machine (one on another \
                 machine cannot come back here):\n\n{}\n",
                page.as_str()
            );
        }
        println!(
            "Waiting for it to come back, for 5 minutes; Ctrl+C gives up. It never comes back if \
             the page shows an error: then see that {client_id:?} is registered with the redirect \
             URI http://127.0.0.1/callback, with any port."
        );
        Ok(())
    };
    let signed_in = client
        .sign_in_in_browser(&loopback, options, open, LIMIT)
        .await;
    hub.flush();
    let user = match signed_in {
        Err(RedirectError::TimedOut) => {
            return Err(format!("the browser has not come back to {back} within 5 minutes").into());
        }
        signed_in => signed_in?,
    };
    println!("Hello {}.", user.username);

    let out = client.sign_out(SignOutScope::ThisDevice).await?;
    hub.flush();
    if let Some(why) = out.not_revoked {
        println!("Signed out here, but {why}");
    }
    if let Some(url) = out.logout_url {
        println!("To sign out of the browser as well, open {}", url.as_str());
    }
    Ok(())
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
