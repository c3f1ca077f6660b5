//! Verifies id tokens ([OpenID Connect Core, section
//! 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use openidconnect::core::{
    CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AdditionalClaims, ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, Nonce,
    NonceVerifier, SignatureVerificationError,
};
use serde::{Deserialize, Serialize};

use super::failure::rejected;
use crate::auth::error::ProviderError;
use crate::auth::secret;
use crate::auth::user::AuthUser;

type Token = openidconnect::IdToken<
    Extra,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// Claims beyond those of OpenID Connect.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Extra {
    #[serde(rename = "cognito:username")]
    cognito_username: Option<String>,
    /// The start of validity, in seconds of Unix time ([RFC 7519, section
    /// 4.1.5](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.5)).
    nbf: Option<f64>,
}

impl AdditionalClaims for Extra {}

/// The content of a verified id token.
pub(super) struct Identity {
    pub(super) user: AuthUser,
    pub(super) lifetime: Duration,
}

/// Why an id token is not verified.
pub(super) enum VerifyError {
    /// No known key has signed the token: there may be newer keys.
    UnknownKey,
    /// The keys cannot be fetched.
    NoKeys(ProviderError),
    Refused(ProviderError),
}

/// The grant that an id token was issued for.
#[derive(Clone, Copy)]
pub(super) enum IssuedFor<'a> {
    /// A code. The id token carries this nonce, and is fresh.
    Code(&'a secret::Nonce),
    /// A refresh token. The id token need not carry a nonce, and its times are not checked: a wrong
    /// clock on this machine must not end a session that the provider has just renewed.
    Refresh,
}

impl IssuedFor<'_> {
    pub(super) const fn is_refresh(self) -> bool {
        matches!(self, Self::Refresh)
    }
}

/// The greatest difference between the server's clock and this machine's.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

pub(super) fn verify(
    token: &str,
    client: &ClientId,
    issuer: &IssuerUrl,
    keys: &CoreJsonWebKeySet,
    issued_for: IssuedFor<'_>,
) -> Result<Identity, VerifyError> {
    let not_a_token = |_| VerifyError::Refused(rejected("IdToken", "the id token is none"));
    let token = Token::from_str(token).map_err(not_a_token)?;
    let signed_by_key = [
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        CoreJwsSigningAlgorithm::EdDsa,
    ];
    let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
        IdTokenVerifier::new_public_client(client.clone(), issuer.clone(), keys.clone())
            .set_allowed_algs(signed_by_key)
            .set_time_fn(move || earliest(issued_for).into())
            .set_issue_time_verifier_fn(move |issued| {
                let is_now = SystemTime::from(issued) <= SystemTime::now() + MAX_CLOCK_SKEW;
                (is_now || issued_for.is_refresh())
                    .then_some(())
                    .ok_or_else(|| "it is from the future".to_owned())
            });
    let claims = token
        .claims(&verifier, Expected(issued_for))
        .map_err(|error| match error {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
                | SignatureVerificationError::CryptoError(_),
            ) => VerifyError::UnknownKey,
            error => VerifyError::Refused(rejected("IdToken", message(&error))),
        })?;
    let refuse = |message| Err(VerifyError::Refused(rejected("IdToken", message)));
    if !issued_for.is_refresh() && claims.additional_claims().nbf.is_some_and(is_ahead) {
        return refuse("the id token is not valid yet");
    }
    if claims
        .authorized_party()
        .is_some_and(|party| party != client)
    {
        return refuse("the id token is for somebody else");
    }
    let sub = claims.subject().as_str();
    if sub.is_empty() {
        return refuse("the id token does not say who has signed in");
    }
    let username = claims
        .additional_claims()
        .cognito_username
        .as_deref()
        .or_else(|| claims.preferred_username().map(|name| name.as_str()))
        .or_else(|| claims.email().map(|email| email.as_str()));
    let lifetime = claims.expiration().timestamp() - claims.issue_time().timestamp();
    Ok(Identity {
        user: AuthUser {
            username: username.unwrap_or(sub).to_owned(),
            user_id: sub.to_owned(),
        },
        lifetime: Duration::from_secs(lifetime.try_into().unwrap_or(0)),
    })
}

/// A message of our own: that of the error repeats the content of the token.
const fn message(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "the id token has expired, or is from the future",
        ClaimsVerificationError::InvalidAudience(_) => "the id token is for somebody else",
        ClaimsVerificationError::InvalidIssuer(_) => "the id token is from somebody else",
        ClaimsVerificationError::InvalidNonce(_) => "the id token answers another request",
        ClaimsVerificationError::SignatureVerification(_) => "the id token is not signed by a key",
        _ => "the id token does not verify",
    }
}

/// The time to compare an expiry with.
fn earliest(issued_for: IssuedFor<'_>) -> SystemTime {
    match issued_for {
        IssuedFor::Code(_) => SystemTime::now() - MAX_CLOCK_SKEW,
        IssuedFor::Refresh => SystemTime::UNIX_EPOCH,
    }
}

/// Whether a Unix time, in seconds, is later than any the server's clock can show.
fn is_ahead(time: f64) -> bool {
    let latest = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default() + MAX_CLOCK_SKEW;
    // A time that is no duration is before 1970, or too late to represent.
    Duration::try_from_secs_f64(time).map_or(time > 0.0, |time| time > latest)
}

struct Expected<'a>(IssuedFor<'a>);

impl NonceVerifier for Expected<'_> {
    fn verify(self, nonce: Option<&Nonce>) -> Result<(), String> {
        let IssuedFor::Code(expected) = self.0 else {
            return Ok(());
        };
        let carries = nonce.map(|nonce| secret::Nonce::from(nonce.secret().as_str()));
        (carries.as_ref() == Some(expected))
            .then_some(())
            .ok_or_else(|| "another".to_owned())
    }
}
