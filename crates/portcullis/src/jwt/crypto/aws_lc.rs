//! AWS-LC, with keys that are parsed once.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey, RsaKeyPair, RsaPublicKeyComponents,
};

use super::{Private, Public, SignError, Unusable};
use crate::jwt::algorithm::Algorithm;

/// Makes signatures.
pub(in crate::jwt) enum Signer {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn aws::RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Checks signatures.
pub(in crate::jwt) enum Verifier {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Signer {
    pub(in crate::jwt) fn new(algorithm: Algorithm, key: &Private<'_>) -> Result<Self, Unusable> {
        let der = match key {
            Private::Secret(secret) => return hmac_key(algorithm, secret).map(Self::Hmac),
            Private::Der(der) => *der,
        };
        let signer = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return Err(Unusable),
            Algorithm::RS256 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PKCS1_SHA256)),
            Algorithm::RS384 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PKCS1_SHA384)),
            Algorithm::RS512 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PKCS1_SHA512)),
            Algorithm::PS256 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PSS_SHA256)),
            Algorithm::PS384 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PSS_SHA384)),
            Algorithm::PS512 => RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, &aws::RSA_PSS_SHA512)),
            Algorithm::ES256 => {
                EcdsaKeyPair::from_pkcs8(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::Ec)
            }
            Algorithm::ES384 => {
                EcdsaKeyPair::from_pkcs8(&aws::ECDSA_P384_SHA384_FIXED_SIGNING, der).map(Self::Ec)
            }
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed),
        };
        signer.map_err(|_| Unusable)
    }

    pub(in crate::jwt) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(*encoding, &SystemRandom::new(), message, &mut signature);
                signed.map(|()| signature).map_err(|_| SignError)
            }
            Self::Ec(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError),
            Self::Ed(pair) => {
                pair.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(|_| SignError)
            }
        }
    }
}

impl Verifier {
    pub(in crate::jwt) fn of_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, Unusable> {
        hmac_key(algorithm, secret).map(Self::Hmac)
    }

    pub(in crate::jwt) fn of_public(algorithm: Algorithm, key: &Public) -> Result<Self, Unusable> {
        let parsed = match (algorithm, key) {
            (Algorithm::ES256, Public::Ec { x, y }) => {
                ParsedPublicKey::new(&aws::ECDSA_P256_SHA256_FIXED, point(x, y))
            }
            (Algorithm::ES384, Public::Ec { x, y }) => {
                ParsedPublicKey::new(&aws::ECDSA_P384_SHA384_FIXED, point(x, y))
            }
            (Algorithm::EdDSA, Public::Ed { x }) => ParsedPublicKey::new(&aws::ED25519, x),
            (_, Public::Rsa { modulus, exponent }) => {
                let components = RsaPublicKeyComponents { n: modulus, e: exponent };
                components.to_parsed_public_key(rsa(algorithm)?)
            }
            _ => return Err(Unusable),
        };
        parsed.map(Self::Public).map_err(|_| Unusable)
    }

    /// Compares in constant time where there is something to hide.
    pub(in crate::jwt) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<Box<hmac::Key>, Unusable> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return Err(Unusable),
    };
    Ok(Box::new(hmac::Key::new(hash, secret)))
}

fn rsa(algorithm: Algorithm) -> Result<&'static aws::RsaParameters, Unusable> {
    match algorithm {
        Algorithm::RS256 => Ok(&aws::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Ok(&aws::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Ok(&aws::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Ok(&aws::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Ok(&aws::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Ok(&aws::RSA_PSS_2048_8192_SHA512),
        _ => Err(Unusable),
    }
}

/// Writes an uncompressed point (SEC 1 section 2.3.3).
fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}
