//! One key: parsed once, refused at load where it is weak.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{DecodingKey, DecodingKeyKind, EncodingKey};
use serde::de::{self, IgnoredAny, MapAccess};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::jwt::algorithm::{Algorithm, Family};
use crate::jwt::crypto::{Private, Public, SignError, Signer, Unusable, Verifier};
use crate::jwt::header;
use crate::jwt::json::{self, Members};

/// The fewest and the most bits of an RSA modulus (RFC 7518 section 3.3; AWS-LC's limit).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// A secret with fewer different bytes than this was not drawn at random.
const DIFFERENT_BYTES: usize = 8;

/// A key of one algorithm, which verifies and, where it is private, signs.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Algorithm, Key, KeyError};
///
/// let key = Key::from_secret(Algorithm::HS256, "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld").unwrap().with_id("2026-11");
/// assert_eq!(key.id(), Some("2026-11"));
/// assert_eq!(Key::from_secret(Algorithm::HS256, "changeme").unwrap_err(), KeyError::SecretTooShort(32));
/// ```
pub struct Key {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    retires_at: Timestamp,
    verifier: Verifier,
    signer: Option<Signer>,
    public: Option<Public>,
    /// How long a signature is in base64url.
    signature_length: usize,
    /// The headers of the tokens that it signs, encoded.
    headers: [Box<str>; 3],
}

/// Why a key was refused.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Algorithm, Key, KeyError};
///
/// let error = Key::from_pem(Algorithm::RS256, "-----BEGIN EC PRIVATE KEY-----").unwrap_err();
/// assert!(error.to_string().contains("openssl pkcs8 -topk8"));
/// # let _: KeyError = error;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An HMAC secret must not be shorter than the hash, in bytes.
    #[error(
        "an HMAC secret of this algorithm has at least {0} bytes: draw them at random, such as by `openssl rand -base64 48`"
    )]
    SecretTooShort(usize),
    /// An HMAC secret that repeats a few bytes can be guessed.
    #[error("the HMAC secret repeats a few bytes: draw it at random, such as by `openssl rand -base64 48`")]
    SecretTooRegular,
    /// A key of a pair in the place of a secret, as PEM, DER, JWK or of OpenSSH: everybody could sign (CVE-2022-29217).
    #[error("a public or private key is no HMAC secret: use `Key::from_pem` or `Key::from_jwk`")]
    SecretIsPem,
    /// An RSA modulus outside 2048 to 8192 bits.
    #[error("an RSA key has 2048 to 8192 bits, this one {0}")]
    RsaSize(usize),
    /// An RSA exponent that is even, 1, or longer than 32 bits.
    #[error("the RSA exponent is not one that is in use, such as 65537")]
    RsaExponent,
    /// The key is of another kind or curve than its algorithm, or cannot be read.
    #[error("this is not a key for {0}: wrong kind, wrong curve, a point off the curve, or damaged")]
    Mismatch(Algorithm),
    /// The text is not a PEM key that can be read.
    #[error(
        "PEM must be PRIVATE KEY (PKCS#8), PUBLIC KEY, RSA PRIVATE KEY or RSA PUBLIC KEY, unencrypted: `openssl pkcs8 -topk8 -nocrypt` converts"
    )]
    UnknownPem,
    /// The text is not a JWK that can be read.
    #[error("the JWK cannot be used: {0}")]
    Jwk(&'static str),
    /// The ring has no key.
    #[error("a key ring has at least one key")]
    NoKey,
    /// No key of the ring signs, and tokens are to be issued.
    #[error("no key of the ring signs: give it a private key or a secret")]
    NoSigningKey,
    /// Two keys of a ring have the same id, or more than one has none.
    #[error("the keys of a ring differ in their ids, and at most one has none: use `Key::with_id`")]
    SameId,
    /// An id over 128 bytes, or an empty one.
    #[error("the id of a key has 1 to 128 bytes")]
    UnacceptableId,
}

impl Key {
    /// Takes a secret for HS256, HS384 or HS512.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it is shorter than the hash, not random, a PEM text, or the algorithm is no HMAC.
    ///
    /// # Security
    ///
    /// Whoever verifies with a secret can sign: share it with nobody who should only verify.
    pub fn from_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        if algorithm.family() != Family::Hmac {
            return Err(KeyError::Mismatch(algorithm));
        }
        if secret.len() < algorithm.hash_length() {
            return Err(KeyError::SecretTooShort(algorithm.hash_length()));
        }
        if is_key_of_pair(secret) {
            return Err(KeyError::SecretIsPem);
        }
        let mut seen = [false; 256];
        secret.iter().for_each(|byte| {
            if let Some(seen) = seen.get_mut(usize::from(*byte)) {
                *seen = true;
            }
        });
        if seen.iter().filter(|seen| **seen).count() < DIFFERENT_BYTES {
            return Err(KeyError::SecretTooRegular);
        }
        let unusable = |_: Unusable| KeyError::Mismatch(algorithm);
        let signer = Signer::new(algorithm, &Private::Secret(secret)).map_err(unusable)?;
        let verifier = Verifier::of_secret(algorithm, secret).map_err(unusable)?;
        Ok(Self::new(algorithm, verifier, Some(signer), None, algorithm.hash_length()))
    }

    /// Takes a PEM text (RFC 7468): a private key signs and verifies, a public one verifies.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text cannot be read, or the key is weak or of another kind than the algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let label = pem.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
        let is_private = match label.map(|(label, _)| label) {
            Some("PRIVATE KEY" | "RSA PRIVATE KEY") => true,
            Some("PUBLIC KEY" | "RSA PUBLIC KEY") => false,
            _ => return Err(KeyError::UnknownPem),
        };
        let mismatch = |_| KeyError::Mismatch(algorithm);
        let pem = pem.as_bytes();
        if is_private {
            let key = match algorithm.family() {
                Family::Hmac => return Err(KeyError::Mismatch(algorithm)),
                Family::Rsa => EncodingKey::from_rsa_pem(pem),
                Family::Ec => EncodingKey::from_ec_pem(pem),
                Family::Ed => EncodingKey::from_ed_pem(pem),
            };
            return Self::from_private(algorithm, key.map_err(mismatch)?.as_bytes());
        }
        let key = match algorithm.family() {
            Family::Hmac => return Err(KeyError::Mismatch(algorithm)),
            Family::Rsa => DecodingKey::from_rsa_pem(pem),
            Family::Ec => DecodingKey::from_ec_pem(pem),
            Family::Ed => DecodingKey::from_ed_pem(pem),
        };
        let public =
            public_of(algorithm, &key.map_err(mismatch)?).map_err(|_| KeyError::Mismatch(algorithm))?;
        Self::from_public(algorithm, public)
    }

    /// Takes a private key in DER: PKCS#8 (RFC 5208).
    ///
    /// # Errors
    ///
    /// As [`Key::from_pem`].
    pub fn from_private_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pem(algorithm, &armour("PRIVATE KEY", der))
    }

    /// Takes a public key in DER: `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    ///
    /// As [`Key::from_pem`].
    pub fn from_public_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        Self::from_pem(algorithm, &armour("PUBLIC KEY", der))
    }

    /// Takes a JWK (RFC 7517) as JSON, with its `kid`: a public key verifies, a secret (`oct`) signs and verifies.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when it cannot be read, is not for signatures, is private, names no algorithm where its kind has
    /// several, or is weak.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        Self::from_public_jwk(json, &["d", "pem"])
    }

    /// Reads a JWK that has none of the members which hold a private key: where others can read one, it has leaked.
    pub(crate) fn from_public_jwk(json: &str, private: &[&str]) -> Result<Self, KeyError> {
        let unreadable = || KeyError::Jwk("it is not the JSON of one key");
        json::read(json, &mut Names::default()).map_err(|_| unreadable())?;
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|_| unreadable())?;
        if private.iter().any(|member| members.contains_key(*member)) {
            return Err(KeyError::Jwk("it is private, and private keys are read as PEM or DER"));
        }
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| unreadable())?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return Err(KeyError::Jwk("its `use` is not `sig`"));
        }
        if jwk.common.key_operations.as_ref().is_some_and(|may| !may.contains(&KeyOperations::Verify)) {
            return Err(KeyError::Jwk("its `key_ops` do not list `verify`"));
        }
        let algorithm = algorithm_of(&jwk, members.get("alg"))?;
        let key = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(octets) => {
                let secret = URL_SAFE_NO_PAD.decode(&octets.value).map(Zeroizing::new);
                let key = Self::from_secret(algorithm, secret.map_err(|_| unreadable())?.as_slice())?;
                let may_sign =
                    jwk.common.key_operations.as_ref().is_none_or(|may| may.contains(&KeyOperations::Sign));
                Self { signer: key.signer.filter(|_| may_sign), ..key }
            }
            _ => {
                let key = DecodingKey::from_jwk(&jwk).map_err(|_| unreadable())?;
                let public = public_of(algorithm, &key).map_err(|_| KeyError::Mismatch(algorithm))?;
                Self::from_public(algorithm, public)?
            }
        };
        Ok(match jwk.common.key_id {
            Some(id) => key.with_id(id),
            None => key,
        })
    }

    /// Gives the key the id that its tokens carry (`kid`).
    #[must_use]
    pub fn with_id(self, id: impl Into<Box<str>>) -> Self {
        let id = id.into();
        Self { headers: header::encoded(self.algorithm, Some(&id)), id: Some(id), ..self }
    }

    /// Ends the key at a moment: from then on it signs nothing, and nothing that it signed is good.
    #[must_use]
    pub fn retiring_at(self, retires_at: Timestamp) -> Self {
        Self { retires_at, ..self }
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Tells whether it can sign.
    #[must_use]
    pub const fn signs(&self) -> bool {
        self.signer.is_some()
    }

    pub(super) fn is_retired(&self, now: Timestamp) -> bool {
        self.retires_at <= now
    }

    pub(super) fn public(&self) -> Option<&Public> {
        self.public.as_ref()
    }

    pub(super) const fn signature_length(&self) -> usize {
        self.signature_length
    }

    pub(super) fn headers(&self) -> &[Box<str>; 3] {
        &self.headers
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.signer.as_ref().ok_or(SignError)?.sign(message)
    }

    fn new(
        algorithm: Algorithm,
        verifier: Verifier,
        signer: Option<Signer>,
        public: Option<Public>,
        signature_bytes: usize,
    ) -> Self {
        Self {
            id: None,
            algorithm,
            retires_at: Timestamp::MAX,
            verifier,
            signer,
            public,
            signature_length: (signature_bytes * 4).div_ceil(3),
            headers: header::encoded(algorithm, None),
        }
    }

    fn from_private(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let private = Private::Der(der);
        let unusable = |_: Unusable| KeyError::Mismatch(algorithm);
        if algorithm.family() == Family::Rsa
            && let Some(modulus) = modulus_of_private(der)
        {
            check_rsa_size(modulus)?;
        }
        let public = Public::of(algorithm, &private).map_err(unusable)?;
        let public = public.ok_or(KeyError::Mismatch(algorithm))?;
        let key = Self::from_public(algorithm, public)?;
        let signer = Signer::new(algorithm, &private).map_err(unusable)?;
        // A key whose halves do not belong together, or that the back end cannot use after all.
        let probe = signer.sign(b"probe").map_err(|_| KeyError::Mismatch(algorithm))?;
        if !key.verify(b"probe", &probe) {
            return Err(KeyError::Mismatch(algorithm));
        }
        Ok(Self { signer: Some(signer), ..key })
    }

    fn from_public(algorithm: Algorithm, public: Public) -> Result<Self, KeyError> {
        let signature_bytes = match &public {
            Public::Rsa { modulus, exponent } => {
                check_rsa(modulus, exponent)?;
                modulus.len() - leading_zeros(modulus)
            }
            Public::Ec { x, y } => x.len() + y.len(),
            Public::Ed { .. } => 64,
        };
        let verifier = Verifier::of_public(algorithm, &public).map_err(|_| KeyError::Mismatch(algorithm))?;
        Ok(Self::new(algorithm, verifier, None, Some(public), signature_bytes))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("signs", &self.signs())
            .finish_non_exhaustive()
    }
}

/// Tells whether a secret is a key of a pair, however it is dressed: white space, a byte order mark or other letters
/// before it hid it elsewhere (CVE-2026-34950, CVE-2024-33663).
fn is_key_of_pair(secret: &[u8]) -> bool {
    const SIGNS: [&[u8]; 8] = [
        b"-----begin ",
        b"-----end ",
        b"---- begin ",
        b"\"kty\"",
        b"ssh-rsa ",
        b"ssh-dss ",
        b"ssh-ed25519",
        b"ecdsa-sha2-",
    ];
    let has = |sign: &&[u8]| secret.windows(sign.len()).any(|part| part.eq_ignore_ascii_case(sign));
    if SIGNS.iter().any(has) || is_der(secret) {
        return true;
    }
    let text: Zeroizing<Vec<u8>> =
        Zeroizing::new(secret.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(text.as_slice()).map(Zeroizing::new).is_ok_and(|der| is_der(&der))
}

/// Tells whether bytes are one DER sequence as long as a key, which begins with a sequence or an integer.
fn is_der(bytes: &[u8]) -> bool {
    /// The length of a public key of Ed25519, the shortest.
    const SHORTEST: usize = 44;
    let Some((content, [])) = element(bytes, 0x30) else { return false };
    bytes.len() >= SHORTEST && (element(content, 0x30).is_some() || element(content, 0x02).is_some())
}

/// The members of a JWK, of which none may stand twice (RFC 7517 section 4).
#[derive(Default)]
struct Names(HashSet<String>);

impl<'de> Members<'de> for Names {
    fn member<A: MapAccess<'de>>(&mut self, name: Cow<'de, str>, map: &mut A) -> Result<(), A::Error> {
        if !self.0.insert(name.into_owned()) {
            return Err(de::Error::custom("a member stands twice"));
        }
        map.next_value::<IgnoredAny>().map(drop)
    }
}

/// Reads the parts of a public key, whose lengths must be those of its algorithm.
fn public_of(algorithm: Algorithm, key: &DecodingKey) -> Result<Public, Unusable> {
    let public = match (algorithm.family(), key.kind()) {
        (Family::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Public::Rsa { modulus: n.clone(), exponent: e.clone() }
        }
        (Family::Rsa, DecodingKeyKind::SecretOrDer(der)) => Public::from_rsa_der(der)?,
        (Family::Ec, DecodingKeyKind::SecretOrDer(point)) => Public::from_point(point)?,
        (Family::Ed, DecodingKeyKind::SecretOrDer(x)) => Public::Ed { x: x.clone() },
        _ => return Err(Unusable),
    };
    let fits = match &public {
        Public::Rsa { .. } => true,
        Public::Ec { x, y } => x.len() == algorithm.hash_length() && y.len() == x.len(),
        Public::Ed { x } => x.len() == 32 && !has_small_order(x),
    };
    if fits { Ok(public) } else { Err(Unusable) }
}

/// Tells whether a point of Ed25519 has one of the small orders, also where it is spelled too large: one signature would
/// be good for every message (RFC 8032 section 5.1.7, RFC 8725 section 3.4).
fn has_small_order(x: &[u8]) -> bool {
    /// The two of order eight.
    const EIGHT: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = x else { return true };
    let (last, all) = (last & 0x7f, |byte: u8| middle.iter().all(|other| *other == byte));
    let is_eight = |[one, rest @ .., end]: &[u8; 32]| one == first && rest == middle && *end == last;
    // 0 and 1; then -1, 0 and 1 with the prime added.
    *first <= 1 && last == 0 && all(0)
        || (0xec..=0xee).contains(first) && last == 0x7f && all(0xff)
        || EIGHT.iter().any(is_eight)
}

/// Finds the algorithm of a JWK: the one it names, or the only one of its curve.
fn algorithm_of(jwk: &Jwk, named: Option<&serde_json::Value>) -> Result<Algorithm, KeyError> {
    let of_kind = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Some(Algorithm::ES256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Some(Algorithm::ES384),
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        AlgorithmParameters::RSA(_) | AlgorithmParameters::OctetKey(_) => None,
        _ => return Err(KeyError::Jwk("its kind or curve is not supported")),
    };
    let Some(named) = named else {
        return of_kind.ok_or(KeyError::Jwk("it names no `alg`, and its kind has several"));
    };
    let known = Algorithm::ALL.into_iter().find(|algorithm| named == algorithm.as_str());
    match (known, of_kind) {
        (Some(algorithm), None) => Ok(algorithm),
        (Some(algorithm), Some(of_kind)) if algorithm == of_kind => Ok(algorithm),
        (Some(algorithm), Some(_)) => Err(KeyError::Mismatch(algorithm)),
        (None, _) => Err(KeyError::Jwk("its `alg` is not supported")),
    }
}

fn check_rsa_size(modulus: &[u8]) -> Result<(), KeyError> {
    let modulus = modulus.get(leading_zeros(modulus)..).unwrap_or_default();
    let unused = modulus.first().map_or(0, |first| usize::try_from(first.leading_zeros()).unwrap_or(0));
    let bits = modulus.len() * 8 - unused;
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    Ok(())
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    check_rsa_size(modulus)?;
    let exponent = exponent.get(leading_zeros(exponent)..).unwrap_or_default();
    let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !is_odd || exponent == [1] || exponent.len() > 4 {
        return Err(KeyError::RsaExponent);
    }
    Ok(())
}

/// Finds the modulus in a PKCS#1 `RSAPrivateKey` (RFC 8017 appendix A.1.2), to say how long it is where AWS-LC says no.
fn modulus_of_private(der: &[u8]) -> Option<&[u8]> {
    let (sequence, _) = element(der, 0x30)?;
    let ([0], rest) = element(sequence, 0x02)? else { return None };
    element(rest, 0x02).map(|(modulus, _)| modulus)
}

/// Splits off one DER element of a tag: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = der else { return None };
    if *first != tag {
        return None;
    }
    if *length < 0x80 {
        return rest.split_at_checked(usize::from(*length));
    }
    let (length, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
    let length =
        length.iter().try_fold(0_usize, |length, byte| Some(length.checked_mul(256)? + usize::from(*byte)));
    rest.split_at_checked(length?)
}

fn leading_zeros(number: &[u8]) -> usize {
    number.iter().take_while(|byte| **byte == 0).count()
}

fn armour(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    Zeroizing::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *body))
}
