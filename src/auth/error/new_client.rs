//! Making a client.

use std::fmt;

use thiserror::Error;

/// [`AuthClient::new`](super::super::AuthClient::new) or `build()` made no client: the hub has one
/// already. Nothing was published, read or sent.
///
/// Share the client of the hub by cloning it, or give each account a hub of its own. The hub is free
/// again when the last handle of its client is dropped; see "One client to a hub" at
/// [`AuthClient`](super::super::AuthClient).
///
/// The error hands back the provider and the store. The hub was a handle: keep a clone.
///
/// ```
/// use typed_hub::Hub;
/// use typed_hub::auth::{AuthClient, MemoryProvider};
///
/// let hub = Hub::new();
/// let ada = AuthClient::new(hub.clone(), MemoryProvider::new())?;
///
/// let refused = AuthClient::new(hub, MemoryProvider::new()).unwrap_err();
/// println!("{refused}");
/// let (provider, store) = refused.into_parts();
/// let grace = AuthClient::builder()
///     .hub(Hub::new()) // another account, another hub
///     .provider(provider)
///     .store(store)
///     .build()?;
/// # drop((ada, grace));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Error)]
#[error(
    "the hub has an auth client already: share that client by cloning it, or give each account a hub of its own"
)]
pub struct NewClientError<P, S>(Box<(P, S)>);

impl<P, S> NewClientError<P, S> {
    pub(crate) fn new(provider: P, store: S) -> Self {
        Self(Box::new((provider, store)))
    }

    /// Returns the provider and the store.
    #[must_use]
    pub fn into_parts(self) -> (P, S) {
        *self.0
    }
}

/// Shows neither the provider, which may hold a client secret, nor the store.
impl<P, S> fmt::Debug for NewClientError<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewClientError").finish_non_exhaustive()
    }
}
