//! The tokens of the service, and their user.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::AuthenticationResultType;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::unreadable;
use crate::auth::error::ProviderError;
use crate::auth::tokens::{IssuedTokens, Lasting};
use crate::auth::user::AuthUser;

/// The claims that are read. The token comes directly from the service, so it is not verified.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(rename = "cognito:username")]
    cognito_username: Option<String>,
    username: Option<String>,
    exp: u64,
    iat: u64,
}

/// The claims of an access token that are read.
#[derive(Deserialize)]
struct Times {
    exp: u64,
    iat: u64,
}

pub(super) fn read_tokens(
    result: AuthenticationResultType,
) -> Result<(AuthUser, IssuedTokens), ProviderError> {
    let access = result
        .access_token
        .ok_or_else(|| unreadable("there is no access token"))?;
    let id = result
        .id_token
        .ok_or_else(|| unreadable("there is no id token"))?;
    let claims = claims(&id)?;
    if access.is_empty() || claims.sub.is_empty() {
        return Err(unreadable("the tokens are of nobody"));
    }
    let id_lifetime = claims.exp.saturating_sub(claims.iat);
    // If the service does not say how long the access token lasts, the token itself does.
    let said = u64::try_from(result.expires_in)
        .ok()
        .filter(|&seconds| seconds > 0);
    let seconds = said.unwrap_or_else(|| lifetime(&access).unwrap_or(id_lifetime));
    let user = AuthUser {
        username: claims
            .cognito_username
            .or(claims.username)
            .unwrap_or_else(|| claims.sub.clone()),
        user_id: claims.sub,
    };
    let tokens = IssuedTokens {
        access: Lasting {
            token: access.into(),
            lifetime: Duration::from_secs(seconds),
        },
        id: Some(Lasting {
            token: id.into(),
            lifetime: Duration::from_secs(id_lifetime),
        }),
        refresh: result.refresh_token.map(Into::into),
    };
    Ok((user, tokens))
}

fn claims(token: &str) -> Result<Claims, ProviderError> {
    payload(token).ok_or_else(|| unreadable("the id token is none"))
}

fn lifetime(token: &str) -> Option<u64> {
    let Times { exp, iat } = payload(token)?;
    Some(exp.saturating_sub(iat))
}

fn payload<T: DeserializeOwned>(token: &str) -> Option<T> {
    let payload = BASE64.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}
