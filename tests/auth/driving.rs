//! Who drives what: calls in great numbers, calls from inside a listener, a store or an executor,
//! and what a panic of one call means for the others.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::world::{PASSWORD, Trace, World, poll_once, start};
use pollster::block_on;
use typed_hub::auth::{
    AccessToken, Answer, Attributes, AuthClient, AuthFlowType, AuthUser, Code, Fault, FirstFactor,
    IdentityProvider, IssuedTokens, MemoryProvider, MemoryStore, OpenChallenge, Operation,
    Password, PendingRedirect, ProviderError, ProviderErrorKind, RefreshError, RefreshToken,
    Session, SignInError, SignInReply, SignInRequest, SignInStep, SignOutScope, SignUpStep,
    StoreError, TokenStore, UserPool,
};
use typed_hub::{Auth, AuthEvent, Hub};

const HERE: SignOutScope = SignOutScope::ThisDevice;

/// Long enough for everything but waiting for ever.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn thousands_of_calls_wait_for_one_write() {
    for are_dropped in [false, true] {
        let world = World::expired();
        world.store.pause();
        let mut first = pin!(world.client.session());
        start(first.as_mut());
        let mut others = Vec::new();
        for _ in 0..20_000 {
            let mut other = Box::pin(world.client.current_user());
            start(other.as_mut());
            if !are_dropped {
                others.push(other);
            }
        }
        world.store.resume();
        assert!(others.into_iter().all(|other| block_on(other).is_ok()));
        assert!(block_on(world.client.current_user()).unwrap().is_some());
    }
}

#[test]
fn callers_on_threads_and_in_an_inline_listener_do_not_wait_for_each_other() {
    for _ in 0..500 {
        let world = World::new();
        let client = world.client.clone();
        world
            .hub
            .listen_inline::<Auth>(move |event: &AuthEvent| {
                if *event == AuthEvent::SignedOut {
                    let _ = block_on(client.current_user());
                }
            })
            .detach();
        let client = world.client.clone();
        all_end(vec![
            Box::new(move || drop(block_on(client.sign_out(HERE)))),
            Box::new(move || drop(block_on(world.client.current_user()))),
        ]);
    }
}

#[test]
fn a_listener_that_forces_a_refresh_does_not_wait_for_one_below_it() {
    for _ in 0..300 {
        let world = World::signed_in();
        let (client, pool) = (world.client.clone(), world.pool.clone());
        world
            .hub
            .listen_inline::<Auth>(move |event: &AuthEvent| {
                if *event == AuthEvent::TokenRefresh && pool.count(Operation::Refresh) < 20 {
                    let _ = block_on(client.refresh());
                }
            })
            .detach();
        let callers = (0..4).map(|_| {
            let client = world.client.clone();
            Box::new(move || {
                for _ in 0..3 {
                    assert!(block_on(client.refresh()).unwrap().is_some());
                }
            }) as Box<dyn FnOnce() + Send>
        });
        all_end(callers.collect());
    }
}

#[test]
fn callers_on_threads_and_in_a_listener_of_a_full_hub_do_not_wait_for_each_other() {
    for _ in 0..200 {
        let hub = Hub::builder().capacity(1).build();
        let client = AuthClient::new(hub.clone(), MemoryProvider::new()).unwrap();
        let inner = client.clone();
        let listener = hub.listen::<Auth>(move |_: &AuthEvent| {
            let _ = block_on(inner.current_user());
        });
        let callers = (0..3).map(|_| {
            let client = client.clone();
            Box::new(move || {
                for _ in 0..5 {
                    block_on(client.sign_out(HERE)).unwrap();
                }
            }) as Box<dyn FnOnce() + Send>
        });
        all_end(callers.collect());
        drop(listener);
    }
}

#[test]
fn a_call_that_panics_takes_no_other_with_it() {
    let (store, pool) = (HookedStore::default(), MemoryProvider::new());
    let (client, trace) = client_over(&store, pool.clone());
    pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut sign_out = Box::pin(client.sign_out(HERE));
    start(sign_out.as_mut());
    let panics = Arc::new(AtomicBool::new(false));
    {
        let panics = Arc::clone(&panics);
        store.on_save(move |_| {
            assert!(!panics.load(SeqCst), "the store panics, as told");
            Poll::Pending
        });
    }
    let mut refresh = Box::pin(client.refresh());
    start(refresh.as_mut());
    pool.clear_fault(Operation::Revoke);
    start(sign_out.as_mut()); // behind the write
    panics.store(true, SeqCst);

    let sign_out = catch_unwind(AssertUnwindSafe(|| block_on(sign_out)));
    assert!(sign_out.is_ok(), "it has not panicked itself");
    let refresh = catch_unwind(AssertUnwindSafe(|| block_on(refresh)));
    assert!(refresh.is_err(), "its write has");
    assert_eq!(trace.take(), ["→signedOut"]);
    assert_eq!(block_on(client.current_user()), Ok(None));
}

#[test]
fn a_provider_that_panics_once_is_asked_again() {
    let mode = Arc::new(AtomicUsize::new(0));
    let pool = MemoryProvider::new();
    let (client, _) = client_over(
        &HookedStore::default(),
        Panicky {
            pool,
            mode: Arc::clone(&mode),
        },
    );
    let mut waits = Box::pin(client.refresh());
    start(waits.as_mut()); // and is not polled, as the losing branch of a `select!`
    mode.store(1, SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(client.refresh()))).is_err());
    mode.store(2, SeqCst);
    assert!(block_on(client.refresh()).unwrap().is_some());
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(waits))).is_err());
}

#[test]
fn a_sign_out_from_inside_an_executor_waits_for_the_write_that_woke_it() {
    let store = HookedStore::default();
    let (client, trace) = client_over(&store, MemoryProvider::new());
    let polls = AtomicUsize::new(0);
    {
        let trace = trace.clone();
        store.on_save(move |context| {
            if polls.fetch_add(1, SeqCst) < 2 {
                return Poll::Pending;
            }
            trace.push("waking");
            context.waker().wake_by_ref();
            trace.push("woken");
            Poll::Ready(())
        });
    }
    let mut refresh = pin!(client.refresh());
    start(refresh.as_mut());
    let other = client.clone();
    let task = PolledWhenWoken::of(async move {
        other.sign_out(HERE).await.unwrap();
    });
    PolledWhenWoken::run(&task);
    let _ = poll_once(refresh.as_mut());
    PolledWhenWoken::run(&task);
    assert_eq!(
        trace.take(),
        ["waking", "woken", "→tokenRefresh", "→signedOut"]
    );
}

#[test]
fn a_waker_that_panics_leaves_no_other_task_asleep() {
    leaves_no_other_task_asleep(&Waker::from(Arc::new(Bad)));
}

#[test]
fn a_waker_whose_panic_panics_when_it_is_dropped_leaves_no_other_task_asleep() {
    leaves_no_other_task_asleep(&Waker::from(Arc::new(Worse)));
}

fn leaves_no_other_task_asleep(bad: &Waker) {
    let store = HookedStore::default();
    let (client, _) = client_over(&store, MemoryProvider::new());
    let goes_on = Arc::new(AtomicBool::new(false));
    let task: Arc<Mutex<Option<Waker>>> = Arc::default();
    {
        let (goes_on, task) = (Arc::clone(&goes_on), Arc::clone(&task));
        store.on_save(move |context| {
            if goes_on.load(SeqCst) {
                return Poll::Ready(());
            }
            *task.lock().unwrap() = Some(context.waker().clone());
            Poll::Pending
        });
    }
    let woken = Arc::new(Woken::default());
    let good = Waker::from(Arc::clone(&woken));
    let mut first = Box::pin(client.refresh());
    let mut second = Box::pin(client.refresh());
    let mut third = Box::pin(client.current_user());
    assert!(poll_with(first.as_mut(), bad).is_pending());
    assert!(poll_with(second.as_mut(), bad).is_pending());
    assert!(poll_with(third.as_mut(), &good).is_pending());
    goes_on.store(true, SeqCst);
    let waker = task.lock().unwrap().take().unwrap();
    waker.wake();
    assert!(woken.0.load(SeqCst));
}

/// Runs each on a thread of its own, and is sure that all come to an end.
fn all_end(runs: Vec<Box<dyn FnOnce() + Send>>) {
    let (sender, ends) = mpsc::channel();
    let together = Arc::new(Barrier::new(runs.len()));
    let count = runs.len();
    for run in runs {
        let (sender, together) = (sender.clone(), Arc::clone(&together));
        thread::spawn(move || {
            together.wait();
            run();
            let _ = sender.send(());
        });
    }
    for _ in 0..count {
        ends.recv_timeout(LONG).expect("a caller waits for ever");
    }
}

/// A client over this store, as whom `ada` is signed in, and what it publishes.
fn client_over<P: UserPool + HasPool>(
    store: &HookedStore,
    provider: P,
) -> (AuthClient<P, HookedStore>, Trace) {
    provider.pool().add_user("ada", PASSWORD, []);
    let (hub, trace) = (Hub::new(), Trace::default());
    {
        let trace = trace.clone();
        hub.listen_inline::<Auth>(move |event: &AuthEvent| {
            trace.push(format!("→{}", event.kind()));
        })
        .detach();
    }
    let client = AuthClient::builder()
        .hub(hub)
        .provider(provider)
        .store(store.clone())
        .build()
        .unwrap();
    let _ = block_on(client.sign_in("ada", PASSWORD)).unwrap();
    trace.take();
    (client, trace)
}

type Hook = Box<dyn FnMut(&mut Context<'_>) -> Poll<()> + Send>;

/// A store whose writes wait for a hook.
#[derive(Clone, Default)]
struct HookedStore {
    inner: MemoryStore,
    hook: Arc<Mutex<Option<Hook>>>,
}

impl HookedStore {
    fn on_save(&self, hook: impl FnMut(&mut Context<'_>) -> Poll<()> + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// What the hook does is not done under its lock.
    fn poll_hook(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(mut hook) = self.hook.lock().unwrap().take() else {
            return Poll::Ready(());
        };
        let polled = hook(context);
        if polled.is_pending() {
            *self.hook.lock().unwrap() = Some(hook);
        }
        polled
    }
}

impl TokenStore for HookedStore {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        self.inner.load().await
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        poll_fn(|context| self.poll_hook(context)).await;
        self.inner.save(session).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.inner.clear().await
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        self.inner.load_redirect().await
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.inner.save_redirect(pending).await
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.inner.clear_redirect().await
    }
}

trait HasPool {
    fn pool(&self) -> &MemoryProvider;
}

impl HasPool for MemoryProvider {
    fn pool(&self) -> &MemoryProvider {
        self
    }
}

impl HasPool for Panicky {
    fn pool(&self) -> &MemoryProvider {
        &self.pool
    }
}

/// A provider that does not answer a refresh (0), panics (1), or does as asked.
struct Panicky {
    pool: MemoryProvider,
    mode: Arc<AtomicUsize>,
}

impl IdentityProvider for Panicky {
    async fn refresh(
        &self,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, RefreshError> {
        poll_fn(|_| match self.mode.load(SeqCst) {
            0 => Poll::Pending,
            1 => panic!("the provider panics, as told"),
            _ => Poll::Ready(()),
        })
        .await;
        self.pool.refresh(user, token).await
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
        self.pool.revoke(token).await
    }

    async fn sign_out_everywhere(&self, token: &AccessToken) -> Result<(), ProviderError> {
        self.pool.sign_out_everywhere(token).await
    }
}

impl UserPool for Panicky {
    async fn sign_up(
        &self,
        username: &str,
        password: &Password,
        attributes: &Attributes,
    ) -> Result<SignUpStep, ProviderError> {
        self.pool.sign_up(username, password, attributes).await
    }

    async fn confirm_sign_up(&self, username: &str, code: &Code) -> Result<(), ProviderError> {
        self.pool.confirm_sign_up(username, code).await
    }

    async fn sign_in(
        &self,
        username: &str,
        with: Option<&Password>,
    ) -> Result<SignInReply, ProviderError> {
        self.pool.sign_in(username, with).await
    }

    async fn answer(
        &self,
        challenge: &OpenChallenge,
        answer: &Answer,
    ) -> Result<SignInReply, ProviderError> {
        self.pool.answer(challenge, answer).await
    }

    async fn delete_user(&self, token: &AccessToken) -> Result<(), ProviderError> {
        self.pool.delete_user(token).await
    }

    async fn resend_sign_up_code(&self, username: &str) -> Result<SignUpStep, ProviderError> {
        self.pool.resend_sign_up_code(username).await
    }

    async fn reset_password(&self, username: &str) -> Result<Option<String>, ProviderError> {
        self.pool.reset_password(username).await
    }

    async fn confirm_reset_password(
        &self,
        username: &str,
        code: &Code,
        password: &Password,
    ) -> Result<(), ProviderError> {
        let pool = &self.pool;
        pool.confirm_reset_password(username, code, password).await
    }
}

/// A provider that ignored the flow could send a password that was not to be sent.
#[test]
fn a_provider_that_takes_no_options_of_a_sign_in_refuses_them() {
    let pool = MemoryProvider::new();
    pool.add_user("ada", PASSWORD, []);
    let provider = Panicky {
        pool: pool.clone(),
        mode: Arc::default(),
    };
    let client = AuthClient::new(Hub::new(), provider).unwrap();
    let request = || {
        let request = SignInRequest::builder().username("ada");
        request.password(PASSWORD)
    };
    for request in [
        request().auth_flow(AuthFlowType::UserSrp).build(),
        request().preferred_factor(FirstFactor::EmailCode).build(),
        request().client_metadata([("a", "b")]).build(),
    ] {
        let refused = block_on(client.sign_in_with(request));
        let Err(SignInError::Provider(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
        assert_eq!(error.name, "Unsupported");
    }
    assert_eq!(pool.count(Operation::SignIn), 0);
    let step = block_on(client.sign_in_with(request().build())).unwrap();
    assert!(matches!(step, SignInStep::Done(_)));
}

/// A task of an executor that polls it on the stack of whoever wakes it.
struct PolledWhenWoken(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl PolledWhenWoken {
    fn of(future: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Box::pin(future)))))
    }

    fn run(self: &Arc<Self>) {
        let Some(mut future) = self.0.lock().unwrap().take() else {
            return;
        };
        if poll_with(future.as_mut(), &Waker::from(Arc::clone(self))).is_pending() {
            *self.0.lock().unwrap() = Some(future);
        }
    }
}

impl Wake for PolledWhenWoken {
    fn wake(self: Arc<Self>) {
        self.run();
    }
}

struct Bad;

impl Wake for Bad {
    fn wake(self: Arc<Self>) {
        panic!("the waker panics, as told");
    }
}

struct Worse;

impl Wake for Worse {
    fn wake(self: Arc<Self>) {
        std::panic::panic_any(Spite);
    }
}

/// A payload whose drop panics with another such payload.
struct Spite;

impl Drop for Spite {
    fn drop(&mut self) {
        std::panic::panic_any(Self);
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}
