//! The tokens of the service, and their user.

use std::time::Duration;

use super::failure::{sanitize, unreadable};
use crate::auth::error::ProviderError;
use crate::auth::oauth::failure;
use crate::auth::oauth::hide::hide_secrets;
use crate::auth::oauth::json::Members;
use crate::auth::oauth::jwt::Jwt;
use crate::auth::oauth::user::{is_subject, name_in};
use crate::auth::tokens::{IssuedTokens, Lasting};
use crate::auth::user::AuthUser;
use aws_sdk_cognitoidentityprovider::types::AuthenticationResultType;

/// The lifetime of a token that does not say its own, in seconds: the service's default.
const DEFAULT_LIFETIME: u64 = 3_600;

/// The claims that name the user of an id token. It comes directly from the service, so it is not
/// verified.
const USERNAME_CLAIMS: [&str; 2] = ["cognito:username", "username"];

/// The user of the tokens, if their id token can be read.
pub(super) fn subject_of(result: &AuthenticationResultType) -> Option<String> {
    Jwt::claims_in(result.id_token()?)?.text("sub")
}

/// Reads the tokens and their user. No error repeats a token.
pub(super) fn read_tokens(
    result: AuthenticationResultType,
) -> Result<(AuthUser, IssuedTokens), ProviderError> {
    let issued = [
        &result.access_token,
        &result.id_token,
        &result.refresh_token,
    ];
    let issued: Vec<_> = issued.into_iter().flatten().cloned().collect();
    read(result).map_err(|error| hide_secrets(error, issued.iter().map(|token| &**token)))
}

fn read(result: AuthenticationResultType) -> Result<(AuthUser, IssuedTokens), ProviderError> {
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(kind) = said(result.token_type)
        && !kind.eq_ignore_ascii_case("bearer")
    {
        let kind = sanitize(&kind);
        let message = format!("only tokens of the type Bearer are supported, and not of {kind:?}");
        return Err(failure::unsupported(&message));
    }
    let access = said(result.access_token).ok_or_else(|| unreadable("there is no access token"))?;
    let id = said(result.id_token).ok_or_else(|| unreadable("there is no id token"))?;
    let claims = Jwt::claims_in(&id).ok_or_else(|| unreadable("the id token is none"))?;
    let sub = claims.text("sub").filter(|sub| is_subject(sub));
    let user_id = sub.ok_or_else(|| unreadable("the id token does not say who has signed in"))?;
    let id_lifetime = lifetime(&claims);
    // If the service does not say how long the access token lasts, the token itself does.
    let seconds = u64::try_from(result.expires_in)
        .ok()
        .filter(|&seconds| seconds > 0)
        .or_else(|| lifetime(&Jwt::claims_in(&access)?))
        .or(id_lifetime)
        .unwrap_or(DEFAULT_LIFETIME);
    let names = USERNAME_CLAIMS.map(str::to_owned);
    let username = name_in(&[&claims], &names).unwrap_or_else(|| user_id.clone());
    let user = AuthUser::new(username, user_id);
    let tokens = IssuedTokens {
        access: Lasting {
            token: access.into(),
            lifetime: Duration::from_secs(seconds),
        },
        id: Some(Lasting {
            token: id.into(),
            lifetime: Duration::from_secs(id_lifetime.unwrap_or(seconds)),
        }),
        refresh: said(result.refresh_token).map(Into::into),
    };
    Ok((user, tokens))
}

/// For how many seconds a token is valid, by its claims.
fn lifetime(claims: &Members) -> Option<u64> {
    let seconds = claims.number("exp")? - claims.number("iat")?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|lifetime| lifetime.as_secs())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    use super::*;

    fn read_of(claims: &str) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let token = format!("e30.{}.e30", BASE64.encode(claims));
        read_tokens(
            AuthenticationResultType::builder()
                .access_token("opaque")
                .id_token(token)
                .refresh_token("")
                .build(),
        )
    }

    #[test]
    fn a_claim_that_is_not_used_may_be_odd() {
        for claims in [
            r#"{"sub":"1","cognito:username":"ada","exp":130,"iat":"10","auth_time":"soon"}"#,
            r#"{"sub":"1","cognito:username":"ada","exp":130.5,"iat":10,"cognito:groups":null}"#,
            r#"{"sub":"1","cognito:username":"","username":"ada","exp":130,"iat":10}"#,
        ] {
            let (user, tokens) = read_of(claims).unwrap();
            assert_eq!(user.username, "ada", "{claims}");
            assert_eq!(tokens.access.lifetime.as_secs(), 120, "{claims}");
        }
    }

    #[test]
    fn an_empty_refresh_token_is_none() {
        let (_, tokens) = read_of(r#"{"sub":"1"}"#).unwrap();
        assert!(tokens.refresh.is_none());
        assert_eq!(tokens.access.lifetime.as_secs(), DEFAULT_LIFETIME);
    }

    #[test]
    fn a_name_that_deceives_its_reader_is_none() {
        for name in [r"a\u0000b", r"\u202eada", &"a".repeat(100_000)] {
            let claims = format!(r#"{{"sub":"1","cognito:username":"{name}"}}"#);
            assert_eq!(read_of(&claims).unwrap().0.username, "1");
        }
    }

    #[test]
    fn tokens_that_are_not_of_a_bearer_are_refused() {
        for (kind, is_refused) in [
            ("", false),
            ("bearer", false),
            ("DPoP", true),
            ("mac", true),
        ] {
            let result = AuthenticationResultType::builder()
                .access_token("opaque")
                .id_token(format!("e30.{}.e30", BASE64.encode(r#"{"sub":"1"}"#)))
                .token_type(kind);
            let read = read_tokens(result.build());
            assert_eq!(read.is_err(), is_refused, "{kind}: {read:?}");
        }
    }

    #[test]
    fn tokens_of_nobody_are_refused() {
        for claims in [r#"{"sub":""}"#, r#"{"sub":7}"#, "{}", "[]"] {
            assert!(read_of(claims).is_err(), "{claims}");
        }
    }
}
