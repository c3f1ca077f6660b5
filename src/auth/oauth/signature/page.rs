//! Signatures are verified by the browser: [Web Cryptography](https://www.w3.org/TR/webcrypto-2/). A second
//! implementation would make the page larger.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array, global};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

use super::{Curve, Hash, Material, Padding, Scheme};
use crate::auth::error::ProviderError;
use crate::auth::oauth::failure::misconfigured;

/// Whether signatures can be verified here.
pub(in super::super) fn check_available() -> Result<(), ProviderError> {
    subtle().map(drop).ok_or_else(|| {
        misconfigured(
            "NotSecure",
            "the page is no secure context, and its browser verifies no signature of an id token: serve \
             the page by https",
        )
    })
}

/// Whether this key has signed the message.
pub(in super::super) async fn verify(
    scheme: &Scheme,
    key: &Material,
    message: &[u8],
    signature: &[u8],
) -> bool {
    try_verify(scheme, key, message, signature)
        .await
        .is_some_and(|is_signed| is_signed)
}

/// Whether the browser imports the key: a point only if it is on a curve that the browser knows.
pub(in super::super) async fn can_verify(key: &Material) -> bool {
    let imported = match key {
        Material::Rsa { n, e } => match rsa(Padding::Pkcs1, Hash::Sha256) {
            Some(algorithm) => import_rsa(n, e, &algorithm).await,
            None => None,
        },
        Material::Point { curve, bytes } => import_point(*curve, bytes).await,
    };
    imported.is_some()
}

async fn try_verify(
    scheme: &Scheme,
    key: &Material,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let (algorithm, key) = match (scheme, key) {
        (Scheme::Rsa(padding, hash), Material::Rsa { n, e }) => {
            let algorithm = rsa(*padding, *hash)?;
            let key = import_rsa(n, e, &algorithm).await?;
            (algorithm, key)
        }
        (Scheme::Point(of), Material::Point { curve, bytes }) if curve == of => {
            (point_algorithm(*curve)?, import_point(*curve, bytes).await?)
        }
        _ => return Some(false),
    };
    let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message));
    let verified = subtle()?
        .verify_with_object_and_js_u8_array_and_js_u8_array(&algorithm, &key, &signature, &message);
    settled(verified).await?.as_bool()
}

async fn import_rsa(n: &[u8], e: &[u8], algorithm: &Object) -> Option<CryptoKey> {
    let [n, e] = [n, e].map(|number| BASE64.encode(number));
    let jwk = object(&[("kty", &"RSA".into()), ("n", &n.into()), ("e", &e.into())])?;
    import("jwk", &jwk, algorithm).await
}

async fn import_point(curve: Curve, point: &[u8]) -> Option<CryptoKey> {
    import("raw", &Uint8Array::from(point), &point_algorithm(curve)?).await
}

async fn import(format: &str, key: &Object, algorithm: &Object) -> Option<CryptoKey> {
    let uses = Array::of1(&"verify".into());
    let imported = subtle()?.import_key_with_object(format, key, algorithm, false, &uses);
    settled(imported).await?.dyn_into().ok()
}

async fn settled(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    JsFuture::from(promise.ok()?).await.ok()
}

fn rsa(padding: Padding, hash: Hash) -> Option<Object> {
    let (hash, salt) = match hash {
        Hash::Sha256 => ("SHA-256", 32),
        Hash::Sha384 => ("SHA-384", 48),
        Hash::Sha512 => ("SHA-512", 64),
    };
    let name = match padding {
        Padding::Pkcs1 => "RSASSA-PKCS1-v1_5",
        Padding::Pss => "RSA-PSS",
    };
    object(&[
        ("name", &name.into()),
        ("hash", &hash.into()),
        ("saltLength", &salt.into()),
    ])
}

fn point_algorithm(curve: Curve) -> Option<Object> {
    let (name, hash) = match curve {
        Curve::P256 => ("ECDSA", "SHA-256"),
        Curve::P384 => ("ECDSA", "SHA-384"),
        Curve::Ed25519 => return object(&[("name", &"Ed25519".into())]),
    };
    object(&[
        ("name", &name.into()),
        ("hash", &hash.into()),
        ("namedCurve", &curve.name().into()),
    ])
}

fn object(members: &[(&str, &JsValue)]) -> Option<Object> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), value).ok()?;
    }
    Some(object)
}

/// The cryptography of the browser, which a page that is no secure context has not.
fn subtle() -> Option<SubtleCrypto> {
    let crypto = Reflect::get(&global(), &"crypto".into()).ok()?;
    let subtle = Reflect::get(&crypto, &"subtle".into()).ok()?;
    subtle.dyn_into().ok()
}
