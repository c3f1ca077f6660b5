//! Refreshing ahead of time.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use super::AuthClient;
use super::transaction::Inner;
use crate::auth::machine::{Due, Machine};
use crate::auth::provider::IdentityProvider;
use crate::auth::send::MaybeSend;
use crate::auth::store::TokenStore;

/// The pause after a failed refresh: doubled each time, up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(5 * 60);

/// The longest sleep before the clock is looked at again. The timer of a runtime stands still while
/// the machine is suspended, and the tokens expire all the same.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// A task that refreshes the tokens before they expire, so that callers of
    /// [`session`](Self::session) need not wait: spawn it once. The task ends with the last handle
    /// of its client. It keeps the client alive, and the hub claimed, only while it refreshes.
    ///
    /// `sleep` is that of the application's runtime, for example `tokio::time::sleep`. A refresh is
    /// due when a tenth of the tokens' lifetime is left, but at least 10 s, or half of the lifetime
    /// if that is shorter. A refresh that fails in transit is retried after 5 s, then after twice
    /// as long each time, up to 5 min, and so is the saving of new tokens that the store has
    /// refused. The task looks at the clock once a minute, so that a refresh which fell due while the
    /// machine was suspended comes soon after. The events are those of [`session`](Self::session).
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let client = AuthClient::new(Hub::new(), MemoryProvider::new())?;
    /// let task = tokio::spawn(client.keep_fresh(tokio::time::sleep));
    /// drop(client);
    /// task.await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn keep_fresh<F, T>(
        &self,
        sleep: F,
    ) -> impl Future<Output = ()> + MaybeSend + use<F, T, P, S>
    where
        F: Fn(Duration) -> T + MaybeSend,
        T: Future<Output = ()> + MaybeSend,
    {
        let inner = Arc::downgrade(&self.inner);
        let (mut retry, mut tried) = (FIRST_RETRY, false);
        async move {
            while let Some(client) = Self::alive(&inner) {
                // No handle of the job is kept while it sleeps: one would keep the hub claimed.
                let schedule = client
                    .inner
                    .submit(Machine::refresh_schedule)
                    .outcome()
                    .await;
                let wait = match schedule.due {
                    Due::Now if !tried => {
                        // The next schedule shows whether it has succeeded.
                        let _ = client.refresh().await;
                        tried = true;
                        continue;
                    }
                    Due::Now => {
                        let longer = LAST_RETRY.min(retry * 2);
                        Some(mem::replace(&mut retry, longer))
                    }
                    Due::In(wait) => {
                        retry = FIRST_RETRY;
                        Some(wait.min(LONGEST_SLEEP))
                    }
                    Due::Never => None,
                };
                tried = false;
                let change = client.inner.until_session_changes(schedule.session);
                drop(client);
                let mut change = pin!(change);
                let mut slept = pin!(wait.map(&sleep));
                poll_fn(|context| {
                    let slept = slept.as_mut().as_pin_mut();
                    if slept.is_some_and(|slept| slept.poll(context).is_ready()) {
                        return Poll::Ready(());
                    }
                    change.as_mut().poll(context)
                })
                .await;
            }
        }
    }

    pub(super) fn alive(inner: &Weak<Inner<P, S>>) -> Option<Self> {
        let inner = inner.upgrade()?;
        Some(Self { inner })
    }
}
