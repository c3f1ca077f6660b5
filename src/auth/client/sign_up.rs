//! Sign-up, and replacing a forgotten password. These calls publish nothing.

use super::AuthClient;
use super::sign_in::check;
use crate::auth::error::{ConfirmSignUpError, Field, ResetPasswordError, SignUpError};
use crate::auth::provider::{Attributes, SignUpStep, UserPool};
use crate::auth::secret::{Code, Password};
use crate::auth::store::TokenStore;

impl<P: UserPool, S: TokenStore> AuthClient<P, S> {
    /// Creates a user. It signs in no user and publishes nothing.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// let client = AuthClient::new(Hub::new(), pool.clone())?;
    ///
    /// let email = [("email".to_owned(), "grace@example.org".to_owned())];
    /// client.sign_up("grace", "nanosecond", email.into()).await?;
    /// # let code_from_the_mail = pool.confirmation_code("grace").unwrap();
    /// client.confirm_sign_up("grace", code_from_the_mail).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SignUpError`]: the input could not be right, or the provider refused or was not reached.
    pub async fn sign_up(
        &self,
        username: &str,
        password: impl Into<Password> + Send,
        attributes: Attributes,
    ) -> Result<SignUpStep, SignUpError> {
        let password = password.into();
        check(Field::Username, username)?;
        check(Field::Password, password.expose())?;
        let provider = self.inner.provider();
        let signed_up = provider.sign_up(username, &password, &attributes).await;
        signed_up.map_err(SignUpError::Provider)
    }

    /// Confirms a new user by the code that was sent to them. Nothing is published.
    ///
    /// # Errors
    ///
    /// [`ConfirmSignUpError`]: the input could not be right, or the provider refused or was not
    /// reached.
    pub async fn confirm_sign_up(
        &self,
        username: &str,
        code: impl Into<Code> + Send,
    ) -> Result<(), ConfirmSignUpError> {
        let code = code.into();
        check(Field::Username, username)?;
        check(Field::Code, code.expose())?;
        let confirmed = self.inner.provider().confirm_sign_up(username, &code).await;
        confirmed.map_err(ConfirmSignUpError::Provider)
    }

    /// Sends a new user another code. Nothing is published.
    ///
    /// # Errors
    ///
    /// [`ConfirmSignUpError`]: the input could not be right, or the provider refused or was not
    /// reached.
    pub async fn resend_sign_up_code(
        &self,
        username: &str,
    ) -> Result<SignUpStep, ConfirmSignUpError> {
        check(Field::Username, username)?;
        let sent = self.inner.provider().resend_sign_up_code(username).await;
        sent.map_err(ConfirmSignUpError::Provider)
    }

    /// Sends a code to a user who has forgotten the password. Returns the destination, if the
    /// provider tells it. Nothing is published.
    ///
    /// ```
    /// use typed_hub::Hub;
    /// use typed_hub::auth::{AuthClient, MemoryProvider};
    ///
    /// # pollster::block_on(async {
    /// let pool = MemoryProvider::new();
    /// pool.add_user("ada", "forgotten", []);
    /// let client = AuthClient::new(Hub::new(), pool.clone())?;
    ///
    /// client.reset_password("ada").await?;
    /// # let code_from_the_mail = pool.reset_code("ada").unwrap();
    /// client.confirm_reset_password("ada", code_from_the_mail, "correct horse").await?;
    /// assert!(client.sign_in("ada", "correct horse").await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResetPasswordError`]: the input could not be right, or the provider refused or was not
    /// reached.
    pub async fn reset_password(
        &self,
        username: &str,
    ) -> Result<Option<String>, ResetPasswordError> {
        check(Field::Username, username)?;
        let sent = self.inner.provider().reset_password(username).await;
        sent.map_err(ResetPasswordError::Provider)
    }

    /// Replaces a forgotten password by means of the code that was sent. Nothing is published.
    ///
    /// # Errors
    ///
    /// [`ResetPasswordError`]: the input could not be right, or the provider refused or was not
    /// reached.
    pub async fn confirm_reset_password(
        &self,
        username: &str,
        code: impl Into<Code> + Send,
        password: impl Into<Password> + Send,
    ) -> Result<(), ResetPasswordError> {
        let (code, password) = (code.into(), password.into());
        check(Field::Username, username)?;
        check(Field::Code, code.expose())?;
        check(Field::Password, password.expose())?;
        let provider = self.inner.provider();
        let replaced = provider.confirm_reset_password(username, &code, &password);
        replaced.await.map_err(ResetPasswordError::Provider)
    }
}
