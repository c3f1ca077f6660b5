//! The channel of the auth category, and the key without which nobody publishes on it.

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumCount, EnumIter, EnumString, IntoStaticStr};

use super::error::AuthFailure;
use super::user::AuthUser;
use crate::channel::{Channel, Protected};

/// The channel of the auth category. All code may listen; only an
/// [`AuthClient`](crate::auth::AuthClient) publishes.
///
/// On one hub, one client claims this channel, and another is refused
/// ([`NewClientError`](crate::auth::NewClientError)). So code that holds the hub, and no handle of that
/// client, cannot tell its listeners of a sign-in that did not happen. Make the client before other
/// code has the hub: the claim goes to the first.
///
/// An [`AuthEvent`] is a plain value, which all code can make and deserialise. What proves that it
/// happened is its arrival on this channel.
///
/// Publishing on it never waits for a queued listener or a receiver; see "Backpressure" at
/// [`AuthClient`](crate::auth::AuthClient).
///
/// It keeps its last 16 events for listeners that come late.
#[derive(Debug)]
pub enum Auth {}

impl Channel for Auth {
    type Event = AuthEvent;
    const NAME: &'static str = "auth";
    const RETAIN: usize = 16;
}

impl Protected for Auth {
    type Key = AuthKey;
}

/// The proof that an event on [`Auth`] comes from the auth category.
///
/// It cannot be made, copied, cloned or deserialised outside that category: not by another crate,
/// and not by the rest of this one. So every event on [`Auth`] tells of something that happened to the
/// session of a client: of the one client that has claimed the channel.
#[derive(Debug)]
pub struct AuthKey(());

/// The one place where a key is made.
pub(super) const KEY: AuthKey = AuthKey(());

/// What happens to a user's session. There are exactly these seven events.
///
/// The enum is exhaustive: a `match` without a `_` arm compiles, and ceases to when an event is
/// ever added. No event carries a token, a password or a code.
///
/// It serialises as the front-end libraries of this field read it:
///
/// ```
/// use typed_hub::{AuthEvent, auth::AuthUser};
///
/// let event = AuthEvent::SignedIn {
///     user: AuthUser { username: "ada".into(), user_id: "u-1".into() },
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
    /// A user has signed in, and the tokens are in the store.
    SignedIn {
        /// Who.
        #[serde(flatten)]
        user: AuthUser,
    },
    /// The user has signed out, and the tokens are gone from the store.
    SignedOut,
    /// New tokens have come for the session, and are in the store.
    TokenRefresh,
    /// New tokens were needed and have not come.
    #[serde(rename = "tokenRefresh_failure", rename_all = "camelCase")]
    TokenRefreshFailure {
        /// Why.
        error: AuthFailure,
        /// Whether that was the end of the session. If so the tokens are gone from the store; if
        /// not they are still there, and the next call tries again.
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
    /// What the application gave a sign-in by redirect to carry has come back with it.
    #[serde(rename = "customOAuthState", with = "bare_state")]
    CustomOAuthState {
        /// As it was given.
        state: String,
    },
}

impl AuthEvent {
    /// Which of the seven events this is.
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

/// Custom state is the whole of its event's `data`, not a field in it.
mod bare_state {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(state: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(state)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        String::deserialize(from)
    }
}
