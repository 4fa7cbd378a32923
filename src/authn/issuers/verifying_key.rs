//! A key of an issuer that verifies signatures.

use jsonwebtoken::{Algorithm, DecodingKey};

/// A public key of an issuer.
#[derive(Clone)]
pub struct VerifyingKey {
    /// What the issuer calls it.
    pub kid: Option<String>,
    /// The key itself.
    pub decoding: DecodingKey,
    /// The algorithms that it may verify: never empty, and all asymmetric.
    pub algorithms: Vec<Algorithm>,
}
