//! Where a session outlives the process: the trait, and the store in memory.

use std::sync::Arc;

use super::error::StoreError;
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
}

impl Session {
    /// The session of this user, for the use of a [`TokenStore`].
    #[must_use]
    pub const fn new(user: AuthUser, tokens: Tokens) -> Self {
        Self { user, tokens }
    }
}

/// Keeps one session: for as long as the process lives, or longer.
///
/// The client calls one method at a time and waits for it to end, so a store needs no order of its
/// own. A client reads the store once, and from then on relies on being the only one that writes.
///
/// A future of a store may be dropped half-way only when the last handle of its client is dropped.
///
/// ```
/// use std::sync::Mutex;
/// use typed_hub::auth::{Session, StoreError, TokenStore};
///
/// struct Slot(Mutex<Option<Session>>);
///
/// impl TokenStore for Slot {
///     async fn load(&self) -> Result<Option<Session>, StoreError> {
///         Ok(self.0.lock().unwrap().clone())
///     }
///
///     async fn save(&self, session: &Session) -> Result<(), StoreError> {
///         *self.0.lock().unwrap() = Some(session.clone());
///         Ok(())
///     }
///
///     async fn clear(&self) -> Result<(), StoreError> {
///         *self.0.lock().unwrap() = None;
///         Ok(())
///     }
/// }
///
/// let store = Slot(Mutex::new(None));
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
    /// any more.
    fn clear(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
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
pub struct MemoryStore(Arc<Mutex<Option<Session>>>);

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }
}

impl TokenStore for MemoryStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        Ok(self.0.lock().clone())
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        *self.0.lock() = Some(session.clone());
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreError> {
        *self.0.lock() = None;
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}
