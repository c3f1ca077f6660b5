//! Where a session outlives the process: the trait, and the store in memory.

use std::sync::Arc;
use std::time::SystemTime;

use super::error::StoreError;
use super::secret::{CodeVerifier, Nonce, RedirectState};
use super::tokens::Tokens;
use super::user::AuthUser;
use crate::sync::Mutex;

/// Who is signed in, and with which tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user.
    pub user: AuthUser,
    /// The tokens.
    pub tokens: Tokens,
    /// Whether it began by redirect.
    pub by_redirect: bool,
}

impl Session {
    /// The session of this user, for the use of a [`TokenStore`].
    #[must_use]
    pub const fn new(user: AuthUser, tokens: Tokens) -> Self {
        Self {
            user,
            tokens,
            by_redirect: false,
        }
    }

    /// Says whether it began by redirect.
    #[must_use]
    pub fn began_by_redirect(self, by_redirect: bool) -> Self {
        Self {
            by_redirect,
            ..self
        }
    }
}

/// A sign-in by redirect that is under way: what it takes to tell its callback from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRedirect {
    /// What the callback must carry.
    pub state: RedirectState,
    /// The proof that goes with the code.
    pub verifier: CodeVerifier,
    /// What the id token must carry.
    pub nonce: Nonce,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// What the application gave it to carry.
    pub custom_state: Option<String>,
    /// When it began, on this machine's clock.
    pub begun_at: SystemTime,
}

impl PendingRedirect {
    /// One that was stored earlier, for the use of a [`TokenStore`]: each argument is what the field
    /// of its name was when it was saved.
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

/// Keeps one session, and one sign-in by redirect that is under way: for as long as the process
/// lives, or longer.
///
/// The client calls one method at a time and waits for it to end, so a store needs no order of its
/// own. A client reads the store once, and from then on relies on being the only one that writes.
///
/// A future of a store may be dropped half-way only when the last handle of its client is dropped.
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
    /// Reads what was saved last, or `None` after [`clear`](Self::clear) and before the first
    /// [`save`](Self::save).
    fn load(&self) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Replaces what is stored. When it has returned `Ok`, [`load`](Self::load) returns an equal
    /// session, also after a restart if the store is a lasting one.
    ///
    /// It is all or nothing: when it fails, what was stored before is still there.
    fn save(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes what is stored, if anything is. When it has returned `Ok`, no token can be read
    /// any more. A sign-in by redirect that is under way stays.
    fn clear(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the sign-in by redirect that was saved last, as [`load`](Self::load) reads a session.
    fn load_redirect(
        &self,
    ) -> impl Future<Output = Result<Option<PendingRedirect>, StoreError>> + Send;

    /// Replaces it, as [`save`](Self::save) replaces a session.
    fn save_redirect(
        &self,
        pending: &PendingRedirect,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes it, as [`clear`](Self::clear) removes a session. The session stays.
    fn clear_redirect(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Keeps the session in memory. Its clones are one store.
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
    /// A store with nothing in it.
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
