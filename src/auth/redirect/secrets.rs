//! The random values of one sign-in by redirect.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use crate::auth::secret::{CodeVerifier, Nonce, RedirectState};

/// The random values of one sign-in by redirect: 256 bits each.
pub(crate) struct RedirectSecrets {
    pub(crate) state: RedirectState,
    pub(crate) nonce: Nonce,
    pub(crate) verifier: CodeVerifier,
}

impl RedirectSecrets {
    /// Makes new values; a given nonce is kept. The state contains the custom state, encoded so
    /// that any text survives.
    ///
    /// # Panics
    ///
    /// If the operating system provides no random bytes.
    pub(crate) fn new(custom_state: Option<&str>, nonce: Option<Nonce>) -> Self {
        let mut state = random();
        if let Some(custom) = custom_state {
            state.push('.');
            BASE64.encode_string(custom, &mut state);
        }
        Self {
            state: state.into(),
            nonce: nonce.unwrap_or_else(|| random().into()),
            verifier: random().into(),
        }
    }

    /// The PKCE challenge: proves that the holder of the verifier has begun the sign-in ([RFC 7636,
    /// section 4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
    pub(crate) fn challenge(&self) -> String {
        challenge_of(&self.verifier)
    }
}

fn challenge_of(verifier: &CodeVerifier) -> String {
    BASE64.encode(Sha256::digest(verifier.expose()))
}

fn random() -> String {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).expect("the operating system gives random bytes");
    BASE64.encode(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn a_challenge_is_made_as_the_standard_says() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(
            challenge_of(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn no_two_values_are_alike() {
        let (one, other) = (
            RedirectSecrets::new(None, None),
            RedirectSecrets::new(None, None),
        );
        assert_ne!(one.state, other.state);
        assert_ne!(one.verifier, other.verifier);
        assert_ne!(one.nonce, other.nonce);
        assert_ne!(one.state.expose(), one.nonce.expose());
        assert_eq!(one.state.expose().len(), 43);
    }
}
