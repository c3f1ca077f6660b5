//! The time: from the system, or set by hand.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::sync::{Mutex, now};

/// The clock by which tokens expire.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> SystemTime;
}

/// The clock of the operating system or, in a page, of the browser.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        now()
    }
}

/// Waits for a timer, which needs no runtime.
#[cfg(all(
    feature = "redirect",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
pub(crate) async fn sleep(pause: Duration) {
    futures_timer::Delay::new(pause).await;
}

#[cfg(all(feature = "redirect", target_family = "wasm", target_os = "unknown"))]
pub(crate) use crate::sync::page::sleep;

/// A clock that moves only when [`advance`](Self::advance) is called: for tests, and to try out
/// what happens an hour from now. All clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use typed_hub::auth::{Clock, ManualClock};
///
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60 * 60));
/// assert_eq!(clock.now(), before + Duration::from_secs(60 * 60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<SystemTime>>);

impl ManualClock {
    /// A clock that shows `time`.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    /// Moves the clock on.
    ///
    /// # Panics
    ///
    /// If the operating system cannot represent the new time.
    pub fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

/// Starts at 9 September 2001, 01:46:40 UTC: a billion seconds after the Unix epoch.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock()
    }
}
