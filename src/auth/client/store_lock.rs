//! The lock of the store: taken once for all calls of one client that need it.

use std::sync::{Arc, Weak};

use super::queue::{JobHandle, Queue};
use crate::auth::error::StoreError;
use crate::auth::store::{StoreLock, TokenStore};
use crate::sync::Mutex;

/// The lock that calls of this client hold, or wait for. The machine orders the calls of one
/// client, so they share the lock.
pub(super) struct SharedLock(Mutex<Weak<LockJob>>);

type LockJob = JobHandle<Result<Arc<StoreLock>, StoreError>>;

/// A share of the lock, which is released when the last share is dropped.
#[must_use = "dropping it releases the lock"]
pub(super) struct LockShare(#[expect(dead_code, reason = "held, not read")] Arc<LockJob>);

impl SharedLock {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Takes the lock, or a share of it if another call of this client has it. Nothing is awaited
    /// on behalf of one caller: all that wait for the lock drive the same job.
    pub(super) async fn share<S: TokenStore>(
        &self,
        store: &Arc<S>,
    ) -> Result<LockShare, StoreError> {
        let job = self.job(store);
        match job.outcome().await {
            Ok(_) => Ok(LockShare(job)),
            Err(error) => {
                let mut current = self.0.lock();
                if std::ptr::eq(current.as_ptr(), Arc::as_ptr(&job)) {
                    *current = Weak::new(); // the next caller tries again
                }
                Err(error)
            }
        }
    }

    fn job<S: TokenStore>(&self, store: &Arc<S>) -> Arc<LockJob> {
        let mut current = self.0.lock();
        if let Some(job) = current.upgrade()
            && !job.has_panicked()
        {
            return job;
        }
        let store = Arc::clone(store);
        let job = Arc::new(Queue::new().push(|completer| async move {
            completer.complete(store.lock().await.map(Arc::new));
            Vec::new()
        }));
        *current = Arc::downgrade(&job);
        job
    }
}
