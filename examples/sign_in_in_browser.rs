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
use typed_hub::auth::{AuthClient, AuthorizeUrl, SignOutScope};
use typed_hub::{Auth, AuthEvent, Hub};

const HELP: &str = "\
Signs you in with an OpenID provider, in your browser, and out again.

    cargo run --example sign_in_in_browser --features oidc,loopback -- ISSUER CLIENT_ID [SCOPE…]

ISSUER      the provider, as its own discovery document names it: https://accounts.google.com
CLIENT_ID   the id under which this program is registered there, as a native application with
            the redirect URI http://127.0.0.1/callback
SCOPE…      what to ask for; unless said, openid

A provider that wants a client secret as well finds it in OIDC_CLIENT_SECRET.
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let [issuer, client_id, scopes @ ..] = &*arguments else {
        eprintln!(
            "Say ISSUER and CLIENT_ID: {} of the two are there.\n\n{HELP}",
            arguments.len()
        );
        return ExitCode::from(2);
    };
    match sign_in_and_out(issuer, client_id, scopes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
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
    let provider = match env::var("OIDC_CLIENT_SECRET") {
        Ok(secret) => options.client_secret(secret).build(),
        Err(_) => options.build(),
    };

    let hub = Hub::new();
    let _listener = hub.listen::<Auth>(|event| match event {
        AuthEvent::CustomOAuthState { state } => println!("    customOAuthState: {state}"),
        AuthEvent::SignInWithRedirectFailure { error } => println!("    failed: {error}"),
        _ => println!("    {}", event.kind()),
    });

    let client = AuthClient::new(hub.clone(), provider)?;
    let loopback = Loopback::bind()?;
    let options = RedirectOptions::builder()
        .redirect_uri(loopback.redirect_uri())
        .custom_state("from the command line")
        .build();
    let open = |page: &AuthorizeUrl| {
        if redirect::open(page).is_err() {
            println!("No browser opens. Within 5 minutes, open {}", page.as_str());
        }
        Ok(())
    };
    let limit = Duration::from_secs(5 * 60);
    let signed_in = client
        .sign_in_in_browser(&loopback, options, open, limit)
        .await;
    hub.flush();
    println!("Hello {}.", signed_in?.username);

    let out = client.sign_out(SignOutScope::ThisDevice).await?;
    hub.flush();
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
