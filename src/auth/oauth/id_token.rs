//! The claims of an id token ([OpenID Connect Core, section
//! 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
//!
//! At a refresh, what is *false* ends the session: another issuer, audience or user ([OpenID Connect
//! Core, section 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
//! What is only missing, or cannot be read, is a doubt, and a doubt ends none.
//!
//! A token whose signature cannot be verified is a doubt in itself. Its claims are checked all the
//! same: if one is false, no token of the answer is taken over, not even the refresh token, which may
//! be another user's. But nothing proves that the provider has said so, so the session stays.
//!
//! A doubt hides no falsehood: the other claims are checked all the same, and what is false is told
//! first.

use std::time::{Duration, SystemTime};

use super::failure::{rejected, sanitize};
use super::json::Members;
use super::user::{MAX_SUBJECT, is_subject};
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::secret;
use crate::auth::user::AuthUser;
use crate::sync::now;

/// The greatest difference between the server's clock and this machine's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// The content of a verified id token.
pub(super) struct Identity {
    pub(super) issuer: String,
    pub(super) subject: String,
    /// The user, among all users of the provider.
    pub(super) user_id: String,
    /// From `iat` to `exp`. At a refresh it may be unknown.
    pub(super) lifetime: Option<Duration>,
    pub(super) claims: Members,
}

/// The grant that an id token was issued for.
#[derive(Clone, Copy)]
pub(super) enum IssuedFor<'a> {
    /// A code. The id token carries this nonce, and is fresh.
    Code(&'a secret::Nonce),
    /// A refresh token of this user. The id token need not carry a nonce, and its times are not
    /// checked: a wrong clock on this machine must not end a session that the provider has just
    /// renewed.
    Refresh(&'a AuthUser),
    /// A grant of the past, whose session keeps the id token.
    #[cfg(feature = "oidc")]
    Session,
}

/// Why an id token is not verified.
pub(super) enum VerifyError {
    /// The keys cannot be fetched. If the token was issued for a refresh, its claims are as they
    /// should be.
    NoKeys(ProviderError),
    /// A claim is false, and it is not known whether the provider has signed it; or the signature is
    /// wrong by keys that may have been replaced.
    Unproven(ProviderError),
    /// The time is over, or has not come, by a clock that may be wrong.
    Untimely(ProviderError),
    /// It is false if the kind of the error is [`ProviderErrorKind::Rejected`], and otherwise in
    /// doubt.
    Refused(ProviderError),
}

impl VerifyError {
    pub(super) fn into_error(self) -> ProviderError {
        match self {
            Self::NoKeys(error)
            | Self::Unproven(error)
            | Self::Untimely(error)
            | Self::Refused(error) => error,
        }
    }

    /// Whether the token is known to be false.
    pub(super) fn is_false(&self) -> bool {
        matches!(self, Self::Refused(error) if error.kind == ProviderErrorKind::Rejected)
    }
}

impl From<ProviderError> for VerifyError {
    fn from(error: ProviderError) -> Self {
        Self::Refused(error)
    }
}

/// What an id token must name.
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a str,
    pub(super) issuer: &'a Issuer,
    /// Audiences that may be named beside the client.
    pub(super) trusted: &'a [String],
    pub(super) issued_for: IssuedFor<'a>,
}

impl Expected<'_> {
    /// Checks the claims of an id token whose signature is good.
    pub(super) fn check(&self, claims: Members) -> Result<Identity, VerifyError> {
        let mut doubt = None;
        let mut unless_false = |checked: Result<(), ProviderError>| match checked {
            Err(error) if error.kind != ProviderErrorKind::Rejected => {
                doubt.get_or_insert(error);
                Ok(())
            }
            checked => checked,
        };
        let (issuer, tenant) = (claims.text("iss"), claims.text("tid"));
        unless_false(self.check_issuer(issuer.as_deref(), tenant.as_deref()))?;
        unless_false(self.check_audience(&claims))?;
        unless_false(self.check_party(&claims))?;
        if let IssuedFor::Code(nonce) = self.issued_for {
            let carries = claims.text("nonce").map(secret::Nonce::from);
            if carries.as_ref() != Some(nonce) {
                return Err(false_token("the id token answers another request (nonce)").into());
            }
        }
        let subject = claims.text("sub");
        unless_false(self.check_subject(subject.as_deref(), tenant.as_deref()))?;
        let (Some(issuer), Some(subject), None) = (issuer, subject, &doubt) else {
            let unclear = || doubtful("the id token cannot be understood");
            return Err(doubt.unwrap_or_else(unclear).into());
        };
        if let IssuedFor::Code(_) = self.issued_for {
            check_times(&claims)?;
        }
        let times = claims.number("exp").zip(claims.number("iat"));
        let lifetime = times.map(|(exp, iat)| seconds(exp - iat));
        Ok(Identity {
            user_id: self.issuer.user_id(&subject, tenant.as_deref()),
            issuer,
            subject,
            lifetime,
            claims,
        })
    }

    /// Checks the claims of an id token whose signature cannot be verified, for this reason.
    pub(super) fn check_unverified(&self, claims: Members, unverified: VerifyError) -> VerifyError {
        if unverified.is_false() {
            return unverified;
        }
        match self.check(claims) {
            Err(error) if error.is_false() => {
                let (error, because) = (error.into_error(), unverified.into_error().message);
                VerifyError::Unproven(doubtful(&format!(
                    "{}, and its signature cannot be verified: {because}",
                    error.message
                )))
            }
            // The keys cannot be had, and there is no need of them to know that it is of no use.
            Err(error) if matches!(unverified, VerifyError::NoKeys(_)) => error,
            _ => unverified,
        }
    }

    fn check_issuer(&self, named: Option<&str>, tenant: Option<&str>) -> Result<(), ProviderError> {
        let Some(issuer) = named else {
            return Err(doubtful("the id token does not name its issuer (iss)"));
        };
        if self.issuer.is(issuer, tenant) {
            return Ok(());
        }
        Err(false_token(&format!(
            "the id token is of the issuer {:?} (iss), and not of {:?}",
            sanitize(issuer),
            sanitize(self.issuer.as_str())
        )))
    }

    fn check_subject(
        &self,
        named: Option<&str>,
        tenant: Option<&str>,
    ) -> Result<(), ProviderError> {
        let Some(subject) = named else {
            return Err(doubtful(
                "the id token does not say who has signed in (sub)",
            ));
        };
        if !is_subject(subject) {
            return Err(false_token(&format!(
                "the id token has a user (sub) of more than {MAX_SUBJECT} characters, or with \
                 characters that are not shown"
            )));
        }
        match self.issued_for {
            IssuedFor::Refresh(user) if !self.issuer.is_user(&user.user_id, subject, tenant) => {
                Err(false_token("the id token is another user's (sub)"))
            }
            _ => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Members) -> Result<(), ProviderError> {
        if !claims.has("aud") {
            return Err(doubtful("the id token does not say whom it is for (aud)"));
        }
        let Some(named) = claims.texts("aud").filter(|named| !named.is_empty()) else {
            return Err(self.unclear("the audience of the id token cannot be read (aud)"));
        };
        if !named.iter().any(|audience| audience == self.client_id) {
            return Err(false_token(&format!(
                "the id token is for {:?} (aud), and not for the client {:?}",
                sanitize(&named.join(" ")),
                sanitize(self.client_id)
            )));
        }
        let mut others = named.iter().filter(|audience| *audience != self.client_id);
        if let Some(other) = others.clone().find(|other| !self.trusted.contains(other)) {
            return Err(false_token(&format!(
                "the id token is also for {:?} (aud), which is not one of the trusted audiences",
                sanitize(other)
            )));
        }
        if others.next().is_some() && !claims.has("azp") {
            return Err(self.unclear(
                "the id token is for several audiences, and does not say for which party (azp)",
            ));
        }
        Ok(())
    }

    fn check_party(&self, claims: &Members) -> Result<(), ProviderError> {
        match claims.text("azp") {
            Some(party) if party == self.client_id => Ok(()),
            Some(party) => Err(false_token(&format!(
                "the id token is for the party {:?} (azp), and not for the client {:?}",
                sanitize(&party),
                sanitize(self.client_id)
            ))),
            None if claims.has("azp") => {
                Err(self.unclear("the id token is for a party that cannot be read (azp)"))
            }
            None => Ok(()),
        }
    }

    /// An id token that does not prove what it must: it signs no user in, and ends no session.
    fn unclear(&self, message: &str) -> ProviderError {
        if let IssuedFor::Code(_) = self.issued_for {
            false_token(message)
        } else {
            doubtful(message)
        }
    }
}

fn check_times(claims: &Members) -> Result<(), VerifyError> {
    let now = now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (now, skew) = (now.as_secs_f64(), MAX_CLOCK_SKEW.as_secs_f64());
    let time = |claim: &str| {
        let none = || format!("the id token has no time that can be read ({claim})");
        claims.number(claim).ok_or_else(|| false_token(&none()))
    };
    let expired = now - time("exp")?;
    if expired >= skew {
        return Err(VerifyError::Untimely(false_token(&format!(
            "the id token expired {expired:.0} s ago, by the clock of this machine (exp)"
        ))));
    }
    for (claim, what) in [("iat", "issued"), ("nbf", "valid")] {
        if claim == "nbf" && !claims.has(claim) {
            continue;
        }
        let ahead = time(claim)? - now;
        if ahead > skew {
            return Err(VerifyError::Untimely(false_token(&format!(
                "the id token is {what} only in {ahead:.0} s, by the clock of this machine ({claim})"
            ))));
        }
    }
    Ok(())
}

/// A span of seconds; none if it is negative, and the longest if it is longer.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// The issuer that a provider's id tokens must name.
///
/// `{tenantid}` in it stands for the tenant that the id token names in its `tid`, as in the
/// documents of [Microsoft
/// Entra](https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer).
#[derive(Clone, Debug)]
pub(crate) struct Issuer(String);

const TENANT: &str = "{tenantid}";

impl Issuer {
    pub(crate) const fn new(issuer: String) -> Self {
        Self(issuer)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for the issuers of several tenants.
    pub(crate) fn has_tenants(&self) -> bool {
        self.0.contains(TENANT)
    }

    /// Whether this is the issuer, of any tenant.
    pub(crate) fn may_be(&self, issuer: &str) -> bool {
        let Some((before, after)) = self.0.split_once(TENANT) else {
            return self.is(issuer, None);
        };
        let tenant = issuer.strip_prefix(before);
        let tenant = tenant.and_then(|rest| rest.strip_suffix(after));
        tenant.is_some_and(is_tenant)
    }

    /// The identifier of a user, which no other user of the provider has: the subject, with the tenant
    /// if there are several, since a subject is unique only for its issuer ([OpenID Connect Core,
    /// section 5.7](https://openid.net/specs/openid-connect-core-1_0.html#ClaimStability)). A tenant
    /// has no dot.
    fn user_id(&self, subject: &str, tenant: Option<&str>) -> String {
        match tenant.filter(|_| self.has_tenants()) {
            Some(tenant) => format!("{subject}.{tenant}"),
            None => subject.to_owned(),
        }
    }

    /// Whether a user has this subject. The tenant is compared if it is named.
    fn is_user(&self, user_id: &str, subject: &str, tenant: Option<&str>) -> bool {
        match user_id.rsplit_once('.') {
            Some((of_user, _)) if self.has_tenants() && tenant.is_none() => of_user == subject,
            _ => user_id == self.user_id(subject, tenant),
        }
    }

    pub(super) fn is(&self, issuer: &str, tenant: Option<&str>) -> bool {
        // Google's tokens may leave out the scheme:
        // https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
        let is_google = self.0 == "https://accounts.google.com" && issuer == "accounts.google.com";
        match (self.0.split_once(TENANT), tenant) {
            (Some((before, after)), Some(tenant)) => {
                is_tenant(tenant) && *issuer == format!("{before}{tenant}{after}")
            }
            (Some(_), None) => false,
            (None, _) => issuer == self.0 || is_google,
        }
    }
}

fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// An id token that proves nothing.
pub(super) fn false_token(message: &str) -> ProviderError {
    rejected("IdToken", message)
}

/// An id token that may be good, and cannot be understood.
pub(super) fn doubtful(message: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InTransit, "IdToken", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_that_of_the_tenant_and_no_other() {
        let issuer = Issuer::new("https://id.example.org/{tenantid}/v2.0".into());
        let of = |tenant| format!("https://id.example.org/{tenant}/v2.0");
        assert!(issuer.is(&of("a-1"), Some("a-1")));
        assert!(!issuer.is(&of("a-1"), Some("b-2")));
        assert!(!issuer.is(&of("a-1"), None));
        assert!(!issuer.is(issuer.as_str(), Some("{tenantid}")));
        assert!(!issuer.is(&of("a/../b"), Some("a/../b")));
        assert!(issuer.may_be(&of("a-1")));
        assert!(!issuer.may_be(&of("")));
        assert!(!issuer.may_be("https://id.example.org/v2.0"));
    }

    #[test]
    fn google_may_leave_out_its_scheme_and_no_other_may() {
        let google = Issuer::new("https://accounts.google.com".into());
        assert!(google.is("accounts.google.com", None));
        assert!(google.may_be("https://accounts.google.com"));
        let other = Issuer::new("https://id.example.org".into());
        assert!(!other.is("id.example.org", None));
    }

    #[test]
    fn a_span_is_never_out_of_range() {
        assert_eq!(seconds(-5.0), Duration::ZERO);
        assert_eq!(seconds(1.5), Duration::from_millis(1500));
        assert_eq!(seconds(1e300), Duration::MAX);
    }
}
