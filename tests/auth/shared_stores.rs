//! A store that several clients share, in one process and in several: rows F40 to F42.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use pollster::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use typed_hub::auth::{
    Answer, AuthClient, ConfirmSignInError, DeleteUserError, Fault, IdentityProvider, ManualClock,
    MemoryChallenge, MemoryProvider, MemoryStore, NotRevoked, Operation, PendingRedirect, Session,
    SessionError, SignInError, SignInStep, SignOutError, SignOutScope, StoreError, StoreLock,
    TokenStore,
};
use typed_hub::{Auth, AuthEvent, Hub};

use crate::world::{LIFETIME, PASSWORD, StoreFault, Trace, describe, start};

const HERE: SignOutScope = SignOutScope::ThisDevice;

/// A client on a hub of its own, and its events.
struct Device<S: TokenStore> {
    client: AuthClient<MemoryProvider, S>,
    events: Trace,
    hub: Hub,
}

impl<S: TokenStore> Device<S> {
    fn new(pool: &MemoryProvider, clock: &ManualClock, store: S) -> Self {
        let (hub, events) = (Hub::new(), Trace::default());
        {
            let events = events.clone();
            hub.listen_inline::<Auth>(move |event: &AuthEvent| events.push(describe(event)))
                .detach();
        }
        let client = AuthClient::builder()
            .hub(hub.clone())
            .provider(pool.clone())
            .store(store)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self {
            client,
            events,
            hub,
        }
    }

    fn is_signed_in(&self) -> bool {
        block_on(self.client.session()).unwrap().is_some()
    }
}

/// Two clients that share a store, with `ada` signed in on both.
struct Pair<S: TokenStore> {
    pool: MemoryProvider,
    clock: ManualClock,
    first: Device<S>,
    second: Device<S>,
}

impl<S: TokenStore + Clone> Pair<S> {
    fn signed_in(store: &S) -> Self {
        Self::over(store.clone(), store.clone())
    }

    /// Each client has its own handle of the store.
    fn over(first: S, second: S) -> Self {
        let clock = ManualClock::default();
        let pool = MemoryProvider::builder()
            .clock(clock.clone())
            .access_lifetime(LIFETIME)
            .build();
        pool.add_user("ada", PASSWORD, []);
        pool.add_user("grace", PASSWORD, []);
        let device = |store| Device::new(&pool, &clock, store);
        let (first, second) = (device(first), device(second));
        let step = block_on(first.client.sign_in("ada", PASSWORD)).unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        assert!(second.is_signed_in());
        assert_eq!(first.events.take(), ["→signedIn"]);
        assert_eq!(second.events.take(), [""; 0], "F38");
        Self {
            pool,
            clock,
            first,
            second,
        }
    }
}

/// What clients that share a store promise, whichever store it is.
fn contract<S: TokenStore + Clone>(open: impl Fn() -> S) {
    let signed_in = || {
        let store = open();
        block_on(store.clear()).unwrap();
        Pair::signed_in(&store)
    };
    f40_tokens_are_taken_over(&signed_in());
    f40_one_request_for_callers_of_both(&signed_in());
    f42_a_sign_out_is_one_for_both(&signed_in());
    f42_another_user_has_signed_in(&signed_in());
    another_user_is_neither_signed_out_nor_deleted(&signed_in());
    a_refused_refresh_ends_the_session_of_both(&signed_in());
}

fn f40_tokens_are_taken_over<S: TokenStore>(pair: &Pair<S>) {
    for (one, other) in [(&pair.first, &pair.second), (&pair.second, &pair.first)] {
        pair.clock.advance(LIFETIME);
        let before = pair.pool.count(Operation::Refresh);
        let session = block_on(one.client.session()).unwrap();
        assert_eq!(block_on(other.client.session()), Ok(session));
        assert_eq!(pair.pool.count(Operation::Refresh), before + 1);
        assert_eq!(one.events.take(), ["→tokenRefresh"]);
        assert_eq!(other.events.take(), ["→tokenRefresh"]);
    }
    // Also if they have not expired here.
    let session = block_on(pair.first.client.refresh()).unwrap();
    assert_eq!(block_on(pair.second.client.session()), Ok(session));
    assert_eq!(pair.second.events.take(), ["→tokenRefresh"]);
}

fn f40_one_request_for_callers_of_both<S: TokenStore>(pair: &Pair<S>) {
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let before = pair.pool.count(Operation::Refresh);
    std::thread::scope(|scope| {
        for device in [&pair.first, &pair.second] {
            scope.spawn(|| assert!(device.is_signed_in()));
        }
        while pair.pool.count(Operation::Refresh) == before {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(50)); // the other waits for the lock
        pair.pool.clear_fault(Operation::Refresh);
    });
    assert_eq!(pair.pool.count(Operation::Refresh), before + 1);
    for device in [&pair.first, &pair.second] {
        assert_eq!(device.events.take(), ["→tokenRefresh"]);
    }
}

fn f42_a_sign_out_is_one_for_both<S: TokenStore>(pair: &Pair<S>) {
    block_on(pair.first.client.sign_out(HERE)).unwrap();
    assert_eq!(block_on(pair.second.client.current_user()), Ok(None));
    assert!(!pair.second.is_signed_in());
    for device in [&pair.first, &pair.second] {
        assert_eq!(device.events.take(), ["→signedOut"]);
    }
    let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
    assert!(pair.first.is_signed_in());
    for device in [&pair.first, &pair.second] {
        assert_eq!(device.events.take(), ["→signedIn"]);
        device.hub.flush();
    }
}

fn f42_another_user_has_signed_in<S: TokenStore>(pair: &Pair<S>) {
    block_on(pair.first.client.sign_out(HERE)).unwrap();
    let _ = block_on(pair.first.client.sign_in("grace", PASSWORD)).unwrap();
    let user = block_on(pair.second.client.current_user()).unwrap();
    assert_eq!(user.unwrap().username, "grace");
    assert_eq!(pair.second.events.take(), ["→signedOut", "→signedIn"]);
}

fn another_user_is_neither_signed_out_nor_deleted<S: TokenStore>(pair: &Pair<S>) {
    let Pair { first, second, .. } = pair;
    let replace = |user: &str| {
        block_on(second.client.sign_out(HERE)).unwrap();
        let step = block_on(second.client.sign_in(user, PASSWORD)).unwrap();
        assert!(matches!(step, SignInStep::Done { .. }));
    };
    replace("grace");
    let deleted = block_on(first.client.delete_user());
    assert!(
        matches!(deleted, Err(DeleteUserError::SignedOut)),
        "{deleted:?}"
    );
    assert!(second.is_signed_in());
    replace("ada");
    block_on(first.client.sign_out(HERE)).unwrap();
    assert!(second.is_signed_in());
    assert_eq!(
        block_on(second.client.session())
            .unwrap()
            .unwrap()
            .user
            .username,
        "ada"
    );
}

fn a_refused_refresh_ends_the_session_of_both<S: TokenStore>(pair: &Pair<S>) {
    pair.pool.revoke_sessions("ada");
    pair.clock.advance(LIFETIME);
    let ended = block_on(pair.first.client.session());
    assert!(matches!(ended, Err(SessionError::Ended(_))));
    assert_eq!(pair.first.events.take(), ["→tokenRefresh_failure, ended"]);
    assert!(!pair.second.is_signed_in());
    assert_eq!(pair.second.events.take(), ["→signedOut"], "F42");
}

#[test]
fn a_user_whom_another_client_knows_by_a_new_name_is_signed_out() {
    let store = MemoryStore::new();
    let pair = Pair::signed_in(&store);
    let mut session = block_on(store.load()).unwrap().unwrap();
    session.user.username = "lovelace".to_owned();
    block_on(store.save(&session)).unwrap();
    block_on(pair.first.client.sign_out(HERE)).unwrap();
    assert_eq!(
        block_on(store.load()).unwrap().map(|session| session.user),
        None
    );
}

#[test]
fn clients_share_a_store_in_memory() {
    contract(MemoryStore::new);
}

#[cfg(feature = "keyring")]
#[test]
fn clients_share_a_keyring_by_a_lock_file() {
    use typed_hub::auth::KeyringStore;
    crate::token_stores::keyring::keyring();
    let name = format!("typed-hub-keyring-{}.lock", std::process::id());
    let lock = std::env::temp_dir().join(name);
    contract(|| KeyringStore::new("typed-hub-test", "shared").shared(&lock));
    std::fs::remove_file(lock).unwrap();
    let own = KeyringStore::new("typed-hub-test", "own");
    assert!(!own.is_shared(), "unless a lock is named");
}

/// The lock of one client is held during its request, and a call of the same client shares it.
#[test]
fn f24_a_sign_out_does_not_wait_for_the_lock_of_its_own_client() {
    let pair = Pair::signed_in(&MemoryStore::new());
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let mut refresh = Box::pin(pair.first.client.session());
    start(refresh.as_mut());
    let mut other = Box::pin(pair.second.client.session());
    start(other.as_mut());
    block_on(pair.first.client.sign_out(HERE)).unwrap();
    assert_eq!(block_on(refresh), Ok(None));
    assert_eq!(block_on(other), Ok(None));
    for device in [&pair.first, &pair.second] {
        assert_eq!(device.events.take(), ["→signedOut"]);
    }
}

/// A store that is shared, and has no lock.
#[derive(Clone)]
struct Unlocked(MemoryStore);

impl TokenStore for Unlocked {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        self.0.load().await
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.0.save(session).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.0.clear().await
    }

    async fn load_redirect(&self) -> Result<Option<PendingRedirect>, StoreError> {
        self.0.load_redirect().await
    }

    async fn save_redirect(&self, pending: &PendingRedirect) -> Result<(), StoreError> {
        self.0.save_redirect(pending).await
    }

    async fn clear_redirect(&self) -> Result<(), StoreError> {
        self.0.clear_redirect().await
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// A handle of a shared store that fails on demand.
#[derive(Clone, Default)]
struct Faulty {
    inner: MemoryStore,
    faults: Arc<Mutex<Vec<StoreFault>>>,
    /// Whether a read does not end.
    is_stalled: Arc<AtomicBool>,
}

impl Faulty {
    /// Another handle of the same store, with faults of its own.
    fn another(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            ..Self::default()
        }
    }

    /// These and no others, from here on.
    fn fail(&self, faults: &[StoreFault]) {
        *self.faults.lock().unwrap() = faults.to_vec();
    }

    fn check(&self, fault: StoreFault, error: StoreError) -> Result<(), StoreError> {
        if self.faults.lock().unwrap().contains(&fault) {
            return Err(error);
        }
        Ok(())
    }
}

const UNREAD: StoreError = StoreError::Read(ErrorKind::PermissionDenied);
const UNLOCKED: StoreError = StoreError::Lock(ErrorKind::PermissionDenied);
const UNWRITTEN: StoreError = StoreError::Write(ErrorKind::StorageFull);

impl TokenStore for Faulty {
    async fn load(&self) -> Result<Option<Session>, StoreError> {
        self.check(StoreFault::Read, UNREAD)?;
        let session = self.inner.load().await;
        let is_stalled = || self.is_stalled.load(Ordering::SeqCst);
        poll_fn(|_| {
            if is_stalled() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        session
    }

    async fn save(&self, session: &Session) -> Result<(), StoreError> {
        self.check(StoreFault::Save, UNWRITTEN)?;
        self.inner.save(session).await
    }

    async fn clear(&self) -> Result<(), StoreError> {
        self.check(StoreFault::Clear, UNWRITTEN)?;
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

    fn is_shared(&self) -> bool {
        true
    }

    async fn lock(&self) -> Result<StoreLock, StoreError> {
        self.check(StoreFault::Lock, UNLOCKED)?;
        self.inner.lock().await
    }
}

/// Two clients on one store, signed out.
fn signed_out() -> (Pair<MemoryStore>, MemoryStore) {
    let store = MemoryStore::new();
    let pair = Pair::signed_in(&store);
    block_on(pair.first.client.sign_out(HERE)).unwrap();
    assert!(!pair.second.is_signed_in());
    for device in [&pair.first, &pair.second] {
        device.events.take();
    }
    (pair, store)
}

#[track_caller]
fn assert_grace_stays(pair: &Pair<MemoryStore>, store: &MemoryStore) {
    let stored = block_on(store.load()).unwrap().unwrap();
    assert_eq!(stored.user.username, "grace");
    assert_eq!(block_on(pair.first.client.session()), Ok(Some(stored)));
    assert!(pair.second.is_signed_in());
    assert_eq!(pair.second.events.take(), ["→signedIn"]);
    // Her session is alive at the provider, too.
    assert!(block_on(pair.second.client.refresh()).unwrap().is_some());
}

#[test]
fn f6_a_sign_in_does_not_replace_one_that_another_client_has_completed_meanwhile() {
    let (pair, store) = signed_out();
    let revoked = pair.pool.count(Operation::Revoke);
    pair.pool.fail(Operation::SignIn, Fault::NoAnswer);
    let mut late = Box::pin(pair.first.client.sign_in("ada", PASSWORD));
    start(late.as_mut());
    pair.pool.clear_fault(Operation::SignIn);
    let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
    assert_eq!(block_on(late), Err(SignInError::AlreadySignedIn));
    assert_eq!(pair.first.events.take(), ["→signedIn"], "that of grace");
    let revoked = pair.pool.count(Operation::Revoke) - revoked;
    assert_eq!(revoked, 1, "what ada got is of no use");
    assert_grace_stays(&pair, &store);
}

#[test]
fn f6_nor_does_an_answer_to_a_challenge() {
    let (pair, store) = signed_out();
    let code = MemoryChallenge::Totp("123456".into());
    pair.pool.add_user("mary", PASSWORD, [code]);
    let step = block_on(pair.first.client.sign_in("mary", PASSWORD)).unwrap();
    assert!(matches!(step, SignInStep::Challenge(_)));
    let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
    let answer = Answer::Code("123456".into());
    let answered = block_on(pair.first.client.confirm_sign_in(answer));
    assert_eq!(answered, Err(ConfirmSignInError::AlreadySignedIn));
    assert_eq!(pair.first.events.take(), ["→signedIn"], "that of grace");
    assert_grace_stays(&pair, &store);
}

#[cfg(feature = "redirect")]
mod redirects {
    use typed_hub::auth::redirect::RedirectOptions;
    use typed_hub::auth::{AuthorizeUrl, RedirectError};

    use super::*;

    const URI: &str = "org.example.app://back";

    fn begin(device: &Device<MemoryStore>) -> AuthorizeUrl {
        let options = RedirectOptions::builder().redirect_uri(URI).build();
        block_on(device.client.sign_in_with_redirect(options)).unwrap()
    }

    #[test]
    fn f6_nor_does_a_callback() {
        for user in ["ada", "grace"] {
            let (pair, store) = signed_out();
            let page = begin(&pair.first);
            let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
            let revoked = pair.pool.count(Operation::Revoke);
            let callback = pair.pool.visit(&page, user, PASSWORD).unwrap();
            let completed = block_on(pair.first.client.complete_redirect(&callback));
            assert_eq!(completed, Err(RedirectError::AlreadySignedIn));
            let events = ["→signedIn", "→signInWithRedirect_failure"];
            assert_eq!(pair.first.events.take(), events);
            // The browser may have got the session that is stored.
            assert_eq!(pair.pool.count(Operation::Revoke), revoked);
            assert_grace_stays(&pair, &store);
        }
    }

    type Client = AuthClient<MemoryProvider, MemoryStore>;

    /// Each way in which a client ends a sign-in by redirect.
    const ENDS: [fn(&Client); 5] = [
        |client| block_on(client.cancel_redirect()).unwrap(),
        |client| drop(block_on(client.sign_out(HERE)).unwrap()),
        |client| {
            let refused = block_on(client.sign_in("ada", "a wrong password"));
            assert!(matches!(refused, Err(SignInError::Provider(_))));
        },
        |client| {
            let callback = format!("{URI}?code=1&state=another");
            let refused = block_on(client.complete_redirect(&callback));
            assert_eq!(refused, Err(RedirectError::StateMismatch));
        },
        |client| {
            let callback = format!("{URI}?error=access_denied");
            let refused = block_on(client.complete_redirect(&callback));
            assert_eq!(refused, Err(RedirectError::Incomplete));
        },
    ];

    /// The callback comes to a client that has just been restarted (F39).
    #[track_caller]
    fn assert_completed_after_a_restart(
        pair: &Pair<MemoryStore>,
        store: MemoryStore,
        page: &AuthorizeUrl,
        number: usize,
    ) {
        let again = Device::new(&pair.pool, &pair.clock, store);
        let callback = pair.pool.visit(page, "grace", PASSWORD).unwrap();
        let user = block_on(again.client.complete_redirect(&callback));
        assert!(user.is_ok(), "{number}: {user:?}");
    }

    #[test]
    fn f37_the_end_of_a_redirect_leaves_alone_the_one_that_another_client_has_begun_since() {
        for (number, end) in ENDS.iter().enumerate() {
            let (pair, store) = signed_out();
            let _ = begin(&pair.first);
            let page = begin(&pair.second);
            end(&pair.first.client);
            assert_completed_after_a_restart(&pair, store, &page, number);
        }
    }

    #[test]
    fn a_client_that_has_begun_no_redirect_ends_none_of_another_client() {
        for number in [1, 2] {
            let (pair, store) = signed_out();
            let page = begin(&pair.first);
            let other = Device::new(&pair.pool, &pair.clock, store.clone());
            ENDS[number](&other.client);
            assert_completed_after_a_restart(&pair, store, &page, number);
        }
    }

    #[test]
    fn f36_a_session_of_another_client_does_not_wait_for_the_end_of_a_redirect() {
        let (pair, _) = signed_out();
        let _ = begin(&pair.first);
        let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
        let begun = Instant::now();
        assert!(pair.first.is_signed_in());
        assert!(begun.elapsed() < Duration::from_secs(5), "it waits");
        assert_eq!(pair.first.events.take(), ["→signedIn"]);
    }

    #[test]
    fn f35_a_callback_is_used_once_by_all_clients_that_know_of_it() {
        let (pair, store) = signed_out();
        let page = begin(&pair.first);
        let device = || Device::new(&pair.pool, &pair.clock, store.clone());
        let (third, fourth) = (device(), device());
        assert!(!fourth.is_signed_in());
        let callback = pair.pool.visit(&page, "grace", PASSWORD).unwrap();
        block_on(third.client.complete_redirect(&callback)).unwrap();
        block_on(third.client.sign_out(HERE)).unwrap();
        fourth.events.take();
        let asked = pair.pool.count(Operation::Exchange);
        let again = block_on(fourth.client.complete_redirect(&callback));
        assert_eq!(again, Err(RedirectError::NothingUnderWay));
        assert_eq!(fourth.events.take(), [""; 0]);
        assert_eq!(pair.pool.count(Operation::Exchange), asked);
    }

    #[test]
    fn f35_nor_does_the_client_that_has_begun_it_use_it_again() {
        let (pair, store) = signed_out();
        let page = begin(&pair.first);
        let again = Device::new(&pair.pool, &pair.clock, store);
        let callback = pair.pool.visit(&page, "grace", PASSWORD).unwrap();
        block_on(again.client.complete_redirect(&callback)).unwrap();
        block_on(again.client.sign_out(HERE)).unwrap();
        let asked = pair.pool.count(Operation::Exchange);
        let second = block_on(pair.first.client.complete_redirect(&callback));
        assert_eq!(second, Err(RedirectError::NothingUnderWay));
        assert_eq!(pair.pool.count(Operation::Exchange), asked);
        assert_eq!(pair.first.events.take(), [""; 0]);
    }

    /// The client that has ended it publishes that.
    #[test]
    fn f35_the_end_of_a_redirect_of_another_client_is_published_once() {
        for end in [ENDS[3], ENDS[4]] {
            let (pair, store) = signed_out();
            let _ = begin(&pair.first);
            let other = Device::new(&pair.pool, &pair.clock, store);
            assert!(!other.is_signed_in());
            end(&pair.first.client);
            assert_eq!(pair.first.events.take(), ["→signInWithRedirect_failure"]);
            for url in ["?code=1&state=another", "?error=access_denied"] {
                let late = block_on(other.client.complete_redirect(&format!("{URI}{url}")));
                assert_eq!(late, Err(RedirectError::NothingUnderWay));
            }
            let late = block_on(other.client.cancel_redirect());
            assert_eq!(late, Err(RedirectError::NothingUnderWay));
            assert_eq!(other.events.take(), [""; 0]);
        }
    }

    #[test]
    fn f39_a_callback_after_a_restart_and_a_sign_in_that_has_failed() {
        for is_known in [true, false] {
            for end in [ENDS[1], ENDS[2]] {
                let (pair, store) = signed_out();
                let page = begin(&pair.first);
                let again = Device::new(&pair.pool, &pair.clock, store);
                if is_known {
                    assert!(!again.is_signed_in());
                }
                end(&again.client);
                let callback = pair.pool.visit(&page, "grace", PASSWORD).unwrap();
                block_on(again.client.complete_redirect(&callback)).unwrap();
                assert!(again.is_signed_in());
            }
        }
    }

    #[test]
    fn f24_no_callback_begins_a_session_while_the_provider_is_told_of_a_sign_out() {
        let store = MemoryStore::new();
        let pair = Pair::signed_in(&store);
        pair.clock.advance(LIFETIME);
        pair.pool.fail(Operation::Refresh, Fault::NetworkDown);
        let page = begin(&pair.first);
        let callback = pair.pool.visit(&page, "ada", PASSWORD).unwrap();
        pair.pool.fail(Operation::Revoke, Fault::NoAnswer);
        let again = Device::new(&pair.pool, &pair.clock, store.clone());
        let mut out = Box::pin(again.client.sign_out(HERE));
        start(out.as_mut());
        let completed = block_on(again.client.complete_redirect(&callback));
        assert_eq!(completed, Err(RedirectError::NothingUnderWay));
        pair.pool.clear_fault(Operation::Revoke);
        block_on(out).unwrap();
        assert_eq!(block_on(store.load()), Ok(None));
        assert_eq!(again.events.take(), ["→signedOut"]);
    }
}

#[test]
fn f12_tokens_that_could_not_be_stored_do_not_replace_a_newer_session() {
    let store = Faulty::default();
    let pair = Pair::over(store.clone(), store.another());
    pair.clock.advance(LIFETIME);
    store.fail(&[StoreFault::Save]);
    let failed = block_on(pair.first.client.session());
    assert_eq!(failed, Err(SessionError::Store(UNWRITTEN)));
    store.fail(&[]);

    // The same user, in another session.
    block_on(pair.second.client.sign_out(HERE)).unwrap();
    let _ = block_on(pair.second.client.sign_in("ada", PASSWORD)).unwrap();
    let newer = block_on(store.load()).unwrap();
    assert_eq!(block_on(pair.first.client.session()), Ok(newer.clone()));
    assert_eq!(block_on(store.load()), Ok(newer));
    assert_eq!(pair.first.events.take(), ["→tokenRefresh"]);
    block_on(pair.first.client.refresh()).unwrap();
}

#[test]
fn f41_a_refused_refresh_does_not_remove_newer_tokens() {
    for other_is_valid in [true, false] {
        let store = Unlocked(MemoryStore::new());
        let pair = Pair::signed_in(&store);
        let device = &pair.first;
        let elsewhere = MemoryStore::new();
        let other = Device::new(&pair.pool, &pair.clock, elsewhere.clone());
        if other_is_valid {
            pair.clock.advance(LIFETIME);
        }
        let _ = block_on(other.client.sign_in("ada", PASSWORD)).unwrap();
        let newer = block_on(elsewhere.load()).unwrap().unwrap();
        if !other_is_valid {
            pair.clock.advance(LIFETIME);
        }

        pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
        let mut refresh = Box::pin(device.client.session());
        start(refresh.as_mut());
        let sent = block_on(store.load()).unwrap().unwrap();
        block_on(store.save(&newer)).unwrap();
        block_on(pair.pool.revoke(&sent.tokens.refresh.unwrap())).unwrap();
        pair.pool.clear_fault(Operation::Refresh);

        let session = block_on(refresh).unwrap();
        assert!(session.is_some());
        assert_eq!(block_on(store.load()), Ok(session.clone()));
        assert_eq!(session == Some(newer), other_is_valid);
        let requests = if other_is_valid { 1 } else { 2 };
        assert_eq!(pair.pool.count(Operation::Refresh), requests);
        assert_eq!(device.events.take(), ["→tokenRefresh"]);
    }
}

#[test]
fn a_client_waits_while_another_asks_the_provider() {
    let pair = Pair::signed_in(&MemoryStore::new());
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let mut refresh = Box::pin(pair.first.client.session());
    start(refresh.as_mut());
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let session = block_on(pair.second.client.session());
            is_done.store(true, Ordering::SeqCst);
            session
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!is_done.load(Ordering::SeqCst));
        pair.pool.clear_fault(Operation::Refresh);
        let session = block_on(refresh);
        assert_eq!(waits.join().unwrap(), session);
    });
    assert_eq!(pair.pool.count(Operation::Refresh), 1);
}

/// The provider is told under the lock: no other client refreshes a session that is being revoked.
#[test]
fn f19_no_other_client_refreshes_while_a_sign_out_tells_the_provider() {
    let pair = Pair::signed_in(&MemoryStore::new());
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut out = Box::pin(pair.first.client.sign_out(HERE));
    start(out.as_mut());
    assert_eq!(pair.pool.count(Operation::Revoke), 1);
    let mut refresh = Box::pin(pair.second.client.session());
    start(refresh.as_mut());
    std::thread::sleep(Duration::from_millis(50));
    start(refresh.as_mut());
    assert_eq!(pair.pool.count(Operation::Refresh), 0);
    pair.pool.clear_fault(Operation::Revoke);
    assert_eq!(block_on(out).unwrap().not_revoked, None);
    assert_eq!(block_on(refresh), Ok(None));
    assert_eq!(pair.second.events.take(), ["→signedOut"], "F42");
}

/// A client that is signed out and cannot read the store does not know whether another client has
/// signed in there.
#[test]
fn f22_no_token_can_be_read_after_a_sign_out_that_could_not_read_the_store() {
    for is_known in [true, false] {
        let store = Faulty::default();
        let pair = Pair::over(store.another(), store.clone());
        if !is_known {
            block_on(pair.first.client.sign_out(HERE)).unwrap();
            assert!(!pair.second.is_signed_in());
            let _ = block_on(pair.first.client.sign_in("ada", PASSWORD)).unwrap();
        }
        pair.second.events.take();

        store.fail(&[StoreFault::Read, StoreFault::Clear]);
        let failed = block_on(pair.second.client.sign_out(HERE));
        assert_eq!(failed, Err(SignOutError::Store(UNWRITTEN)));
        assert_eq!(pair.second.events.take(), [""; 0]);

        store.fail(&[StoreFault::Read]);
        let out = block_on(pair.second.client.sign_out(HERE)).unwrap();
        assert_eq!(out.not_revoked, Some(NotRevoked::Store(UNREAD)));
        assert_eq!(pair.second.events.take(), ["→signedOut"]);
        store.fail(&[]);
        assert_eq!(block_on(store.load()), Ok(None));
        assert!(!pair.first.is_signed_in());
    }
}

/// Longer than a call that is not polled keeps the lock, and much shorter than others wait for it.
const FREE_AGAIN: Duration = Duration::from_secs(12);

/// A caller may keep a future and not poll it.
#[test]
fn f40_a_refresh_that_is_not_polled_gives_up_the_lock() {
    let store = MemoryStore::new();
    let pair = Pair::signed_in(&store);
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let mut kept = Box::pin(pair.first.client.session());
    start(kept.as_mut());
    pair.pool.clear_fault(Operation::Refresh);
    let begun = Instant::now();
    let session = block_on(pair.second.client.session()).unwrap();
    assert!(session.is_some());
    assert!(begun.elapsed() < FREE_AGAIN, "{:?}", begun.elapsed());
    // The other one goes on in the end, and keeps what is newer.
    assert_eq!(block_on(kept), Ok(session.clone()));
    assert_eq!(block_on(store.load()), Ok(session));
    for device in [&pair.first, &pair.second] {
        assert_eq!(device.events.take(), ["→tokenRefresh"]);
        assert!(block_on(device.client.refresh()).unwrap().is_some());
    }
}

#[test]
fn f19_a_sign_out_that_is_not_polled_gives_up_the_lock() {
    let store = MemoryStore::new();
    let pair = Pair::signed_in(&store);
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Revoke, Fault::NoAnswer);
    let mut kept = Box::pin(pair.first.client.sign_out(HERE));
    start(kept.as_mut());
    pair.pool.clear_fault(Operation::Revoke);
    let begun = Instant::now();
    let session = block_on(pair.second.client.session()).unwrap();
    assert!(session.is_some());
    assert!(begun.elapsed() < FREE_AGAIN, "{:?}", begun.elapsed());
    assert_eq!(pair.second.events.take(), ["→tokenRefresh"]);
    assert_eq!(block_on(kept).unwrap().not_revoked, None);
    assert_eq!(pair.first.events.take(), ["→signedOut"]);
    assert_eq!(block_on(store.load()), Ok(None));
    assert!(!pair.second.is_signed_in());
}

/// The request was sent under the lock, and its answer may be the last that the provider gives for
/// the token.
#[test]
fn f12_an_answer_is_kept_when_the_lock_is_lost_and_cannot_be_had_again() {
    let store = Faulty::default();
    let pair = Pair::over(store.clone(), store.another());
    let before = block_on(store.load()).unwrap();
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    let mut kept = Box::pin(pair.first.client.session());
    start(kept.as_mut());
    let begun = Instant::now();
    drop(block_on(store.another().lock()).unwrap());
    assert!(begun.elapsed() < FREE_AGAIN, "{:?}", begun.elapsed());
    store.fail(&[StoreFault::Lock]);
    start(kept.as_mut());
    pair.pool.clear_fault(Operation::Refresh);
    assert_eq!(block_on(kept), Err(SessionError::Store(UNLOCKED)));
    assert_eq!(block_on(store.load()), Ok(before), "there is no lock");
    store.fail(&[]);
    let session = block_on(pair.first.client.session()).unwrap();
    assert!(session.is_some());
    assert_eq!(block_on(store.load()), Ok(session));
    assert_eq!(pair.pool.count(Operation::Refresh), 1);
    assert_eq!(pair.first.events.take(), ["→tokenRefresh"]);
}

/// What was read before the lock was lost may be spent by now, so it is not sent without the lock.
#[test]
fn f15_a_request_that_was_not_sent_under_the_lock_is_not_sent_without_it() {
    let store = Faulty::default();
    let pair = Pair::over(store.clone(), store.another());
    pair.clock.advance(LIFETIME);
    let held = block_on(store.another().lock()).unwrap();
    let mut kept = Box::pin(pair.first.client.session());
    start(kept.as_mut());
    store.is_stalled.store(true, Ordering::SeqCst);
    drop(held);
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(10));
        start(kept.as_mut());
    }
    let renewed = block_on(pair.second.client.session()).unwrap();
    store.is_stalled.store(false, Ordering::SeqCst);
    store.fail(&[StoreFault::Lock]);
    assert_eq!(block_on(kept), Err(SessionError::Store(UNLOCKED)));
    assert_eq!(pair.pool.count(Operation::Refresh), 1, "the other client's");
    store.fail(&[]);
    assert_eq!(block_on(pair.first.client.session()), Ok(renewed));
}

/// A call that waits for the lock and is not polled does not hold what another call has had.
#[test]
fn f19_the_lock_is_free_when_the_call_that_had_it_has_ended() {
    let store = MemoryStore::new();
    let pair = Pair::signed_in(&store);
    pair.clock.advance(LIFETIME);
    let held = block_on(store.lock()).unwrap();
    let mut kept = Box::pin(pair.first.client.session());
    start(kept.as_mut());
    let mut out = Box::pin(pair.first.client.sign_out(HERE));
    start(out.as_mut());
    drop(held);
    block_on(out).unwrap();
    let begun = Instant::now();
    let _ = block_on(pair.second.client.sign_in("grace", PASSWORD)).unwrap();
    assert!(begun.elapsed() < FREE_AGAIN, "{:?}", begun.elapsed());
    assert_eq!(block_on(kept), Ok(block_on(store.load()).unwrap()));
}

/// A refresh that is polled keeps the lock for as long as it takes.
#[test]
fn f40_a_refresh_that_takes_long_keeps_the_lock() {
    let pair = Pair::signed_in(&MemoryStore::new());
    pair.clock.advance(LIFETIME);
    pair.pool.fail(Operation::Refresh, Fault::NoAnswer);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| block_on(pair.first.client.session()));
        while pair.pool.count(Operation::Refresh) == 0 {
            std::thread::yield_now();
        }
        let other = scope.spawn(|| block_on(pair.second.client.session()));
        std::thread::sleep(Duration::from_secs(8));
        assert!(!other.is_finished());
        pair.pool.clear_fault(Operation::Refresh);
        assert_eq!(slow.join().unwrap(), other.join().unwrap());
    });
    assert_eq!(pair.pool.count(Operation::Refresh), 1);
}

/// The lock comes after the caller has stopped polling.
#[test]
fn a_caller_that_does_not_poll_for_the_lock_does_not_keep_it() {
    let store = MemoryStore::new();
    let held = block_on(store.lock()).unwrap();
    let mut kept = Box::pin(store.lock());
    start(kept.as_mut());
    drop(held);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    let lock = block_on(store.lock()).unwrap();
    assert!(begun.elapsed() < FREE_AGAIN, "{:?}", begun.elapsed());
    drop(lock);
    let late = block_on(kept).map(drop);
    assert_eq!(late, Err(StoreError::Lock(ErrorKind::TimedOut)));

    // If it is dropped, the lock is free at once.
    let held = block_on(store.lock()).unwrap();
    let mut dropped = Box::pin(store.lock());
    start(dropped.as_mut());
    drop(held);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    drop(dropped);
    let _lock = block_on(store.lock()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// The user whom the events of a client tell of, and what was wrong with an event.
#[derive(Default)]
struct Told {
    user: Option<String>,
    /// Whether the client signs in: then the session of before may have expired, and be replaced.
    signs_in: bool,
    wrong: Vec<String>,
}

impl Told {
    fn follow(&mut self, event: &AuthEvent) {
        let is_right = match event {
            AuthEvent::SignedIn { .. } => self.signs_in || self.user.is_none(),
            AuthEvent::TokenRefresh => self.user.is_some(),
            AuthEvent::SignedOut => true,
            _ => false, // no refresh fails here
        };
        if !is_right {
            self.wrong.push(format!("{event:?} after {:?}", self.user));
        }
        match event {
            AuthEvent::SignedIn { user } => self.user = Some(user.username.clone()),
            AuthEvent::SignedOut => self.user = None,
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Session,
    Refresh,
    CurrentUser,
    SignIn(&'static str),
    SignOut,
    Wait,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever clients of one store do at once: no session is lost, although the pool ends one
    /// when a token is used twice; and the events of each tell what its calls answer.
    #[test]
    fn clients_of_one_store_lose_nothing_and_tell_the_truth(
        acts in vec(vec(select(&ACTS[..]), 1..12), 1..4),
    ) {
        let (store, clock) = (MemoryStore::new(), ManualClock::default());
        let pool = MemoryProvider::builder()
            .clock(clock.clone())
            .access_lifetime(LIFETIME)
            .build();
        pool.add_user("ada", PASSWORD, []);
        pool.add_user("grace", PASSWORD, []);
        std::thread::scope(|scope| {
            for acts in acts {
                let (store, pool, clock) = (&store, &pool, &clock);
                scope.spawn(move || {
                    let device = Device::new(pool, clock, store.clone());
                    // The first read publishes nothing (F38).
                    let known = block_on(device.client.current_user()).unwrap();
                    let told = Arc::new(Mutex::new(Told {
                        user: known.map(|user| user.username),
                        ..Told::default()
                    }));
                    let tells = Arc::clone(&told);
                    device
                        .hub
                        .listen_inline::<Auth>(move |event| tells.lock().unwrap().follow(event))
                        .detach();
                    for act in acts {
                        told.lock().unwrap().signs_in = matches!(act, Act::SignIn(_));
                        perform(&device.client, clock, act);
                    }
                    let user = block_on(device.client.current_user()).unwrap();
                    let told = told.lock().unwrap();
                    assert_eq!(told.wrong, [""; 0]);
                    assert_eq!(user.map(|user| user.username), told.user);
                });
            }
        });
        if let Some(session) = block_on(store.load()).unwrap() {
            let token = session.tokens.refresh.unwrap();
            let alive = block_on(pool.refresh(&session.user, &token));
            assert!(alive.is_ok(), "{alive:?}");
        }
    }
}

/// Signing out everywhere is not among them: it ends a session that has just been granted, too.
const ACTS: [Act; 8] = [
    Act::Session,
    Act::Session,
    Act::Refresh,
    Act::CurrentUser,
    Act::SignIn("ada"),
    Act::SignIn("grace"),
    Act::SignOut,
    Act::Wait,
];

fn perform(client: &AuthClient<MemoryProvider, MemoryStore>, clock: &ManualClock, act: Act) {
    match act {
        Act::Session => assert!(block_on(client.session()).is_ok()),
        Act::Refresh => assert!(block_on(client.refresh()).is_ok()),
        Act::CurrentUser => assert!(block_on(client.current_user()).is_ok()),
        Act::SignIn(name) => {
            let step = block_on(client.sign_in(name, PASSWORD));
            assert!(
                matches!(
                    step,
                    Ok(SignInStep::Done(_)) | Err(SignInError::AlreadySignedIn)
                ),
                "{step:?}"
            );
        }
        Act::SignOut => drop(block_on(client.sign_out(HERE)).unwrap()),
        Act::Wait => clock.advance(LIFETIME / 2),
    }
}

/// Futures of several clients on one thread, which are polled, kept and dropped in any order.
#[cfg(feature = "redirect")]
mod interleaved {
    use typed_hub::auth::RedirectError;
    use typed_hub::auth::redirect::RedirectOptions;

    use super::*;
    use crate::world::poll_once;

    type Call<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Start(usize, Act),
        Redirect(usize),
        Poll(usize),
        Drop(usize),
        /// The provider answers no call of this kind from here on, or answers again.
        Silence(Operation),
        Answer(Operation),
        Wait,
    }

    const OPERATIONS: [Operation; 4] = [
        Operation::SignIn,
        Operation::Refresh,
        Operation::Revoke,
        Operation::Exchange,
    ];

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..2_usize, select(&ACTS[..])).prop_map(|(client, act)| Step::Start(client, act)),
            2 => (0..2_usize).prop_map(Step::Redirect),
            6 => (0..4_usize).prop_map(Step::Poll),
            2 => (0..4_usize).prop_map(Step::Drop),
            3 => select(&OPERATIONS[..]).prop_map(Step::Silence),
            1 => select(&OPERATIONS[..]).prop_map(Step::Answer),
            1 => Just(Step::Wait),
        ]
    }

    async fn act(device: &Device<MemoryStore>, act: Act) {
        let client = &device.client;
        match act {
            Act::Session | Act::Wait => assert_eq!(client.session().await.err(), None),
            Act::Refresh => assert_eq!(client.refresh().await.err(), None),
            Act::CurrentUser => assert_eq!(client.current_user().await.err(), None),
            Act::SignIn(name) => {
                let step = client.sign_in(name, PASSWORD).await;
                let is_right = matches!(
                    step,
                    Ok(SignInStep::Done(_))
                        | Err(SignInError::AlreadySignedIn | SignInError::Superseded)
                );
                assert!(is_right, "{step:?}");
            }
            Act::SignOut => drop(client.sign_out(HERE).await.unwrap()),
        }
    }

    async fn redirect(device: &Device<MemoryStore>, pool: &MemoryProvider) {
        let uri = "org.example.app://back";
        let options = RedirectOptions::builder().redirect_uri(uri).build();
        let done = match device.client.sign_in_with_redirect(options).await {
            Ok(page) => {
                let callback = pool.visit(&page, "ada", PASSWORD).unwrap();
                device.client.complete_redirect(&callback).await.err()
            }
            Err(error) => Some(error),
        };
        let is_right = matches!(
            done,
            None | Some(
                RedirectError::AlreadySignedIn
                    | RedirectError::Superseded
                    | RedirectError::NothingUnderWay
            )
        );
        assert!(is_right, "{done:?}");
    }

    fn begin<'a>(calls: &mut Vec<Call<'a>>, call: impl Future<Output = ()> + 'a) {
        let mut call: Call<'a> = Box::pin(call);
        if poll_once(call.as_mut()).is_pending() {
            calls.push(call);
        }
    }

    fn run(steps: Vec<Step>) {
        let (store, clock) = (MemoryStore::new(), ManualClock::default());
        let pool = MemoryProvider::builder()
            .clock(clock.clone())
            .access_lifetime(LIFETIME)
            .build();
        pool.add_user("ada", PASSWORD, []);
        pool.add_user("grace", PASSWORD, []);
        let devices = [(); 2].map(|()| Device::new(&pool, &clock, store.clone()));
        let _ = block_on(devices[0].client.sign_in("ada", PASSWORD)).unwrap();
        clock.advance(LIFETIME);
        let told = devices.each_ref().map(|device| {
            let user = block_on(device.client.current_user()).unwrap();
            let told = Arc::new(Mutex::new(Told {
                user: user.map(|user| user.username),
                ..Told::default()
            }));
            let tells = Arc::clone(&told);
            device
                .hub
                .listen_inline::<Auth>(move |event| match event {
                    AuthEvent::SignInWithRedirect | AuthEvent::SignInWithRedirectFailure { .. } => {
                    }
                    _ => tells.lock().unwrap().follow(event),
                })
                .detach();
            told
        });
        let mut calls: Vec<Call<'_>> = Vec::new();
        for step in steps {
            let count = calls.len();
            match step {
                Step::Start(client, of) => {
                    told[client].lock().unwrap().signs_in |= matches!(of, Act::SignIn(_));
                    begin(&mut calls, act(&devices[client], of));
                }
                Step::Redirect(client) => {
                    told[client].lock().unwrap().signs_in = true;
                    begin(&mut calls, redirect(&devices[client], &pool));
                }
                Step::Poll(_) | Step::Drop(_) if count == 0 => {}
                Step::Poll(call) => {
                    if poll_once(calls[call % count].as_mut()).is_ready() {
                        drop(calls.remove(call % count));
                    }
                }
                Step::Drop(call) => drop(calls.remove(call % count)),
                Step::Silence(operation) => pool.fail(operation, Fault::NoAnswer),
                Step::Answer(operation) => pool.clear_fault(operation),
                Step::Wait => clock.advance(LIFETIME / 2),
            }
        }
        for operation in OPERATIONS {
            pool.clear_fault(operation);
        }
        let begun = Instant::now();
        while !calls.is_empty() {
            calls.retain_mut(|call| poll_once(call.as_mut()).is_pending());
            std::thread::sleep(Duration::from_millis(1));
            assert!(begun.elapsed() < Duration::from_secs(30), "they hang");
        }
        for (device, told) in devices.iter().zip(told) {
            let user = block_on(device.client.current_user()).unwrap();
            let told = told.lock().unwrap();
            assert_eq!(told.wrong, [""; 0]);
            assert_eq!(user.map(|user| user.username), told.user);
        }
        if let Some(session) = block_on(store.load()).unwrap() {
            let token = session.tokens.refresh.unwrap();
            let alive = block_on(pool.refresh(&session.user, &token));
            assert!(alive.is_ok(), "{alive:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 400,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn calls_that_are_kept_and_dropped_lose_nothing_and_tell_the_truth(
            steps in vec(step(), 1..40),
        ) {
            run(steps);
        }
    }
}

#[cfg(feature = "file-store")]
mod processes {
    use std::env;
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use typed_hub::auth::{
        AccessToken, AuthUser, FileStore, IssuedTokens, LEEWAY, Lasting, ProviderError,
        ProviderErrorKind, RefreshError, RefreshToken,
    };

    use super::*;

    /// A folder of its own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("typed-hub-shared-{}-{number}", std::process::id());
            let path = env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("session.json")
        }

        fn store(&self) -> FileStore {
            FileStore::new(self.path())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn clients_share_a_file() {
        let folder = Folder::new();
        contract(|| folder.store());
    }

    #[test]
    fn a_lock_that_is_not_had_is_a_typed_error_in_time_and_keeps_the_session() {
        let folder = Folder::new();
        let store = folder.store().lock_limit(Duration::from_millis(200));
        let pair = Pair::signed_in(&store);
        pair.clock.advance(LIFETIME);
        let held = File::open(folder.0.join("session.json.session.lock")).unwrap();
        held.lock().unwrap();
        let locked = StoreError::Lock(ErrorKind::TimedOut);
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let ticks = runtime.block_on(async {
            let client = pair.first.client.clone();
            let refresh = tokio::spawn(async move { client.session().await });
            let mut ticks = 0;
            while !refresh.is_finished() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                ticks += 1;
            }
            assert_eq!(refresh.await.unwrap(), Err(SessionError::Store(locked)));
            ticks
        });
        assert!(ticks > 2, "the executor's thread was blocked: {ticks}");
        assert_eq!(pair.pool.count(Operation::Refresh), 0);
        let out = block_on(pair.first.client.sign_out(HERE));
        assert_eq!(out, Err(SignOutError::Store(locked)));
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(pair.first.events.take(), [""; 0]);
        assert!(block_on(store.load()).unwrap().is_some());
    }

    fn a_session() -> Session {
        let store = MemoryStore::new();
        Pair::signed_in(&store);
        block_on(store.load()).unwrap().unwrap()
    }

    /// What the call returns, unless it hangs.
    fn in_time<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = std::sync::mpsc::channel();
        thread::spawn(move || done.send(call()));
        result
            .recv_timeout(Duration::from_secs(10))
            .expect("it hangs")
    }

    #[test]
    fn a_lock_file_that_is_none_is_a_typed_error() {
        let invalid = ErrorKind::InvalidData;
        let makes: [fn(&Path); 2] = [
            |path| fs::create_dir(path).unwrap(),
            #[cfg(unix)]
            |path| {
                let made = Command::new("mkfifo").arg(path).status().unwrap();
                assert!(made.success());
            },
            #[cfg(not(unix))]
            |path| fs::create_dir(path).unwrap(),
        ];
        for make in makes {
            let folder = Folder::new();
            make(&folder.0.join("session.json.session.lock"));
            let store = folder.store();
            let locked = in_time(move || block_on(store.lock()).map(drop));
            assert_eq!(locked, Err(StoreError::Lock(invalid)));

            make(&folder.0.join("session.json.lock"));
            let (store, session) = (folder.store(), a_session());
            let saved = in_time(move || block_on(store.save(&session)));
            assert_eq!(saved, Err(StoreError::Write(invalid)));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_was_deleted_and_made_anew_admits_one() {
        let folder = Folder::new();
        let path = folder.0.join("session.json.session.lock");
        let old = File::create(&path).unwrap();
        old.lock().unwrap();
        let store = folder.store();
        let waits = thread::spawn(move || block_on(store.lock()).unwrap());
        thread::sleep(Duration::from_millis(100)); // it has opened the file
        fs::remove_file(&path).unwrap();
        let new = File::create(&path).unwrap();
        new.lock().unwrap();
        drop(old);
        thread::sleep(Duration::from_millis(100));
        assert!(!waits.is_finished(), "there are two holders");
        drop(new);
        let lock = waits.join().unwrap();
        assert!(File::open(&path).unwrap().try_lock().is_err());
        drop(lock);
        assert!(File::open(&path).unwrap().try_lock().is_ok());
    }

    /// The last handle of a client is dropped during a write, and with it the lock.
    #[test]
    fn a_write_whose_caller_is_gone_keeps_the_lock_until_it_has_ended() {
        let folder = Folder::new();
        let session = a_session();
        let store = folder.store();
        let slow = File::create(folder.0.join("session.json.lock")).unwrap();
        slow.lock().unwrap();
        let lock = block_on(store.lock()).unwrap();
        let mut save = Box::pin(store.save(&session));
        start(save.as_mut());
        drop(save);
        drop(lock);

        let other = folder.store().lock_limit(Duration::from_millis(200));
        let locked = block_on(other.lock()).map(drop);
        assert_eq!(locked, Err(StoreError::Lock(ErrorKind::TimedOut)));
        assert_eq!(block_on(other.load()), Ok(None));
        drop(slow);
        let _lock = block_on(folder.store().lock()).unwrap();
        assert_eq!(block_on(other.load()), Ok(Some(session)));
    }

    const PATH: &str = "TYPED_HUB_TEST_SHARED_PATH";
    const PROVIDER: &str = "TYPED_HUB_TEST_SHARED_PROVIDER";
    const JOB: &str = "TYPED_HUB_TEST_SHARED_JOB";

    /// So that tokens are refreshed every few milliseconds.
    const SHORT: Duration = LEEWAY.saturating_add(Duration::from_millis(25));

    /// The pool of the parent, on a loopback address: it rotates refresh tokens, and ends a session
    /// when one is used twice.
    struct Server {
        pool: MemoryProvider,
        address: String,
        ended: Arc<AtomicBool>,
    }

    impl Server {
        fn start() -> Self {
            let pool = MemoryProvider::builder().access_lifetime(SHORT).build();
            pool.add_user("ada", PASSWORD, []);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let ended = Arc::new(AtomicBool::new(false));
            {
                let (pool, ended) = (pool.clone(), Arc::clone(&ended));
                thread::spawn(move || {
                    for stream in listener.incoming().flatten() {
                        if ended.load(Ordering::SeqCst) {
                            return;
                        }
                        let pool = pool.clone();
                        thread::spawn(move || answer(&pool, &stream));
                    }
                });
            }
            Self {
                pool,
                address,
                ended,
            }
        }

        fn spawn(&self, job: &str, folder: &Folder) -> Child {
            Command::new(env::current_exe().unwrap())
                .args(["--ignored", "--exact", "--nocapture"])
                .arg("shared_stores::processes::a_process")
                .env(PATH, folder.path())
                .env(PROVIDER, &self.address)
                .env(JOB, job)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        }

        /// Signs in, and leaves the session in the store.
        fn sign_in(&self, folder: &Folder) {
            let client = AuthClient::builder()
                .hub(Hub::new())
                .provider(self.pool.clone())
                .store(folder.store())
                .build()
                .unwrap();
            let _ = block_on(client.sign_in("ada", PASSWORD)).unwrap();
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.ended.store(true, Ordering::SeqCst);
            let _ = TcpStream::connect(&self.address);
        }
    }

    /// One line is one request: what to do, and the token.
    fn answer(pool: &MemoryProvider, mut stream: &TcpStream) {
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        reader.read_line(&mut request).unwrap();
        let (what, token) = request.trim().split_once(' ').unwrap();
        let token = RefreshToken::from(token);
        let user = AuthUser::new("ada", "user-0001");
        let answer = if what == "revoke" {
            block_on(pool.revoke(&token)).unwrap();
            "revoked".to_owned()
        } else {
            let refreshed = block_on(pool.refresh(&user, &token));
            thread::sleep(Duration::from_millis(10)); // as a network does
            match refreshed {
                Ok(tokens) => format!(
                    "tokens {} {}",
                    tokens.access.token.expose(),
                    tokens.refresh.unwrap().expose()
                ),
                Err(failed) => format!("refused {}", failed.error.name),
            }
        };
        let _ = writeln!(stream, "{answer}");
    }

    /// The provider of a process.
    struct Remote(String);

    impl Remote {
        fn ask(&self, what: &str, token: &RefreshToken) -> String {
            let stream = TcpStream::connect(&self.0).unwrap();
            writeln!(&stream, "{what} {}", token.expose()).unwrap();
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).unwrap();
            answer.trim().to_owned()
        }
    }

    impl IdentityProvider for Remote {
        async fn refresh(
            &self,
            _: &AuthUser,
            token: &RefreshToken,
        ) -> Result<IssuedTokens, RefreshError> {
            let answer = self.ask("refresh", token);
            let words: Vec<_> = answer.split(' ').collect();
            match words[..] {
                ["tokens", access, refresh] => Ok(IssuedTokens {
                    access: Lasting {
                        token: access.into(),
                        lifetime: SHORT,
                    },
                    id: None,
                    refresh: Some(refresh.into()),
                }),
                _ => Err(ProviderError::new(ProviderErrorKind::Rejected, answer, "refused").into()),
            }
        }

        async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
            assert_eq!(self.ask("revoke", token), "revoked");
            Ok(())
        }

        async fn sign_out_everywhere(&self, _: &AccessToken) -> Result<(), ProviderError> {
            unreachable!("it is not asked for")
        }
    }

    /// Run by the tests below, in processes of their own.
    #[test]
    #[ignore = "a part of the tests below"]
    fn a_process() {
        let (Ok(path), Ok(provider), Ok(job)) = (env::var(PATH), env::var(PROVIDER), env::var(JOB))
        else {
            return;
        };
        let client = AuthClient::builder()
            .hub(Hub::new())
            .provider(Remote(provider))
            .store(FileStore::new(path))
            .build()
            .unwrap();
        match &*job {
            "use" => {
                for round in 0..40 {
                    let session = block_on(client.session());
                    assert!(matches!(session, Ok(Some(_))), "{round}: {session:?}");
                    thread::sleep(Duration::from_millis(7));
                }
            }
            "use until the end" => {
                let begun = Instant::now();
                loop {
                    match block_on(client.session()) {
                        Ok(Some(_)) => thread::sleep(Duration::from_millis(3)),
                        Ok(None) => break,
                        Err(error) => panic!("{error:?}"),
                    }
                    assert!(begun.elapsed() < Duration::from_secs(30));
                }
            }
            "sign out" => {
                thread::sleep(Duration::from_millis(300));
                let out = block_on(client.sign_out(HERE)).unwrap();
                assert_eq!(out.not_revoked, None);
            }
            job => panic!("{job}"),
        }
    }

    #[track_caller]
    fn assert_all_succeed(processes: Vec<Child>) {
        for process in processes {
            let output = process.wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let shown = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{shown}\n{errors}");
            assert!(shown.contains("1 passed"), "{shown}");
        }
    }

    #[test]
    fn f40_processes_that_refresh_at_once_lose_no_session() {
        for count in [2, 8] {
            let (folder, server) = (Folder::new(), Server::start());
            server.sign_in(&folder);
            let processes = (0..count).map(|_| server.spawn("use", &folder)).collect();
            assert_all_succeed(processes);
            let session = block_on(folder.store().load()).unwrap().unwrap();
            let token = session.tokens.refresh.unwrap();
            let alive = block_on(server.pool.refresh(&session.user, &token));
            assert!(alive.is_ok(), "{count}: {alive:?}");
            let refreshes = server.pool.count(Operation::Refresh);
            assert!(refreshes > 5, "{count}: they refresh: {refreshes}");
        }
    }

    #[test]
    fn f42_a_sign_out_of_one_process_ends_all_and_no_token_comes_back() {
        let (folder, server) = (Folder::new(), Server::start());
        server.sign_in(&folder);
        let mut processes: Vec<_> = (0..3)
            .map(|_| server.spawn("use until the end", &folder))
            .collect();
        processes.push(server.spawn("sign out", &folder));
        assert_all_succeed(processes);
        assert_eq!(block_on(folder.store().load()), Ok(None));
    }

    #[test]
    fn a_process_that_is_killed_leaves_the_lock_to_the_others() {
        let (folder, server) = (Folder::new(), Server::start());
        for round in 0..5 {
            block_on(folder.store().clear()).unwrap();
            server.sign_in(&folder);
            let mut victim = server.spawn("use", &folder);
            thread::sleep(Duration::from_millis(60 + 7 * round));
            victim.kill().unwrap();
            victim.wait().unwrap();
            let begun = Instant::now();
            let lock = block_on(folder.store().lock()).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(5));
            drop(lock);
        }
    }
}
