//! What a 401 asks for.
//!
//! 1. A challenge is a scheme and, mostly, a realm in a quoted-string (RFC 9110 section 11.3).
//! 2. `"` and `\` are escaped; control characters and non-ASCII are refused when the challenge is made.

use http::HeaderValue;

/// The value of a `WWW-Authenticate` header.
///
/// # Examples
///
/// ```
/// use portcullis::Challenge;
///
/// assert_eq!(Challenge::with_realm("Basic", "api")?.as_header(), "Basic realm=\"api\"");
/// assert_eq!(Challenge::new("Token")?.as_header(), "Token");
/// # Ok::<(), portcullis::ChallengeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(HeaderValue);

impl Challenge {
    /// Makes a challenge of a scheme alone, as DRF's `TokenAuthentication` sends it.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] when the scheme is not a token of RFC 9110.
    pub fn new(scheme: &str) -> Result<Self, ChallengeError> {
        Self::parse(scheme, scheme.to_owned())
    }

    /// Makes a challenge of a scheme and a realm.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] when the scheme is not a token of RFC 9110, or the realm holds anything but visible ASCII and spaces.
    pub fn with_realm(scheme: &str, realm: &str) -> Result<Self, ChallengeError> {
        let escaped = realm.replace('\\', "\\\\").replace('"', "\\\"");
        Self::parse(scheme, format!("{scheme} realm=\"{escaped}\""))
    }

    /// DRF's challenge of `BasicAuthentication`.
    pub(crate) const fn basic_api() -> Self {
        Self(HeaderValue::from_static("Basic realm=\"api\""))
    }

    /// DRF's challenge of `TokenAuthentication`.
    pub(crate) const fn token() -> Self {
        Self(HeaderValue::from_static("Token"))
    }

    fn parse(scheme: &str, text: String) -> Result<Self, ChallengeError> {
        let token = !scheme.is_empty() && scheme.bytes().all(is_token);
        let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !(token && visible) {
            return Err(ChallengeError);
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| ChallengeError)
    }

    /// Lends the header's value.
    #[must_use]
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The scheme is not a token of RFC 9110, or the realm holds more than visible ASCII and spaces.
///
/// # Examples
///
/// See [`Challenge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a challenge is a token and a realm of visible ASCII")]
pub struct ChallengeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let quoted = Challenge::with_realm("Basic", r#"a"b\c"#).unwrap();
        assert_eq!(quoted.as_header(), r#"Basic realm="a\"b\\c""#);
        for (scheme, realm) in
            [("Basic", "a\r\nb"), ("Basic", "\0"), ("Basic", "é"), ("Ba sic", "a"), ("", "a"), ("a,b", "a")]
        {
            assert_eq!(Challenge::with_realm(scheme, realm), Err(ChallengeError), "{scheme:?} {realm:?}");
        }
    }
}
