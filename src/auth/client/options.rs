//! The options of a client.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "redirect")]
use std::time::Duration;

use typed_builder::TypedBuilder;

use super::AuthClient;
use super::transaction::Inner;
use crate::auth::clock::{Clock, SystemClock};
use crate::auth::error::NewClientError;
use crate::auth::provider::IdentityProvider;
use crate::auth::store::TokenStore;
use crate::hub::Hub;

/// The options of an [`AuthClient`], set by [`AuthClient::builder`].
#[derive(TypedBuilder)]
#[builder(
    builder_type(doc = "Options of an [`AuthClient`]."),
    build_method(
        doc = "Makes the client. Nothing is read or sent yet.\n\n# Errors\n\n[`NewClientError`]: the hub has a client already.",
        into = Result<AuthClient<P, S>, NewClientError<P, S>>
    )
)]
pub struct AuthOptions<P: IdentityProvider, S: TokenStore> {
    /// The hub on which the events are published.
    hub: Hub,
    /// The identity provider.
    provider: P,
    /// The store that keeps the session.
    store: S,
    /// The clock by which tokens expire; unless set, that of the operating system.
    #[builder(
        default = Arc::new(SystemClock),
        setter(transform = |clock: impl Clock| Arc::new(clock) as Arc<dyn Clock>)
    )]
    clock: Arc<dyn Clock>,
    /// How long [`AuthClient::session`] waits for a sign-in by redirect in progress; unless set, 10
    /// s.
    #[cfg(feature = "redirect")]
    #[builder(default = Duration::from_secs(10))]
    redirect_wait: Duration,
}

impl<P: IdentityProvider, S: TokenStore> From<AuthOptions<P, S>>
    for Result<AuthClient<P, S>, NewClientError<P, S>>
{
    fn from(options: AuthOptions<P, S>) -> Self {
        let AuthOptions {
            hub,
            provider,
            store,
            clock,
            #[cfg(feature = "redirect")]
            redirect_wait,
        } = options;
        let inner = Inner::new(provider, store, &hub, clock)?;
        #[cfg(feature = "redirect")]
        let inner = inner.with_redirect_wait(redirect_wait);
        Ok(AuthClient {
            inner: Arc::new(inner),
        })
    }
}

impl<P: IdentityProvider, S: TokenStore> fmt::Debug for AuthOptions<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthOptions").finish_non_exhaustive()
    }
}
