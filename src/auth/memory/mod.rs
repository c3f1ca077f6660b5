//! An embedded user pool: an identity provider that needs no network.
//!
//! For examples, tests and offline work. It has what a real provider has (users, confirmation
//! codes, challenges, expiry, rotation, revocation) and, on demand, its faults.
//!
//! - `options`: its behaviour
//! - `provider`: the traits of a provider
//! - `pool`: the users; `grants`: the sessions
//! - `redirect`: the sign-in page
//! - `fault`: [`Operation`] and [`Fault`], to inject faults

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

/// An identity provider in memory. All clones are one pool.
///
/// It keeps passwords in the clear and numbers its tokens, so it protects nothing: never use it for
/// real users.
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
/// assert!(matches!(client.refresh().await, Err(SessionError::Unreachable(_))));
/// pool.clear_fault(Operation::Refresh);
/// assert!(client.refresh().await.is_ok());
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
    /// The callers that wait for an answer.
    waiting: Vec<Waker>,
}

impl MemoryProvider {
    /// Makes a pool without users, with the system's clock and tokens that last an hour.
    #[must_use]
    pub fn new() -> Self {
        MemoryOptions::builder().build()
    }

    /// Builds a pool with other options.
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

    /// Adds a confirmed user. After the password, these challenges follow, in this order. A user of
    /// the same name is replaced.
    pub fn add_user(
        &self,
        username: &str,
        password: impl Into<Password>,
        challenges: impl IntoIterator<Item = MemoryChallenge>,
    ) {
        let (password, challenges) = (password.into(), challenges.into_iter().collect());
        self.state().pool.add_user(username, password, challenges);
    }

    /// Removes a user, as an administrator would. The user's sessions end at their next refresh.
    pub fn remove_user(&self, username: &str) {
        self.state().pool.remove_user(username);
    }

    /// Revokes all sessions of a user. They end at their next refresh.
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

    /// Makes this operation fail with this fault, until [`clear_fault`](Self::clear_fault).
    pub fn fail(&self, operation: Operation, fault: Fault) {
        self.set_fault(operation, Some(fault));
    }

    /// Lets this operation succeed again. Calls that wait for an answer get it.
    pub fn clear_fault(&self, operation: Operation) {
        self.set_fault(operation, None);
    }

    /// All calls so far, in order, including failed ones.
    #[must_use]
    pub fn calls(&self) -> Vec<Operation> {
        self.state().calls.clone()
    }

    /// The number of calls of this operation so far, including failed ones.
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

    /// Records the call, applies the fault of the operation, and then acts.
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
