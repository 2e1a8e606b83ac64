//! What a client presents, and what a store keeps of it.

use std::fmt;

use crate::secret::{Secret, ct_eq};

/// The longest password that is looked at, in bytes of UTF-8: more is refused before any hash (CVE-2013-1443).
///
/// See [`Credentials`].
pub const MAX_PASSWORD_BYTES: usize = 4096;
/// The longest username that is looked up, in bytes of UTF-8; longer ones name nobody.
///
/// See [`Credentials`].
pub const MAX_USERNAME_BYTES: usize = 1024;

/// A username and a password as a client sent them, taken exactly as sent (ASVS 5.0, 6.2.8).
///
/// # Examples
///
/// ```
/// use portcullis::Credentials;
///
/// let credentials = Credentials::new("john", "secret123");
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { username: "john", password: Secret(..) }"#);
/// ```
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: Secret,
}

impl Credentials {
    /// Takes what the client sent.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { username: username.into(), password: password.into() }
    }

    /// Returns the name as sent; it may be nobody's.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Returns the password as sent.
    #[must_use]
    pub const fn password(&self) -> &Secret {
        &self.password
    }

    /// Tells whether anybody could have these: neither too long nor with a NUL, which HMAC-based hashes ignore at the
    /// end of a password (so that `secret123\0` would log in).
    pub(crate) fn are_plausible(&self) -> bool {
        self.username.len() <= MAX_USERNAME_BYTES
            && !self.username.contains('\0')
            && is_plausible_password(self.password.expose_secret())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &self.password)
            .finish()
    }
}

/// Tells whether a password may be hashed at all: not empty, at most [`MAX_PASSWORD_BYTES`], without NUL.
pub(crate) fn is_plausible_password(password: &str) -> bool {
    !password.is_empty() && password.len() <= MAX_PASSWORD_BYTES && !password.contains('\0')
}

/// A password's hash in its text form (a PHC string, or what another hasher of the set writes).
///
/// # Examples
///
/// ```
/// use portcullis::PasswordHash;
///
/// let hash = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA");
/// assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
/// ```
#[derive(Clone)]
pub struct PasswordHash(Secret);

impl PasswordHash {
    /// Takes the text of a hash; whether it can be verified shows when it is.
    #[must_use]
    pub fn new(text: impl Into<Secret>) -> Self {
        Self(text.into())
    }

    /// Lends the text, for a store to keep.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        ct_eq(self.expose_secret().as_bytes(), other.expose_secret().as_bytes())
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}
