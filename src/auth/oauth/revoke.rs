//! Revocation.

use super::failure::{in_transit, refusal, rejected};
use super::{Endpoints, OAuth};
use crate::auth::error::ProviderError;
use crate::auth::secret::RefreshToken;

impl OAuth {
    /// Ends the session of a refresh token
    /// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    pub(crate) async fn revoke(
        &self,
        at: &Endpoints,
        token: &RefreshToken,
    ) -> Result<(), ProviderError> {
        let revocation = at
            .revocation
            .as_ref()
            .ok_or_else(|| rejected("Unsupported", "the provider has no revocation endpoint"))?;
        let form = [
            ("token", token.expose()),
            ("token_type_hint", "refresh_token"),
        ];
        let answer = self.post(revocation, at.client_auth, &form).await;
        let answer = answer.map_err(|error| in_transit(&error))?;
        if answer.is_success() {
            return Ok(());
        }
        Err(self.redact(refusal(&answer, revocation), &[token.expose()]))
    }
}
