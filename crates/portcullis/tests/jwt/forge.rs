//! Makes tokens by hand, with nothing of Portcullis: `hmac` for secrets, AWS-LC for pairs of keys.
//!
//! The keys below `keys/` are test keys, made by `openssl genpkey`, and protect nothing.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use portcullis::jwt::{Algorithm, JwtConfig, JwtError, JwtVerifier, Key, KeyRing, Purpose};
use portcullis::{Environment, Timestamp};
use portcullis_testing::FixedClock;
use sha2::{Sha256, Sha384, Sha512};

/// The moment at which all this happens: that of a [`FixedClock`].
pub(crate) const NOW: i64 = 1_735_689_600;
/// Long enough for HS512.
pub(crate) const SECRET: &str = "uH3bWk8xQm5Rz1Ty7Nc2Lv9Pd4Fs6GjKe0AaBoCiDqErFtHuIvJwXyYzMnVpSgZl";
/// The id of a forged token.
pub(crate) const ID: &str = "00112233445566778899aabbccddeeff";

pub(crate) const ALL: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Lends a key below `keys/`.
macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("keys/", $name, ".pem"))
    };
}
pub(crate) use pem;

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a PEM text.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

/// Lends the private and the public key of an algorithm; none for a secret.
pub(crate) fn pair(algorithm: Algorithm) -> Option<(&'static str, &'static str)> {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => None,
        Algorithm::ES256 => Some((pem!("p256"), pem!("p256-public"))),
        Algorithm::ES384 => Some((pem!("p384"), pem!("p384-public"))),
        Algorithm::EdDSA => Some((pem!("ed25519"), pem!("ed25519-public"))),
        _ => Some((pem!("rsa"), pem!("rsa-public"))),
    }
}

/// The key of an algorithm, which signs.
pub(crate) fn key(algorithm: Algorithm) -> Key {
    match pair(algorithm) {
        None => Key::from_secret(algorithm, SECRET).unwrap(),
        Some((private, _)) => Key::from_pem(algorithm, private).unwrap(),
    }
}

/// The key of an algorithm, which where it can only verifies.
pub(crate) fn public_key(algorithm: Algorithm) -> Key {
    pair(algorithm).map_or_else(|| key(algorithm), |(_, public)| Key::from_pem(algorithm, public).unwrap())
}

fn mac<M: Mac + KeyInit>(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Signs by HMAC with any secret at all.
pub(crate) fn hmac(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::HS256 => mac::<Hmac<Sha256>>(secret, message),
        Algorithm::HS384 => mac::<Hmac<Sha384>>(secret, message),
        _ => mac::<Hmac<Sha512>>(secret, message),
    }
}

fn rsa(encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(&der(pem!("rsa"))).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

pub(crate) fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, pem: &str, message: &[u8]) -> Vec<u8> {
    let key = EcdsaKeyPair::from_pkcs8(algorithm, &der(pem)).unwrap();
    key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

/// Signs with the key of an algorithm.
pub(crate) fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::RS256 => rsa(&aws::RSA_PKCS1_SHA256, message),
        Algorithm::RS384 => rsa(&aws::RSA_PKCS1_SHA384, message),
        Algorithm::RS512 => rsa(&aws::RSA_PKCS1_SHA512, message),
        Algorithm::PS256 => rsa(&aws::RSA_PSS_SHA256, message),
        Algorithm::PS384 => rsa(&aws::RSA_PSS_SHA384, message),
        Algorithm::PS512 => rsa(&aws::RSA_PSS_SHA512, message),
        Algorithm::ES256 => ecdsa(&aws::ECDSA_P256_SHA256_FIXED_SIGNING, pem!("p256"), message),
        Algorithm::ES384 => ecdsa(&aws::ECDSA_P384_SHA384_FIXED_SIGNING, pem!("p384"), message),
        Algorithm::EdDSA => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(pem!("ed25519"))).unwrap();
            key.sign(message).as_ref().to_vec()
        }
        _ => hmac(algorithm, SECRET.as_bytes(), message),
    }
}

/// Writes a payload: a good one of a purpose but for some members, given in JSON; an empty text takes one away.
pub(crate) fn payload(purpose: &str, edits: &[(&str, &str)]) -> String {
    let (exp, iat) = ((NOW + 300).to_string(), NOW.to_string());
    let (purpose, id) = (format!("\"{purpose}\""), format!("\"{ID}\""));
    let mut members: Vec<(&str, &str)> = vec![
        ("token_type", &purpose),
        ("exp", &exp),
        ("iat", &iat),
        ("jti", &id),
        ("user_id", "\"1\""),
        ("auth_epoch", "0"),
    ];
    for (name, value) in edits {
        members.retain(|(known, _)| known != name);
        members.push((name, value));
    }
    let members = members.iter().filter(|(_, value)| !value.is_empty());
    let members: Vec<_> = members.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The payload of a good access token but for some members.
pub(crate) fn access(edits: &[(&str, &str)]) -> String {
    payload("access", edits)
}

/// The type that the strict configuration asks of a purpose.
pub(crate) fn typ_of(purpose: &str) -> &'static str {
    match purpose {
        "access" => "at+jwt",
        "refresh" => "rt+jwt",
        _ => "JWT",
    }
}

pub(crate) fn header(algorithm: Algorithm, purpose: &str) -> String {
    format!(r#"{{"alg":"{algorithm}","typ":"{}"}}"#, typ_of(purpose))
}

/// Writes a token of whatever bytes, and signs them.
pub(crate) fn forge(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", b64(signature))
}

/// Writes a token by HS256 with [`SECRET`].
pub(crate) fn forge_hs256(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    forge(header, payload, |message| sign(Algorithm::HS256, message))
}

/// Writes a good token of a purpose but for some claims.
pub(crate) fn token(purpose: &str, edits: &[(&str, &str)]) -> String {
    forge_hs256(header(Algorithm::HS256, purpose), payload(purpose, edits))
}

/// Writes a good access token with this header.
pub(crate) fn with_header(header: impl AsRef<[u8]>) -> String {
    forge_hs256(header, access(&[]))
}

/// A verifier with keys, at [`NOW`].
pub(crate) fn verifier(keys: impl IntoIterator<Item = Key>, config: JwtConfig) -> JwtVerifier {
    verifier_at(keys, config, &FixedClock::default())
}

pub(crate) fn verifier_at(
    keys: impl IntoIterator<Item = Key>,
    config: JwtConfig,
    clock: &FixedClock,
) -> JwtVerifier {
    let environment = Environment::default().with_clock(Arc::new(clock.clone()));
    JwtVerifier::new(KeyRing::new(keys).unwrap(), config).unwrap().with_environment(environment)
}

/// A verifier of HS256 with [`SECRET`].
pub(crate) fn by_secret(config: JwtConfig) -> JwtVerifier {
    verifier([key(Algorithm::HS256)], config)
}

pub(crate) fn strict() -> JwtVerifier {
    by_secret(JwtConfig::default())
}

pub(crate) fn preset() -> JwtVerifier {
    by_secret(JwtConfig::simplejwt())
}

/// The verdict on an access token.
pub(crate) fn verdict(verifier: &JwtVerifier, token: impl AsRef<[u8]>) -> Result<(), JwtError> {
    verifier.verify(token, Purpose::ACCESS, |_| ())
}

/// Insists that both configurations refuse a token as not valid.
#[track_caller]
pub(crate) fn assert_invalid(token: impl AsRef<[u8]>, name: &str) {
    for (which, verifier) in [("strict", strict()), ("preset", preset())] {
        assert_eq!(verdict(&verifier, token.as_ref()), Err(JwtError::Invalid), "{which}: {name}");
    }
}

/// Insists that both configurations accept a token.
#[track_caller]
pub(crate) fn assert_valid(token: impl AsRef<[u8]>, name: &str) {
    for (which, verifier) in [("strict", strict()), ("preset", preset())] {
        assert_eq!(verdict(&verifier, token.as_ref()), Ok(()), "{which}: {name}");
    }
}

pub(crate) fn at(seconds: i64, micros: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000 + micros)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
