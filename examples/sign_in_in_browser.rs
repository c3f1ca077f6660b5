//! A command-line program that signs its user in, in a browser, with any OpenID provider.
//!
//! ```text
//! cargo run --example sign_in_in_browser --features oidc,loopback -- ISSUER CLIENT_ID
//! ```
//!
//! Register the program as a native application, with the redirect URI
//! `http://127.0.0.1/callback`; the port is chosen when it runs.

use std::error::Error;
use std::time::Duration;

use typed_hub::auth::oidc::OidcProvider;
use typed_hub::auth::redirect::{self, Loopback, RedirectOptions};
use typed_hub::auth::{AuthClient, AuthorizeUrl, SignOutScope};
use typed_hub::{Auth, AuthEvent, Hub};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [issuer, client_id] = &*arguments else {
        return Err("ISSUER CLIENT_ID".into());
    };
    let provider = OidcProvider::builder()
        .issuer(issuer)
        .client_id(client_id)
        .redirect_uris(["http://127.0.0.1/callback"])
        .build();

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
            println!("Open this page: {}", page.as_str());
        }
        Ok(())
    };
    let limit = Duration::from_mins(5);
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
