//! Is this token ours, and what does it say?
//!
//! 1. What is too long is refused unseen, and what has no dot where a signature of ours would begin; the header is found
//!    within its first bytes.
//! 2. The signature's length is known from the key, and it is right before anything behind the header is parsed
//!    (OWASP ASVS 5.0, 9.1.1).
//! 3. base64url has one spelling: no padding, no white space, no spare bits (RFC 7515 section 2, RFC 4648 section 3.5).
//! 4. Three segments: a fourth would be a dot in the payload, which no base64url has.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::environment::Environment;
use crate::jwt::claims::Claims;
use crate::jwt::config::{JwtConfig, JwtConfigError};
use crate::jwt::error::JwtError;
use crate::jwt::header::{self, Header, Typ};
use crate::jwt::key::Key;
use crate::jwt::purpose::Purpose;
use crate::jwt::ring::{KeyRing, Keys};

/// The longest signature, in bytes: RSA of 8192 bits.
const MAX_SIGNATURE: usize = 1024;
/// A payload of up to so many bytes is decoded without an allocation.
const SMALL_PAYLOAD: usize = 768;

/// Checks tokens against keys and rules; it needs no store, and cloning shares it.
///
/// A service that only receives tokens needs nothing else: see
/// [`StatelessJwtAuthenticator`](crate::authentication::StatelessJwtAuthenticator).
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{JwtConfig, JwtError, JwtVerifier, KeyRing, Purpose};
///
/// let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
/// let verifier = JwtVerifier::new(ring, JwtConfig::default())?;
/// let refused = verifier.verify("not.a.token", Purpose::ACCESS, |claims| claims.user_id());
/// assert_eq!(refused, Err(JwtError::Invalid));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JwtVerifier(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    ring: KeyRing,
    config: JwtConfig,
    environment: Environment,
}

impl JwtVerifier {
    /// Puts keys and rules together.
    ///
    /// # Errors
    ///
    /// [`JwtConfigError`] when the rules can never work.
    pub fn new(ring: KeyRing, config: JwtConfig) -> Result<Self, JwtConfigError> {
        config.validate()?;
        Ok(Self(Arc::new(Inner { ring, config, environment: Environment::default() })))
    }

    /// Replaces clock, randomness and event sink.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Self(Arc::new(Inner { environment, ..Inner::clone(&self.0) }))
    }

    /// Checks a token and lends its claims.
    ///
    /// # Errors
    ///
    /// [`JwtError`] when the token is not one of ours, has ended, or is for something else.
    pub fn verify<R>(
        &self,
        token: impl AsRef<[u8]>,
        purpose: Purpose,
        read: impl FnOnce(&Claims<'_>) -> R,
    ) -> Result<R, JwtError> {
        self.check(token.as_ref(), Some(purpose), read)
    }

    /// Checks a token of any purpose, as simplejwt's `UntypedToken`.
    pub(crate) fn check<R>(
        &self,
        token: &[u8],
        purpose: Option<Purpose>,
        read: impl FnOnce(&Claims<'_>) -> R,
    ) -> Result<R, JwtError> {
        let now = self.0.environment.now();
        let config = &self.0.config;
        let (typ, payload) = self.open(token, now)?;
        let mut small = [0; SMALL_PAYLOAD];
        let mut large = Vec::new();
        let payload = if payload.len() / 4 * 3 + 3 <= SMALL_PAYLOAD {
            let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut small).map_err(|_| JwtError::Invalid)?;
            small.get(..length).unwrap_or_default()
        } else {
            URL_SAFE_NO_PAD.decode_vec(payload, &mut large).map_err(|_| JwtError::Invalid)?;
            large.as_slice()
        };
        let json = std::str::from_utf8(payload).map_err(|_| JwtError::Invalid)?;
        let claims = Claims::read(json, config)?;
        claims.judge(config, typ, purpose, now)?;
        Ok(read(&claims))
    }

    /// Checks form and signature; returns what the header says the token is, and the payload as it came.
    fn open<'t>(&self, token: &'t [u8], now: Timestamp) -> Result<(Typ, &'t [u8]), JwtError> {
        if token.len() > self.0.config.max_bytes {
            return Err(JwtError::Invalid);
        }
        let keys = self.0.ring.keys();
        if !keys.may_have_signed(token) {
            return Err(JwtError::Invalid);
        }
        let head = header::split(token).ok_or(JwtError::Invalid)?;
        let (key, typ) = find_key(&keys, head).ok_or(JwtError::Invalid)?;
        if key.is_retired(now) {
            return Err(JwtError::Invalid);
        }
        let end = token.len().checked_sub(key.signature_length() + 1).ok_or(JwtError::Invalid)?;
        let (message, signature) = token.split_at_checked(end).ok_or(JwtError::Invalid)?;
        let payload = message.get(head.len() + 1..).ok_or(JwtError::Invalid)?;
        let [b'.', signature @ ..] = signature else { return Err(JwtError::Invalid) };
        let mut buffer = [0; MAX_SIGNATURE];
        let buffer = buffer.get_mut(..(signature.len() / 4 * 3 + 3).min(MAX_SIGNATURE)).unwrap_or_default();
        let length = URL_SAFE_NO_PAD.decode_slice(signature, buffer).map_err(|_| JwtError::Invalid)?;
        let signature = buffer.get(..length).unwrap_or_default();
        if key.verify(message, signature) { Ok((typ, payload)) } else { Err(JwtError::Invalid) }
    }

    pub(crate) fn config(&self) -> &JwtConfig {
        &self.0.config
    }

    pub(super) fn ring(&self) -> &KeyRing {
        &self.0.ring
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("ring", &self.0.ring)
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

fn find_key<'k>(keys: &'k Keys, head: &[u8]) -> Option<(&'k Key, Typ)> {
    keys.by_known_header(head).or_else(|| {
        let mut json = Vec::new();
        header::decode(head, &mut json).ok()?;
        let header = Header::read(&json).ok()?;
        keys.by_header(&header).map(|key| (key, header.typ()))
    })
}
