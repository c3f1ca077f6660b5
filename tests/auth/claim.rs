//! Promise 2, row F43: one hub has one auth category, so that code which merely holds the hub cannot
//! publish on `Auth`.

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::world::{LIFETIME, PASSWORD, StoreFault, World, poll_once, start};
use pollster::block_on;
use typed_hub::auth::{
    AccessToken, AuthClient, AuthUser, Fault, IdentityProvider, IssuedTokens, MemoryProvider,
    MemoryStore, NewClientError, Operation, ProviderError, ProviderErrorKind, RefreshError,
    RefreshToken, Session, SignOutScope, TokenStore, Tokens,
};
use typed_hub::{Auth, AuthEvent, AuthEventKind, Hub};

const HERE: SignOutScope = SignOutScope::ThisDevice;

type Refused = NewClientError<MemoryProvider, MemoryStore>;

/// A client of one's own, for the hub of another.
fn another(hub: &Hub) -> Result<AuthClient<MemoryProvider>, Refused> {
    let pool = MemoryProvider::new();
    pool.add_user("admin", PASSWORD, []);
    AuthClient::new(hub.clone(), pool)
}

#[track_caller]
fn assert_claimed(hub: &Hub) {
    assert!(another(hub).is_err(), "a second client");
}

#[track_caller]
fn assert_free(hub: &Hub) {
    another(hub).expect("the hub is free");
}

#[test]
fn f43_a_second_client_is_refused_and_nothing_is_published() {
    let world = World::signed_in();
    let refused = another(&world.hub).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the hub has an auth client already: share that client by cloning it, or give each account \
         a hub of its own"
    );
    let builder = AuthClient::builder()
        .hub(world.hub.clone())
        .provider(MemoryProvider::new())
        .store(world.store.clone());
    assert!(builder.build().is_err());
    assert!(world.trace.take().is_empty());
    assert!(block_on(world.client.refresh()).unwrap().is_some());
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
}

/// Every attempt that the public interface offers: a pool with any users, a store with any session,
/// a provider with any words.
#[test]
fn f43_code_that_holds_a_hub_publishes_nothing_on_auth() {
    struct AnyWords;

    impl IdentityProvider for AnyWords {
        async fn refresh(
            &self,
            _: &AuthUser,
            _: &RefreshToken,
        ) -> Result<IssuedTokens, RefreshError> {
            let kind = ProviderErrorKind::NotAuthorized;
            Err(ProviderError::new(kind, "Anything", "any words").into())
        }

        async fn revoke(&self, _: &RefreshToken) -> Result<(), ProviderError> {
            Ok(())
        }

        async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
            Ok(())
        }
    }

    let world = World::signed_in();
    let hub = world.hub.downgrade().upgrade().unwrap();
    if let Ok(client) = another(&hub) {
        let _ = block_on(client.sign_in("admin", PASSWORD));
        let _ = block_on(client.sign_out(HERE));
    }
    let store = MemoryStore::new();
    let long_ago = SystemTime::UNIX_EPOCH;
    let expired = long_ago + Duration::from_secs(9);
    let tokens = Tokens::restored("a".into(), None, Some("r".into()), long_ago, expired);
    let user = AuthUser::new("ada", "1");
    block_on(store.save(&Session::new(user, tokens))).unwrap();
    let forger = AuthClient::builder()
        .hub(hub)
        .provider(AnyWords)
        .store(store)
        .build();
    if let Ok(client) = forger {
        let _ = block_on(client.refresh());
    }
    assert!(world.trace.take().is_empty());
}

#[test]
fn f43_what_was_moved_in_is_handed_back_and_not_shown() {
    let world = World::new();
    let pool = MemoryProvider::new();
    pool.add_user("grace", PASSWORD, []);
    let store = MemoryStore::new();
    let refused = AuthClient::builder()
        .hub(world.hub.clone())
        .provider(pool)
        .store(store)
        .build()
        .unwrap_err();
    assert_eq!(format!("{refused:?}"), "NewClientError { .. }");
    let (pool, store) = refused.into_parts();
    let client = AuthClient::builder()
        .hub(Hub::new())
        .provider(pool)
        .store(store.clone())
        .build()
        .unwrap();
    let _ = block_on(client.sign_in("grace", PASSWORD)).unwrap();
    assert!(block_on(store.load()).unwrap().is_some());
}

#[test]
fn f43_the_error_is_one_for_boxes_and_threads() {
    fn is_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let world = World::new();
    is_error(&another(&world.hub).unwrap_err());
}

#[test]
fn f43_of_threads_that_make_a_client_at_once_exactly_one_does() {
    const THREADS: usize = 4;
    for _ in 0..300 {
        let hub = Hub::new();
        let together = Arc::new(Barrier::new(THREADS));
        let threads = [(); THREADS].map(|()| {
            let (hub, together) = (hub.clone(), Arc::clone(&together));
            thread::spawn(move || {
                together.wait();
                another(&hub)
            })
        });
        let made = threads.map(|thread| thread.join().unwrap());
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        drop(made);
        assert_free(&hub);
    }
}

#[test]
fn the_last_handle_frees_the_hub() {
    let world = World::signed_in();
    let clone = world.client.clone();
    drop(world.client);
    assert_claimed(&world.hub);
    drop(clone);
    assert_free(&world.hub);
}

#[test]
fn each_hub_has_a_client_of_its_own() {
    let (one, other) = (World::signed_in(), World::signed_in());
    assert_claimed(&one.hub);
    drop(one.client);
    assert_free(&one.hub);
    assert_claimed(&other.hub);
}

#[test]
fn a_future_that_is_alive_keeps_the_client() {
    for is_polled in [false, true] {
        let world = World::signed_in();
        world.pool.fail(Operation::Refresh, Fault::NoAnswer);
        let client = world.client;
        let mut asked = Box::pin(async move { client.refresh().await });
        if is_polled {
            start(asked.as_mut());
        }
        assert_claimed(&world.hub);
        drop(asked);
        assert_free(&world.hub);
    }
}

#[test]
fn a_listener_that_holds_the_client_keeps_it() {
    let world = World::signed_in();
    let client = world.client;
    let listener = world.hub.listen_inline::<Auth>(move |_: &AuthEvent| {
        let _ = block_on(client.current_user());
    });
    assert_claimed(&world.hub);
    listener.close();
    assert_free(&world.hub);
}

type Operate = fn(&World) -> Pin<Box<dyn Future<Output = ()> + '_>>;

/// Each waits for the provider or for the store.
const OPERATIONS: [(&str, Operate); 6] = [
    ("sign in", |world| {
        world.pool.fail(Operation::SignIn, Fault::NoAnswer);
        Box::pin(async { drop(world.client.sign_in("ada", PASSWORD).await) })
    }),
    ("answer", |world| {
        let _ = block_on(world.client.sign_in("grace", PASSWORD)).unwrap();
        world.pool.fail(Operation::Answer, Fault::NoAnswer);
        let answer = typed_hub::auth::Answer::Code("0".into());
        Box::pin(async { drop(world.client.confirm_sign_in(answer).await) })
    }),
    ("store", |world| {
        world.store.pause();
        Box::pin(async { drop(world.client.sign_in("ada", PASSWORD).await) })
    }),
    ("refresh", |world| {
        let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
        world.pool.fail(Operation::Refresh, Fault::NoAnswer);
        Box::pin(async { drop(world.client.refresh().await) })
    }),
    ("sign out", |world| {
        let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
        world.pool.fail(Operation::Revoke, Fault::NoAnswer);
        Box::pin(async { drop(world.client.sign_out(HERE).await) })
    }),
    ("delete", |world| {
        let _ = block_on(world.client.sign_in("ada", PASSWORD)).unwrap();
        world.pool.fail(Operation::DeleteUser, Fault::NoAnswer);
        Box::pin(async { drop(world.client.delete_user().await) })
    }),
];

#[test]
fn an_operation_that_was_cancelled_holds_nothing() {
    for (name, operate) in OPERATIONS {
        let world = World::new();
        {
            let mut operation = operate(&world);
            assert!(poll_once(operation.as_mut()).is_pending(), "{name}");
        }
        let World {
            hub, client, trace, ..
        } = world;
        assert_claimed(&hub);
        trace.take();
        drop(client);
        let client = another(&hub).expect(name);
        assert_eq!(block_on(client.current_user()), Ok(None));
        assert!(trace.take().is_empty(), "{name}");
    }
}

#[test]
fn a_panic_of_the_store_holds_nothing() {
    let world = World::new();
    world.store.fail(StoreFault::Panic);
    let signed_in = AssertUnwindSafe(|| block_on(world.client.sign_in("ada", PASSWORD)));
    assert!(catch_unwind(signed_in).is_err());
    assert_claimed(&world.hub);
    drop(world.client);
    assert_free(&world.hub);
}

/// A provider that panics whatever it is asked, and when it is dropped.
struct Panicky;

impl IdentityProvider for Panicky {
    async fn refresh(&self, _: &AuthUser, _: &RefreshToken) -> Result<IssuedTokens, RefreshError> {
        panic!("the provider panics, as told")
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), ProviderError> {
        panic!("the provider panics, as told")
    }

    async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
        panic!("the provider panics, as told")
    }
}

impl Drop for Panicky {
    fn drop(&mut self) {
        assert!(thread::panicking(), "the provider panics, as told");
    }
}

#[test]
fn a_panic_of_the_provider_holds_nothing() {
    let world = World::signed_in();
    let (hub, store) = (world.hub, world.store);
    drop(world.client);
    let client = AuthClient::builder()
        .hub(hub.clone())
        .provider(Panicky)
        .store(store)
        .build()
        .unwrap();
    let session = AssertUnwindSafe(|| block_on(client.refresh()));
    assert!(catch_unwind(session).is_err());
    let sign_out = AssertUnwindSafe(|| block_on(client.sign_out(HERE)));
    assert!(catch_unwind(sign_out).is_err());
    assert_claimed(&hub);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(client))).is_err());
    assert_free(&hub);
}

#[test]
fn a_task_that_keeps_the_tokens_fresh_holds_the_client_while_it_refreshes_and_no_longer() {
    let world = World::signed_in();
    let mut asleep = pin!(world.client.keep_fresh(|_| pending()));
    assert!(poll_once(asleep.as_mut()).is_pending());
    let hub = world.hub.clone();
    drop(world);
    assert_free(&hub);
    assert_eq!(poll_once(asleep.as_mut()), Poll::Ready(()));

    let world = World::signed_in();
    let mut asleep = pin!(world.client.keep_fresh(|_| pending()));
    assert!(poll_once(asleep.as_mut()).is_pending());
    world.store.pause();
    {
        let mut cancelled = pin!(world.client.sign_out(HERE));
        start(cancelled.as_mut());
    }
    drop(world.client);
    assert_free(&world.hub);

    let world = World::signed_in();
    world.clock.advance(LIFETIME);
    world.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let mut refreshing = pin!(world.client.keep_fresh(|_| ready(())));
    assert!(poll_once(refreshing.as_mut()).is_pending());
    drop(world.client);
    assert_claimed(&world.hub);
    world.pool.clear_fault(Operation::Refresh);
    assert_eq!(poll_once(refreshing.as_mut()), Poll::Ready(()));
    assert_eq!(world.trace.take(), ["store", "→tokenRefresh"]);
    assert_free(&world.hub);
}

/// To look whether its client is still there does not hold it, not even for a moment.
#[test]
fn a_task_that_is_polled_while_the_last_handle_goes_does_not_hold_it() {
    for _ in 0..200 {
        let world = World::signed_in();
        let task = world.client.keep_fresh(|_| pending());
        let begun = Arc::new(AtomicBool::new(false));
        let poller = {
            let begun = Arc::clone(&begun);
            thread::spawn(move || {
                let mut task = pin!(task);
                while poll_once(task.as_mut()).is_pending() {
                    begun.store(true, SeqCst);
                }
            })
        };
        while !begun.load(SeqCst) {
            thread::yield_now();
        }
        drop(world.client);
        assert_free(&world.hub);
        poller.join().unwrap();
    }
}

/// A provider that takes its time to go, as one that closes its connections does.
struct Slow;

impl IdentityProvider for Slow {
    async fn refresh(&self, _: &AuthUser, _: &RefreshToken) -> Result<IssuedTokens, RefreshError> {
        pending().await
    }

    async fn revoke(&self, _: &RefreshToken) -> Result<(), ProviderError> {
        pending().await
    }

    async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
        pending().await
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn when_a_task_that_keeps_the_tokens_fresh_has_ended_the_hub_is_free() {
    let hub = Hub::new();
    let client = AuthClient::new(hub.clone(), Slow).unwrap();
    let mut task = Box::pin(client.keep_fresh(|_| pending()));
    assert!(poll_once(task.as_mut()).is_pending());
    let waiter = thread::spawn(move || {
        block_on(task);
        assert_free(&hub);
    });
    thread::sleep(Duration::from_millis(20));
    drop(client);
    waiter.join().unwrap();
}

#[test]
fn a_client_keeps_its_hub_and_a_weak_handle_keeps_no_claim() {
    let hub = Hub::new();
    let weak = hub.downgrade();
    let client = another(&hub).unwrap();
    drop(hub);
    assert_claimed(&weak.upgrade().unwrap());
    drop(client);
    assert!(weak.upgrade().is_none());
}

/// Freeing the hub is seen by the thread that takes it: what the first client has published comes
/// first.
#[test]
fn clients_one_after_the_other_on_many_threads() {
    let hub = Hub::new();
    let events = hub.receiver::<Auth>();
    let threads = [(); 4].map(|()| {
        let hub = hub.clone();
        thread::spawn(move || {
            let mut done = 0;
            while done < 50 {
                let Ok(client) = another(&hub) else {
                    thread::yield_now();
                    continue;
                };
                let _ = block_on(client.sign_in("admin", PASSWORD)).unwrap();
                block_on(client.sign_out(HERE)).unwrap();
                done += 1;
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    drop(hub);
    let kinds = events.into_iter().map(|event| event.unwrap().kind());
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds.len(), 400);
    let one = [AuthEventKind::SignedIn, AuthEventKind::SignedOut];
    assert!(kinds.chunks(2).all(|two| two == one));
}

/// A future is polled on a thread of its own; the poll itself is what holds the client.
#[test]
fn a_call_on_another_thread_holds_the_client_until_it_ends() {
    let world = World::new();
    world.store.pause();
    let client = world.client;
    let call = thread::spawn(move || block_on(client.sign_in("ada", PASSWORD)).is_ok());
    assert_claimed(&world.hub);
    world.store.resume();
    assert!(call.join().unwrap());
    assert_free(&world.hub);
}
