//! The token endpoint ([RFC 6749, section
//! 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)): tokens for a code, and new tokens for a
//! refresh token.

use std::time::{Duration, SystemTime};

use super::failure::{
    in_transit, misconfigured, refusal, rejected, sanitize, unreadable, unsupported,
};
use super::http::shown;
use super::id_token::{Identity, IssuedFor, VerifyError, seconds};
use super::json::Members;
use super::jwt::Jwt;
use super::user::name_in;
use super::{Endpoints, OAuth};
use crate::auth::error::{ProviderError, ProviderErrorKind};
use crate::auth::provider::redirect::RedirectGrant;
use crate::auth::provider::refresh::RefreshError;
use crate::auth::secret::RefreshToken;
use crate::auth::tokens::{IssuedTokens, Lasting};
use crate::auth::user::AuthUser;
use crate::sync::now;

/// The lifetime of an access token if the server does not tell it in any way.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

impl OAuth {
    /// Exchanges a code. An id token is required: it identifies the user.
    pub(crate) async fn exchange(
        &self,
        at: &Endpoints,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let is_own = |issuer: &String| at.issuer.may_be(issuer);
        if !grant.issuer.as_ref().is_none_or(is_own) {
            return Err(another_issuer());
        }
        if at.sends_issuer && grant.issuer.is_none() {
            return Err(rejected(
                "IssuerMissing",
                "the callback does not say who has issued the code, and this provider always does",
            ));
        }
        self.keys(at).await?; // fetched first: without keys, the code would be spent in vain
        let (code, verifier) = (grant.code.expose(), grant.verifier.expose());
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &grant.redirect_uri),
            ("code_verifier", verifier),
        ];
        let sent = [code, verifier, grant.nonce.expose()];
        let answer = self.ask(at, &form).await;
        let answer = answer.map_err(|error| self.redact(error, &sent))?;
        let identified = self.identify(at, &answer, grant).await;
        identified.map_err(|error| {
            let issued = tokens_in(&answer);
            let secrets: Vec<_> = sent
                .into_iter()
                .chain(issued.iter().map(|t| &**t))
                .collect();
            self.redact(error, &secrets)
        })
    }

    /// The user and the tokens of an answer. If it is false, its refresh token is revoked. Other
    /// tokens that cannot be used expire: they may be good, and some providers revoke all that the
    /// user has granted to the application.
    async fn identify(
        &self,
        at: &Endpoints,
        answer: &Members,
        grant: &RedirectGrant,
    ) -> Result<(AuthUser, IssuedTokens), ProviderError> {
        let identified = async {
            let issued = self.issue(at, answer, IssuedFor::Code(&grant.nonce)).await;
            let (identity, tokens) = issued?;
            let identity = identity.ok_or_else(|| {
                misconfigured("IdToken", "there is no id token: ask for the scope openid")
            })?;
            let is_other = |issuer: &String| *issuer != identity.issuer;
            // The callback's issuer has been compared with the provider's, which of several tenants
            // it is has not.
            if at.issuer.has_tenants() && grant.issuer.as_ref().is_some_and(is_other) {
                return Err(another_issuer().into());
            }
            let user = self
                .user(at, &identity, tokens.access.token.expose())
                .await?;
            Ok((user, tokens))
        };
        let identified: Result<_, VerifyError> = identified.await;
        if identified.as_ref().is_err_and(VerifyError::is_false)
            && let Some(refresh) = answer.text("refresh_token")
        {
            // If it cannot be revoked, it expires.
            let _ = self.revoke(at, &refresh.into()).await;
        }
        identified.map_err(VerifyError::into_error)
    }

    /// Renews the tokens of this user. If the new tokens are false, or another user's, the session
    /// is ended ([OpenID Connect Core, section
    /// 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    #[cfg_attr(
        not(feature = "oidc"),
        expect(dead_code, reason = "a user pool refreshes by its API")
    )]
    pub(crate) async fn refresh(
        &self,
        at: &Endpoints,
        user: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, RefreshError> {
        self.keys(at).await?; // fetched first: a failure loses nothing yet
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.expose()),
        ];
        let answer = self.ask(at, &form).await;
        let answer = answer.map_err(|error| self.redact(error, &[token.expose()]))?;
        let replacement = answer.text("refresh_token").map(RefreshToken::from);
        let (error, replacement) = match self.issue(at, &answer, IssuedFor::Refresh(user)).await {
            Ok((_, tokens)) => return Ok(tokens),
            // It may be another user's.
            Err(VerifyError::Unproven(error)) => (error, None),
            Err(error) => (error.into_error(), replacement),
        };
        if error.kind == ProviderErrorKind::Rejected {
            // The session ends here, so end it at the provider as well.
            let _ = self.revoke(at, replacement.as_ref().unwrap_or(token)).await;
        }
        let mut secrets = tokens_in(&answer);
        secrets.push(token.expose().to_owned());
        let secrets: Vec<_> = secrets.iter().map(|secret| &**secret).collect();
        Err(RefreshError {
            error: self.redact(error, &secrets),
            replacement,
        })
    }

    /// The answer of the token endpoint, unless it is a refusal.
    async fn ask(&self, at: &Endpoints, form: &[(&str, &str)]) -> Result<Members, ProviderError> {
        let answer = self.post(&at.token, at.client_auth, form).await;
        let answer = answer.map_err(|error| in_transit(&error))?;
        let members = Members::of(&answer.body);
        // Some providers refuse with the status of a success.
        let refuses = |members: &Members| members.has("error") && !members.has("access_token");
        if !answer.is_success() || members.as_ref().is_some_and(refuses) {
            return Err(refusal(&answer, &at.token));
        }
        let at = shown(&at.token);
        members.ok_or_else(|| unreadable(&format!("the answer is not a JSON object: {at}")))
    }

    /// Reads the tokens of an answer, and verifies the id token if there is one ([RFC 6749, section
    /// 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
    async fn issue(
        &self,
        at: &Endpoints,
        answer: &Members,
        issued_for: IssuedFor<'_>,
    ) -> Result<(Option<Identity>, IssuedTokens), VerifyError> {
        let id_token = answer.text("id_token");
        // First, so that nothing else of the answer hides whose it is.
        let identity = match &id_token {
            None => None,
            Some(token) => match self.verify(at, token, issued_for).await {
                Ok(identity) => Some(identity),
                // The refresh token may have been replaced: a missing key must not lose it.
                Err(VerifyError::NoKeys(_)) if matches!(issued_for, IssuedFor::Refresh(_)) => None,
                Err(error) => return Err(error),
            },
        };
        if let Some(kind) = answer.text("token_type")
            && !kind.eq_ignore_ascii_case("bearer")
        {
            return Err(VerifyError::Refused(unsupported(&format!(
                "only tokens of the type Bearer are supported, and not of {:?}",
                sanitize(&kind)
            ))));
        }
        let access = answer.text("access_token").ok_or_else(|| {
            VerifyError::Refused(unreadable(&format!(
                "there is no access token in the answer: {}",
                shown(&at.token)
            )))
        })?;
        let said = answer.number("expires_in").filter(|span| *span > 0.0);
        let of_id_token = identity.as_ref().and_then(|identity| identity.lifetime);
        let lifetime = said
            .map(seconds)
            .or_else(|| lifetime_of(&access))
            .or_else(|| of_id_token.filter(|span| !span.is_zero()))
            .unwrap_or(DEFAULT_LIFETIME);
        let verified = id_token.filter(|_| identity.is_some());
        let tokens = IssuedTokens {
            access: Lasting {
                token: access.into(),
                lifetime,
            },
            id: verified.map(|token| Lasting {
                token: token.into(),
                lifetime: of_id_token.unwrap_or(lifetime),
            }),
            refresh: answer.text("refresh_token").map(Into::into),
        };
        Ok((identity, tokens))
    }

    /// The user, by the id token and by the userinfo endpoint if that is to be asked.
    async fn user(
        &self,
        at: &Endpoints,
        identity: &Identity,
        access: &str,
    ) -> Result<AuthUser, ProviderError> {
        let mut info = None;
        if let Some(endpoint) = &at.userinfo {
            let claims = self.http.json(endpoint, Some(access)).await?;
            // OpenID Connect Core, section 5.3.2.
            if claims.text("sub").as_ref() != Some(&identity.subject) {
                return Err(rejected(
                    "Userinfo",
                    &format!("the claims at {} are another user's (sub)", shown(endpoint)),
                ));
            }
            info = Some(claims);
        }
        let sources: Vec<_> = info.iter().chain([&identity.claims]).collect();
        let name = name_in(&sources, &self.registration.username_claims);
        let name = name.unwrap_or_else(|| identity.subject.clone());
        Ok(AuthUser::new(name, &identity.user_id))
    }
}

/// The lifetime of an access token that is a JSON Web Token, by its own claims.
fn lifetime_of(access: &str) -> Option<Duration> {
    let claims = Members::of(&Jwt::claims_of(access)?)?;
    let now = now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let from = claims.number("iat").unwrap_or(now.as_secs_f64());
    let span = claims.number("exp")? - from;
    (span > 0.0).then(|| seconds(span))
}

/// The tokens of an answer, of which no message may repeat one.
fn tokens_in(answer: &Members) -> Vec<String> {
    let tokens = ["access_token", "refresh_token", "id_token"];
    tokens.iter().filter_map(|name| answer.text(name)).collect()
}

fn another_issuer() -> ProviderError {
    rejected("IssuerMismatch", "another provider has issued the code")
}
