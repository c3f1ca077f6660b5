//! The client: the calls of an application.
//!
//! - this file: [`AuthClient`], its queries; `options`: its builder
//! - `sign_up`: sign-up, and replacing a forgotten password
//! - `sign_in`: sign-in by password
//! - `keep_fresh`: refreshing ahead of time; `tabs`: following the other tabs of a browser
//! - `redirect`: sign-in by redirect; `browser`: in a browser on this machine; `in_page`: in the same page
//! - `sign_out`: sign-out, deleting the user
//! - `in_flight`: the refresh in flight
//! - `transaction`: runs the steps of the machine, one transaction after the other
//! - `store_lock`: the lock of a shared store
//! - `queue`: jobs that the callers who wait for them poll; `wakers`: the tasks that wait

#[cfg(feature = "loopback")]
mod browser;
mod in_flight;
#[cfg(all(feature = "redirect", target_family = "wasm", target_os = "unknown"))]
mod in_page;
mod keep_fresh;
#[cfg(all(test, loom))]
mod models;
mod options;
mod queue;
#[cfg(feature = "redirect")]
mod redirect;
mod sign_in;
mod sign_out;
mod sign_up;
mod store_lock;
#[cfg(all(feature = "web-store", target_family = "wasm", target_os = "unknown"))]
mod tabs;
mod transaction;
mod wakers;

use std::fmt;
use std::sync::Arc;

pub use self::options::{AuthOptions, AuthOptionsBuilder};
pub use self::sign_out::{NotRevoked, SignedOut};

use self::transaction::Inner;
use super::error::{CurrentUserError, NewClientError, SessionError};
use super::machine::{Machine, Refresh, RefreshOutcome, SessionLookup};
use super::provider::IdentityProvider;
use super::store::{MemoryStore, Session, TokenStore};
use super::user::AuthUser;
use crate::hub::Hub;

/// The session of a user: signs in, refreshes and signs out, and publishes each change on [`Auth`].
///
/// A handle: all clones are one client. The client has no runtime: it works while one of its futures
/// is polled, on any executor. It has a thread only while a call waits for the provider under the
/// lock of a shared store; the thread watches over the lock.
///
/// ```
/// use typed_hub::auth::{AuthClient, MemoryProvider, SignInStep, SignOutScope};
/// use typed_hub::{Auth, AuthEvent, Hub};
///
/// # pollster::block_on(async {
/// let hub = Hub::new();
/// let listener = hub.listen::<Auth>(|event: &AuthEvent| println!("{}", event.kind()));
///
/// let pool = MemoryProvider::new();
/// pool.add_user("ada", "correct horse", []);
///
/// let client = AuthClient::new(hub.clone(), pool)?;
/// if let SignInStep::Challenge(challenge) = client.sign_in("ada", "correct horse").await? {
///     println!("first: {challenge:?}");
/// }
/// if let Some(session) = client.session().await? {
///     println!("{} has a token", session.user.username);
/// }
/// client.sign_out(SignOutScope::ThisDevice).await?;
/// # hub.flush();
/// # drop(listener);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # One client to a hub
///
/// A client claims the channel [`Auth`] of its hub, and another client for the same hub is refused:
/// [`NewClientError`]. So code that merely holds the hub (for example [`Hub::global`]) cannot
/// publish there through a client of its own. Clone a client to share it, give each account its own
/// hub, and make the client before other code has the hub: the first client has the claim.
///
/// The claim ends when the last handle is dropped: then, as after a restart, another client may
/// take over the session. A live future or listener that owns a handle counts as one, and so does
/// [`keep_fresh`](Self::keep_fresh) while it refreshes. Calls that were cancelled or have panicked
/// hold nothing.
///
/// The claim covers one hub in one process. Clients of two hubs, or of two processes, can share a
/// token store that allows it ([`TokenStore::is_shared`]): each publishes on its own hub what the
/// others have done, when it next reads the store. A handle can do all that the client can: give it only to code that you
/// trust.
///
/// # Events
///
/// An event is published after its change is in the token store, and before the call that caused it
/// returns. The events of one client are published one at a time, in the order of the changes.
///
/// # Dropped futures
///
/// Any future of a client may be dropped at any time. While it waits for the provider, dropping it
/// cancels the request on this machine only: the provider may still receive it. If the provider
/// rotates refresh tokens, dropping the last call that waits for a refresh can lose the new token,
/// and with it the session. Run [`session`](Self::session) in a task rather than under a short time
/// limit. Once the provider has replied, the effects of the reply (a write to the store, an event)
/// will happen: the next call of any handle completes them. A [`sign_out`](Self::sign_out) that has
/// begun always completes.
///
/// A future that is kept and not polled goes on no more than a dropped one. If it holds the lock of a
/// shared store, the lock is free for other clients after 5 s. When the future is polled again, it
/// takes the lock anew, and follows what the others have done.
///
/// # From inside a listener
///
/// A listener may call the client whose event it is handling. An inline listener finds the client
/// in the state that the event reports, or a later one. The events of its call are published after
/// the present event has reached every inline listener, so the call may return first. A listener
/// that blocks (`block_on`) on the hub's thread delays the hub's other listeners: spawn a task
/// instead. A token store or a provider must not wait for its own client.
///
/// # Backpressure
///
/// No call waits for a queued listener or a receiver: events are accepted beyond the capacity of
/// the hub's queue and of every receiver. (An inline listener runs within the call that publishes.)
/// The price is memory. A receiver of `Auth` with [`Overflow::Block`](crate::Overflow::Block), the
/// default, keeps every event until it is read, so its buffer grows without limit if it is never
/// read. Give such a receiver [`Overflow::DropOldest`](crate::Overflow::DropOldest): it keeps at
/// most its capacity, and reports how many events it has lost.
///
/// Other publishers on the hub wait as usual until the queue is within its capacity again.
///
/// [`Auth`]: crate::Auth
pub struct AuthClient<P, S = MemoryStore> {
    inner: Arc<Inner<P, S>>,
}

impl<P: IdentityProvider> AuthClient<P> {
    /// Makes a client that keeps the session in memory and uses the system's clock.
    ///
    /// # Errors
    ///
    /// [`NewClientError`]: the hub has a client already.
    pub fn new(hub: Hub, provider: P) -> Result<Self, NewClientError<P, MemoryStore>> {
        Self::builder()
            .hub(hub)
            .provider(provider)
            .store(MemoryStore::new())
            .build()
    }
}

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Builds a client with the given store and clock.
    ///
    /// If the store holds a session, the client takes it over, without an event.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, ManualClock, MemoryProvider, MemoryStore};
    ///
    /// let client = AuthClient::builder()
    ///     .hub(Hub::new())
    ///     .provider(MemoryProvider::new())
    ///     .store(MemoryStore::new())
    ///     .clock(ManualClock::default())
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> AuthOptionsBuilder<P, S> {
        AuthOptions::builder()
    }

    /// Returns the session, with tokens that are valid for at least 5 s; `None` if no user is
    /// signed in.
    ///
    /// Refreshes the tokens first if they have expired. Concurrent callers share one request, one write
    /// to the store, one event (`TokenRefresh` or `TokenRefreshFailure`) and one answer. If a sign-out
    /// completes meanwhile, the answer is `None`, or the session that has begun since. If this process
    /// has begun a sign-in by redirect, and no session is valid, the call waits for it to end, at most
    /// 10 s (`redirect_wait` in the builder).
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    /// assert_eq!(client.session().await?, None);
    ///
    /// let _ = client.sign_in("ada", "correct horse").await?;
    /// let session = client.session().await?.expect("ada is signed in");
    /// assert_eq!(session.user.username, "ada");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError`] says whether to sign in again or to try again later. If the provider
    /// refuses the refresh *as not authorised*, the session has simply ended: the answer is `None`,
    /// and no error.
    pub async fn session(&self) -> Result<Option<Session>, SessionError> {
        self.session_after_redirect(false).await
    }

    /// Refreshes the tokens, expired or not, and returns the session as [`session`](Self::session)
    /// does: for an application that has been told that its access token is not good any more, or that
    /// the user's claims have changed.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// # let pool = MemoryProvider::new();
    /// # pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    /// let _ = client.sign_in("ada", "correct horse").await?;
    /// let before = client.session().await?.expect("ada is signed in");
    /// let after = client.refresh().await?.expect("ada is signed in");
    /// assert_ne!(before.tokens.access, after.tokens.access);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`session`](Self::session).
    pub async fn refresh(&self) -> Result<Option<Session>, SessionError> {
        self.session_after_redirect(true).await
    }

    async fn session_after_redirect(&self, force: bool) -> Result<Option<Session>, SessionError> {
        let ended = self.inner.refresh_count();
        #[cfg(feature = "redirect")]
        self.wait_for_redirect(self.inner.redirect_wait).await; // F36
        self.session_since(force, ended, false).await
    }

    /// Returns the session without waiting for a sign-in by redirect.
    async fn current_session(&self) -> Result<Option<Session>, SessionError> {
        let ended = self.inner.refresh_count();
        self.session_since(false, ended, false).await
    }

    /// Returns the session. `ended` is how many refreshes had ended when the caller asked. A quiet
    /// refresh publishes and stores nothing.
    async fn session_since(
        &self,
        force: bool,
        ended: u64,
        is_quiet: bool,
    ) -> Result<Option<Session>, SessionError> {
        let (mut force, mut ended) = (force, ended);
        loop {
            let generation = self.inner.refresh_generation();
            let call = match self.inner.ask_session(force, ended).outcome().await? {
                SessionLookup::Valid(session) => return Ok(Some(session)),
                SessionLookup::SignedOut => return Ok(None),
                SessionLookup::NeedsRefresh(call) => Refresh { is_quiet, ..call },
            };
            let Some(refresh) = self.inner.join_refresh(call, generation) else {
                continue;
            };
            match refresh.outcome().await {
                RefreshOutcome::Renewed(session) => return Ok(Some(session)),
                RefreshOutcome::SignedOut => return Ok(None),
                RefreshOutcome::Failed(error) => return Err(error),
                // If there is a session, it is one that has begun since.
                RefreshOutcome::Stale => (force, ended) = (false, self.inner.refresh_count()),
            }
        }
    }

    /// Returns the user who is signed in, without asking the provider. The tokens may have expired.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let client = AuthClient::new(Hub::new(), MemoryProvider::new())?;
    /// assert_eq!(client.current_user().await?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`CurrentUserError`] when the token store cannot be read.
    pub async fn current_user(&self) -> Result<Option<AuthUser>, CurrentUserError> {
        let user = self.inner.submit(Machine::current_user);
        user.outcome().await
    }
}

impl<P, S> Clone for AuthClient<P, S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<P, S> fmt::Debug for AuthClient<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthClient").finish_non_exhaustive()
    }
}
