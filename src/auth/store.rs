//! Where the session is kept: the trait, and the store in memory.

use std::sync::Arc;
use std::time::SystemTime;

use super::error::StoreError;
use super::secret::{CodeVerifier, Nonce, RedirectState};
use super::tokens::Tokens;
use super::user::AuthUser;
use crate::sync::Mutex;

/// A signed-in user, and the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user.
    pub user: AuthUser,
    /// The tokens.
    pub tokens: Tokens,
    /// Whether the session began by redirect.
    pub by_redirect: bool,
}

impl Session {
    /// Makes a session, for implementations of [`TokenStore`].
    #[must_use]
    pub const fn new(user: AuthUser, tokens: Tokens) -> Self {
        Self {
            user,
            tokens,
            by_redirect: false,
        }
    }

    /// Sets whether the session began by redirect.
    #[must_use]
    pub fn began_by_redirect(self, by_redirect: bool) -> Self {
        Self {
            by_redirect,
            ..self
        }
    }
}

/// A sign-in by redirect in progress: what is needed to recognise and complete its callback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRedirect {
    /// The state that the callback must carry.
    pub state: RedirectState,
    /// The PKCE verifier, sent along with the code.
    pub verifier: CodeVerifier,
    /// The nonce that the id token must carry.
    pub nonce: Nonce,
    /// The URI that the browser comes back to.
    pub redirect_uri: String,
    /// The custom state of the application.
    pub custom_state: Option<String>,
    /// When the sign-in began, on this machine's clock.
    pub begun_at: SystemTime,
}

impl PendingRedirect {
    /// Restores a stored sign-in, for implementations of [`TokenStore`]: each argument is the saved
    /// value of the field of that name.
    #[must_use]
    pub const fn restored(
        state: RedirectState,
        verifier: CodeVerifier,
        nonce: Nonce,
        redirect_uri: String,
        custom_state: Option<String>,
        begun_at: SystemTime,
    ) -> Self {
        Self {
            state,
            verifier,
            nonce,
            redirect_uri,
            custom_state,
            begun_at,
        }
    }
}

/// Keeps one session, and one sign-in by redirect in progress, in memory or beyond the process.
///
/// The client calls one method at a time and waits for it to end, so a store need not order its
/// calls. A client reads the store once, and from then on relies on being its only writer.
///
/// A future of a store is dropped unfinished only if the last handle of its client is dropped.
///
/// ```
/// use std::sync::Mutex;
/// use typed_hub::auth::{PendingRedirect, Session, StoreError, TokenStore};
///
/// #[derive(Default)]
/// struct Slots {
///     session: Mutex<Option<Session>>,
///     redirect: Mutex<Option<PendingRedirect>>,
/// }
///
/// impl TokenStore for Slots {
///     async fn load(&self) -> Result<Option<Session>, StoreError> {
///         Ok(self.session.lock().unwrap().clone())
///     }
///
///     async fn save(&self, session: &Session) -> Result<(), StoreError> {
///         *self.session.lock().unwrap() = Some(session.clone());
///         Ok(())
///     }
///
///     async fn clear(&self) -> Result<(), StoreError> {
///         *self.session.lock().unwrap() = None;
///         Ok(())
///     }
///
///     async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
///         Ok(self.redirect.lock().unwrap().clone())
///     }
///
///     async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
///         *self.redirect.lock().unwrap() = Some(pending.clone());
///         Ok(())
///     }
///
///     async fn clear_redirect(&self) -> Result<(), StoreError> {
///         *self.redirect.lock().unwrap() = None;
///         Ok(())
///     }
/// }
///
/// let store = Slots::default();
/// assert_eq!(pollster::block_on(store.load()), Ok(None));
/// ```
pub trait TokenStore: Send + Sync + 'static {
    /// Reads the session that was saved last; `None` after [`clear`](Self::clear) and before the
    /// first [`save`](Self::save).
    fn load(&self) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Replaces the stored session. After `Ok`, [`load`](Self::load) returns an equal session, also
    /// after a restart if the store is persistent.
    ///
    /// A save is all or nothing: if it fails, the earlier session is still stored.
    fn save(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the stored session, if any. After `Ok`, no token can be read any more. A stored
    /// sign-in by redirect stays.
    fn clear(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the sign-in by redirect that was saved last.
    fn load_redirect(
        &self,
    ) -> impl Future<Output = Result<Option<PendingRedirect>, StoreError>> + Send;

    /// Replaces the stored sign-in by redirect. All or nothing, as [`save`](Self::save).
    fn save_redirect(
        &self,
        pending: &PendingRedirect,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the stored sign-in by redirect, if any. The session stays.
    fn clear_redirect(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Keeps the session in memory. All clones are one store.
///
/// ```
/// use typed_hub::auth::{MemoryStore, TokenStore};
///
/// let store = MemoryStore::new();
/// assert_eq!(pollster::block_on(store.load()), Ok(None));
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore(Arc<Mutex<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    session: Option<Session>,
    redirect: Option<PendingRedirect>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Slots::default())))
    }
}

impl TokenStore for MemoryStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        Ok(self.0.lock().session.clone())
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.0.lock().session = Some(session.clone());
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.0.lock().session = None;
        Ok(())
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        Ok(self.0.lock().redirect.clone())
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.0.lock().redirect = Some(pending.clone());
        Ok(())
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.0.lock().redirect = None;
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}
