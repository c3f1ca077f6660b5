//! The session in memory.

use std::sync::Arc;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use super::blocking::acquire;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use super::waiting::acquire;
use super::{LOCK_LIMIT, PendingRedirect, Session, StoreLock, TokenStore};
use crate::auth::error::StoreError;
use crate::sync::Mutex;

/// Keeps the session in memory. All clones are one store, which several clients can share.
///
/// If another client holds the lock for 40 s, the result is [`StoreError::Lock`] of
/// [`TimedOut`](std::io::ErrorKind::TimedOut).
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
    is_locked: bool,
}

/// The lock of a store in memory.
struct MemoryLock(Arc<Mutex<Slots>>);

impl MemoryLock {
    fn attempt(slots: &Arc<Mutex<Slots>>) -> Option<Self> {
        let was_locked = std::mem::replace(&mut slots.lock().is_locked, true);
        (!was_locked).then(|| Self(Arc::clone(slots)))
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.lock().is_locked = false;
    }
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

    fn is_shared(&self) -> bool {
        true
    }

    async fn lock(&self) -> Result<StoreLock, StoreError> {
        if let Some(lock) = MemoryLock::attempt(&self.0) {
            return Ok(StoreLock::new(lock));
        }
        let slots = Arc::clone(&self.0);
        let lock = acquire(LOCK_LIMIT, move || Ok(MemoryLock::attempt(&slots)));
        lock.await.map(StoreLock::new).map_err(StoreError::Lock)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}
