//! Signing and verifying: one of two back ends, the same items in each.
//!
//! 1. A key is parsed when it is loaded, and never again (AWS-LC; the pure Rust one parses anew each time).
//! 2. `jsonwebtoken`'s process-wide provider is neither used nor set: with both of its features on it would pick none and
//!    panic, and an application may have installed one of its own.
//! 3. With both back ends compiled in AWS-LC is used.

#[cfg(feature = "jwt-aws-lc")]
mod aws_lc;
#[cfg(not(feature = "jwt-aws-lc"))]
mod rust_crypto;

#[cfg(feature = "jwt-aws-lc")]
use aws_lc as backend;
#[cfg(feature = "jwt-aws-lc")]
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
#[cfg(not(feature = "jwt-aws-lc"))]
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
#[cfg(not(feature = "jwt-aws-lc"))]
use rust_crypto as backend;

pub(super) use self::backend::{Signer, Verifier};
use crate::jwt::algorithm::{Algorithm, Family};

/// A private key in the form in which the back ends take it.
pub(super) enum Private<'a> {
    /// An HMAC secret.
    Secret(&'a [u8]),
    /// PKCS#1 of RSA, PKCS#8 of the others.
    Der(&'a [u8]),
}

/// A public key, in the parts of a JWK (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Public {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ec { x: Vec<u8>, y: Vec<u8> },
    Ed { x: Vec<u8> },
}

/// The key does not fit its algorithm, or is none.
#[derive(Debug)]
pub(super) struct Unusable;

/// A signature could not be made: the source of randomness has failed.
#[derive(Debug)]
pub(super) struct SignError;

impl Public {
    /// Derives the public part of a private key; nothing for a secret, which has none.
    pub(super) fn of(algorithm: Algorithm, key: &Private<'_>) -> Result<Option<Self>, Unusable> {
        let Private::Der(der) = key else { return Ok(None) };
        let utilities = &DEFAULT_PROVIDER.key_utils;
        let public = match algorithm.family() {
            Family::Hmac => return Err(Unusable),
            Family::Rsa => (utilities.rsa_pub_components_from_private_key)(der)
                .map(|(modulus, exponent)| Self::Rsa { modulus, exponent }),
            Family::Ec => (utilities.ec_pub_components_from_private_key)(der, named(algorithm))
                .map(|(_, x, y)| Self::Ec { x, y }),
            Family::Ed => {
                let curve = jsonwebtoken::jwk::EllipticCurve::Ed25519;
                (utilities.ed_pub_components_from_private_key)(der, &curve).map(|x| Self::Ed { x })
            }
        };
        public.map(Some).map_err(|_| Unusable)
    }

    /// Reads a PKCS#1 `RSAPublicKey`.
    pub(super) fn from_rsa_der(der: &[u8]) -> Result<Self, Unusable> {
        let (modulus, exponent) =
            (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der).map_err(|_| Unusable)?;
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Reads an uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn from_point(point: &[u8]) -> Result<Self, Unusable> {
        let [4, coordinates @ ..] = point else { return Err(Unusable) };
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        Ok(Self::Ec { x: x.to_vec(), y: y.to_vec() })
    }
}

/// The algorithm as `jsonwebtoken` names it.
fn named(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as Theirs;
    match algorithm {
        Algorithm::HS256 => Theirs::HS256,
        Algorithm::HS384 => Theirs::HS384,
        Algorithm::HS512 => Theirs::HS512,
        Algorithm::RS256 => Theirs::RS256,
        Algorithm::RS384 => Theirs::RS384,
        Algorithm::RS512 => Theirs::RS512,
        Algorithm::PS256 => Theirs::PS256,
        Algorithm::PS384 => Theirs::PS384,
        Algorithm::PS512 => Theirs::PS512,
        Algorithm::ES256 => Theirs::ES256,
        Algorithm::ES384 => Theirs::ES384,
        Algorithm::EdDSA => Theirs::EdDSA,
    }
}
