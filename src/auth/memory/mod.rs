//! An embedded user pool: an identity provider that needs no network.
//!
//! It is for examples, for tests, and for working offline. It does what a real one does (users,
//! confirmation codes, challenges, expiry, rotation, revocation) and, on demand, what a real one
//! does on a bad day.
//!
//! - `options`: how it is to behave
//! - `provider`: what it does when asked
//! - `pool`: its books; `grants`: those of the sessions
//! - `redirect`: its sign-in page
//! - `fault`: [`Operation`] and [`Fault`], for the bad days

mod fault;
mod grants;
mod options;
mod pool;
mod provider;
#[cfg(feature = "redirect")]
mod redirect;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::SystemTime;

pub use self::fault::{Fault, Operation};
pub use self::options::{MemoryOptions, MemoryOptionsBuilder};
pub use self::pool::MemoryChallenge;

use self::grants::TokenPolicy;
use self::pool::Pool;
use super::clock::Clock;
use super::error::ProviderError;
use super::secret::{Code, Password};
use crate::sync::{Mutex, MutexGuard};

/// An identity provider in memory. Its clones are one pool.
///
/// It keeps passwords as they are and numbers its tokens, so it protects nothing: never let it
/// stand between real users and anything of value.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::auth::{AuthClient, Fault, MemoryProvider, Operation, SessionError, SignInStep};
///
/// # pollster::block_on(async {
/// let pool = MemoryProvider::new();
/// pool.add_user("ada", "correct horse", []);
///
/// let client = AuthClient::new(Hub::new(), pool.clone())?;
/// let step = client.sign_in("ada", "correct horse").await?;
/// assert!(matches!(step, SignInStep::Done(user) if user.username == "ada"));
///
/// pool.fail(Operation::Refresh, Fault::NetworkDown);
/// assert!(matches!(client.session(true).await, Err(SessionError::Unreachable(_))));
/// pool.clear_fault(Operation::Refresh);
/// assert!(client.session(true).await.is_ok());
/// assert_eq!(pool.count(Operation::Refresh), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryProvider {
    clock: Arc<dyn Clock>,
    policy: TokenPolicy,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    pool: Pool,
    calls: Vec<Operation>,
    faults: BTreeMap<Operation, Fault>,
    /// Those who wait for an answer.
    waiting: Vec<Waker>,
}

impl MemoryProvider {
    /// A pool without users, on the system's clock, whose tokens last an hour.
    #[must_use]
    pub fn new() -> Self {
        MemoryOptions::builder().build()
    }

    /// A pool of another kind.
    ///
    /// ```
    /// use std::time::Duration;
    /// use typed_hub::auth::{ManualClock, MemoryProvider};
    ///
    /// let clock = ManualClock::default();
    /// let pool = MemoryProvider::builder()
    ///     .clock(clock.clone())
    ///     .access_lifetime(Duration::from_secs(60))
    ///     .build();
    /// ```
    pub fn builder() -> MemoryOptionsBuilder {
        MemoryOptions::builder()
    }

    /// Adds a confirmed user. After the password they are asked these challenges, in this order.
    /// A user of this name who is there already is replaced.
    pub fn add_user(
        &self,
        username: &str,
        password: impl Into<Password>,
        challenges: impl IntoIterator<Item = MemoryChallenge>,
    ) {
        let (password, challenges) = (password.into(), challenges.into_iter().collect());
        self.state().pool.add_user(username, password, challenges);
    }

    /// Removes a user; nobody asked for it, and their sessions learn of it when they refresh.
    pub fn remove_user(&self, username: &str) {
        self.state().pool.remove_user(username);
    }

    /// Revokes all sessions of a user; they learn of it when they refresh.
    pub fn revoke_sessions(&self, username: &str) {
        self.state().pool.grants.revoke_all(username);
    }

    /// The code that was "sent" to a user who has signed up and not confirmed it yet.
    #[must_use]
    pub fn confirmation_code(&self, username: &str) -> Option<Code> {
        self.state().pool.confirmation_code(username)
    }

    /// The code that was "sent" to a user who has forgotten the password.
    #[must_use]
    pub fn reset_code(&self, username: &str) -> Option<Code> {
        self.state().pool.reset_code(username)
    }

    /// From now on, this goes wrong with this operation.
    pub fn fail(&self, operation: Operation, fault: Fault) {
        self.set_fault(operation, Some(fault));
    }

    /// From now on, this operation goes well. Calls that were left without an answer get it.
    pub fn clear_fault(&self, operation: Operation) {
        self.set_fault(operation, None);
    }

    /// Every call there has been, in order, those that failed included.
    #[must_use]
    pub fn calls(&self) -> Vec<Operation> {
        self.state().calls.clone()
    }

    /// How many calls of this operation there have been, those that failed included.
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|&&call| call == operation)
            .count()
    }

    fn set_fault(&self, operation: Operation, fault: Option<Fault>) {
        let waiting = {
            let mut state = self.state();
            match fault {
                Some(fault) => state.faults.insert(operation, fault),
                None => state.faults.remove(&operation),
            };
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Does what is asked, once no fault stands in the way.
    async fn call<R>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Pool, SystemTime) -> Result<R, ProviderError>,
    ) -> Result<R, ProviderError> {
        self.state().calls.push(operation);
        poll_fn(|context| {
            let waker = context.waker().clone();
            let mut state = self.state();
            match state.faults.get(&operation) {
                None => Poll::Ready(Ok(())),
                Some(fault) => {
                    if let Some(error) = fault.error() {
                        return Poll::Ready(Err(error));
                    }
                    if !state.waiting.iter().any(|known| known.will_wake(&waker)) {
                        state.waiting.push(waker);
                    }
                    Poll::Pending
                }
            }
        })
        .await?;
        let now = self.clock.now();
        act(&mut self.state().pool, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Default for MemoryProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProvider")
            .field("policy", &self.policy)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}
