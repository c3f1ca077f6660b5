//! The auth category: a session that signs in, refreshes and signs out, and publishes each change
//! on [`Auth`].
//!
//! The table of events, `docs/auth-events.md` in the repository, lists which event is published
//! when, and in which order. Code and tests cite its rows: F1, F2 and so on.
//!
//! Each floor uses only the floors below it.
//!
//! | floor | members |
//! |--:|---|
//! | 6 | `client`: [`AuthClient`], what an application calls; the only one that sees the hub |
//! | 5 | `cognito`: `CognitoProvider` · `oidc`: `OidcProvider` |
//! | 4 | `machine`: the state machine, in pure code · `redirect`: options, secrets and loopback address of a redirect · `memory`: [`MemoryProvider`], an embedded user pool · `oauth`: a client of OAuth endpoints · `file`: `FileStore` · `keyring`: `KeyringStore`; both write the JSON of `record` |
//! | 3 | `channel`: [`Auth`], its events and its key · `provider`: [`IdentityProvider`] · `store`: [`TokenStore`] |
//! | 2 | `user`: [`AuthUser`], [`SignInDetails`] · `tokens`: [`Tokens`] |
//! | 1 | `error` · `secret`: [`Password`] and the like · `clock`: [`Clock`] |

mod channel;
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
#[cfg(any(feature = "file-store", feature = "keyring"))]
mod record;
#[cfg(feature = "redirect")]
pub mod redirect;
mod secret;
mod store;
mod tokens;
mod user;

pub use self::channel::{Auth, AuthEvent, AuthEventKind, AuthKey};
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
pub use self::provider::{
    Attributes, IdentityProvider, SignInReply, SignInRequest, SignUpStep, UserPool,
};
pub use self::secret::{
    AccessToken, AuthorizationCode, ClientSecret, Code, CodeVerifier, Continuation, CustomAnswer,
    IdToken, Nonce, PasskeyCredential, Password, RedirectState, RefreshToken, TotpKey,
};
pub use self::store::{MemoryStore, PendingRedirect, Session, StoreLock, TokenStore};
pub use self::tokens::{IssuedTokens, LEEWAY, Lasting, Tokens};
pub use self::user::{AuthFlowType, AuthUser, SignInDetails};
