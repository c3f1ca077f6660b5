//! Secure Remote Password: proves knowledge of a password without sending it ([RFC
//! 5054](https://www.rfc-editor.org/rfc/rfc5054)).

use aws_cognito_srp::{SrpClient, User};

use super::CognitoProvider;
use super::challenge::ChallengeState;
use super::failure::unreadable;
use super::sign_in::{Begun, Reply, challenge_or_error, owned};
use crate::auth::error::ProviderError;
use crate::auth::provider::SignInReply;
use crate::auth::secret::Password;

impl CognitoProvider {
    /// Proves knowledge of the password without sending it.
    pub(super) async fn prove_password(
        &self,
        begun: Begun,
        srp: &SrpClient<User>,
        reply: Reply,
    ) -> Result<SignInReply, ProviderError> {
        let parameter = |name| reply.parameters.get(name).map_or("", String::as_str);
        let id = parameter("USER_ID_FOR_SRP").to_owned();
        if !is_public_value(parameter("SRP_B")) {
            return Err(unreadable(
                "the public SRP value of the service is not valid",
            ));
        }
        let proof = srp
            .verify(
                parameter("SECRET_BLOCK"),
                &id,
                parameter("SALT"),
                parameter("SRP_B"),
            )
            .map_err(|_| unreadable("the SRP parameters cannot be read"))?;
        let responses = [
            (
                "PASSWORD_CLAIM_SECRET_BLOCK",
                proof.password_claim_secret_block,
            ),
            ("PASSWORD_CLAIM_SIGNATURE", proof.password_claim_signature),
            ("TIMESTAMP", proof.timestamp),
        ];
        let state = ChallengeState {
            name: "PASSWORD_VERIFIER".to_owned(),
            session: reply.session,
            username: id,
            password_by_srp: false,
            begun,
        };
        match self.respond(&state, owned(responses)).await {
            Ok(reply) => {
                self.next_challenge(state.begun, state.username, reply)
                    .await
            }
            Err(error) => challenge_or_error(&state.begun.login_id, error),
        }
    }

    pub(super) fn srp(&self, username: &str, password: &Password) -> SrpClient<User> {
        let user = User::new(&self.inner.user_pool_id, username, password.expose());
        SrpClient::new(user, &self.inner.client_id, self.secret())
    }

    /// The secret hash for this user name, if the app client has a secret.
    pub(super) fn secret_hash(&self, username: &str) -> Option<String> {
        let user = User::new(&self.inner.user_pool_id, username, "");
        SrpClient::new(user, &self.inner.client_id, self.secret()).get_secret_hash()
    }
}

/// Whether this is a valid public value of the service, in hexadecimal digits: not 0, and less than
/// `N`, as what is computed modulo `N` is. A client must abort if the value modulo `N` is 0 ([RFC
/// 5054, section 2.5.4](https://www.rfc-editor.org/rfc/rfc5054#section-2.5.4)): the proof would not
/// depend on the password's verifier.
fn is_public_value(hex: &str) -> bool {
    let digits = hex.trim_start_matches('0').to_ascii_uppercase();
    let is_hex = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex && !digits.is_empty() && (digits.len(), &*digits) < (N.len(), N)
}

/// The prime of the 3072-bit group ([RFC 3526, section
/// 4](https://www.rfc-editor.org/rfc/rfc3526#section-4)), in hexadecimal digits.
const N: &str = concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD1",
    "29024E088A67CC74020BBEA63B139B22514A08798E3404DD",
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245",
    "E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3D",
    "C2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F",
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D",
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9",
    "DE2BCBF6955817183995497CEA956AE515D2261898FA0510",
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64",
    "ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6B",
    "F12FFA06D98A0864D87602733EC86A64521F2B18177B200C",
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB31",
    "43DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_value_that_is_a_multiple_of_the_prime_is_not_valid() {
        assert_eq!(N.len(), 3072 / 4);
        let padded = format!("00{N}");
        let double = format!("1{}E", &N[..N.len() - 1]); // 2 N, as the last digit is F
        for invalid in [
            "",
            "0",
            "0000",
            N,
            &N.to_lowercase(),
            &padded,
            &double,
            "12G4",
            "-1",
        ] {
            assert!(!is_public_value(invalid), "{invalid}");
        }
        let less = format!("{}E", &N[..N.len() - 1]);
        for valid in ["1", "0a", "FFFF", &less] {
            assert!(is_public_value(valid), "{valid}");
        }
    }
}
