//! Values that must not leave by accident.
//!
//! 1. A [`Secret`] prints as `Secret(..)`, has no `Display` and no `Serialize`, and wipes its bytes when dropped.
//! 2. The only way to its content is [`Secret::expose_secret`], one word to search for in a review.
//! 3. Secrets are compared in constant time ([`Secret::ct_eq`]), digests too.
//! 4. At rest there is a [`Digest`] of a random secret, never the secret (OWASP ASVS 5.0, 11.4 and 13.3).

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that is redacted in `Debug`, compared in constant time and wiped on drop.
///
/// # Examples
///
/// ```
/// use portcullis::Secret;
///
/// let password = Secret::from("secret123");
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// assert_eq!(password.expose_secret(), "secret123");
/// ```
///
/// # Security
///
/// Cloning copies the bytes; each copy is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize = String>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Lends the content; search for this word to find every place where a secret is used.
    #[must_use]
    pub fn expose_secret(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Compares in time that depends on the lengths alone.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        ct_eq(self.expose_secret().as_ref(), other)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 of a random secret: what a store keeps of a token or a session id, and their public handle.
///
/// It is not reversible for the secrets Portcullis makes (at least 160 random bits), so it may be listed, logged and
/// used as a handle; it never authenticates anybody.
///
/// # Examples
///
/// ```
/// use portcullis::Digest;
///
/// let digest = Digest::of("4f3c…");
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[expect(clippy::derived_hash_with_manual_eq, reason = "equal bytes are equal in constant time, too")]
#[derive(Clone, Copy, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Digests a secret text.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Takes the 32 bytes that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Lends the 32 bytes for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        ct_eq(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl std::str::FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(ParseDigestError);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = match pair {
                [high, low] => nibble(*high)? << 4 | nibble(*low)?,
                _ => return Err(ParseDigestError),
            };
        }
        Ok(Self(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, ParseDigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestError),
    }
}

/// The text is not the 64 lower-case hexadecimal digits of a [`Digest`].
///
/// # Examples
///
/// See [`Digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

/// Compares two byte strings in time that depends on their lengths alone.
pub(crate) fn ct_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from("canary")), "Secret(..)");
        assert_eq!(format!("{:?}", Secret::new(vec![1_u8])), "Secret(..)");
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let text = Digest::of("x").to_string();
        for (bad, why) in [
            (text.to_uppercase(), "upper case"),
            (text[1..].to_owned(), "short"),
            (format!("{text}0"), "long"),
            ("g".repeat(64), "not hexadecimal"),
            ("é".repeat(32), "not ASCII"),
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(ParseDigestError), "{why}");
        }
        assert_eq!(text.parse(), Ok(Digest::of("x")));
    }
}
