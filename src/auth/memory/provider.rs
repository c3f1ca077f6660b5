//! The provider traits of the pool.

use super::MemoryProvider;
use super::fault::Operation;
use crate::auth::error::ProviderError;
use crate::auth::provider::challenge::{Answer, OpenChallenge};
use crate::auth::provider::redirect::LogoutUrl;
use crate::auth::provider::refresh::RefreshError;
use crate::auth::provider::{
    Attributes, IdentityProvider, SignInReply, SignInRequest, SignUpStep, UserPool,
};
use crate::auth::secret::{AccessToken, Code, IdToken, Password, RefreshToken};
use crate::auth::tokens::IssuedTokens;
use crate::auth::user::AuthUser;

impl IdentityProvider for MemoryProvider {
    async fn refresh(
        &self,
        _: &AuthUser,
        token: &RefreshToken,
    ) -> Result<IssuedTokens, RefreshError> {
        let tokens = self.call(Operation::Refresh, |pool, now| {
            pool.refresh(token, self.policy, now)
        });
        Ok(tokens.await?)
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), ProviderError> {
        self.call(Operation::Revoke, |pool, _| {
            pool.grants.revoke(token);
            Ok(())
        })
        .await
    }

    async fn sign_out_everywhere(&self, token: &AccessToken) -> Result<(), ProviderError> {
        self.call(Operation::SignOutEverywhere, |pool, now| {
            let username = pool.grants.bearer(token, self.policy, now)?;
            pool.grants.revoke_all(&username);
            Ok(())
        })
        .await
    }

    async fn logout_url(&self, id: Option<&IdToken>) -> Option<LogoutUrl> {
        let hint = id.map_or("", IdToken::expose);
        let page = format!("memory://pool/sign-out?id_token_hint={hint}");
        Some(LogoutUrl::new(page))
    }
}

impl UserPool for MemoryProvider {
    async fn sign_up(
        &self,
        username: &str,
        password: &Password,
        attributes: &Attributes,
    ) -> Result<SignUpStep, ProviderError> {
        self.call(Operation::SignUp, |pool, _| {
            pool.sign_up(username, password, attributes)
        })
        .await?;
        Ok(SignUpStep::Confirm {
            destination: attributes.get("email").cloned(),
        })
    }

    async fn confirm_sign_up(&self, username: &str, code: &Code) -> Result<(), ProviderError> {
        self.call(Operation::ConfirmSignUp, |pool, _| {
            pool.confirm(username, code)
        })
        .await
    }

    async fn resend_sign_up_code(&self, username: &str) -> Result<SignUpStep, ProviderError> {
        self.call(Operation::ResendSignUpCode, |pool, _| pool.resend(username))
            .await?;
        Ok(SignUpStep::Confirm { destination: None })
    }

    async fn sign_in(
        &self,
        username: &str,
        password: Option<&Password>,
    ) -> Result<SignInReply, ProviderError> {
        let mut request = SignInRequest::builder().username(username).build();
        request.password = password.cloned();
        self.sign_in_with(&request).await
    }

    /// Any way of signing in takes the password, and no metadata is used.
    async fn sign_in_with(&self, request: &SignInRequest) -> Result<SignInReply, ProviderError> {
        self.call(Operation::SignIn, |pool, now| {
            pool.sign_in(request, self.policy, now)
        })
        .await
    }

    async fn answer(
        &self,
        challenge: &OpenChallenge,
        answer: &Answer,
    ) -> Result<SignInReply, ProviderError> {
        self.call(Operation::Answer, |pool, now| {
            pool.answer(challenge, answer, self.policy, now)
        })
        .await
    }

    async fn reset_password(&self, username: &str) -> Result<Option<String>, ProviderError> {
        self.call(Operation::ResetPassword, |pool, _| {
            pool.reset_password(username)
        })
        .await?;
        Ok(None)
    }

    async fn confirm_reset_password(
        &self,
        username: &str,
        code: &Code,
        password: &Password,
    ) -> Result<(), ProviderError> {
        self.call(Operation::ConfirmResetPassword, |pool, _| {
            pool.confirm_reset(username, code, password)
        })
        .await
    }

    async fn delete_user(&self, token: &AccessToken) -> Result<(), ProviderError> {
        self.call(Operation::DeleteUser, |pool, now| {
            let username = pool.grants.bearer(token, self.policy, now)?;
            pool.remove_user(&username);
            Ok(())
        })
        .await
    }
}
