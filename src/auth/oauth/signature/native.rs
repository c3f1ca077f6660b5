//! Signatures are verified by `ring`, which TLS uses anyway.

use std::future::{Ready, ready};

use ring::agreement;
use ring::rand::SystemRandom;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::{Curve, Hash, Material, Padding, Scheme};
use crate::auth::error::ProviderError;

/// Whether signatures can be verified here.
#[expect(clippy::unnecessary_wraps, reason = "a page may not verify any")]
pub(in super::super) const fn check_available() -> Result<(), ProviderError> {
    Ok(())
}

/// Whether this key has signed the message.
pub(in super::super) fn verify(
    scheme: &Scheme,
    key: &Material,
    message: &[u8],
    signature: &[u8],
) -> Ready<bool> {
    ready(match (scheme, key) {
        (Scheme::Rsa(padding, hash), Material::Rsa { n, e }) => {
            let key = RsaPublicKeyComponents { n, e };
            let parameters = parameters(*padding, *hash);
            key.verify(parameters, message, signature).is_ok()
        }
        (Scheme::Point(of), Material::Point { curve, bytes }) if curve == of => {
            let key = UnparsedPublicKey::new(algorithm(*curve), bytes);
            key.verify(message, signature).is_ok()
        }
        _ => false,
    })
}

/// Whether `ring` takes the key: a point is on its curve, since `ring` agrees on a secret with no other. Of
/// Edwards25519 it is not known.
pub(in super::super) fn can_verify(key: &Material) -> Ready<bool> {
    let (curve, point) = match key {
        Material::Point {
            curve: Curve::P256,
            bytes,
        } => (&agreement::ECDH_P256, bytes),
        Material::Point {
            curve: Curve::P384,
            bytes,
        } => (&agreement::ECDH_P384, bytes),
        _ => return ready(true),
    };
    let point = agreement::UnparsedPublicKey::new(curve, point);
    let own = agreement::EphemeralPrivateKey::generate(curve, &SystemRandom::new());
    // Without a source of random numbers, it is not known.
    ready(own.map_or(true, |own| {
        agreement::agree_ephemeral(own, &point, |_| ()).is_ok()
    }))
}

const fn parameters(padding: Padding, hash: Hash) -> &'static RsaParameters {
    match (padding, hash) {
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Padding::Pkcs1, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Padding::Pss, Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
    }
}

fn algorithm(curve: Curve) -> &'static dyn VerificationAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        Curve::Ed25519 => &signature::ED25519,
    }
}
