//! Tokens, and how long they are valid.
//!
//! An expiry is a time on the *server's* clock, and that clock and ours disagree. A lifetime is a
//! span, and spans agree. So a provider says how long a token lives ([`Lasting`]: `expires_in`, or
//! the difference of `exp` and `iat`), and [`Tokens`] counts that from the moment it was received.
//! This is the correction for drift; nothing else about it needs to be stored.

use std::time::{Duration, SystemTime};

use super::secret::{AccessToken, IdToken, RefreshToken};

/// The least remaining lifetime of a token that is handed out: 5 s, inclusive.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(typed_hub::auth::LEEWAY, Duration::from_secs(5));
/// ```
pub const LEEWAY: Duration = Duration::from_secs(5);

/// The tokens of a session, with times on this machine's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Proves to other services that its bearer may act for the user.
    pub access: AccessToken,
    /// Tells the application who the user is, if the provider issues one. A refresh without an id
    /// token keeps the earlier one, which may have expired: it identifies the user, and the session
    /// at sign-out, but must not be sent on as a proof.
    pub id: Option<IdToken>,
    /// Obtains new tokens, if the provider issues one.
    pub refresh: Option<RefreshToken>,
    /// When the tokens were received, on this machine's clock.
    pub received_at: SystemTime,
    /// When the access token, or an id token issued with it, expires, whichever is first, on this
    /// machine's clock.
    pub expires_at: SystemTime,
}

impl Tokens {
    /// Converts the tokens that a provider has just issued. `now` is the time on this machine's
    /// clock.
    #[must_use]
    pub fn received(issued: IssuedTokens, now: SystemTime) -> Self {
        let access = issued.access.lifetime;
        let lifetime = issued
            .id
            .as_ref()
            .map_or(access, |id| id.lifetime.min(access));
        Self {
            access: issued.access.token,
            id: issued.id.map(|id| id.token),
            refresh: issued.refresh,
            received_at: now,
            // A lifetime beyond the calendar is one that is never over.
            expires_at: now.checked_add(lifetime).unwrap_or_else(|| far_future(now)),
        }
    }

    /// Renews these tokens: the issued tokens replace them, but the refresh token and the id token
    /// stay if no new one was issued ([RFC 6749, section
    /// 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    #[must_use]
    pub fn renewed(&self, issued: IssuedTokens, now: SystemTime) -> Self {
        let renewed = Self::received(issued, now);
        Self {
            id: renewed.id.or_else(|| self.id.clone()),
            refresh: renewed.refresh.or_else(|| self.refresh.clone()),
            ..renewed
        }
    }

    /// Restores stored tokens, for implementations of [`TokenStore`](super::TokenStore): each
    /// argument is the saved value of the field of that name.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use typed_hub::auth::Tokens;
    ///
    /// let (received_at, now) = (SystemTime::UNIX_EPOCH, SystemTime::now());
    /// let expires_at = now + Duration::from_secs(5 * 60);
    /// let tokens = Tokens::restored("access".into(), None, None, received_at, expires_at);
    /// assert!(tokens.are_valid_at(now));
    /// ```
    #[must_use]
    pub fn restored(
        access: AccessToken,
        id: Option<IdToken>,
        refresh: Option<RefreshToken>,
        received_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            access,
            id,
            refresh,
            received_at,
            expires_at,
        }
    }

    /// When to refresh the tokens ahead of time: a tenth of their lifetime before they expire, but
    /// at least 10 s before, and not in the first half.
    pub(super) fn due_at(&self) -> SystemTime {
        let lifetime = self.expires_at.duration_since(self.received_at);
        let lifetime = lifetime.unwrap_or(Duration::ZERO);
        let ahead = (lifetime / 10).max(2 * LEEWAY).min(lifetime / 2);
        self.received_at + lifetime.saturating_sub(ahead)
    }

    /// Whether the tokens are valid for at least [`LEEWAY`] more.
    ///
    /// If `now` is more than [`LEEWAY`] before the time they were received, the clock has been set
    /// back. Then the remaining lifetime is unknown, and the tokens count as expired. A smaller
    /// step back is a clock that is being adjusted.
    #[must_use]
    pub fn are_valid_at(&self, now: SystemTime) -> bool {
        let left = self.expires_at.duration_since(now);
        !self.are_from_after(now) && left.is_ok_and(|left| left >= LEEWAY)
    }

    /// Whether these are the same tokens, but perhaps for the refresh token, which a refresh that has
    /// failed may have replaced.
    pub(super) fn are_those(&self, others: &Self) -> bool {
        let Self {
            access,
            id,
            refresh: _,
            received_at,
            expires_at,
        } = self;
        *access == others.access
            && *id == others.id
            && *received_at == others.received_at
            && *expires_at == others.expires_at
    }

    /// Whether the clock has been set back since the tokens were received.
    pub(super) fn are_from_after(&self, now: SystemTime) -> bool {
        let back = self.received_at.duration_since(now);
        back.is_ok_and(|back| back > LEEWAY)
    }
}

/// The tokens an identity provider issues.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use typed_hub::auth::{IssuedTokens, Lasting, Tokens};
///
/// let issued = IssuedTokens {
///     access: Lasting { token: "…".into(), lifetime: Duration::from_secs(60 * 60) },
///     id: None,
///     refresh: None,
/// };
/// let now = SystemTime::now();
/// assert_eq!(Tokens::received(issued, now).expires_at, now + Duration::from_secs(60 * 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The access token.
    pub access: Lasting<AccessToken>,
    /// The id token, if the provider issues one.
    pub id: Option<Lasting<IdToken>>,
    /// The refresh token. `None` after a refresh means that the one in use stays in use.
    pub refresh: Option<RefreshToken>,
}

/// A token, and its lifetime from the moment it was issued.
///
/// ```
/// use std::time::Duration;
/// use typed_hub::auth::{AccessToken, Lasting};
///
/// let token: Lasting<AccessToken> = Lasting {
///     token: "…".into(),
///     lifetime: Duration::from_secs(5 * 60),
/// };
/// # drop(token);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lasting<T> {
    /// The token.
    pub token: T,
    /// A span, not a time, so that it is the same on every clock.
    pub lifetime: Duration,
}

fn far_future(now: SystemTime) -> SystemTime {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(CENTURY).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn issued(access: u64, id: Option<u64>, refresh: Option<&str>) -> IssuedTokens {
        IssuedTokens {
            access: Lasting {
                token: "access".into(),
                lifetime: Duration::from_secs(access),
            },
            id: id.map(|seconds| Lasting {
                token: "id".into(),
                lifetime: Duration::from_secs(seconds),
            }),
            refresh: refresh.map(Into::into),
        }
    }

    fn after(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(seconds)
    }

    #[test]
    fn exactly_five_seconds_left_still_counts_as_valid() {
        let tokens = Tokens::received(issued(60, None, None), NOW);
        assert!(tokens.are_valid_at(after(55)));
        assert!(!tokens.are_valid_at(after(55) + Duration::from_nanos(1)));
        assert!(!tokens.are_valid_at(after(61)));
    }

    #[test]
    fn the_token_that_expires_first_decides() {
        let id_first = Tokens::received(issued(600, Some(60), None), NOW);
        let access_first = Tokens::received(issued(60, Some(600), None), NOW);
        assert_eq!(id_first.expires_at, after(60));
        assert_eq!(access_first.expires_at, after(60));
    }

    #[test]
    fn a_refresh_token_stays_unless_a_new_one_is_issued() {
        let tokens = Tokens::received(issued(60, None, Some("first")), NOW);
        let kept = tokens.renewed(issued(60, None, None), after(50));
        assert_eq!(kept.refresh, Some("first".into()));
        assert_eq!(kept.expires_at, after(110));
        let rotated = tokens.renewed(issued(60, None, Some("second")), after(50));
        assert_eq!(rotated.refresh, Some("second".into()));
    }

    #[test]
    fn an_id_token_stays_unless_a_new_one_is_issued() {
        let tokens = Tokens::received(issued(60, Some(60), None), NOW);
        let kept = tokens.renewed(issued(600, None, None), after(50));
        assert_eq!(kept.id, Some("id".into()));
        assert_eq!(kept.expires_at, after(650), "it has expired, and stays");
        let mut another = issued(600, Some(600), None);
        another.id.as_mut().unwrap().token = "another".into();
        assert_eq!(tokens.renewed(another, NOW).id, Some("another".into()));
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_nothing_valid() {
        let tokens = Tokens::received(issued(60, None, None), after(100));
        let back = |nanos| after(95) - Duration::from_nanos(nanos);
        assert!(tokens.are_valid_at(after(100)));
        assert!(tokens.are_valid_at(back(0)), "it may step back a little");
        assert!(!tokens.are_valid_at(back(1)));
        let Tokens {
            access,
            received_at,
            expires_at,
            ..
        } = tokens;
        let restored = Tokens::restored(access, None, None, received_at, expires_at);
        assert!(restored.are_valid_at(after(100)));
        assert!(!restored.are_valid_at(back(1)));
    }

    #[test]
    fn a_lifetime_without_end_does_not_overflow() {
        let tokens = Tokens::received(issued(u64::MAX, None, None), NOW);
        assert!(tokens.are_valid_at(after(1_000_000)));
    }
}
