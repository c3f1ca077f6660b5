//! Waiting for a lock in a page, on its timers.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::sync::Instant;
use crate::sync::page::sleep;

/// The pause between two attempts to take a lock.
const RETRY: Duration = Duration::from_millis(4);

/// Takes a lock: tries until the attempt returns a guard. Dropping the future ends the attempts.
///
/// # Errors
///
/// [`ErrorKind::TimedOut`] if the lock is not free within `limit`; and the error of an attempt.
pub(crate) async fn acquire<G>(
    limit: Duration,
    mut attempt: impl FnMut() -> io::Result<Option<G>>,
) -> Result<G, ErrorKind> {
    let begun = Instant::now();
    loop {
        if let Some(guard) = attempt().map_err(|error| error.kind())? {
            return Ok(guard);
        }
        if begun.elapsed() >= limit {
            return Err(ErrorKind::TimedOut);
        }
        sleep(RETRY).await;
    }
}
