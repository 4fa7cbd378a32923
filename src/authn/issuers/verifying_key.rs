//! A key of an issuer that verifies signatures, as RFC 7517 writes it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// A public key of an issuer.
#[derive(Clone)]
pub struct VerifyingKey {
    /// What the issuer calls it.
    pub kid: Option<String>,
    /// The key itself.
    pub decoding: DecodingKey,
    /// The algorithms that it may verify: never empty, and all asymmetric.
    pub algorithms: Vec<Algorithm>,
    material: Material,
}

impl VerifyingKey {
    /// Whether it may verify this algorithm.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether the other one is this one: the same key under the same name for the same use.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.kid, &self.material, &self.algorithms) == (&other.kid, &other.material, &other.algorithms)
    }

    /// Whether one name stands for both, so that a token does not say which is meant.
    pub(super) fn collides_with(&self, other: &Self) -> bool {
        self.kid.is_some() && self.kid == other.kid && self.algorithms.iter().any(|&own| other.verifies(own))
    }

    /// Reads one member of a key set.
    ///
    /// # Errors
    /// Why it is of no use here. Such keys are passed over (RFC 7517, section 5).
    pub(super) fn read(jwk: Value) -> Result<Self, Unusable> {
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_of_another_shape| Unusable::Malformed)?;
        let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
        let verifies = jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if jwk.kty == "oct" || jwk.k.is_some() {
            return Err(Unusable::Symmetric);
        }
        if jwk.d.is_some() {
            return Err(Unusable::Private);
        }
        if !signs || !verifies {
            return Err(Unusable::NotForSignatures);
        }
        let material = Material::read(&jwk)?;
        let algorithms = match jwk.alg.as_deref() {
            None => material.algorithms().to_vec(),
            Some(name) => {
                let named = material.algorithms().iter().copied().find(|&algorithm| is_called(algorithm, name));
                vec![named.ok_or(Unusable::Unsupported)?]
            }
        };
        Ok(Self { kid: jwk.kid, decoding: material.decoding(), algorithms, material })
    }
}

/// Why a key is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unusable {
    /// Whoever can verify with it can sign with it.
    Symmetric,
    /// Its private half is in the set, so anybody can sign with it.
    Private,
    /// It is for encryption, or for signing only.
    NotForSignatures,
    /// RSA below 2048 bits, or with an exponent that is none.
    Weak,
    /// A kind of key, a curve or an algorithm that is not used here.
    Unsupported,
    /// It has not the shape of a key.
    Malformed,
    /// Another one has the same `kid` and an algorithm in common.
    Ambiguous,
}

impl Unusable {
    /// In words, for a count of such keys.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::Private => "published with its private half",
            Self::NotForSignatures => "not for verifying signatures",
            Self::Weak => "too weak",
            Self::Unsupported => "of a kind that is not supported",
            Self::Malformed => "malformed",
            Self::Ambiguous => "with a kid that another one has too",
        }
    }
}

/// One member of a key set. Members that are not named here are ignored, as RFC 7517 wants it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Only their presence counts.
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

/// The numbers that a key consists of.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point on P-256, uncompressed.
    P256(Vec<u8>),
    /// A point on P-384, uncompressed.
    P384(Vec<u8>),
    /// A point on the curve Ed25519.
    Ed25519(Vec<u8>),
}

impl Material {
    fn read(jwk: &Jwk) -> Result<Self, Unusable> {
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => rsa(&unsigned(jwk.n.as_ref())?, &unsigned(jwk.e.as_ref())?),
            ("EC", Some("P-256")) => Ok(Self::P256(point(jwk, 32)?)),
            ("EC", Some("P-384")) => Ok(Self::P384(point(jwk, 48)?)),
            ("OKP", Some("Ed25519")) => Ok(Self::Ed25519(exactly(jwk.x.as_ref(), 32)?)),
            _ => Err(Unusable::Unsupported),
        }
    }

    const fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Rsa { .. } => &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            Self::P256(_) => &[Algorithm::ES256],
            Self::P384(_) => &[Algorithm::ES384],
            Self::Ed25519(_) => &[Algorithm::EdDSA],
        }
    }

    fn decoding(&self) -> DecodingKey {
        match self {
            Self::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Self::P256(point) | Self::P384(point) => DecodingKey::from_ec_der(point),
            Self::Ed25519(point) => DecodingKey::from_ed_der(point),
        }
    }
}

/// The name of an algorithm (RFC 7518, section 3.1; RFC 8037; RFC 9864 calls `EdDSA` by its curve).
fn is_called(algorithm: Algorithm, name: &str) -> bool {
    algorithm_name(algorithm) == name || (algorithm == Algorithm::EdDSA && name == "Ed25519")
}

/// How an algorithm is called in tokens and keys; nothing for those that verify nothing here.
pub(super) fn algorithm_name(algorithm: Algorithm) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not named here is not used here")]
    match algorithm {
        Algorithm::RS256 => "RS256",
        Algorithm::RS384 => "RS384",
        Algorithm::RS512 => "RS512",
        Algorithm::PS256 => "PS256",
        Algorithm::PS384 => "PS384",
        Algorithm::PS512 => "PS512",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::EdDSA => "EdDSA",
        _ => "",
    }
}

fn bytes(text: Option<&String>) -> Result<Vec<u8>, Unusable> {
    let text = text.ok_or(Unusable::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_not_base64url| Unusable::Malformed)
}

fn exactly(text: Option<&String>, length: usize) -> Result<Vec<u8>, Unusable> {
    Some(bytes(text)?).filter(|bytes| bytes.len() == length).ok_or(Unusable::Malformed)
}

/// A number without leading zeros, which some issuers write all the same.
fn unsigned(text: Option<&String>) -> Result<Vec<u8>, Unusable> {
    let bytes = bytes(text)?;
    Ok(bytes.into_iter().skip_while(|&byte| byte == 0).collect())
}

fn point(jwk: &Jwk, length: usize) -> Result<Vec<u8>, Unusable> {
    const UNCOMPRESSED: u8 = 4;
    let (x, y) = (exactly(jwk.x.as_ref(), length)?, exactly(jwk.y.as_ref(), length)?);
    Ok([&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())
}

/// 2048 to 8192 bits (RFC 7518, section 3.3 asks for the first; more only costs time), and an odd
/// exponent from 3 up to what fits into 64 bits.
fn rsa(n: &[u8], e: &[u8]) -> Result<Material, Unusable> {
    let bits = |number: &[u8]| number.len() * 8 - number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    if !(2048..=8192).contains(&bits(n)) || !odd || e == [1] || e.len() > 8 {
        return Err(Unusable::Weak);
    }
    Ok(Material::Rsa { n: n.to_vec(), e: e.to_vec() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa_key(bytes: usize) -> Value {
        let mut n = vec![0xff; bytes];
        n[0] = 0x80;
        json!({ "kty": "RSA", "kid": "a", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB" })
    }

    fn with(mut key: Value, member: &str, value: impl Into<Value>) -> Value {
        key[member] = value.into();
        key
    }

    fn ec(curve: &str, length: usize) -> Value {
        let coordinate = URL_SAFE_NO_PAD.encode(vec![7; length]);
        json!({ "kty": "EC", "crv": curve, "x": coordinate, "y": coordinate })
    }

    fn refusal(key: Value) -> Unusable {
        VerifyingKey::read(key).err().unwrap()
    }

    fn algorithms(key: Value) -> Vec<Algorithm> {
        VerifyingKey::read(key).ok().unwrap().algorithms
    }

    #[test]
    fn a_key_that_could_sign_for_others_is_never_used() {
        assert_eq!(refusal(json!({ "kty": "oct", "k": "c2VjcmV0" })), Unusable::Symmetric);
        assert_eq!(refusal(with(rsa_key(256), "k", "c2VjcmV0")), Unusable::Symmetric);
        assert_eq!(refusal(with(rsa_key(256), "d", "AQAB")), Unusable::Private);
        assert_eq!(refusal(with(rsa_key(256), "alg", "HS256")), Unusable::Unsupported);
        assert_eq!(refusal(with(rsa_key(256), "alg", "none")), Unusable::Unsupported);
    }

    #[test]
    fn a_weak_rsa_key_is_never_used() {
        assert_eq!(refusal(rsa_key(255)), Unusable::Weak);
        assert_eq!(refusal(rsa_key(1025)), Unusable::Weak);
        let padded = URL_SAFE_NO_PAD.encode([vec![0; 128], vec![0xff; 128]].concat());
        assert_eq!(refusal(with(rsa_key(256), "n", padded)), Unusable::Weak);
        for exponent in ["", "AQ", "AAE", "Ag", "AQAAAAAAAAAB"] {
            assert_eq!(refusal(with(rsa_key(256), "e", exponent)), Unusable::Weak, "{exponent}");
        }
    }

    #[test]
    fn a_key_is_used_for_what_it_says_only() {
        assert_eq!(refusal(with(rsa_key(256), "use", "enc")), Unusable::NotForSignatures);
        assert_eq!(refusal(with(rsa_key(256), "key_ops", json!(["sign"]))), Unusable::NotForSignatures);
        assert_eq!(refusal(with(rsa_key(256), "alg", "RSA-OAEP")), Unusable::Unsupported);
        assert_eq!(refusal(with(rsa_key(256), "alg", "ES256")), Unusable::Unsupported);
        assert_eq!(refusal(with(ec("P-256", 32), "alg", "ES384")), Unusable::Unsupported);
        let named = with(with(with(rsa_key(256), "alg", "PS256"), "use", "sig"), "key_ops", json!(["verify"]));
        assert_eq!(algorithms(named), [Algorithm::PS256]);
        assert_eq!(algorithms(rsa_key(256)).len(), 6);
        assert_eq!(algorithms(ec("P-256", 32)), [Algorithm::ES256]);
        assert_eq!(algorithms(ec("P-384", 48)), [Algorithm::ES384]);
        let edwards = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32]), "alg": "Ed25519" });
        assert_eq!(algorithms(edwards), [Algorithm::EdDSA]);
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        for malformed in [json!(null), json!([]), json!({}), json!({ "kty": 1 }), json!({ "kty": "RSA" })] {
            assert_eq!(refusal(malformed), Unusable::Malformed);
        }
        assert_eq!(refusal(with(rsa_key(256), "n", "not base64url!")), Unusable::Malformed);
        assert_eq!(refusal(ec("P-256", 31)), Unusable::Malformed);
        assert_eq!(refusal(ec("P-521", 66)), Unusable::Unsupported);
        assert_eq!(refusal(ec("secp256k1", 32)), Unusable::Unsupported);
        assert_eq!(refusal(json!({ "kty": "OKP", "crv": "X25519", "x": "AA" })), Unusable::Unsupported);
    }
}
