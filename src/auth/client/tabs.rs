//! Following what other tabs do.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::AuthClient;
use crate::auth::provider::IdentityProvider;
use crate::auth::web::WebStore;

impl<P: IdentityProvider> AuthClient<P, WebStore> {
    /// A task that notices what other tabs do to the session: spawn it once, on
    /// `wasm_bindgen_futures::spawn_local`. This client then publishes at once what it would otherwise
    /// publish at its next call: `SignedIn` after a sign-in in another tab, `TokenRefresh` after a refresh,
    /// `SignedOut` after a sign-out. The [table of events](crate::guide::auth_events) has the details.
    ///
    /// The first read of the store publishes nothing: call [`current_user`](Self::current_user) when the page
    /// starts.
    ///
    /// The task ends with the last handle of its client. It is told by the browser's `storage` events,
    /// and when the page returns from the cache of the browser.
    ///
    /// ```
    /// use typed_hub::auth::{AuthClient, CurrentUserError, MemoryProvider, WebStore};
    /// use wasm_bindgen_futures::spawn_local;
    ///
    /// async fn start(client: &AuthClient<MemoryProvider, WebStore>) -> Result<(), CurrentUserError> {
    ///     spawn_local(client.follow_tabs());
    ///     if let Some(user) = client.current_user().await? {
    ///         println!("{} is signed in", user.username);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn follow_tabs(&self) -> impl Future<Output = ()> + use<P> {
        let weak = Arc::downgrade(&self.inner);
        let changes = self.inner.store().changes();
        async move {
            let Some(changes) = changes else { return };
            while let Some(inner) = weak.upgrade() {
                let session = inner.machine().session_id();
                let ended = inner.until_session_changes(session);
                drop(inner);
                let mut ended = pin!(ended);
                let mut changed = pin!(changes.next());
                let is_changed = poll_fn(|context| {
                    if changed.as_mut().poll(context).is_ready() {
                        return Poll::Ready(true);
                    }
                    ended.as_mut().poll(context).map(|()| false)
                })
                .await;
                if is_changed && let Some(client) = Self::alive(&weak) {
                    // If the store cannot be read, the next call says so.
                    let _ = client.current_user().await;
                }
            }
        }
    }
}
