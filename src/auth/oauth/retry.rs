//! Which requests are sent again, and when: the policy of every provider.
//!
//! A request is sent again if there was no connection to send it on, so that it had no effect, or if
//! the server says that it was too busy to act. If its answer was cut off, the server may have acted: a
//! refresh may have replaced the refresh token.

use std::time::{Duration, SystemTime};

/// How often a request is sent at most.
pub(crate) const ATTEMPTS: u32 = 3;

/// The pause after the first attempt. It doubles with each further one.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest pause, unless the server asks for a longer one.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether a server that answers with this status says that it could not serve the request: too many
/// requests ([RFC 6585, section 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)), or out of
/// service ([RFC 9110, section 15.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4)).
///
/// Neither RFC promises that it had no effect: a gateway may answer 503 after it has passed the
/// request on. It is sent again all the same. Such a status is far more often the answer of a server
/// that turns requests away, and asks for another attempt by its `Retry-After`. If a refresh had
/// its effect after all, the new refresh token is lost with the answer, and a later refresh would send
/// the old one as well.
pub(crate) const fn is_unserved(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// The pause after so many attempts: at random between a half and the whole, so that clients that
/// have failed at once do not come back at once. `asked` is how long the server asks to wait.
pub(super) fn pause(attempts: u32, asked: Option<Duration>) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << (attempts - 1).min(8));
    let half = longest.min(LONGEST_PAUSE) / 2;
    // Without a source of random numbers, the pause is the longest.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    let pause = half + half.mul_f64(f64::from(random) / f64::from(u32::MAX));
    asked.map_or(pause, |asked| asked.max(pause))
}

/// How long a server asks to wait, in seconds or until a time ([RFC 9110, section
/// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let seconds = header.trim().parse().map(Duration::from_secs);
    seconds.ok().or_else(|| {
        let time = httpdate::parse_http_date(header.trim()).ok()?;
        Some(time.duration_since(now).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_not_alike() {
        let within = |attempts, from: u64, to: u64| {
            let pause = pause(attempts, None).as_millis();
            (u128::from(from)..=u128::from(to)).contains(&pause)
        };
        for _ in 0..100 {
            assert!(within(1, 100, 200) && within(2, 200, 400) && within(32, 1_000, 2_000));
        }
        let first: Vec<_> = (0..10).map(|_| pause(1, None)).collect();
        assert!(first.iter().any(|pause| *pause != first[0]), "{first:?}");
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        assert_eq!(
            pause(1, Some(Duration::from_secs(60))),
            Duration::from_secs(60)
        );
        assert!(pause(1, Some(Duration::ZERO)) >= FIRST_PAUSE / 2);
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let asked = retry_after(header, now);
            assert_eq!(asked, seconds.map(Duration::from_secs), "{header}");
        }
    }
}
