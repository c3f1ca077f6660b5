//! The channel of the auth category, and the key that publishing on it requires.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumCount, EnumIter, EnumString, IntoStaticStr};

use super::error::AuthFailure;
use super::user::AuthUser;
use crate::channel::{Channel, Protected};

/// The channel of the auth category. Any code may listen; only an
/// [`AuthClient`](crate::auth::AuthClient) publishes.
///
/// On each hub, one client claims this channel, and any other is refused
/// ([`NewClientError`](crate::auth::NewClientError)). So code that holds the hub, but no handle of
/// that client, cannot forge a sign-in. Make the client before other code has the hub: the first
/// client has the claim.
///
/// An [`AuthEvent`] is a plain value, which any code can make and deserialise. Its arrival on this
/// channel proves that it happened.
///
/// Publishing on it never waits for a queued listener or a receiver; see "Backpressure" at
/// [`AuthClient`](crate::auth::AuthClient).
///
/// The channel retains its last 16 events for late listeners.
#[derive(Debug)]
pub enum Auth {}

impl Channel for Auth {
    type Event = AuthEvent;
    const NAME: &'static str = "auth";
    const RETAIN: usize = 16;
    const SOURCE: Option<&'static str> = Some("Auth");
}

impl Protected for Auth {
    type Key = AuthKey;
}

/// The proof that an event on [`Auth`] comes from the auth category.
///
/// A key cannot be made, copied, cloned or deserialised outside that category, neither by another
/// crate nor by the rest of this one. So every event on [`Auth`] reports something that happened to
/// the session of the client that has claimed the channel.
#[derive(Debug)]
pub struct AuthKey(());

/// The only place where a key is made.
pub(super) const KEY: AuthKey = AuthKey(());

/// What happens to a user's session. There are exactly these seven events.
///
/// The enum is exhaustive: a `match` needs no `_` arm, and stops compiling if an event is added. No
/// event carries a token, a password or a code.
///
/// It serialises to the format that front-end libraries read:
///
/// ```
/// use typed_hub::{AuthEvent, auth::AuthUser};
///
/// let event = AuthEvent::SignedIn {
///     user: AuthUser::new("ada", "u-1"),
/// };
/// assert_eq!(
///     serde_json::to_string(&event)?,
///     r#"{"event":"signedIn","data":{"username":"ada","userId":"u-1"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "camelCase")]
pub enum AuthEvent {
    /// A user has signed in. The tokens are in the store.
    SignedIn {
        /// The user.
        #[serde(flatten)]
        user: AuthUser,
    },
    /// The user has signed out. The tokens are removed from the store.
    SignedOut,
    /// The session has new tokens, and they are in the store.
    TokenRefresh,
    /// The session needed new tokens and did not get them.
    #[serde(rename = "tokenRefresh_failure", rename_all = "camelCase")]
    TokenRefreshFailure {
        /// Why.
        error: AuthFailure,
        /// Whether the session has ended. If so, the tokens are removed from the store; if not,
        /// they are still there, and the next call tries again.
        session_ended: bool,
    },
    /// A sign-in by redirect has succeeded; [`SignedIn`](Self::SignedIn) follows.
    SignInWithRedirect,
    /// A sign-in by redirect has ended without a session.
    #[serde(rename = "signInWithRedirect_failure")]
    SignInWithRedirectFailure {
        /// Why.
        error: AuthFailure,
    },
    /// The custom state of a sign-in by redirect has come back.
    #[serde(rename = "customOAuthState", with = "bare_state")]
    CustomOAuthState {
        /// The custom state, unchanged.
        state: String,
    },
}

impl AuthEvent {
    /// The kind of this event.
    ///
    /// ```
    /// use typed_hub::{AuthEvent, AuthEventKind};
    ///
    /// assert_eq!(AuthEvent::SignedOut.kind(), AuthEventKind::SignedOut);
    /// assert_eq!(AuthEvent::SignedOut.kind().to_string(), "signedOut");
    /// ```
    #[must_use]
    pub const fn kind(&self) -> AuthEventKind {
        match self {
            Self::SignedIn { .. } => AuthEventKind::SignedIn,
            Self::SignedOut => AuthEventKind::SignedOut,
            Self::TokenRefresh => AuthEventKind::TokenRefresh,
            Self::TokenRefreshFailure { .. } => AuthEventKind::TokenRefreshFailure,
            Self::SignInWithRedirect => AuthEventKind::SignInWithRedirect,
            Self::SignInWithRedirectFailure { .. } => AuthEventKind::SignInWithRedirectFailure,
            Self::CustomOAuthState { .. } => AuthEventKind::CustomOAuthState,
        }
    }
}

/// The kinds of [`AuthEvent`], printed and parsed by their names on the wire.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    AsRefStr,
    Display,
    EnumCount,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[strum(serialize_all = "camelCase")]
pub enum AuthEventKind {
    /// `signedIn`
    SignedIn,
    /// `signedOut`
    SignedOut,
    /// `tokenRefresh`
    TokenRefresh,
    /// `tokenRefresh_failure`
    #[strum(serialize = "tokenRefresh_failure")]
    TokenRefreshFailure,
    /// `signInWithRedirect`
    SignInWithRedirect,
    /// `signInWithRedirect_failure`
    #[strum(serialize = "signInWithRedirect_failure")]
    SignInWithRedirectFailure,
    /// `customOAuthState`
    #[strum(serialize = "customOAuthState")]
    CustomOAuthState,
}

/// The custom state is the whole `data` of its event, not a field of it.
mod bare_state {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(state: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        String::deserialize(from)
    }
}
