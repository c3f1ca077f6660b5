//! The signatures of tokens: the ways to sign, and verifying.
//!
//! - `native`: by `ring`
//! - `page`: by the browser (Web Cryptography)

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod native;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod page;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use self::native as imp;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use self::page as imp;

pub(super) use self::imp::{can_verify, check_available, verify};

/// A way to sign ([RFC 7518, section 3](https://www.rfc-editor.org/rfc/rfc7518#section-3),
/// [RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)).
pub(super) enum Scheme {
    Rsa(Padding, Hash),
    Point(Curve),
}

/// How RSA pads what it signs.
#[derive(Clone, Copy)]
pub(super) enum Padding {
    Pkcs1,
    Pss,
}

#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// A signature whose key is a point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    Ed25519,
}

impl Curve {
    /// The curve of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [Self::P256, Self::P384, Self::Ed25519];
        all.into_iter().find(|curve| curve.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Of a coordinate, in bytes.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::P256 | Self::Ed25519 => 32,
            Self::P384 => 48,
        }
    }
}

/// A public key.
pub(super) enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Of an elliptic curve in the form of SEC 1, not compressed.
    Point {
        curve: Curve,
        bytes: Vec<u8>,
    },
}
