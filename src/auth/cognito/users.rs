//! The users of the pool.

use aws_sdk_cognitoidentityprovider::types::{AttributeType, CodeDeliveryDetailsType};

use super::failure::{service_error, unanswerable};
use super::{CognitoProvider, challenge};
use crate::auth::error::ProviderError;
use crate::auth::provider::challenge::{Answer, OpenChallenge};
use crate::auth::provider::{Attributes, SignInReply, SignInRequest, SignUpStep, UserPool};
use crate::auth::secret::{AccessToken, Code, Password};

impl UserPool for CognitoProvider {
    async fn sign_up(
        &self,
        username: &str,
        password: &Password,
        attributes: &Attributes,
    ) -> Result<SignUpStep, ProviderError> {
        let attribute = |(name, value): (&String, &String)| {
            AttributeType::builder().name(name).value(value).build()
        };
        let attributes: Result<Vec<_>, _> = attributes.iter().map(attribute).collect();
        let signed_up = self
            .inner
            .client
            .sign_up()
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_secret_hash(self.secret_hash(username))
            .username(username)
            .password(password.expose())
            .set_user_attributes(Some(
                attributes.map_err(|_| unanswerable("an attribute has no name"))?,
            ))
            .send()
            .await
            .map_err(|error| self.redact(service_error(error), &[password.expose()]))?;
        Ok(if signed_up.user_confirmed {
            SignUpStep::Done
        } else {
            SignUpStep::Confirm {
                destination: destination(signed_up.code_delivery_details),
            }
        })
    }

    async fn confirm_sign_up(&self, username: &str, code: &Code) -> Result<(), ProviderError> {
        let confirmed = self
            .inner
            .client
            .confirm_sign_up()
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_secret_hash(self.secret_hash(username))
            .username(username)
            .confirmation_code(code.expose());
        let confirmed = confirmed.send().await.map(drop);
        confirmed.map_err(|error| self.redact(service_error(error), &[code.expose()]))
    }

    async fn resend_sign_up_code(&self, username: &str) -> Result<SignUpStep, ProviderError> {
        let sent = self
            .inner
            .client
            .resend_confirmation_code()
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_secret_hash(self.secret_hash(username))
            .username(username)
            .send()
            .await
            .map_err(service_error)?;
        Ok(SignUpStep::Confirm {
            destination: destination(sent.code_delivery_details),
        })
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

    async fn sign_in_with(&self, request: &SignInRequest) -> Result<SignInReply, ProviderError> {
        let password = request.password.as_ref().map_or("", Password::expose);
        let begun = self.initiate(request).await;
        begun.map_err(|error| self.redact(error, &[password]))
    }

    async fn answer(
        &self,
        challenge: &OpenChallenge,
        answer: &Answer,
    ) -> Result<SignInReply, ProviderError> {
        let answered = self.answer_challenge(challenge, answer).await;
        answered.map_err(|error| self.redact(error, &[secret_of(answer)]))
    }

    async fn reset_password(&self, username: &str) -> Result<Option<String>, ProviderError> {
        let sent = self
            .inner
            .client
            .forgot_password()
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_secret_hash(self.secret_hash(username))
            .username(username)
            .send()
            .await
            .map_err(service_error)?;
        Ok(destination(sent.code_delivery_details))
    }

    async fn confirm_reset_password(
        &self,
        username: &str,
        code: &Code,
        password: &Password,
    ) -> Result<(), ProviderError> {
        let replaced = self
            .inner
            .client
            .confirm_forgot_password()
            .client_id(&self.inner.client_id)
            .set_client_metadata(self.metadata(&Attributes::new()))
            .set_secret_hash(self.secret_hash(username))
            .username(username)
            .confirmation_code(code.expose())
            .password(password.expose());
        let replaced = replaced.send().await.map(drop);
        let sent = [code.expose(), password.expose()];
        replaced.map_err(|error| self.redact(service_error(error), &sent))
    }

    async fn delete_user(&self, token: &AccessToken) -> Result<(), ProviderError> {
        let deleted = self.inner.client.delete_user().access_token(token.expose());
        let deleted = deleted.send().await.map(drop);
        deleted.map_err(|error| self.redact(service_error(error), &[token.expose()]))
    }
}

fn destination(sent: Option<CodeDeliveryDetailsType>) -> Option<String> {
    challenge::destination(sent.and_then(|sent| sent.destination))
}

/// The secret part of an answer.
fn secret_of(answer: &Answer) -> &str {
    match answer {
        Answer::Password(password) | Answer::NewPassword { password, .. } => password.expose(),
        Answer::Code(code) => code.expose(),
        Answer::Custom(answer) => answer.expose(),
        Answer::Passkey(credential) => credential.expose(),
        Answer::Mfa(_) | Answer::FirstFactor(_) | Answer::Email(_) => "",
    }
}
