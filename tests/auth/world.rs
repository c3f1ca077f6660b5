//! A client with everything around it, all of it in the hands of the test.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pollster::block_on;
use typed_hub::auth::{
    AuthClient, IdentityProvider, ManualClock, MemoryChallenge, MemoryProvider, MemoryStore,
    Operation, PendingRedirect, Session, SessionError, SignInStep, StoreError, TokenStore,
};
use typed_hub::{Auth, AuthEvent, Hub, Subscription};

pub const PASSWORD: &str = "correct horse battery staple";
pub const CODE: &str = "271828";

/// How long an access token lasts.
pub const LIFETIME: Duration = Duration::from_secs(60);

pub type Client = AuthClient<MemoryProvider, TestStore>;

pub struct World {
    pub hub: Hub,
    pub clock: ManualClock,
    pub pool: MemoryProvider,
    pub store: TestStore,
    pub client: Client,
    /// Writes to the store and events, in the order they happened.
    pub trace: Trace,
    listener: Subscription,
}

impl World {
    /// Nobody is signed in. The pool knows `ada`, who has a password, and `grace`, who is also
    /// asked for a code.
    pub fn new() -> Self {
        let clock = ManualClock::default();
        let pool = MemoryProvider::builder()
            .clock(clock.clone())
            .access_lifetime(LIFETIME)
            .build();
        Self::around(pool, clock)
    }

    /// A world around this pool, whose client goes by this clock.
    pub fn around(pool: MemoryProvider, clock: ManualClock) -> Self {
        pool.add_user("ada", PASSWORD, []);
        pool.add_user("grace", PASSWORD, [MemoryChallenge::Totp(CODE.into())]);
        let hub = Hub::new();
        let trace = Trace::default();
        let store = TestStore::new(trace.clone());
        let listener = {
            let trace = trace.clone();
            hub.listen_inline::<Auth>(move |event: &AuthEvent| trace.push(describe(event)))
        };
        let client = client(&hub, &pool, &store, &clock);
        Self {
            hub,
            clock,
            pool,
            store,
            client,
            trace,
            listener,
        }
    }

    /// `ada` is signed in.
    pub fn signed_in() -> Self {
        Self::new().sign_in()
    }

    /// `ada` is signed in, and her tokens have expired.
    pub fn expired() -> Self {
        let world = Self::signed_in();
        world.clock.advance(LIFETIME);
        world
    }

    pub fn sign_in(self) -> Self {
        let step = block_on(self.client.sign_in("ada", PASSWORD)).unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        self.trace.take();
        self
    }

    /// Drops the client and makes another over the same store, as a restart does.
    pub fn restart(&mut self) {
        let make = |hub: &Hub| client(hub, &self.pool, &self.store, &self.clock);
        self.client = make(&Hub::new()); // the hub is free again
        self.client = make(&self.hub);
    }

    /// This world, after a restart.
    pub fn restarted(mut self) -> Self {
        self.restart();
        self
    }

    pub fn refreshes(&self) -> usize {
        self.pool.count(Operation::Refresh)
    }
}

fn client(hub: &Hub, pool: &MemoryProvider, store: &TestStore, clock: &ManualClock) -> Client {
    AuthClient::builder()
        .hub(hub.clone())
        .provider(pool.clone())
        .store(store.clone())
        .clock(clock.clone())
        .build()
        .unwrap()
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub fn push(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Says what happened as the table does.
pub fn describe(event: &AuthEvent) -> String {
    match event {
        AuthEvent::TokenRefreshFailure { session_ended, .. } => {
            let ended = if *session_ended { "ended" } else { "kept" };
            format!("→{}, {ended}", event.kind())
        }
        _ => format!("→{}", event.kind()),
    }
}

/// A store that notes its writes when they have finished, and fails or waits on demand.
#[derive(Clone)]
pub struct TestStore {
    inner: MemoryStore,
    trace: Trace,
    state: Arc<Mutex<StoreState>>,
}

#[derive(Default)]
struct StoreState {
    fault: Option<StoreFault>,
    /// Whether what is stored was saved under [`StoreFault::Forget`].
    forgotten: bool,
    paused: bool,
    waiting: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    Read,
    Save,
    Clear,
    /// Of a store that is shared.
    Lock,
    /// What is saved from now on is not given back.
    Forget,
    /// Saving panics.
    Panic,
}

impl TestStore {
    pub fn new(trace: Trace) -> Self {
        Self {
            inner: MemoryStore::new(),
            trace,
            state: Arc::default(),
        }
    }

    pub fn fail(&self, fault: StoreFault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    pub fn clear_fault(&self) {
        let mut state = self.state.lock().unwrap();
        (state.fault, state.forgotten) = (None, false);
    }

    /// From now on, writes do not finish.
    pub fn pause(&self) {
        self.state.lock().unwrap().paused = true;
    }

    /// Writes finish again.
    pub fn resume(&self) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.paused = false;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What is in the store, whatever the faults.
    pub fn stored(&self) -> Option<Session> {
        block_on(self.inner.load()).unwrap()
    }

    fn has(&self, fault: StoreFault) -> bool {
        self.state.lock().unwrap().fault == Some(fault)
    }

    async fn written(&self) {
        poll_fn(|context| {
            let mut state = self.state.lock().unwrap();
            if state.paused {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl TokenStore for TestStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        if self.has(StoreFault::Read) {
            return Err(StoreError::Read(io::ErrorKind::PermissionDenied));
        }
        let stored = self.inner.load().await?;
        Ok(stored.filter(|_| !self.state.lock().unwrap().forgotten))
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        assert!(!self.has(StoreFault::Panic), "the store panics, as told");
        self.written().await;
        if self.has(StoreFault::Save) {
            return Err(StoreError::Write(io::ErrorKind::StorageFull));
        }
        self.inner.save(session).await?;
        let forgotten = self.has(StoreFault::Forget);
        self.state.lock().unwrap().forgotten = forgotten;
        self.trace.push("store");
        Ok(())
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.written().await;
        if self.has(StoreFault::Clear) {
            return Err(StoreError::Write(io::ErrorKind::StorageFull));
        }
        self.inner.clear().await?;
        self.trace.push("clear");
        Ok(())
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        if self.has(StoreFault::Read) {
            return Err(StoreError::Read(io::ErrorKind::PermissionDenied));
        }
        self.inner.load_redirect().await
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.written().await;
        if self.has(StoreFault::Save) {
            return Err(StoreError::Write(io::ErrorKind::StorageFull));
        }
        self.inner.save_redirect(pending).await?;
        self.trace.push("store redirect");
        Ok(())
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.written().await;
        if self.has(StoreFault::Clear) {
            return Err(StoreError::Write(io::ErrorKind::StorageFull));
        }
        let pending = self.inner.load_redirect().await?;
        self.inner.clear_redirect().await?;
        if pending.is_some() {
            self.trace.push("clear redirect");
        }
        Ok(())
    }
}

/// The session, refreshed if it has expired or if this is forced.
pub async fn session<P, S>(
    client: &AuthClient<P, S>,
    force: bool,
) -> Result<Option<Session>, SessionError>
where
    P: IdentityProvider,
    S: TokenStore,
{
    if force {
        client.refresh().await
    } else {
        client.session().await
    }
}

/// Polls a future once; nobody wakes it.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future once, and is sure that it is not done.
pub fn start<F: Future + ?Sized>(future: Pin<&mut F>)
where
    F::Output: std::fmt::Debug,
{
    match poll_once(future) {
        Poll::Pending => {}
        Poll::Ready(done) => panic!("it was to wait, and is done: {done:?}"),
    }
}
