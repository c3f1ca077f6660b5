//! Sign-in, refresh and sign-out; the events of the channel [`Auth`](crate::Auth).
//!
//! An [`AuthClient`] holds the session of one user, and publishes each change of it on the hub:
//!
//! ```
//! use typed_hub::auth::{Answer, AuthClient, MemoryProvider, SignInStep};
//! use typed_hub::{Auth, AuthEvent, Hub};
//!
//! # pollster::block_on(async {
//! let hub = Hub::new();
//! let listener = hub.listen::<Auth>(|event: &AuthEvent| println!("{}", event.kind()));
//!
//! let pool = MemoryProvider::new(); // or an OidcProvider, a CognitoProvider
//! pool.add_user("ada", "correct horse", []);
//! let client = AuthClient::new(hub.clone(), pool)?;
//!
//! let mut step = client.sign_in("ada", "correct horse").await?;
//! while let SignInStep::Challenge(challenge) = step {
//!     println!("one more step: {challenge:?}");
//!     step = client.confirm_sign_in(Answer::Code("123456".into())).await?;
//! }
//! if let Some(session) = client.session().await? {
//!     println!("call the API as {}", session.user.username); // with session.tokens.access
//! }
//! hub.flush(); // the listener has had its events
//! # drop(listener);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The rest of the application only listens, wherever it has the hub. A hub has one client: make it before
//! other code has the hub, and clone it to share it.
//!
//! | to … | call |
//! |---|---|
//! | sign in by password | [`AuthClient::sign_in`], then [`confirm_sign_in`](AuthClient::confirm_sign_in) for each challenge |
//! | sign in by redirect | `AuthClient::sign_in_with_redirect` and `complete_redirect` (feature `redirect`); `sign_in_in_browser` does both on this machine (feature `loopback`); in the same page: `sign_in_in_page` and `complete_redirect_in_page` |
//! | get the session, refreshed if it has expired | [`AuthClient::session`] |
//! | refresh now, or ahead of time | [`AuthClient::refresh`], [`AuthClient::keep_fresh`] |
//! | know the user, without the tokens | [`AuthClient::current_user`] |
//! | sign out, delete the user | [`AuthClient::sign_out`], [`AuthClient::delete_user`] |
//! | sign up, replace a forgotten password | [`AuthClient::sign_up`], [`AuthClient::reset_password`] |
//!
//! | identity provider | feature |
//! |---|---|
//! | [`MemoryProvider`], an embedded user pool | `auth` |
//! | `OidcProvider`, any OpenID provider | `oidc` |
//! | `CognitoProvider`, an Amazon Cognito user pool | `cognito` |
//! | your own | implements [`IdentityProvider`], and [`UserPool`] (passwords), [`RedirectProvider`] or both |
//!
//! | token store | feature |
//! |---|---|
//! | [`MemoryStore`] | `auth` |
//! | `FileStore` | `file-store` |
//! | `KeyringStore`, the system's keyring | `keyring` |
//! | `WebStore`, `localStorage` or `sessionStorage` of a page | `web-store` |
//! | your own | implements [`TokenStore`] |
//!
//! Which event is published when, and in which order, is a [table](crate::guide::auth_events) of 43 rows,
//! F1 to F43, `docs/auth-events.md` in the repository. Code and tests cite its rows.

// In a page, which has one thread, what is shared need not be `Send`.
#![cfg_attr(
    all(target_family = "wasm", target_os = "unknown"),
    allow(clippy::arc_with_non_send_sync)
)]

// Each floor uses only the floors below it; tests/docs/layers.rs checks that.
//
// 6  client: what an application calls; the only one that sees the hub
// 5  cognito, oidc: the providers of services
// 4  machine: the state machine, in pure code; redirect: options, secrets and loopback address of a
//    redirect; memory: an embedded user pool; oauth: a client of OAuth endpoints; file, keyring, web:
//    stores, which write the JSON of record
// 3  channel: Auth, its events and its key; provider, store: the traits
// 2  user, tokens
// 1  error, secret, clock; send: what must be `Send`

pub(crate) mod channel;
mod client;
mod clock;
#[cfg(feature = "cognito")]
pub mod cognito;
mod error;
#[cfg(feature = "file-store")]
mod file;
#[cfg(feature = "keyring")]
mod keyring;
mod machine;
mod memory;
#[cfg(any(feature = "cognito", feature = "oidc"))]
mod oauth;
#[cfg(feature = "oidc")]
pub mod oidc;
mod provider;
#[cfg(any(
    feature = "file-store",
    feature = "keyring",
    all(feature = "web-store", target_family = "wasm", target_os = "unknown")
))]
mod record;
#[cfg(feature = "redirect")]
pub mod redirect;
mod secret;
mod send;
mod store;
mod tokens;
mod user;
#[cfg(all(feature = "web-store", target_family = "wasm", target_os = "unknown"))]
mod web;

pub use self::channel::AuthKey;
pub use self::client::{AuthClient, AuthOptions, AuthOptionsBuilder, NotRevoked, SignedOut};
pub use self::clock::{Clock, ManualClock, SystemClock};
pub use self::error::{
    AuthFailure, ConfirmSignInError, ConfirmSignUpError, CurrentUserError, DeleteUserError, Field,
    InputError, MAX_ANSWER_BYTES, MAX_INPUT_BYTES, NewClientError, ProviderError,
    ProviderErrorKind, RedirectError, ResetPasswordError, SessionError, SignInError, SignOutError,
    SignUpError, StoreError,
};
#[cfg(feature = "file-store")]
pub use self::file::FileStore;
#[cfg(feature = "keyring")]
pub use self::keyring::KeyringStore;
pub use self::machine::{SignInStep, SignOutScope};
pub use self::memory::{
    Fault, MemoryChallenge, MemoryOptions, MemoryOptionsBuilder, MemoryProvider, Operation,
};
pub use self::provider::challenge::{Answer, Challenge, FirstFactor, MfaMethod, OpenChallenge};
pub use self::provider::redirect::{
    AuthorizeRequest, AuthorizeUrl, LogoutUrl, RedirectGrant, RedirectProvider,
};
pub use self::provider::refresh::RefreshError;
pub use self::provider::{
    Attributes, IdentityProvider, SignInReply, SignInRequest, SignUpStep, UserPool,
};
pub use self::secret::{
    AccessToken, AuthorizationCode, ClientSecret, Code, CodeVerifier, Continuation, CustomAnswer,
    IdToken, Nonce, PasskeyCredential, Password, RedirectState, RefreshToken, TotpKey,
};
pub use self::send::{MaybeSend, MaybeSync};
pub use self::store::{MemoryStore, PendingRedirect, Session, StoreLock, TokenStore};
pub use self::tokens::{IssuedTokens, LEEWAY, Lasting, Tokens};
pub use self::user::{AuthFlowType, AuthUser, SignInDetails};
#[cfg(all(feature = "web-store", target_family = "wasm", target_os = "unknown"))]
pub use self::web::WebStore;
