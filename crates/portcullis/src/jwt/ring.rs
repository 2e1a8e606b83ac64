//! Keys in use: one signs, all verify, and the set is swapped while requests run.
//!
//! 1. The last key of the ring that can sign, and is not retired, signs.
//! 2. A token names its key (`kid`). One that names none is of the key without an id; where the ring is a single key
//!    without an id, the name is not looked at.
//! 3. A key has one algorithm, and a token of another one is refused (RFC 8725 section 3.1).
//! 4. Replacing the keys takes no lock on the path of a request.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::clock::Timestamp;
use crate::jwt::algorithm::Algorithm;
use crate::jwt::header::{Header, TYPS, Typ};
use crate::jwt::jwks;
use crate::jwt::key::{Key, KeyError};

/// The keys that sign and verify; cloning shares it.
///
/// # Examples
///
/// ```
/// use portcullis::jwt::{Algorithm, Key, KeyRing};
///
/// let ring = KeyRing::from_secret("3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
///
/// // Later: a new key signs; the old one verifies what it signed.
/// let old = Key::from_secret(Algorithm::HS256, "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld")?;
/// let new = Key::from_secret(Algorithm::HS256, "Zk8vJm2Qx7Lw4Hn6Bt1Rc9Sd3Fg5Yp0e")?.with_id("2026-12");
/// ring.replace([old, new])?;
/// # Ok::<(), portcullis::jwt::KeyError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<ArcSwap<Keys>>);

/// The keys of a moment.
pub(super) struct Keys(Vec<Key>);

impl KeyRing {
    /// Makes a ring of keys; the last one that can sign does.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when there is no key, an id stands twice or is unacceptable, or more than one key has none.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Keys::new(keys)?))))
    }

    /// Makes a ring of one secret, for HS256 and without an id, as simplejwt's `SIGNING_KEY`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the secret is weak.
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new([Key::from_secret(Algorithm::HS256, secret)?])
    }

    /// Makes a ring of another service's JWK set (RFC 7517 section 5), to verify what it signs.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text is no JWK set, or none of its keys can be used; keys that cannot are left out, since a
    /// set may hold kinds and uses of its own (section 5: "implementations SHOULD ignore JWKs ... not understood").
    ///
    /// # Security
    ///
    /// Secrets (`oct`) are left out: whoever reads the set could sign with them.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        #[derive(serde::Deserialize)]
        struct Set<'a> {
            #[serde(borrow)]
            keys: Vec<&'a serde_json::value::RawValue>,
        }
        let set: Set<'_> =
            serde_json::from_str(json).map_err(|_| KeyError::Jwk("it is not the JSON of a set of keys"))?;
        let keys = set.keys.into_iter().filter_map(|key| Key::from_jwk(key.get()).ok());
        // A secret in a document that others read is none: each of them could sign.
        Self::new(keys.filter(|key| key.public().is_some()))
    }

    /// Replaces all keys, from the next request on.
    ///
    /// # Errors
    ///
    /// [`KeyError`] as for [`KeyRing::new`], and when no key signs though one did; then the old keys stay.
    ///
    /// # Security
    ///
    /// Tokens of a key that is not among the new ones end here and now; leave it in with [`Key::retiring_at`] until the
    /// last of them has ended.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), KeyError> {
        let keys = Keys::new(keys)?;
        if self.signs() && !keys.0.iter().any(Key::signs) {
            return Err(KeyError::NoSigningKey);
        }
        self.0.store(Arc::new(keys));
        Ok(())
    }

    /// Returns the public keys that verify at a moment, as a JWK set (RFC 7517 section 5); a secret never stands in it.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> String {
        let keys = self.keys();
        jwks::write(keys.0.iter().filter(|key| !key.is_retired(now)))
    }

    pub(super) fn signs(&self) -> bool {
        self.keys().0.iter().any(Key::signs)
    }

    pub(super) fn keys(&self) -> Guard<Arc<Keys>> {
        self.0.load()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.keys().0).finish()
    }
}

impl Keys {
    fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(KeyError::NoKey);
        }
        if keys.iter().filter_map(Key::id).any(|id| !(1..=128).contains(&id.len())) {
            return Err(KeyError::UnacceptableId);
        }
        let is_twice =
            |(at, key): (usize, &Key)| keys.iter().skip(at + 1).any(|other| other.id() == key.id());
        if keys.iter().enumerate().any(is_twice) {
            return Err(KeyError::SameId);
        }
        Ok(Self(keys))
    }

    /// Finds the key that signs.
    pub(super) fn signing(&self, now: Timestamp) -> Option<&Key> {
        self.0.iter().rev().find(|key| key.signs() && !key.is_retired(now))
    }

    /// Tells at a glance whether a token has a dot where the signature of a key would begin.
    pub(super) fn may_have_signed(&self, token: &[u8]) -> bool {
        self.0.iter().any(|key| {
            let at = token.len().checked_sub(key.signature_length() + 1);
            at.and_then(|at| token.get(at)) == Some(&b'.')
        })
    }

    /// Finds the key that wrote this very header, without reading it.
    pub(super) fn by_known_header(&self, header: &[u8]) -> Option<(&Key, Typ)> {
        self.0.iter().find_map(|key| {
            let mut known = key.headers().iter().zip(TYPS);
            known.find(|(known, _)| known.as_bytes() == header).map(|(_, (typ, _))| (key, typ))
        })
    }

    /// Finds the key that a header names.
    pub(super) fn by_header(&self, header: &Header<'_>) -> Option<&Key> {
        let named = match &*self.0 {
            [key] if key.id().is_none() => Some(key),
            keys => keys.iter().find(|key| key.id() == header.id()),
        };
        named.filter(|key| header.is_of(key.algorithm()))
    }
}
