//! Transactions: run the steps of the machine, one transaction after the other.
//!
//! A caller submits a transaction, and then it belongs to the client: if the caller is dropped, the
//! next caller completes it. So no token is lost between the provider and the store, and no event
//! between the store and the hub.

use std::future::poll_fn;
#[cfg(feature = "redirect")]
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
#[cfg(feature = "redirect")]
use std::time::Duration;
use std::time::SystemTime;

use super::in_flight::SingleFlight;
use super::queue::{Completer, JobHandle, PublishJob, Queue};
use super::store_lock::{LockShare, SharedLock, access};
use super::wakers::WakerSet;
use crate::auth::channel::{Auth, AuthEvent, KEY};
use crate::auth::clock::Clock;
#[cfg(feature = "loopback")]
use crate::auth::error::RedirectError;
use crate::auth::error::{NewClientError, SessionError, StoreError};
#[cfg(feature = "redirect")]
use crate::auth::machine::CallbackId;
use crate::auth::machine::{Machine, SessionId, SessionLookup, SignOutId, Step, Write};
use crate::auth::provider::IdentityProvider;
#[cfg(feature = "loopback")]
use crate::auth::secret::RedirectState;
use crate::auth::send::MaybeSend;
use crate::auth::store::TokenStore;
use crate::hub::{Claim, Hub};
use crate::sync::{Mutex, MutexGuard};

/// The one topic of [`Driver::changes`].
pub(super) const CHANGE: u64 = 0;

/// The state that all handles of one client share.
///
/// The fields are dropped in this order: first the transactions, which hold the driver; then the
/// driver, which holds the claim; last, the tasks that wait for the end of the client are woken.
pub(super) struct Inner<P, S> {
    transactions: Arc<Queue>,
    driver: Arc<Driver<P, S>>,
    pub(super) refresh: Mutex<SingleFlight>,
    #[cfg(feature = "redirect")]
    pub(super) redirect_wait: Duration,
    /// How many numbers have been given out.
    numbers: Mutex<u64>,
    _notify: NotifyOnDrop,
}

/// Runs transactions. They hold the driver and not [`Inner`], which holds them.
struct Driver<P, S> {
    provider: P,
    store: Arc<S>,
    store_lock: SharedLock,
    auth: Claim<Auth>,
    clock: Arc<dyn Clock>,
    machine: Arc<Mutex<Machine>>,
    /// Notified when a session, or a sign-in by redirect, begins or ends.
    changes: Arc<WakerSet>,
}

impl<P: IdentityProvider, S: TokenStore> Inner<P, S> {
    /// Claims `Auth` until this is dropped.
    pub(super) fn new(
        provider: P,
        store: S,
        hub: &Hub,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NewClientError<P, S>> {
        let Some(auth) = hub.claim::<Auth>(&KEY) else {
            return Err(NewClientError::new(provider, store));
        };
        let changes = WakerSet::new();
        let machine = Machine::new(store.is_shared());
        Ok(Self {
            _notify: NotifyOnDrop(Arc::clone(&changes)),
            driver: Arc::new(Driver {
                provider,
                store: Arc::new(store),
                store_lock: SharedLock::new(),
                auth,
                clock,
                machine: Arc::new(Mutex::new(machine)),
                changes,
            }),
            transactions: Queue::new(),
            refresh: Mutex::new(SingleFlight::default()),
            #[cfg(feature = "redirect")]
            redirect_wait: Duration::ZERO,
            numbers: Mutex::new(0),
        })
    }

    #[cfg(feature = "redirect")]
    pub(super) fn with_redirect_wait(mut self, redirect_wait: Duration) -> Self {
        self.redirect_wait = redirect_wait;
        self
    }

    #[cfg(feature = "redirect")]
    pub(super) fn next_callback(&self) -> CallbackId {
        CallbackId(self.next_number())
    }

    pub(super) fn next_sign_out(&self) -> SignOutId {
        SignOutId(self.next_number())
    }

    fn next_number(&self) -> u64 {
        let mut numbers = self.numbers.lock();
        *numbers += 1;
        *numbers
    }

    /// Ends when the session changes, and when the client is gone. The future does not hold the
    /// client, even while it is polled: dropping the last handle frees the hub at once.
    pub(super) fn until_session_changes(
        self: &Arc<Self>,
        present: Option<SessionId>,
    ) -> impl Future<Output = ()> + MaybeSend + use<P, S> {
        let changes = Arc::clone(&self.driver.changes);
        let inner = Arc::downgrade(self);
        let machine = Arc::downgrade(&self.driver.machine);
        async move {
            let waiter = changes.waiter(CHANGE);
            poll_fn(|context| {
                waiter.register(context.waker());
                match machine.upgrade() {
                    Some(machine)
                        if inner.strong_count() > 0 && machine.lock().session_id() == present =>
                    {
                        Poll::Pending
                    }
                    _ => Poll::Ready(()),
                }
            })
            .await;
        }
    }

    /// Waits until no redirect is in progress, or until `limit` ends.
    #[cfg(feature = "redirect")]
    pub(super) async fn until_not_redirecting(&self, limit: impl Future<Output = ()>) {
        let mut limit = pin!(limit);
        let waiter = self.driver.changes.waiter(CHANGE);
        poll_fn(|context| {
            waiter.register(context.waker());
            if self.machine().is_redirecting() {
                limit.as_mut().poll(context)
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Waits until the redirect of this state has ended, and returns why.
    #[cfg(feature = "loopback")]
    pub(super) async fn until_redirect_end(&self, state: &RedirectState) -> RedirectError {
        let waiter = self.driver.changes.waiter(CHANGE);
        poll_fn(|context| {
            waiter.register(context.waker());
            let end = self.machine().redirect_end(state);
            end.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Submits a transaction. It will run, before any that is submitted later.
    pub(super) fn submit<A: Clone + Send + 'static>(
        &self,
        first: impl FnOnce(&mut Machine, SystemTime) -> Step<A> + Send + 'static,
    ) -> JobHandle<A> {
        self.submit_locked(None, first)
    }

    /// Submits a transaction that keeps this share of the store's lock until it ends.
    pub(super) fn submit_locked<A: Clone + Send + 'static>(
        &self,
        lock: Option<LockShare>,
        first: impl FnOnce(&mut Machine, SystemTime) -> Step<A> + Send + 'static,
    ) -> JobHandle<A> {
        let driver = Arc::clone(&self.driver);
        self.transactions.push(|completer| async move {
            let (events, answer) = driver.run(lock, first).await;
            driver.publish_jobs(events, completer, answer)
        })
    }

    pub(super) fn is_shared(&self) -> bool {
        self.driver.store.is_shared()
    }

    /// Takes the lock of a shared store, or a share of it if this client has it.
    pub(super) async fn lock_store(&self) -> Result<LockShare, StoreError> {
        self.driver.store_lock.share(&self.driver.store).await
    }

    /// Asks the machine for the session. `ended` is how many refreshes had ended when the caller
    /// asked.
    pub(super) fn ask_session(
        &self,
        force: bool,
        ended: u64,
    ) -> JobHandle<Result<SessionLookup, SessionError>> {
        self.submit(move |machine, now| machine.session(force, ended, now))
    }

    pub(super) fn refresh_count(&self) -> u64 {
        self.machine().refresh_count()
    }

    #[cfg(all(feature = "web-store", target_family = "wasm", target_os = "unknown"))]
    pub(super) fn store(&self) -> &S {
        &self.driver.store
    }

    pub(super) fn provider(&self) -> &P {
        &self.driver.provider
    }

    pub(super) fn now(&self) -> SystemTime {
        self.driver.clock.now()
    }

    pub(super) fn changes(&self) -> &WakerSet {
        &self.driver.changes
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.driver.machine.lock()
    }
}

/// Wakes the tasks that wait without holding the client.
struct NotifyOnDrop(Arc<WakerSet>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_all();
    }
}

impl<P: IdentityProvider, S: TokenStore> Driver<P, S> {
    /// Runs a transaction, under the store's lock from the step on that takes it.
    async fn run<A>(
        &self,
        mut lock: Option<LockShare>,
        first: impl FnOnce(&mut Machine, SystemTime) -> Step<A>,
    ) -> (Vec<AuthEvent>, A) {
        if lock.as_ref().is_some_and(LockShare::is_lost) {
            // Nothing has been read under it so far.
            lock = self.store_lock.share(&self.store).await.ok().or(lock);
        }
        let now = self.clock.now();
        let mut step = self.step(|machine| first(machine, now));
        loop {
            step = match step {
                Step::Lock(then) => {
                    let share = self.store_lock.share(&self.store).await;
                    let locked = share.map(|share| lock = Some(share));
                    self.step(|machine| then(machine, locked))
                }
                Step::Load(then) => {
                    let stored = access(lock.as_ref(), self.store.load()).await;
                    self.step(|machine| then(machine, stored))
                }
                Step::LoadRedirect(then) => {
                    let stored = access(lock.as_ref(), self.store.load_redirect()).await;
                    self.step(|machine| then(machine, stored))
                }
                Step::Write(write, then) => {
                    let written = access(lock.as_ref(), self.write(write)).await;
                    self.step(|machine| then(machine, written))
                }
                Step::End { publish, answer } => {
                    drop(lock);
                    return (publish, answer);
                }
            };
        }
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        match write {
            Write::Save(session) => self.store.save(&session).await,
            Write::Clear => self.store.clear().await,
            #[cfg(feature = "redirect")]
            Write::SaveRedirect(pending) => self.store.save_redirect(&pending).await,
            Write::ClearRedirect => self.store.clear_redirect().await,
        }
    }

    fn step<A>(&self, decide: impl FnOnce(&mut Machine) -> Step<A>) -> Step<A> {
        let (step, is_changed) = {
            let mut machine = self.machine.lock();
            let before = (machine.session_id(), machine.redirect_version());
            let step = decide(&mut machine);
            let after = (machine.session_id(), machine.redirect_version());
            (step, after != before)
        };
        if is_changed {
            self.changes.notify_all();
        }
        step
    }

    /// One job for each event. The last job also hands over the answer.
    fn publish_jobs<A: Send + 'static>(
        self: Arc<Self>,
        mut events: Vec<AuthEvent>,
        completer: Completer<A>,
        answer: A,
    ) -> Vec<PublishJob> {
        let Some(last) = events.pop() else {
            completer.complete(answer);
            return Vec::new();
        };
        let mut publish_jobs = Vec::<PublishJob>::new();
        for event in events {
            let driver = Arc::clone(&self);
            publish_jobs.push(Box::new(move || driver.publish(event)));
        }
        publish_jobs.push(Box::new(move || {
            self.publish(last);
            completer.complete(answer);
        }));
        publish_jobs
    }

    /// The only place where the auth category publishes. It never waits.
    fn publish(&self, event: AuthEvent) {
        self.auth.publish_unbounded(&KEY, event);
    }
}
