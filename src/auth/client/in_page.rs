//! Sign-in by redirect in the same page.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::window;

use super::AuthClient;
use super::redirect::RedirectGuard;
use crate::auth::error::RedirectError;
use crate::auth::machine::RedirectAbort;
use crate::auth::provider::redirect::{AuthorizeUrl, RedirectProvider};
use crate::auth::redirect::{CallbackInPage, RedirectOptions, callback_in};
use crate::auth::store::TokenStore;
use crate::auth::user::AuthUser;
use crate::sync::page::{self, EventListener};

impl<P: RedirectProvider, S: TokenStore> AuthClient<P, S> {
    /// Begins a sign-in by redirect, and leaves this page for that of the provider. Exists in a page only
    /// (`wasm32-unknown-unknown`).
    ///
    /// The page ends soon after, so the store must outlive it: a [`WebStore`](crate::auth::WebStore), with
    /// the feature `web-store`. When the user comes back, the redirect URI loads the page anew: call
    /// [`complete_redirect_in_page`](Self::complete_redirect_in_page) whenever the page starts.
    ///
    /// The future does not end while the page is being left. It ends if the user goes back and the browser
    /// shows this page again as it was left: the sign-in is then cancelled. If the browser does not leave the
    /// page after all, [`cancel_redirect`](Self::cancel_redirect) ends the sign-in and the future. If the
    /// future is dropped, the sign-in goes on.
    ///
    /// ```
    /// use typed_hub::auth::redirect::RedirectOptions;
    /// use typed_hub::auth::{AuthClient, RedirectError, RedirectProvider, TokenStore};
    ///
    /// /// When the user asks for it.
    /// async fn sign_in<P: RedirectProvider, S: TokenStore>(
    ///     client: &AuthClient<P, S>,
    /// ) -> Result<(), RedirectError> {
    ///     let page = "https://app.example.org/"; // this one, as registered at the provider
    ///     let options = RedirectOptions::builder().redirect_uri(page).build();
    ///     client.sign_in_in_page(options).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cancelled`](RedirectError::Cancelled) if the user has come back without signing in, and
    /// [`AlreadySignedIn`](RedirectError::AlreadySignedIn) if a user is signed in, or another page has signed
    /// in meanwhile. Any other [`RedirectError`]: no sign-in has begun, and the page stays.
    /// [`NotOpened`](RedirectError::NotOpened) if there is no page to leave, as in a Web Worker, or the
    /// address is not one of `https` or `http`.
    pub async fn sign_in_in_page(&self, options: RedirectOptions) -> Result<(), RedirectError> {
        let (page, state, mut guard) = self.begin_redirect(options).await?;
        if leave_for(&page).is_none() {
            return not_opened(guard).await;
        }
        guard.disarm();
        self.inner.until_not_redirecting(until_shown_again()).await;
        let ended = self
            .inner
            .submit(move |machine, now| machine.on_return(state, now));
        Err(ended.outcome().await)
    }

    /// Completes a sign-in by redirect if the page has been loaded by the callback of one: call it whenever
    /// the page starts. `None` if the address of the page is no callback: an `error` without a `state` is one
    /// only while a sign-in is under way that comes back to this address. Exists in a page only
    /// (`wasm32-unknown-unknown`).
    ///
    /// First takes the code, the state and the error out of the address bar and the history, so that they
    /// do not stay there, and a reload does not hand them in again; an error without a state, when the
    /// sign-in has ended. The other parameters stay. If a page has several clients, or signs in elsewhere by
    /// OAuth too, give each a redirect URI of its own, and call this on the page of this client's alone.
    /// Events are those of [`complete_redirect`](Self::complete_redirect).
    ///
    /// ```
    /// use typed_hub::auth::{AuthClient, RedirectProvider, TokenStore};
    ///
    /// /// Whenever the page starts.
    /// async fn start<P: RedirectProvider, S: TokenStore>(client: &AuthClient<P, S>) {
    ///     match client.complete_redirect_in_page().await {
    ///         Ok(Some(user)) => println!("{} has signed in", user.username),
    ///         Ok(None) => println!("no callback has loaded the page"),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`complete_redirect`](Self::complete_redirect).
    /// [`NothingUnderWay`](RedirectError::NothingUnderWay) also if a forged callback has loaded the page while
    /// no sign-in was under way, or if the user has gone back to a callback that was used already.
    pub async fn complete_redirect_in_page(&self) -> Result<Option<AuthUser>, RedirectError> {
        let Some((address, callback)) = callback_in_address_bar() else {
            return Ok(None);
        };
        if callback.has_state {
            clear_address_bar(&callback);
            return self.complete_redirect(&address).await.map(Some);
        }
        match self.complete_redirect(&address).await {
            // The error is one of the page's own.
            Err(RedirectError::NothingUnderWay | RedirectError::NotTheCallback) => Ok(None),
            // It is not known whether it is.
            Err(error @ RedirectError::Store(_)) => Err(error),
            other => {
                // The page may have gone on meanwhile.
                if address_bar().as_ref() == Some(&address) {
                    clear_address_bar(&callback);
                }
                other.map(Some)
            }
        }
    }
}

fn leave_for(page: &AuthorizeUrl) -> Option<()> {
    // Any other scheme runs a script, or a program.
    let is_page = ["https:", "http:"]
        .iter()
        .any(|scheme| page.as_str().starts_with(scheme));
    let window = window().filter(|_| is_page)?;
    window.location().assign(page.as_str()).ok()
}

/// Waits until the browser shows the page again as it was left, which no new load of the page is.
async fn until_shown_again() {
    let (shown, fulfil) = page::promise();
    let _listener = EventListener::new("pageshow", move |event| {
        let is_kept = Reflect::get(&event, &"persisted".into());
        if is_kept.is_ok_and(|is_kept| is_kept.is_truthy()) {
            let _ = fulfil.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = JsFuture::from(shown).await;
}

async fn not_opened<P: RedirectProvider, S: TokenStore>(
    guard: RedirectGuard<'_, P, S>,
) -> Result<(), RedirectError> {
    let error = RedirectError::NotOpened;
    guard.end(RedirectAbort::NotOpened, error).await.map(drop)
}

fn address_bar() -> Option<String> {
    window()?.location().href().ok()
}

fn callback_in_address_bar() -> Option<(String, CallbackInPage)> {
    let address = address_bar()?;
    let callback = callback_in(&address)?;
    Some((address, callback))
}

/// Takes the callback out of the address bar. If the browser refuses, the callback is still good.
fn clear_address_bar(callback: &CallbackInPage) {
    let history = window().and_then(|window| window.history().ok());
    if let Some(history) = history
        // The state of the history's entry belongs to the application.
        && let Ok(state) = history.state()
    {
        let _ = history.replace_state_with_url(&state, "", Some(&callback.cleared));
    }
}
