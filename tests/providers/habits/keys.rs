//! Keys that sign the tokens of the tests. `ring` verifies them in the crate, so another library
//! signs wherever one can.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey,
};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(crate) enum Key {
    /// An Ed25519 key whose bytes are all this number.
    Edwards(u8),
    Rsa,
    P256,
    P384,
    /// A secret, for HS256.
    Secret(&'static str),
    /// The public key of the first, used as a secret.
    PublicAsSecret,
    /// No signature.
    None,
}

impl Key {
    pub(crate) fn sign(self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let by = || serde_json::from_value::<CoreJwsSigningAlgorithm>(json!(algorithm)).unwrap();
        let hmac = |secret: &str| {
            let key = CoreHmacKey::new(secret.as_bytes());
            key.sign(&CoreJwsSigningAlgorithm::HmacSha256, message)
                .unwrap()
        };
        match self {
            Self::Edwards(number) => {
                let by = CoreJwsSigningAlgorithm::EdDsa;
                edwards(number, "1").sign(&by, message).unwrap()
            }
            Self::Rsa => rsa("1").sign(&by(), message).unwrap(),
            Self::P256 | Self::P384 => {
                let signature = self.pair().sign(&SystemRandom::new(), message);
                signature.unwrap().as_ref().to_vec()
            }
            Self::Secret(secret) => hmac(secret),
            Self::PublicAsSecret => hmac(Self::Edwards(1).shown("1")["x"].as_str().unwrap()),
            Self::None => Vec::new(),
        }
    }

    /// The public key, as it is shown.
    pub(crate) fn shown(self, id: &str) -> Value {
        match self {
            Self::Edwards(number) => json!(edwards(number, id).as_verification_key()),
            Self::Rsa => json!(rsa(id).as_verification_key()),
            Self::P256 | Self::P384 => {
                let point = &self.pair().public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if matches!(self, Self::P256) {
                    "P-256"
                } else {
                    "P-384"
                };
                let [x, y] = [x, y].map(|half| BASE64.encode(half));
                json!({"kty": "EC", "crv": curve, "kid": id, "x": x, "y": y})
            }
            Self::Secret(secret) => json!({"kty": "oct", "kid": id, "k": BASE64.encode(secret)}),
            Self::PublicAsSecret | Self::None => Value::Null,
        }
    }

    fn pair(self) -> &'static EcdsaKeyPair {
        static PAIRS: [OnceLock<EcdsaKeyPair>; 2] = [OnceLock::new(), OnceLock::new()];
        let make = |algorithm: &'static EcdsaSigningAlgorithm| {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap()
        };
        if matches!(self, Self::P256) {
            PAIRS[0].get_or_init(|| make(&ECDSA_P256_SHA256_FIXED_SIGNING))
        } else {
            PAIRS[1].get_or_init(|| make(&ECDSA_P384_SHA384_FIXED_SIGNING))
        }
    }
}

fn rsa(id: &str) -> CoreRsaPrivateSigningKey {
    let id = JsonWebKeyId::new(id.to_owned());
    CoreRsaPrivateSigningKey::from_pem(include_str!("rsa.pem"), Some(id)).unwrap()
}

/// RFC 8410, section 7.
fn edwards(number: u8, id: &str) -> CoreEdDsaPrivateSigningKey {
    let prefix = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let der = BASE64_STANDARD.encode([&prefix[..], &[number; 32]].concat());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let id = JsonWebKeyId::new(id.to_owned());
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(id)).unwrap()
}
