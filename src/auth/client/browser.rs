//! Sign-in in a browser on this machine.

use std::time::{Duration, Instant};

use futures_timer::Delay;

use super::AuthClient;
use super::redirect::run_until_cancelled;
use crate::auth::error::RedirectError;
use crate::auth::machine::RedirectAbort;
use crate::auth::provider::callback::Callback;
use crate::auth::provider::redirect::{AuthorizeUrl, RedirectProvider};
use crate::auth::redirect::{Loopback, LoopbackError, RedirectOptions};
use crate::auth::store::TokenStore;
use crate::auth::user::AuthUser;

impl<P: RedirectProvider, S: TokenStore> AuthClient<P, S> {
    /// Signs in by redirect, from the first page to the last: calls `open` with the address of the
    /// page, and waits for the browser on a loopback address ([RFC 8252, section
    /// 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)). Pass
    /// [`redirect::open`](crate::auth::redirect::open) to open the user's browser, and set
    /// [`Loopback::redirect_uri`] in the options. `open` runs on the thread that polls the future, so
    /// it should start the browser and return, and not wait for the user.
    ///
    /// The call ends when the user has signed in or declined, when the page cannot be opened, when
    /// another handle of the client ends or replaces the sign-in, and when `limit` is over. If the
    /// future is dropped, the sign-in has failed, and `SignInWithRedirectFailure` is published.
    /// Callbacks without the state of this sign-in are ignored: any program or web page on this
    /// machine can send one. `localhost` in the redirect URI is admitted.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use typed_hub::Hub;
    /// use typed_hub::auth::redirect::{self, Loopback, RedirectOptions};
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let client = AuthClient::new(Hub::new(), MemoryProvider::new())?;
    /// let loopback = Loopback::bind()?;
    /// let options = RedirectOptions::builder().redirect_uri(loopback.redirect_uri()).build();
    /// let limit = Duration::from_secs(5 * 60);
    /// let user = client.sign_in_in_browser(&loopback, options, redirect::open, limit).await?;
    /// println!("{} signed in", user.username);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`RedirectError`], [`TimedOut`](RedirectError::TimedOut) and
    /// [`NotOpened`](RedirectError::NotOpened) among them.
    pub async fn sign_in_in_browser(
        &self,
        loopback: &Loopback,
        options: RedirectOptions,
        open: impl FnOnce(&AuthorizeUrl) -> Result<(), LoopbackError> + Send,
        limit: Duration,
    ) -> Result<AuthUser, RedirectError> {
        loopback.expect(&options.redirect_uri);
        let (page, state, mut guard) = self.begin_redirect(options).await?;
        loopback.await_state(&state);
        if open(&page).is_err() {
            return guard
                .end(RedirectAbort::NotOpened, RedirectError::NotOpened)
                .await;
        }
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let mut error = None;
            let ended = async { error = Some(self.inner.until_redirect_end(&state).await) };
            let callback = run_until_cancelled(ended, loopback.callback(left)).await;
            let callback = match callback {
                Some(Ok(callback)) => callback,
                Some(Err(LoopbackError::TimedOut)) => {
                    return guard
                        .end(RedirectAbort::TimedOut, RedirectError::TimedOut)
                        .await;
                }
                Some(Err(_)) => return Err(RedirectError::Cancelled),
                None => {
                    guard.disarm();
                    return Err(error.unwrap_or(RedirectError::Superseded));
                }
            };
            if !Callback::of(&callback).has_state(&state) {
                continue; // of another page on this machine, or of an earlier sign-in
            }
            let left = Delay::new(limit.saturating_sub(begun.elapsed()));
            match self.complete(&callback, left).await {
                Err(RedirectError::NotTheCallback | RedirectError::NothingUnderWay) => {}
                completed => {
                    guard.disarm();
                    return completed;
                }
            }
        }
    }
}
