//! Signed tokens, and the keys that have signed them ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515),
//! [RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
//!
//! The libraries for JSON Web Tokens were no help: they parse a token and a key set in full, and refuse
//! both for a member that is never used; and each brings a second implementation of the cryptography,
//! among them `rsa`, which has [RUSTSEC-2023-0071](https://rustsec.org/advisories/RUSTSEC-2023-0071).
//! `ring` has no ES512, ES256K and Ed448: tokens signed so are unsupported, in a page as well.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::failure::{rejected, sanitize, unreadable, unsupported};
use super::id_token::Issuer;
use super::json::Members;
use super::signature::{self, Curve, Hash, Material, Padding, Scheme};
use crate::auth::error::ProviderError;

/// A token in three parts, split and not yet verified.
pub(crate) struct Jwt<'t> {
    algorithm: String,
    scheme: Scheme,
    key_id: Option<String>,
    pub(super) claims: Members,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Jwt<'t> {
    /// Splits an id token.
    pub(super) fn of(token: &'t str) -> Result<Self, ProviderError> {
        let none = || unreadable("the id token is not a JSON Web Token");
        let encrypted = || {
            unsupported(
                "the id token is encrypted: register this application for id tokens that are only \
                 signed",
            )
        };
        let (signed, signature) = token.rsplit_once('.').ok_or_else(none)?;
        let (header, payload) = match signed.matches('.').count() {
            1 => signed.split_once('.').ok_or_else(none)?,
            3 => return Err(encrypted()),
            _ => return Err(none()),
        };
        let header = decode(header).and_then(|json| Members::of(&json));
        let header = header.ok_or_else(none)?;
        if header.has("enc") {
            return Err(encrypted());
        }
        if header.contains("crit") {
            return Err(unsupported(
                "the id token has a header that must be understood and is not (crit)",
            ));
        }
        let algorithm = header.text("alg").ok_or_else(none)?;
        Ok(Self {
            scheme: scheme(&algorithm)?,
            algorithm,
            key_id: header.text("kid"),
            claims: decode(payload)
                .and_then(|json| Members::of(&json))
                .ok_or_else(none)?,
            signed,
            signature: decode(signature).ok_or_else(none)?,
        })
    }

    /// The claims of a token that need not be one: an access token, or a verified id token.
    pub(super) fn claims_of(token: &str) -> Option<Vec<u8>> {
        let mut parts = token.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        let is_all = parts.next().is_none();
        is_all.then(|| decode(payload))?
    }

    /// The claims of an id token, also if its header or its signature cannot be read.
    pub(crate) fn claims_in(token: &str) -> Option<Members> {
        Members::of(&decode(token.split('.').nth(1)?)?)
    }

    /// The algorithm and the key, for a message.
    pub(super) fn signed_by(&self) -> String {
        let algorithm = &self.algorithm;
        self.key_id.as_ref().map_or_else(
            || format!("by {algorithm}, with a key that it does not name"),
            |id| format!("by {algorithm}, with the key {:?}", sanitize(id)),
        )
    }

    async fn is_signed_by(&self, key: &Key) -> bool {
        let message = self.signed.as_bytes();
        signature::verify(&self.scheme, &key.material, message, &self.signature).await
    }
}

/// Base64url. The padding that RFC 7515 leaves out may be there.
fn decode(part: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    LENIENT.decode(part).ok()
}

fn scheme(algorithm: &str) -> Result<Scheme, ProviderError> {
    Ok(match algorithm {
        "RS256" => Scheme::Rsa(Padding::Pkcs1, Hash::Sha256),
        "RS384" => Scheme::Rsa(Padding::Pkcs1, Hash::Sha384),
        "RS512" => Scheme::Rsa(Padding::Pkcs1, Hash::Sha512),
        "PS256" => Scheme::Rsa(Padding::Pss, Hash::Sha256),
        "PS384" => Scheme::Rsa(Padding::Pss, Hash::Sha384),
        "PS512" => Scheme::Rsa(Padding::Pss, Hash::Sha512),
        "ES256" => Scheme::Point(Curve::P256),
        "ES384" => Scheme::Point(Curve::P384),
        "EdDSA" | "Ed25519" => Scheme::Point(Curve::Ed25519),
        none if none.eq_ignore_ascii_case("none") => {
            return Err(rejected("IdToken", "the id token is not signed (alg none)"));
        }
        other => {
            return Err(unsupported(&format!(
                "the id token is signed by {:?}, which is not supported: register this application \
                 for RS256, PS256, ES256 or EdDSA",
                sanitize(other)
            )));
        }
    })
}

/// The keys of a provider.
#[derive(Clone)]
pub(super) struct KeySet(Arc<[Key]>);

struct Key {
    id: Option<String>,
    /// The algorithm that the key is kept for, if it is one of ours.
    algorithm: Option<String>,
    /// The issuer, perhaps of any tenant, whose tokens the key signs.
    issuer: Option<Issuer>,
    material: Material,
}

/// Whether a token is signed by one of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// By one of them.
    Yes,
    /// The key that it names is one of them, and has not signed it.
    Wrongly,
    /// By one of them, which is kept for the tokens of another issuer.
    ForAnother,
    /// The key that has signed it may be one that these do not contain.
    ByUnknown,
}

impl KeySet {
    /// The keys of a document that can be used here. The others are skipped.
    ///
    /// If the provider issues tokens for several tenants, a key may say for which, in its member
    /// `issuer` ([Microsoft
    /// Entra](https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer)):
    /// otherwise one tenant could sign for another.
    pub(super) async fn of(document: &Members, has_tenants: bool) -> Option<Self> {
        let keys: Vec<Box<serde_json::value::RawValue>> = document.read("keys")?;
        let keys = keys.iter().filter_map(|key| {
            let members = Members::of(key.get().as_bytes())?;
            if has_tenants && !is_clear(&members, "issuer") {
                return None;
            }
            let issuer = members.text("issuer").filter(|_| has_tenants);
            Some(Key {
                issuer: issuer.map(Issuer::new),
                ..Key::of(&members)?
            })
        });
        let mut usable = Vec::new();
        for key in keys {
            if key.can_verify().await {
                usable.push(key);
            }
        }
        Some(Self(usable.into()))
    }

    pub(super) async fn has_signed(&self, token: &Jwt<'_>) -> Signed {
        let fits = |key: &&Key| key.fits(token);
        let is_named = |key: &Key| key.id.is_some() && key.id == token.key_id;
        // A key without an id may have any.
        let may_be = |key: &&Key| token.key_id.is_none() || key.id.is_none() || is_named(key);
        let mut is_signed = false;
        for key in self.0.iter().filter(fits).filter(may_be) {
            if token.is_signed_by(key).await {
                if key.is_for(&token.claims) {
                    return Signed::Yes;
                }
                is_signed = true;
            }
        }
        if is_signed {
            Signed::ForAnother
        } else if self.0.iter().filter(fits).any(is_named) {
            Signed::Wrongly
        } else {
            Signed::ByUnknown
        }
    }
}

/// Whether a member that limits a key is absent, or can be read. Otherwise the key may be meant for
/// something else.
fn is_clear(key: &Members, name: &str) -> bool {
    !key.has(name) || key.text(name).is_some()
}

impl Key {
    fn of(key: &Members) -> Option<Self> {
        let is_other = key.text("use").is_some_and(|for_| for_ != "sig");
        if is_other || !is_clear(key, "use") || !is_clear(key, "alg") {
            return None;
        }
        let material = match &*key.text("kty")? {
            "RSA" => {
                let number = |name| {
                    let bytes = decode(&key.text(name)?)?;
                    // Some providers write the zero by which a signed number begins.
                    let first = bytes.iter().position(|byte| *byte != 0)?;
                    Some(bytes[first..].to_vec())
                };
                Material::Rsa {
                    n: number("n")?,
                    e: number("e")?,
                }
            }
            kind @ ("EC" | "OKP") => {
                let named = key.text("crv")?;
                let curve = Curve::named(&named)?;
                let coordinate = |name| {
                    let bytes = decode(&key.text(name)?)?;
                    // Some providers leave out the zeros by which it begins.
                    let zeros = curve.size().checked_sub(bytes.len())?;
                    Some([vec![0; zeros], bytes].concat())
                };
                let x = coordinate("x")?;
                let bytes = if kind == "EC" {
                    // A point in the form of SEC 1: not compressed.
                    [vec![4], x, coordinate("y")?].concat()
                } else {
                    x
                };
                Material::Point { curve, bytes }
            }
            _ => return None,
        };
        Some(Self {
            id: key.text("kid"),
            algorithm: key.text("alg"),
            issuer: None,
            material,
        })
    }

    /// Whether a signature by it can be verified at all. Otherwise such a key is not told from a wrong
    /// signature.
    ///
    /// RSA keys have 2048 to 8192 bits ([RFC 7518, section
    /// 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)), and an odd exponent of 2 to 33
    /// bits. Whether a point is on Edwards25519 is not known.
    async fn can_verify(&self) -> bool {
        let is_one = match &self.material {
            Material::Rsa { n, e } => {
                let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
                (2_048..=8_192).contains(&bits(n))
                    && (2..=33).contains(&bits(e))
                    && is_odd(n)
                    && is_odd(e)
            }
            Material::Point { .. } => true,
        };
        is_one && signature::can_verify(&self.material).await
    }

    /// Whether it is kept for the issuer that these claims name.
    fn is_for(&self, claims: &Members) -> bool {
        let (named, tenant) = (claims.text("iss"), claims.text("tid"));
        let is_named =
            |issuer: &Issuer| named.is_some_and(|named| issuer.is(&named, tenant.as_deref()));
        self.issuer.as_ref().is_none_or(is_named)
    }

    fn fits(&self, token: &Jwt<'_>) -> bool {
        let is_kind = match (&token.scheme, &self.material) {
            (Scheme::Rsa(..), Material::Rsa { .. }) => true,
            (Scheme::Point(of), Material::Point { curve, .. }) => curve == of,
            _ => false,
        };
        // Ed25519 has two names.
        let is_edwards = matches!(
            self.material,
            Material::Point {
                curve: Curve::Ed25519,
                ..
            }
        );
        let is_for = |kept_for: &String| {
            *kept_for == token.algorithm || is_edwards && matches!(&**kept_for, "EdDSA" | "Ed25519")
        };
        is_kind && self.algorithm.as_ref().is_none_or(is_for)
    }
}

/// The length of a number that begins with no zero byte.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - zeros as usize
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use pollster::block_on;

    use super::*;

    /// [RFC 7515, appendix A.3](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3).
    const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    const KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    fn keys(document: &str) -> KeySet {
        block_on(KeySet::of(
            &Members::of(document.as_bytes()).unwrap(),
            false,
        ))
        .unwrap()
    }

    #[test]
    fn the_token_of_the_standard_is_signed() {
        let token = Jwt::of(TOKEN).map_err(|error| error.message).unwrap();
        assert_eq!(token.claims.text("iss").as_deref(), Some("joe"));
        assert_eq!(block_on(keys(KEY).has_signed(&token)), Signed::Yes);
        let other = KEY.replace("\"x_FE", "\"x_FF");
        assert_eq!(block_on(keys(&other).has_signed(&token)), Signed::ByUnknown);
        let changed = TOKEN.replace("DtEhU3", "DtEhU4");
        let changed = Jwt::of(&changed).map_err(|error| error.message).unwrap();
        assert_eq!(block_on(keys(KEY).has_signed(&changed)), Signed::ByUnknown);
    }

    #[test]
    fn a_key_is_used_for_its_own_algorithm_only() {
        let token = Jwt::of(TOKEN).map_err(|error| error.message).unwrap();
        for (algorithm, signed) in [
            ("ES256", Signed::Yes),
            ("", Signed::Yes),
            ("HS256", Signed::ByUnknown),
            ("none", Signed::ByUnknown),
        ] {
            let with = format!(r#"{{"alg":"{algorithm}","kty""#);
            let keys = keys(&KEY.replace(r#"{"kty""#, &with));
            assert_eq!(block_on(keys.has_signed(&token)), signed, "{algorithm}");
        }
    }

    #[test]
    fn a_header_that_must_be_understood_is_not_ignored() {
        for value in ["null", r#""""#, "[]", r#"["exp"]"#] {
            let header = BASE64.encode(format!(r#"{{"alg":"ES256","crit":{value}}}"#));
            let (_, rest) = TOKEN.split_once('.').unwrap();
            let token = format!("{header}.{rest}");
            let refused = Jwt::of(&token).map(drop).unwrap_err();
            assert_eq!(refused.name, "Unsupported", "{value}");
        }
    }

    #[test]
    fn a_key_that_is_too_small_is_no_key() {
        let of_bytes = |size: usize| {
            let n = BASE64.encode(vec![0x81; size]);
            keys(&format!(
                r#"{{"keys":[{{"kty":"RSA","n":"{n}","e":"AQAB"}}]}}"#
            ))
        };
        let sizes = [128, 255, 256, 1_024, 1_025].map(|size| of_bytes(size).0.len());
        assert_eq!(sizes, [0, 0, 1, 1, 0]);
    }

    #[test]
    fn a_key_that_is_limited_in_a_way_that_cannot_be_read_is_no_key() {
        let count = |member: &str| {
            let document = KEY.replace(r#"{"kty""#, &format!(r#"{{{member},"kty""#));
            let document = Members::of(document.as_bytes()).unwrap();
            block_on(KeySet::of(&document, true)).unwrap().0.len()
        };
        for name in ["issuer", "use", "alg"] {
            for value in [r#"["x"]"#, "7", "{}", "true"] {
                assert_eq!(count(&format!(r#""{name}":{value}"#)), 0, "{name} {value}");
            }
            for absent in [r#""""#, "null"] {
                assert_eq!(
                    count(&format!(r#""{name}":{absent}"#)),
                    1,
                    "{name} {absent}"
                );
            }
        }
    }

    #[test]
    fn a_key_that_cannot_verify_is_no_key() {
        let count = |key: &str| keys(&format!(r#"{{"keys":[{key}]}}"#)).0.len();
        let rsa = |first: u8, last: u8, e: &[u8]| {
            let mut n = vec![0x81; 256];
            (n[0], n[255]) = (first, last);
            let [n, e] = [&n, e].map(|number| BASE64.encode(number));
            count(&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#))
        };
        assert_eq!(rsa(0x81, 0x81, &[3]), 1);
        assert_eq!(rsa(0x81, 0x81, &[1, 0xFF, 0xFF, 0xFF, 0xFF]), 1, "33 bits");
        assert_eq!(rsa(0x81, 0x81, &[2, 0, 0, 0, 1]), 0, "34 bits");
        assert_eq!(rsa(0x81, 0x81, &[1]), 0, "too small");
        assert_eq!(rsa(0x81, 0x81, &[1, 0, 0]), 0, "even");
        assert_eq!(rsa(0x81, 0x80, &[3]), 0, "a modulus that is even");
        let point = &KEY["{\"keys\":[".len()..KEY.len() - "]}".len()];
        assert_eq!(count(point), 1);
        assert_eq!(count(&point.replace("x_FE", "x_FF")), 0, "not on its curve");
    }

    #[test]
    fn zeros_that_a_number_begins_with_may_be_left_out_or_added() {
        let key = |key: &str| {
            Key::of(&Members::of(key.as_bytes()).unwrap())
                .unwrap()
                .material
        };
        let Material::Point { bytes, .. } = key(r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"Ag"}"#)
        else {
            panic!("a point")
        };
        assert_eq!((bytes.len(), bytes[0], bytes[32], bytes[64]), (65, 4, 1, 2));
        let Material::Rsa { n, e } = key(r#"{"kty":"RSA","n":"AAAB","e":"AQAB"}"#) else {
            panic!("RSA")
        };
        assert_eq!((n, e), (vec![1], vec![1, 0, 1]));
    }
}
