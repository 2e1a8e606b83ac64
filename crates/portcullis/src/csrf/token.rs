//! CSRF secrets and the tokens that show one (`django/middleware/csrf.py`).
//!
//! 1. A secret is 32 letters and digits. A token is the secret, or 64: a random mask and the secret shifted by it, so
//!    that no two answers hold the same text (BREACH).
//! 2. The shift is modulo 62 over `a-zA-Z0-9` in this order, to the byte as Django does it.
//! 3. A secret that is bound to a session is derived from the session's id, so it changes when the id does, and a
//!    pair of cookie and token that somebody made up proves nothing (CVE-2023-45128).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::random::{BASE62, Random, RandomError, text};
use crate::secret::Secret;

const SECRET_LENGTH: usize = 32;
const TOKEN_LENGTH: usize = 2 * SECRET_LENGTH;

/// What is wrong with the form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Length,
    Characters,
}

impl Flaw {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Length => "has incorrect length",
            Self::Characters => "has invalid characters",
        }
    }
}

/// Makes a secret.
pub(crate) fn new_secret(random: &dyn Random) -> Result<Secret, RandomError> {
    text(random, BASE62, SECRET_LENGTH)
}

/// Derives the secret of a session from its id.
///
/// 32 bytes of HMAC-SHA256 become 32 characters by modulo 62, which favours eight of them by a quarter: 190 bits of
/// 256 are left, where 160 are asked for.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 section 3)")]
pub(crate) fn secret_of_session(session_id: &str) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(session_id.as_bytes()).expect("any length");
    mac.update(b"portcullis csrf secret");
    Secret::new(mac.finalize().into_bytes().iter().map(|byte| symbol(usize::from(*byte))).collect())
}

/// Makes a token that shows the secret in a text of its own.
pub(crate) fn mask(secret: &Secret, random: &dyn Random) -> Result<Secret, RandomError> {
    let mask = new_secret(random)?;
    let (secret, mask) = (secret.expose_secret(), mask.expose_secret());
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_LENGTH));
    token.push_str(mask);
    token.extend(secret.bytes().zip(mask.bytes()).map(|(secret, mask)| symbol(index(secret) + index(mask))));
    Ok(Secret::new(std::mem::take(&mut *token)))
}

/// Reads the secret that a token or a cookie shows, plain or masked.
pub(super) fn read(token: &str) -> Result<Secret, Flaw> {
    let length = token.chars().take(TOKEN_LENGTH + 1).count();
    if length != SECRET_LENGTH && length != TOKEN_LENGTH {
        return Err(Flaw::Length);
    }
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Flaw::Characters);
    }
    let (mask, shifted) = match token.split_at_checked(SECRET_LENGTH) {
        Some((mask, shifted)) if length == TOKEN_LENGTH => (mask, shifted),
        _ => return Ok(Secret::from(token)),
    };
    let pairs = shifted.bytes().zip(mask.bytes());
    let mut secret = Zeroizing::new(String::with_capacity(SECRET_LENGTH));
    secret.extend(pairs.map(|(shifted, mask)| symbol(BASE62.len() + index(shifted) - index(mask))));
    Ok(Secret::new(std::mem::take(&mut *secret)))
}

/// The place of a letter or digit in the alphabet.
fn index(byte: u8) -> usize {
    usize::from(match byte {
        b'A'..=b'Z' => byte - b'A' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        _ => byte.saturating_sub(b'a').min(61),
    })
}

fn symbol(index: usize) -> char {
    BASE62.get(index % BASE62.len()).copied().map_or('a', char::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn a_mask_is_djangos_to_the_byte() {
        // _unmask_cipher_token of Django 5.2: chars.index(cipher) - chars.index(mask), modulo 62.
        let mask = "abcdefghijklmnopqrstuvwxyzABCDEF";
        let rows = [
            (format!("{mask}{mask}"), "a".repeat(32)),
            (format!("{}{mask}", "a".repeat(32)), mask.to_owned()),
            (format!("{}{}", "9".repeat(32), "a".repeat(32)), "b".repeat(32)),
            (format!("{}{}", "b".repeat(32), "a".repeat(32)), "9".repeat(32)),
            (format!("{}{}", "A".repeat(32), "z".repeat(32)), "9".repeat(32)),
            (format!("{}{}", "z".repeat(32), "0".repeat(32)), "B".repeat(32)),
        ];
        for (token, secret) in rows {
            assert_eq!(read(&token).unwrap().expose_secret(), &secret, "{token}");
        }
        assert!(BASE62.iter().enumerate().all(|(place, byte)| index(*byte) == place));
    }

    #[test]
    fn a_malformed_token_shows_nothing() {
        let rows = [
            ("", Flaw::Length),
            ("abc", Flaw::Length),
            (&"a".repeat(31), Flaw::Length),
            (&"a".repeat(33), Flaw::Length),
            (&"a".repeat(63), Flaw::Length),
            (&"a".repeat(65), Flaw::Length),
            (&"é".repeat(16), Flaw::Length),
            (&"-".repeat(32), Flaw::Characters),
            (&"é".repeat(32), Flaw::Characters),
            (&"é".repeat(64), Flaw::Characters),
            (&format!("{}\u{ff11}", "a".repeat(31)), Flaw::Characters),
        ];
        for (token, flaw) in rows {
            assert_eq!(read(token).unwrap_err(), flaw, "{token:?}");
        }
    }

    #[test]
    fn a_session_has_one_secret_and_no_other_has_it() {
        let secret = secret_of_session("abc");
        assert_eq!(read(secret.expose_secret()).unwrap().expose_secret(), secret.expose_secret());
        assert_eq!(secret.expose_secret(), secret_of_session("abc").expose_secret());
        assert_ne!(secret.expose_secret(), secret_of_session("abd").expose_secret());
        assert_eq!(secret.expose_secret().len(), 32);
    }

    #[test]
    fn no_two_masks_are_alike() {
        let secret = new_secret(&SystemRandom).unwrap();
        let [one, two] = [(); 2].map(|()| mask(&secret, &SystemRandom).unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    proptest! {
        #[test]
        fn a_masked_secret_is_read_back(secret in "[a-zA-Z0-9]{32}") {
            let token = mask(&Secret::from(secret.as_str()), &SystemRandom).unwrap();
            prop_assert_eq!(token.expose_secret().len(), 64);
            let shown = read(token.expose_secret()).unwrap();
            prop_assert_eq!(shown.expose_secret(), &secret);
        }

        #[test]
        fn any_token_is_read_without_panic(token in ".{0,70}") {
            prop_assert_eq!(read(&token).is_ok(), matches!(token.len(), 32 | 64) && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }
}
