//! The lock of the store: taken once for all calls of one client that need it, and given up when
//! none of them is polled.
//!
//! A call holds the lock while it waits for the provider. A caller may keep the future of the call
//! and not poll it, and then nothing goes on, so a thread, in a page a task, watches: it wakes the calls
//! that hold the lock once a second, and releases the lock when [`LIMIT`] of these pings have woken none
//! of them.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use super::queue::{JobHandle, Queue};
use super::wakers::WakerSet;
use crate::auth::error::StoreError;
use crate::auth::store::{StoreLock, TokenStore};
use crate::sync::Mutex;

/// How many pings in a row may wake no call that holds the lock: with 5 the lock is held for 5 seconds.
/// They are counted rather than timed, since a page that was blocked, or a tab that is hidden, has pings as
/// late as its calls.
const LIMIT: u32 = 5;

/// How often those calls are woken.
const PING: Duration = Duration::from_secs(1);

/// The one topic of [`Slot::wakers`].
const PINGED: u64 = 0;

/// The lock that calls of this client hold, or wait for. The machine orders the calls of one
/// client, so they share the lock.
pub(super) struct SharedLock(Mutex<Weak<LockJob>>);

type LockJob = JobHandle<Result<Arc<Held>, StoreError>>;

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
        loop {
            let job = self.job(store);
            let outcome = job.outcome().await;
            if let Ok(held) = &outcome
                && held.0.add_share()
            {
                let slot = Arc::clone(&held.0);
                return Ok(LockShare { slot, _job: job });
            }
            self.forget(&job);
            outcome?;
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
            let locked = store.lock().await;
            completer.complete(locked.map(|lock| Arc::new(Held(Slot::new(lock)))));
            Vec::new()
        }));
        *current = Arc::downgrade(&job);
        job
    }

    /// The next caller tries again.
    fn forget(&self, job: &Arc<LockJob>) {
        let mut current = self.0.lock();
        if std::ptr::eq(current.as_ptr(), Arc::as_ptr(job)) {
            *current = Weak::new();
        }
    }
}

/// A share of the lock, which is released when the last share is dropped, even if other calls still
/// hold the job: one of them may not be polled.
#[must_use = "dropping it releases the lock"]
pub(super) struct LockShare {
    slot: Arc<Slot>,
    _job: Arc<LockJob>,
}

impl Drop for LockShare {
    fn drop(&mut self) {
        let is_last = {
            let mut state = self.slot.state.lock();
            state.shares -= 1;
            state.shares == 0
        };
        if is_last {
            self.slot.release();
        }
    }
}

impl LockShare {
    /// Whether the lock was released because no call that holds it was polled.
    pub(super) fn is_lost(&self) -> bool {
        self.slot.is_released()
    }
}

/// Accesses the store. Under a lock that is lost, the access fails.
pub(super) async fn access<R>(
    lock: Option<&LockShare>,
    access: impl Future<Output = Result<R, StoreError>>,
) -> Result<R, StoreError> {
    // The check and the first poll of the access are within one poll, in which the lock is not
    // released.
    let access = async {
        if lock.is_some_and(LockShare::is_lost) {
            return Err(StoreError::Lock(ErrorKind::TimedOut));
        }
        access.await
    };
    attend(lock, access).await
}

/// Runs the future, which holds the lock: the lock is kept while the future is polled.
pub(super) async fn attend<F: Future>(lock: Option<&LockShare>, future: F) -> F::Output {
    let Some(LockShare { slot, .. }) = lock else {
        return future.await;
    };
    let mut future = pin!(future);
    let waiter = slot.wakers.waiter(PINGED);
    poll_fn(|context| {
        let mut poll = SlotPoll::begin(slot);
        waiter.register(context.waker());
        let polled = future.as_mut().poll(context);
        poll.is_pending = polled.is_pending();
        polled
    })
    .await
}

/// Runs the future, which holds the lock, and polls it only while the lock is held. `None` if the
/// lock is lost.
pub(super) async fn until_lost<F: Future>(
    lock: Option<&LockShare>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let held = poll_fn(|context| {
        if lock.is_some_and(LockShare::is_lost) {
            return Poll::Ready(None);
        }
        future.as_mut().poll(context).map(Some)
    });
    attend(lock, held).await
}

/// Releases the lock when it is dropped: then no call has taken a share.
struct Held(Arc<Slot>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A poll that is going on. It ends even if the future panics.
struct SlotPoll<'a> {
    slot: &'a Arc<Slot>,
    is_pending: bool,
}

impl<'a> SlotPoll<'a> {
    fn begin(slot: &'a Arc<Slot>) -> Self {
        let mut state = slot.state.lock();
        state.polls += 1;
        state.unanswered = 0;
        drop(state);
        Self {
            slot,
            is_pending: false,
        }
    }
}

impl Drop for SlotPoll<'_> {
    fn drop(&mut self) {
        self.slot.polled(self.is_pending);
    }
}

/// The lock until it is released.
struct Slot {
    state: Mutex<State>,
    wakers: Arc<WakerSet>,
}

struct State {
    lock: Option<StoreLock>,
    shares: usize,
    /// How many polls are going on.
    polls: usize,
    /// How many pings have woken no call since the last poll.
    unanswered: u32,
    is_watched: bool,
    watch: Option<Watch>,
}

impl Slot {
    fn new(lock: StoreLock) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                lock: Some(lock),
                shares: 0,
                polls: 0,
                unanswered: 0,
                is_watched: false,
                watch: None,
            }),
            wakers: WakerSet::new(),
        })
    }

    /// Adds a share. False if the lock is released.
    fn add_share(&self) -> bool {
        let mut state = self.state.lock();
        let is_held = state.lock.is_some();
        state.shares += usize::from(is_held);
        is_held
    }

    fn release(&self) {
        let (lock, watch) = {
            let mut state = self.state.lock();
            (state.lock.take(), state.watch.take())
        };
        drop(lock);
        if let Some(watch) = watch {
            watch.end();
        }
    }

    fn is_released(&self) -> bool {
        self.state.lock().lock.is_none()
    }

    /// A poll has ended. If another one is to come, the lock is watched from here on.
    fn polled(self: &Arc<Self>, is_pending: bool) {
        {
            let mut state = self.state.lock();
            state.polls -= 1;
            state.unanswered = 0;
            if !is_pending || state.is_watched || state.lock.is_none() {
                return;
            }
            state.is_watched = true;
        }
        // Without a watch, the lock is held until its last share is dropped.
        if let Some(watch) = Watch::begin(Arc::clone(self)) {
            let mut state = self.state.lock();
            if state.lock.is_some() {
                state.watch = Some(watch);
            } else {
                watch.end();
            }
        }
    }

    /// Wakes the calls that hold the lock, or releases it if they have not answered. False when it is
    /// released.
    fn ping(&self) -> bool {
        let lost = {
            let mut state = self.state.lock();
            if state.lock.is_none() {
                return false;
            }
            if state.polls == 0 && state.unanswered == LIMIT {
                state.lock.take()
            } else {
                state.unanswered += u32::from(state.polls == 0);
                None
            }
        };
        if lost.is_some() {
            return false;
        }
        self.wakers.notify_all();
        true
    }
}

/// The thread that pings.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
struct Watch(std::thread::Thread);

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl Watch {
    fn begin(slot: Arc<Slot>) -> Option<Self> {
        let thread = std::thread::Builder::new().name("typed-hub lock".to_owned());
        let watch = move || {
            loop {
                std::thread::park_timeout(PING);
                if !slot.ping() {
                    return;
                }
            }
        };
        let thread = thread.spawn(watch).ok()?;
        Some(Self(thread.thread().clone()))
    }

    fn end(&self) {
        self.0.unpark();
    }
}

/// The task of the page that pings.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
struct Watch;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl Watch {
    #[expect(clippy::unnecessary_wraps, reason = "a thread may not begin")]
    fn begin(slot: Arc<Slot>) -> Option<Self> {
        crate::sync::page::spawn(async move {
            loop {
                crate::sync::page::sleep(PING).await;
                if !slot.ping() {
                    return;
                }
            }
        });
        Some(Self)
    }

    /// It ends when it pings next.
    #[expect(clippy::unused_self, reason = "a thread is woken")]
    fn end(&self) {}
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use pollster::block_on;

    use super::*;
    use crate::auth::store::MemoryStore;

    #[test]
    fn an_access_under_a_lost_lock_fails() {
        let lock = block_on(SharedLock::new().share(&Arc::new(MemoryStore::new()))).unwrap();
        lock.slot.release();
        let written = block_on(access(Some(&lock), async { Ok(()) }));
        assert_eq!(written, Err(StoreError::Lock(ErrorKind::TimedOut)));
    }

    #[test]
    fn the_lock_is_released_after_pings_that_no_call_has_answered() {
        let lock = block_on(SharedLock::new().share(&Arc::new(MemoryStore::new()))).unwrap();
        for _ in 0..3 {
            assert!((0..LIMIT).all(|_| lock.slot.ping()));
            drop(SlotPoll::begin(&lock.slot));
        }
        let poll = SlotPoll::begin(&lock.slot);
        assert!(
            (0..2 * LIMIT).all(|_| lock.slot.ping()),
            "a poll is going on"
        );
        drop(poll);
        assert!((0..LIMIT).all(|_| lock.slot.ping()));
        assert!(!lock.slot.ping() && lock.slot.is_released());
    }

    #[test]
    fn a_poll_that_panics_has_ended() {
        let lock = block_on(SharedLock::new().share(&Arc::new(MemoryStore::new()))).unwrap();
        let panics = attend(Some(&lock), async { panic!("as told") });
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(panics))).is_err());
        assert_eq!(lock.slot.state.lock().polls, 0);
    }
}
