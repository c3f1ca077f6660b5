//! Signing in in a browser on this machine.

use std::time::{Duration, Instant};

use super::AuthClient;
use crate::auth::error::RedirectError;
use crate::auth::machine::Unredirected;
use crate::auth::provider::IdentityProvider;
use crate::auth::provider::redirect::{AuthorizeUrl, RedirectProvider};
use crate::auth::redirect::{Loopback, LoopbackError, RedirectOptions};
use crate::auth::secret::RedirectState;
use crate::auth::store::TokenStore;
use crate::auth::user::AuthUser;

impl<P: RedirectProvider, S: TokenStore> AuthClient<P, S> {
    /// Signs in by redirect, from the first page to the last: `open` is handed the address to open,
    /// and the browser is waited for on a loopback address
    /// ([RFC 8252, section 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)). Pass
    /// [`redirect::open`](crate::auth::redirect::open) to have the user's browser opened, and
    /// [`Loopback::redirect_uri`] among the options.
    ///
    /// It ends when the user has signed in or declined, after `limit` in any case, and when it is
    /// dropped: then the sign-in has failed, and `SignInWithRedirectFailure` is published.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use typed_hub::Hub;
    /// use typed_hub::auth::redirect::{Loopback, RedirectOptions};
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let client = AuthClient::new(Hub::new(), MemoryProvider::new());
    /// let loopback = Loopback::bind()?;
    /// let options = RedirectOptions::builder().redirect_uri(loopback.redirect_uri()).build();
    /// let show = |page: &typed_hub::auth::AuthorizeUrl| println!("open {}", page.as_str());
    /// let limit = Duration::from_mins(5);
    /// let user = client.sign_in_in_browser(&loopback, options, show, limit).await?;
    /// println!("{} signed in", user.username);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`RedirectError`], [`TimedOut`](RedirectError::TimedOut) among them.
    pub async fn sign_in_in_browser(
        &self,
        loopback: &Loopback,
        options: RedirectOptions,
        open: impl FnOnce(&AuthorizeUrl) + Send,
        limit: Duration,
    ) -> Result<AuthUser, RedirectError> {
        let (page, state) = self.begin_redirect(options).await?;
        let mut waiting = Waiting {
            client: self,
            state: Some(state),
        };
        open(&page);
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let callback = match loopback.callback(left).await {
                Ok(callback) => callback,
                Err(LoopbackError::TimedOut) => return waiting.time_out().await,
                Err(_) => return Err(RedirectError::Cancelled),
            };
            match self.complete_redirect(&callback).await {
                // Some other page of this machine has called.
                Err(RedirectError::NotTheCallback) => {}
                completed => {
                    waiting.state = None;
                    return completed;
                }
            }
        }
    }
}

/// A user is waited for: when this is dropped, no longer.
struct Waiting<'a, P: IdentityProvider, S: TokenStore> {
    client: &'a AuthClient<P, S>,
    state: Option<RedirectState>,
}

impl<P: IdentityProvider, S: TokenStore> Waiting<'_, P, S> {
    async fn time_out(mut self) -> Result<AuthUser, RedirectError> {
        if let Some(state) = self.state.take() {
            let why = Unredirected::TimedOut(state);
            let inner = &self.client.inner;
            let ended = inner.begin(move |machine, _| machine.unredirected(why));
            ended.outcome().await?;
        }
        Err(RedirectError::TimedOut)
    }
}

impl<P: IdentityProvider, S: TokenStore> Drop for Waiting<'_, P, S> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            let why = Unredirected::GivenUp(state);
            let inner = &self.client.inner;
            drop(inner.begin(move |machine, _| machine.unredirected(why)));
        }
    }
}
