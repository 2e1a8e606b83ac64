//! Pure Rust, through `jsonwebtoken`.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::{Private, Public, SignError, Unusable, named};
use crate::jwt::algorithm::{Algorithm, Family};

/// Makes signatures.
pub(in crate::jwt) struct Signer {
    key: EncodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

/// Checks signatures.
pub(in crate::jwt) struct Verifier {
    key: DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

impl Signer {
    pub(in crate::jwt) fn new(algorithm: Algorithm, key: &Private<'_>) -> Result<Self, Unusable> {
        let key = match (algorithm.family(), key) {
            (Family::Hmac, Private::Secret(secret)) => EncodingKey::from_secret(secret),
            (Family::Rsa, Private::Der(der)) => EncodingKey::from_rsa_der(der),
            (Family::Ec, Private::Der(der)) => EncodingKey::from_ec_der(der),
            (Family::Ed, Private::Der(der)) => EncodingKey::from_ed_der(der),
            _ => return Err(Unusable),
        };
        let signer = Self { key, algorithm: named(algorithm) };
        (DEFAULT_PROVIDER.signer_factory)(&signer.algorithm, &signer.key).map_err(|_| Unusable)?;
        Ok(signer)
    }

    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key).map_err(|_| SignError)?;
        signer.try_sign(message).map_err(|_| SignError)
    }
}

impl Verifier {
    pub(in crate::jwt) fn of_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Unusable> {
        match algorithm.family() {
            Family::Hmac => Self::parse(algorithm, DecodingKey::from_secret(secret)),
            Family::Rsa | Family::Ec | Family::Ed => Err(Unusable),
        }
    }

    pub(in crate::jwt) fn of_public(algorithm: Algorithm, key: &Public) -> Result<Self, Unusable> {
        let key = match (algorithm.family(), key) {
            (Family::Rsa, Public::Rsa { modulus, exponent }) => {
                DecodingKey::from_rsa_raw_components(modulus, exponent)
            }
            (Family::Ec, Public::Ec { x, y }) => DecodingKey::from_ec_der(&[&[4], x.as_slice(), y].concat()),
            (Family::Ed, Public::Ed { x }) => DecodingKey::from_ed_der(x),
            _ => return Err(Unusable),
        };
        Self::parse(algorithm, key)
    }

    /// Refuses a key that the back end cannot parse, such as a point that is not on the curve.
    fn parse(algorithm: Algorithm, key: DecodingKey) -> Result<Self, Unusable> {
        let verifier = Self { key, algorithm: named(algorithm) };
        (DEFAULT_PROVIDER.verifier_factory)(&verifier.algorithm, &verifier.key).map_err(|_| Unusable)?;
        Ok(verifier)
    }

    pub(in crate::jwt) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key);
        verifier.is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}
