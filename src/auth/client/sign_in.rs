//! Sign-in by password.

use super::AuthClient;
use crate::auth::error::{ConfirmSignInError, Field, InputError, ProviderError, SignInError};
use crate::auth::machine::{Attempt, NewSession, SignInFailure, SignInResult, SignInStep};
use crate::auth::provider::challenge::Answer;
use crate::auth::provider::{IdentityProvider, SignInReply, SignInRequest, UserPool};
use crate::auth::secret::{Password, RefreshToken};
use crate::auth::store::TokenStore;

impl<P: IdentityProvider, S: TokenStore> AuthClient<P, S> {
    /// Revokes a refresh token that is of no use any more. If it cannot be revoked, it expires.
    pub(super) async fn revoke_unused(&self, token: Option<RefreshToken>) {
        if let Some(token) = token {
            let _ = self.inner.provider().revoke(&token).await;
        }
    }
}

impl<P: UserPool, S: TokenStore> AuthClient<P, S> {
    /// Begins a sign-in. Either it is [`Done`](SignInStep::Done), and `SignedIn` is published, or
    /// the provider sends a challenge: answer it with [`confirm_sign_in`](Self::confirm_sign_in).
    ///
    /// A session whose tokens have expired is refreshed first: if that succeeds (`TokenRefresh`),
    /// the session is still open; if it fails (`TokenRefreshFailure`), the sign-in goes on. A later
    /// sign-in or sign-out supersedes this one. Tokens that a superseded sign-in receives are
    /// revoked if the provider supports it; so are the tokens of a session that the new one
    /// replaces. While a sign-out waits for the provider, no new session begins.
    /// A session that another client of a shared store has begun meanwhile stays, and the sign-in
    /// fails with [`SignInError::AlreadySignedIn`].
    ///
    /// # Errors
    ///
    /// [`SignInError`]: this call has signed in no user.
    pub async fn sign_in(
        &self,
        username: &str,
        password: impl Into<Password> + Send,
    ) -> Result<SignInStep, SignInError> {
        let request = SignInRequest::builder().username(username);
        self.sign_in_with(request.password(password).build()).await
    }

    /// Begins a sign-in with the user name alone: the provider decides what to ask for, for example
    /// a code or a custom challenge. Otherwise it works as [`sign_in`](Self::sign_in).
    ///
    /// # Errors
    ///
    /// [`SignInError`]: this call has signed in no user.
    pub async fn sign_in_without_password(
        &self,
        username: &str,
    ) -> Result<SignInStep, SignInError> {
        let request = SignInRequest::builder().username(username);
        self.sign_in_with(request.build()).await
    }

    /// Begins a sign-in that asks for another way of signing in than the provider's own options, or
    /// that carries metadata. Otherwise it works as [`sign_in`](Self::sign_in).
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, AuthFlowType, MemoryProvider, SignInRequest, SignInStep};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", []);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    ///
    /// let request = SignInRequest::builder()
    ///     .username("ada")
    ///     .password("correct horse")
    ///     .auth_flow(AuthFlowType::UserSrp)
    ///     .build();
    /// let step = client.sign_in_with(request).await?;
    /// assert!(matches!(step, SignInStep::Done(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SignInError`]: this call has signed in no user. A provider that does not take such options
    /// refuses them under the name `Unsupported`.
    pub async fn sign_in_with(&self, request: SignInRequest) -> Result<SignInStep, SignInError> {
        check(Field::Username, &request.username)?;
        if let Some(password) = &request.password {
            check(Field::Password, password.expose())?;
        }
        let begun = self.inner.submit(|machine, _| machine.begin_sign_in());
        let attempt = begun.outcome().await;
        let session = self.current_session().await;
        self.inner
            .submit(move |machine, now| machine.sign_in(attempt, &session, now))
            .outcome()
            .await?;
        let reply = self.inner.provider().sign_in_with(&request).await;
        Ok(self.signed_in(attempt, reply).await?)
    }

    /// Answers the challenge of the sign-in in progress. After a wrong answer, it may be answered
    /// again.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{
    ///     Answer, AuthClient, Challenge, MemoryChallenge, MemoryProvider, SignInStep,
    /// };
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "correct horse", [MemoryChallenge::Totp("123456".into())]);
    /// let client = AuthClient::new(Hub::new(), pool)?;
    ///
    /// let step = client.sign_in("ada", "correct horse").await?;
    /// assert_eq!(step, SignInStep::Challenge(Challenge::TotpCode));
    /// let step = client.confirm_sign_in(Answer::Code("123456".into())).await?;
    /// assert!(matches!(step, SignInStep::Done(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfirmSignInError`] says whether the challenge is still open.
    pub async fn confirm_sign_in(&self, answer: Answer) -> Result<SignInStep, ConfirmSignInError> {
        check_answer(&answer)?;
        let open = {
            let answer = answer.clone();
            self.inner.submit(move |machine, _| machine.answer(&answer))
        };
        let (attempt, challenge) = open.outcome().await?;
        let reply = self.inner.provider().answer(&challenge, &answer).await;
        Ok(self.signed_in(attempt, reply).await?)
    }

    async fn signed_in(
        &self,
        attempt: Attempt,
        reply: Result<SignInReply, ProviderError>,
    ) -> Result<SignInStep, SignInFailure> {
        let received = self.inner.now();
        let issued = match &reply {
            Ok(SignInReply::SignedIn { tokens, .. }) => tokens.refresh.clone(),
            _ => None,
        };
        let result = self
            .inner
            .submit(move |machine, _| machine.on_sign_in_reply(attempt, reply, received))
            .outcome()
            .await;
        let (step, unused) = match result {
            Ok(SignInResult::SignedIn(NewSession { user, replaced })) => {
                (Ok(SignInStep::Done(user)), replaced)
            }
            Ok(SignInResult::Challenged(challenge)) => (Ok(SignInStep::Challenge(challenge)), None),
            Err(failure) => (Err(failure), issued),
        };
        self.revoke_unused(unused).await;
        step
    }
}

fn check_answer(answer: &Answer) -> Result<(), InputError> {
    match answer {
        Answer::Code(code) => check(Field::Code, code.expose()),
        Answer::NewPassword { password, .. } | Answer::Password(password) => {
            check(Field::Password, password.expose())
        }
        Answer::Custom(answer) => check(Field::Answer, answer.expose()),
        Answer::Email(address) => check(Field::Email, address),
        Answer::Passkey(credential) => check(Field::Answer, credential.expose()),
        Answer::Mfa(_) | Answer::FirstFactor(_) => Ok(()),
    }
}

pub(super) const fn check_length(field: Field, text: &str) -> Result<(), InputError> {
    if text.len() > field.longest() {
        return Err(InputError::TooLong(field));
    }
    Ok(())
}

pub(super) const fn check(field: Field, text: &str) -> Result<(), InputError> {
    if text.is_empty() {
        return Err(InputError::Empty(field));
    }
    check_length(field, text)
}
