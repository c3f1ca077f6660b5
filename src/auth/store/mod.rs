//! Where the session is kept.
//!
//! - this file: the trait, and what it keeps
//! - `memory`: the store in memory
//! - `blocking`: work that blocks, on a thread of its own; `waiting`: its twin in a page
//! - `lock_file`: a file whose lock admits one process at a time

pub(super) mod blocking;
#[cfg(any(feature = "file-store", feature = "keyring"))]
pub(super) mod lock_file;
mod memory;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(super) mod waiting;

use std::any::Any;
use std::fmt;
use std::future::ready;
use std::time::{Duration, SystemTime};

pub use self::memory::MemoryStore;

use super::error::StoreError;
use super::secret::{CodeVerifier, Nonce, RedirectState};
use super::send::{MaybeSend, MaybeSync};
use super::tokens::Tokens;
use super::user::AuthUser;

/// A signed-in user, and the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user.
    pub user: AuthUser,
    /// The tokens.
    pub tokens: Tokens,
    /// Whether the session began by redirect.
    pub by_redirect: bool,
}

impl Session {
    /// Makes a session, for implementations of [`TokenStore`].
    #[must_use]
    pub const fn new(user: AuthUser, tokens: Tokens) -> Self {
        Self {
            user,
            tokens,
            by_redirect: false,
        }
    }

    /// Sets whether the session began by redirect.
    #[must_use]
    pub fn began_by_redirect(self, by_redirect: bool) -> Self {
        Self {
            by_redirect,
            ..self
        }
    }
}

/// A sign-in by redirect in progress: what is needed to recognise and complete its callback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRedirect {
    /// The state that the callback must carry.
    pub state: RedirectState,
    /// The PKCE verifier, sent along with the code.
    pub verifier: CodeVerifier,
    /// The nonce that the id token must carry.
    pub nonce: Nonce,
    /// The URI that the browser comes back to.
    pub redirect_uri: String,
    /// The custom state of the application.
    pub custom_state: Option<String>,
    /// When the sign-in began, on this machine's clock.
    pub begun_at: SystemTime,
}

impl PendingRedirect {
    /// Restores a stored sign-in, for implementations of [`TokenStore`]: each argument is the saved
    /// value of the field of that name.
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

/// Keeps one session, and one sign-in by redirect in progress, in memory or beyond the process.
///
/// The client calls one method at a time and waits for it to end, so a store need not order its
/// calls; only [`lock`](Self::lock) may be in progress beside another call.
///
/// A future of a store is dropped unfinished only if the last handle of its client is dropped; that
/// of `lock` may be dropped at any time. A write that goes on after its future was dropped, or while
/// it is not polled, must keep the lock of a shared store until it has ended.
///
/// # Shared stores
///
/// Unless [`is_shared`](Self::is_shared) says otherwise, a client reads the store once, and from
/// then on relies on being its only writer. A store that several clients share, in one process or
/// in several, says so and implements [`lock`](Self::lock). Then the client reads the store at each
/// use, follows what the others have done, and changes the session and the sign-in by redirect only
/// under the lock.
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
pub trait TokenStore: MaybeSend + MaybeSync + 'static {
    /// Reads the session that was saved last; `None` after [`clear`](Self::clear) and before the
    /// first [`save`](Self::save).
    fn load(&self) -> impl Future<Output = Result<Option<Session>, StoreError>> + MaybeSend;

    /// Replaces the stored session. After `Ok`, [`load`](Self::load) returns an equal session, also
    /// after a restart if the store is persistent.
    ///
    /// A save is all or nothing: if it fails, the earlier session is still stored.
    fn save(&self, session: &Session) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Removes the stored session, if any. After `Ok`, no token can be read any more. A stored
    /// sign-in by redirect stays.
    fn clear(&self) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Reads the sign-in by redirect that was saved last.
    fn load_redirect(
        &self,
    ) -> impl Future<Output = Result<Option<PendingRedirect>, StoreError>> + MaybeSend;

    /// Replaces the stored sign-in by redirect. All or nothing, as [`save`](Self::save).
    fn save_redirect(
        &self,
        pending: &PendingRedirect,
    ) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Removes the stored sign-in by redirect, if any. The session stays.
    fn clear_redirect(&self) -> impl Future<Output = Result<(), StoreError>> + MaybeSend;

    /// Whether other clients may change the stored session. The default is `false`: the store
    /// belongs to one client.
    fn is_shared(&self) -> bool {
        false
    }

    /// Takes the lock of a shared store, which one client at a time can hold, until the returned
    /// guard is dropped. The default takes no lock.
    ///
    /// A client holds the lock while it refreshes or signs out, the request included, and while it
    /// saves or clears a session or a sign-in by redirect. So the lock must be free for the other
    /// methods of this store, it must not be waited for on the thread that polls, and waiting for it
    /// must have a time limit. The guard may be dropped on any thread.
    ///
    /// # Errors
    ///
    /// [`StoreError::Lock`], of [`TimedOut`](std::io::ErrorKind::TimedOut) if another client holds
    /// the lock for too long. The client changes nothing then.
    fn lock(&self) -> impl Future<Output = Result<StoreLock, StoreError>> + MaybeSend {
        ready(Ok(StoreLock::none()))
    }
}

/// The lock of a shared store. Dropping it releases the lock.
///
/// ```
/// use std::fs::File;
/// use typed_hub::auth::StoreLock;
///
/// /// Closing the file releases the lock.
/// fn locked(file: File) -> std::io::Result<StoreLock> {
///     file.lock()?;
///     Ok(StoreLock::new(file))
/// }
/// ```
#[must_use = "dropping it releases the lock"]
pub struct StoreLock(Option<Box<dyn Guard>>);

/// What releases a lock on drop.
trait Guard: Any + MaybeSend + MaybeSync {}

impl<T: Any + MaybeSend + MaybeSync> Guard for T {}

impl StoreLock {
    /// Makes a lock of a guard that releases it on drop, for implementations of [`TokenStore`].
    pub fn new(guard: impl Any + MaybeSend + MaybeSync) -> Self {
        Self(Some(Box::new(guard)))
    }

    /// The lock of a store that has none.
    pub const fn none() -> Self {
        Self(None)
    }
}

impl fmt::Debug for StoreLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreLock").field(&self.0.is_some()).finish()
    }
}

/// How long a client waits for the lock of a store, unless the store's options say otherwise: 40 s.
/// A refresh holds it during its request, for which a provider allows 30 s.
pub(super) const LOCK_LIMIT: Duration = Duration::from_secs(40);
