//! The sessions a pool has granted, and their tokens.

use std::time::{Duration, SystemTime};

use super::pool::{not_authorized, rejected};
use crate::auth::error::ProviderError;
use crate::auth::secret::{AccessToken, IdToken, RefreshToken};
use crate::auth::tokens::{IssuedTokens, Lasting};

/// How long tokens last, and whether refresh tokens are issued and rotated.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenPolicy {
    pub(super) access_lifetime: Duration,
    pub(super) id_lifetime: Duration,
    pub(super) refresh_lifetime: Duration,
    pub(super) issues_refresh_tokens: bool,
    pub(super) rotates_refresh_tokens: bool,
}

#[derive(Default)]
pub(super) struct Grants {
    grants: Vec<Grant>,
    /// The number of secrets made so far.
    secrets: u64,
}

/// A session of the pool.
struct Grant {
    username: String,
    granted_at: SystemTime,
    /// The access tokens that have not expired, and when they were issued.
    access: Vec<(AccessToken, SystemTime)>,
    /// All refresh tokens of the session; only the last is valid.
    refresh: Vec<RefreshToken>,
    revoked: bool,
}

impl Grants {
    pub(super) fn grant(
        &mut self,
        username: &str,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> IssuedTokens {
        let tokens = self.issue(policy);
        self.grants.push(Grant {
            username: username.to_owned(),
            granted_at: now,
            access: vec![(tokens.access.token.clone(), now)],
            refresh: tokens.refresh.clone().into_iter().collect(),
            revoked: false,
        });
        tokens
    }

    pub(super) fn refresh(
        &mut self,
        token: &RefreshToken,
        is_user: impl FnOnce(&str) -> bool,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<IssuedTokens, ProviderError> {
        let position = self
            .grants
            .iter()
            .position(|grant| grant.refresh.contains(token))
            .ok_or_else(|| not_authorized("this refresh token is not known"))?;
        self.grants[position].admit(token, is_user, policy, now)?;

        let mut tokens = self.issue(policy);
        if !policy.rotates_refresh_tokens {
            tokens.refresh = None;
        }
        let grant = &mut self.grants[position];
        let lifetime = policy.access_lifetime;
        grant
            .access
            .retain(|(_, issued_at)| !is_over(*issued_at, lifetime, now));
        grant.access.push((tokens.access.token.clone(), now));
        grant.refresh.extend(tokens.refresh.clone());
        Ok(tokens)
    }

    pub(super) fn revoke(&mut self, token: &RefreshToken) {
        for grant in &mut self.grants {
            grant.revoked |= grant.refresh.contains(token);
        }
    }

    pub(super) fn revoke_all(&mut self, username: &str) {
        for grant in &mut self.grants {
            grant.revoked |= grant.username == username;
        }
    }

    /// The user whose access token this is.
    pub(super) fn bearer(
        &self,
        token: &AccessToken,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<String, ProviderError> {
        self.grants
            .iter()
            .filter(|grant| !grant.revoked)
            .find(|grant| {
                grant.access.iter().any(|(access, issued_at)| {
                    access == token && !is_over(*issued_at, policy.access_lifetime, now)
                })
            })
            .map(|grant| grant.username.clone())
            .ok_or_else(|| not_authorized("this access token is not good any more"))
    }

    /// Makes a secret. It is not random, but is easy to recognise if it leaks.
    pub(super) fn secret(&mut self, kind: &str) -> String {
        self.secrets += 1;
        format!("embedded-pool-secret.{kind}.{:06}", self.secrets)
    }

    fn issue(&mut self, policy: TokenPolicy) -> IssuedTokens {
        IssuedTokens {
            access: Lasting {
                token: AccessToken::from(self.secret("access")),
                lifetime: policy.access_lifetime,
            },
            id: Some(Lasting {
                token: IdToken::from(self.secret("id")),
                lifetime: policy.id_lifetime,
            }),
            refresh: policy
                .issues_refresh_tokens
                .then(|| RefreshToken::from(self.secret("refresh"))),
        }
    }
}

impl Grant {
    /// Checks that this refresh token is valid.
    fn admit(
        &mut self,
        token: &RefreshToken,
        is_user: impl FnOnce(&str) -> bool,
        policy: TokenPolicy,
        now: SystemTime,
    ) -> Result<(), ProviderError> {
        if self.refresh.last() != Some(token) {
            self.revoked = true; // the first use may have been a thief's
            return Err(rejected(
                "RefreshTokenReuseException",
                "this refresh token has been used before",
            ));
        }
        if !is_user(&self.username) {
            return Err(rejected("UserNotFoundException", "this user is gone"));
        }
        if self.revoked {
            return Err(rejected(
                "TokenRevokedException",
                "this refresh token has been revoked",
            ));
        }
        if is_over(self.granted_at, policy.refresh_lifetime, now) {
            return Err(not_authorized("this refresh token has expired"));
        }
        Ok(())
    }
}

fn is_over(start: SystemTime, lifetime: Duration, now: SystemTime) -> bool {
    now.duration_since(start).is_ok_and(|age| age >= lifetime)
}
