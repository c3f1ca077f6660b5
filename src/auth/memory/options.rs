//! The options of the pool.

use std::sync::Arc;
use std::time::Duration;

use typed_builder::TypedBuilder;

use super::grants::TokenPolicy;
use super::{MemoryProvider, State};
use crate::auth::clock::{Clock, SystemClock};
use crate::sync::Mutex;

/// The options of a [`MemoryProvider`].
///
/// ```
/// use typed_hub::auth::MemoryProvider;
///
/// let pool = MemoryProvider::builder().rotate_refresh_tokens(false).build();
/// ```
#[derive(Debug, TypedBuilder)]
#[builder(
    builder_type(doc = "Options of a [`MemoryProvider`]."),
    build_method(doc = "Opens the pool.", into = MemoryProvider)
)]
pub struct MemoryOptions {
    /// The clock by which tokens expire; unless set, that of the operating system.
    #[builder(
        default = Arc::new(SystemClock),
        setter(transform = |clock: impl Clock| Arc::new(clock) as Arc<dyn Clock>)
    )]
    clock: Arc<dyn Clock>,
    /// How long an access token lasts; unless set, an hour.
    #[builder(default = Duration::from_secs(60 * 60))]
    access_lifetime: Duration,
    /// How long an id token lasts; unless set, an hour.
    #[builder(default = Duration::from_secs(60 * 60))]
    id_lifetime: Duration,
    /// How long a session can be refreshed after the sign-in; unless set, 30 days.
    #[builder(default = Duration::from_secs(30 * 24 * 60 * 60))]
    refresh_lifetime: Duration,
    /// Whether refresh tokens are issued; unless set, yes.
    #[builder(default = true)]
    issue_refresh_tokens: bool,
    /// Whether each refresh replaces the refresh token; unless set, yes. Using a replaced token
    /// ends the session.
    #[builder(default = true)]
    rotate_refresh_tokens: bool,
}

impl From<MemoryOptions> for MemoryProvider {
    fn from(options: MemoryOptions) -> Self {
        Self {
            clock: options.clock,
            policy: TokenPolicy {
                access_lifetime: options.access_lifetime,
                id_lifetime: options.id_lifetime,
                refresh_lifetime: options.refresh_lifetime,
                issues_refresh_tokens: options.issue_refresh_tokens,
                rotates_refresh_tokens: options.rotate_refresh_tokens,
            },
            state: Arc::new(Mutex::new(State::default())),
        }
    }
}
