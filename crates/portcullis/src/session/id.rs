//! The secret in the cookie.

use crate::random::{BASE36, Random, RandomError, text};
use crate::secret::{Digest, Secret};

const LENGTH: usize = 32;

/// 32 random characters of `a-z0-9` (165 bits), as Django's session keys.
#[derive(Debug, Clone)]
pub(crate) struct SessionId(Secret);

impl SessionId {
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, RandomError> {
        text(random, BASE36, LENGTH).map(Self)
    }

    /// Reads a cookie's value; anything but our own form never reaches a store (CVE-2011-0698, CVE-2020-13254).
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let good =
            value.len() == LENGTH && value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
        good.then(|| Self(Secret::from(value)))
    }

    /// The key under which a store keeps the session.
    pub(crate) fn key(&self) -> Digest {
        Digest::of(self.expose_secret())
    }

    pub(crate) fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_form_is_a_session_id() {
        let good = "a".repeat(32);
        assert!(SessionId::parse(&good).is_some());
        for (bad, why) in [
            ("", "empty"),
            ("a", "short"),
            (&good.to_uppercase(), "upper case"),
            (&"a".repeat(33), "long"),
            (&"/".repeat(32), "a path"),
            (&format!("..{}", &good[2..]), "dots"),
            (&format!("\r\n{}", &good[2..]), "line break"),
            (&"é".repeat(16), "not ASCII"),
            (&format!("{}%2f", &good[3..]), "percent"),
        ] {
            assert!(SessionId::parse(bad).is_none(), "{why}");
        }
    }
}
