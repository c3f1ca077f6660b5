//! What an application calls.
//!
//! - this file: [`AuthClient`], its queries; `options`: what it is made of
//! - `sign_up`: signing up, and replacing a forgotten password
//! - `sign_in`: signing in, by password
//! - `keep_fresh`: refreshing ahead of time
//! - `redirect`: signing in by redirect; `browser`: in a browser on this machine
//! - `sign_out`: signing out, deleting the user
//! - `in_flight`: the refresh in flight
//! - `transaction`: the machine's decisions carried out, one after the other
//! - `queue`: jobs that the callers who wait for them poll; `wakers`: the tasks that wait

#[cfg(feature = "loopback")]
mod browser;
mod in_flight;
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
mod transaction;
mod wakers;

use std::fmt;
use std::sync::Arc;

pub use self::options::{AuthOptions, AuthOptionsBuilder};
pub use self::sign_out::{NotRevoked, SignedOut};

use self::transaction::Inner;
use super::error::{CurrentUserError, NewClientError, SessionError};
use super::machine::{RefreshOutcome, SessionLookup};
use super::provider::IdentityProvider;
use super::store::{MemoryStore, Session, TokenStore};
use super::user::AuthUser;
use crate::hub::Hub;

/// The session of a user: signs in, refreshes and signs out, and says so on [`Auth`].
///
/// A handle: its clones are one client. It has no runtime and no thread of its own: it works while
/// one of its futures is polled, on any executor.
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
/// if let Some(session) = client.session(false).await? {
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
/// [`NewClientError`]. So code that merely holds the hub, [`Hub::global`] say, cannot publish there by
/// a client of its own. Share a client by cloning it; give each account a hub of its own; and make the
/// client before other code has the hub, for the first client has the claim.
///
/// The claim ends when the last handle has been dropped: then, as after a restart, another client may
/// take up the session. A future of a client that is still alive counts as a handle if it owns one;
/// so does a listener that has captured one, and [`keep_fresh`](Self::keep_fresh) while it refreshes.
/// Calls that were cancelled or have panicked hold nothing.
///
/// The claim is one process's. It does not keep the clients of two hubs, or of two processes, from
/// sharing a token store, and a handle of the client may do all that a client does: hand it to code
/// that you trust.
///
/// # Events
///
/// An event is published when what it tells of is in the token store, and before the call that
/// caused it returns. The events of one client are published one at a time, in the order of what
/// they tell of.
///
/// # Dropped futures
///
/// Any future of a client may be dropped at any time. While it waits for the provider, dropping it
/// takes the request back as far as this machine is concerned. The provider may have it all the
/// same: where each refresh replaces the refresh token, dropping the last call that waits for one
/// can lose the new token on its way, and so the session. Hand [`session`](Self::session) to a task
/// rather than to a short time limit. Once the provider has replied, what follows from the reply (a
/// write to the store, an event) will happen: the next call of any handle carries it through. A
/// [`sign_out`](Self::sign_out) that has begun will happen in any case.
///
/// # From inside a listener
///
/// A listener may call the client whose event it is handling. An inline one finds the client as
/// the event tells, or further on; what its call publishes comes after the present event has
/// reached every inline listener, so that call may return first. A listener that waits
/// (`block_on`) on the hub's thread for a reply holds up the hub's other listeners: hand the work
/// to a task instead. A token store or a provider must not wait for its own client.
///
/// # Backpressure
///
/// No call waits for a queued listener or a receiver: events are accepted beyond the capacity of the
/// hub's queue and of every receiver. (An inline listener runs within the call that publishes.) The
/// price is memory. A receiver of `Auth` with
/// [`Overflow::Block`](crate::Overflow::Block), which is the default, keeps every event until it is
/// read: if it is never read, its buffer grows by one event for each that is published. Give a
/// receiver that may be left unread [`Overflow::DropOldest`](crate::Overflow::DropOldest): it keeps as
/// many events as its capacity says, and is told how many it has lost.
///
/// Other publishers on the hub wait as usual, until the queue is back within its capacity.
///
/// [`Auth`]: super::Auth
pub struct AuthClient<P, S = MemoryStore> {
    inner: Arc<Inner<P, S>>,
}

impl<P: IdentityProvider> AuthClient<P> {
    /// A client that keeps the session in memory and goes by the system's clock.
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
    /// A client with a store, and a clock, of one's choice.
    ///
    /// A client over a store that holds a session takes it up, without an event.
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

    /// The session, with tokens that are good for 5 s at least; `None` when nobody is signed in.
    ///
    /// Tokens that have expired are refreshed first, and with `force` those that have not as well.
    /// However many callers ask, there is one request, one write to the store, one event
    /// (`TokenRefresh` or `TokenRefreshFailure`), and the same answer for all. A sign-out that
    /// completes meanwhile wins: the answer is `None`, or the session that has begun since. While a
    /// sign-in by redirect is under way that this process has begun, it is waited for: 10 s, unless
    /// the builder says otherwise.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    /// assert_eq!(client.session(false).await?, None);
    ///
    /// let _ = client.sign_in("ada", "correct horse").await?;
    /// let before = client.session(false).await?.expect("ada is signed in");
    /// let after = client.session(true).await?.expect("ada is signed in");
    /// assert_ne!(before.tokens.access, after.tokens.access);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError`] says whether to sign in again or to try again later. A session that the
    /// provider refuses to refresh *as not authorised* has simply ended: that is `None`, and no
    /// error.
    pub async fn session(&self, force: bool) -> Result<Option<Session>, SessionError> {
        let ended = self.inner.refresh_count();
        #[cfg(feature = "redirect")]
        self.wait_for_redirect(self.inner.redirect_wait).await; // F36
        self.session_since(force, ended).await
    }

    /// The session, whether or not a sign-in by redirect is under way.
    async fn current_session(&self) -> Result<Option<Session>, SessionError> {
        self.session_since(false, self.inner.refresh_count()).await
    }

    /// So many refreshes had `ended` when the session was asked for.
    async fn session_since(
        &self,
        force: bool,
        ended: u64,
    ) -> Result<Option<Session>, SessionError> {
        let (mut force, mut ended) = (force, ended);
        loop {
            let generation = self.inner.refresh_generation();
            let call = match self.inner.ask_session(force, ended).outcome().await? {
                SessionLookup::Valid(session) => return Ok(Some(session)),
                SessionLookup::SignedOut => return Ok(None),
                SessionLookup::NeedsRefresh(call) => call,
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

    /// Who is signed in, without asking the provider; `None` when nobody is. The tokens may have
    /// expired.
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
        let user = self.inner.submit(|machine, _| machine.current_user());
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
