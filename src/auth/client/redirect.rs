//! Sign-in by redirect.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::AuthClient;
use super::sign_in::check_length;
use crate::auth::clock::sleep;
use crate::auth::error::{Field, RedirectError};
use crate::auth::machine::{CallbackId, Exchange, Machine, NewSession, RedirectAbort};
use crate::auth::provider::IdentityProvider;
use crate::auth::provider::callback::Callback;
use crate::auth::provider::redirect::{AuthorizeRequest, AuthorizeUrl, RedirectProvider};
use crate::auth::redirect::{RedirectOptions, RedirectSecrets};
use crate::auth::secret::RedirectState;
use crate::auth::store::{PendingRedirect, TokenStore};
use crate::auth::user::AuthUser;

impl<P: RedirectProvider, S: TokenStore> AuthClient<P, S> {
    /// Begins a sign-in by redirect and returns the address of the page: open it in a browser, and
    /// pass the URL that the browser comes back with to
    /// [`complete_redirect`](Self::complete_redirect). Nothing is published yet.
    ///
    /// The state of the sign-in is in the token store, so the application may exit meanwhile and be
    /// started again by the callback. It supersedes an earlier sign-in in progress.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::redirect::RedirectOptions;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool.clone())?;
    ///
    /// let options = RedirectOptions::builder().redirect_uri("org.example.app://back").build();
    /// let page = client.sign_in_with_redirect(options).await?;
    /// // With another provider this is done by the user, in a browser.
    /// let callback = pool.visit(&page, "ada", "correct horse")?;
    /// let user = client.complete_redirect(&callback).await?;
    /// assert_eq!(user.username, "ada");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`RedirectError`]: no sign-in has begun.
    pub async fn sign_in_with_redirect(
        &self,
        options: RedirectOptions,
    ) -> Result<AuthorizeUrl, RedirectError> {
        let (page, _, mut guard) = self.begin_redirect(options).await?;
        guard.disarm();
        Ok(page)
    }

    /// Returns the page, the state that its callback will carry, and the guard that ends the
    /// redirect if the caller is dropped.
    pub(super) async fn begin_redirect(
        &self,
        options: RedirectOptions,
    ) -> Result<(AuthorizeUrl, RedirectState, RedirectGuard<'_, P, S>), RedirectError> {
        // An empty state counts as none, as in the original (F29).
        let custom_state = options.custom_state.filter(|state| !state.is_empty());
        if let Some(state) = &custom_state {
            check_length(Field::CustomState, state)?;
        }
        let begun = self.inner.submit(|machine, _| machine.begin_sign_in());
        let attempt = begun.outcome().await;
        let session = self.current_session().await;
        self.inner
            .submit(move |machine, now| machine.begin_redirect(attempt, &session, now))
            .outcome()
            .await?;

        let secrets = RedirectSecrets::new(custom_state.as_deref(), options.nonce);
        let request = AuthorizeRequest {
            redirect_uri: options.redirect_uri.clone(),
            state: secrets.state.clone(),
            nonce: secrets.nonce.clone(),
            code_challenge: secrets.challenge(),
            scopes: options.scopes,
            identity_provider: options.identity_provider,
            prompt: options.prompt,
            login_hint: options.login_hint,
            lang: options.lang,
        };
        let page = self.inner.provider().authorize_url(&request).await;
        let page = page.map_err(RedirectError::Provider)?;
        let state = secrets.state.clone();
        let begun = PendingRedirect {
            state: secrets.state,
            verifier: secrets.verifier,
            nonce: secrets.nonce,
            redirect_uri: options.redirect_uri,
            custom_state,
            begun_at: self.inner.now(),
        };
        let begun = self
            .inner
            .submit(move |machine, _| machine.on_authorize_url(attempt, begun));
        let mut guard = RedirectGuard {
            client: self,
            state: Some(state.clone()),
        };
        if let Err(error) = begun.outcome().await {
            guard.disarm();
            return Err(error);
        }
        Ok((page, state, guard))
    }

    /// Completes a sign-in by redirect with the URL that the browser has come back with, be it a
    /// success or an error. Publishes `SignInWithRedirect` and `SignedIn`, or
    /// `SignInWithRedirectFailure`.
    ///
    /// The state is compared in full, and a callback is used once. If the future is dropped while
    /// it waits for the provider, the sign-in has failed.
    ///
    /// # Errors
    ///
    /// [`RedirectError`]: this call has signed in no user. Unless the error says otherwise, the
    /// failure was published, and the sign-in is over.
    pub async fn complete_redirect(&self, url: &str) -> Result<AuthUser, RedirectError> {
        self.complete(url, pending()).await
    }

    /// Completes the sign-in, or fails with [`RedirectError::TimedOut`] if `time_limit` ends before the
    /// provider has replied.
    pub(super) async fn complete(
        &self,
        url: &str,
        time_limit: impl Future<Output = ()> + Send,
    ) -> Result<AuthUser, RedirectError> {
        let callback = Callback::of(url).check_issuer(|iss| self.inner.provider().is_issuer(iss));
        let id = self.inner.next_callback();
        let guard = ExchangeGuard { client: self, id };
        let Exchange {
            attempt,
            grant,
            custom_state,
        } = self
            .inner
            .submit(move |machine, now| machine.on_callback(id, callback, now))
            .outcome()
            .await?;
        let exchange = self.inner.provider().exchange(&grant);
        let Some(reply) = run_until_cancelled(time_limit, exchange).await else {
            let abandoned = self
                .inner
                .submit(move |machine, _| machine.abandon_exchange(id, &RedirectError::TimedOut));
            abandoned.outcome().await;
            return Err(RedirectError::TimedOut);
        };
        let received = self.inner.now();
        let issued = match &reply {
            Ok((_, tokens)) => tokens.refresh.clone(),
            Err(_) => None,
        };
        let begun = self.inner.submit(move |machine, _| {
            machine.on_exchange_reply(id, attempt, custom_state, reply, received)
        });
        std::mem::forget(guard);
        let (user, unused) = match begun.outcome().await {
            Ok(NewSession { user, replaced }) => (Ok(user), replaced),
            // Another client has signed in. The browser may have got the same session again, and
            // revoking would end it.
            Err(RedirectError::AlreadySignedIn) => (Err(RedirectError::AlreadySignedIn), None),
            Err(error) => (Err(error), issued),
        };
        self.revoke_unused(unused).await;
        user
    }

    /// Cancels the sign-in by redirect in progress, for example when the user has closed the page.
    /// Publishes `SignInWithRedirectFailure`. If its callback is being completed, that call fails.
    ///
    /// # Errors
    ///
    /// [`RedirectError::NothingUnderWay`], and [`RedirectError::Store`] when the store cannot be
    /// read.
    pub async fn cancel_redirect(&self) -> Result<(), RedirectError> {
        let why = RedirectAbort::Cancelled;
        let ended = self
            .inner
            .submit(move |machine, _| machine.abort_redirect(why));
        ended.outcome().await
    }
}

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Waits for the end of a sign-in by redirect in progress, at most for `limit`.
    pub(super) async fn wait_for_redirect(&self, limit: Duration) {
        let known = self.inner.submit(Machine::redirect_wait);
        if let Some(left) = known.outcome().await {
            let limit = sleep(limit.min(left));
            self.inner.until_not_redirecting(limit).await;
        }
    }
}

/// Runs the task. `None` if `cancel` ends first.
pub(super) async fn run_until_cancelled<T>(
    cancel: impl Future<Output = ()>,
    task: impl Future<Output = T>,
) -> Option<T> {
    let (mut cancel, mut task) = (pin!(cancel), pin!(task));
    poll_fn(|context| match task.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => cancel.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Ends the sign-in by redirect if the caller is dropped before it has the page, or while it waits
/// for the user.
pub(super) struct RedirectGuard<'a, P: IdentityProvider, S: TokenStore> {
    pub(super) client: &'a AuthClient<P, S>,
    pub(super) state: Option<RedirectState>,
}

impl<P: IdentityProvider, S: TokenStore> RedirectGuard<'_, P, S> {
    /// The sign-in has ended, or goes on without the caller.
    pub(super) fn disarm(&mut self) {
        self.state = None;
    }

    /// Ends the sign-in, unless it has ended.
    #[cfg(any(
        feature = "loopback",
        all(target_family = "wasm", target_os = "unknown")
    ))]
    pub(super) async fn end(
        mut self,
        how: impl FnOnce(RedirectState) -> RedirectAbort,
        error: RedirectError,
    ) -> Result<AuthUser, RedirectError> {
        if let Some(state) = self.state.take() {
            let how = how(state);
            let inner = &self.client.inner;
            let ended = inner.submit(move |machine, _| machine.abort_redirect(how));
            ended.outcome().await?;
        }
        Err(error)
    }
}

impl<P: IdentityProvider, S: TokenStore> Drop for RedirectGuard<'_, P, S> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            let why = RedirectAbort::GivenUp(state);
            let inner = &self.client.inner;
            drop(inner.submit(move |machine, _| machine.abort_redirect(why)));
        }
    }
}

/// Fails the sign-in if the caller is dropped while the provider exchanges the code.
struct ExchangeGuard<'a, P: IdentityProvider, S: TokenStore> {
    client: &'a AuthClient<P, S>,
    id: CallbackId,
}

impl<P: IdentityProvider, S: TokenStore> Drop for ExchangeGuard<'_, P, S> {
    fn drop(&mut self) {
        let id = self.id;
        let inner = &self.client.inner;
        drop(
            inner.submit(move |machine, _| machine.abandon_exchange(id, &RedirectError::Cancelled)),
        );
    }
}
