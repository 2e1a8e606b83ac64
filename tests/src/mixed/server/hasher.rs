//! A password hash that costs nothing, so that a mixed run measures identities and not Argon2.

use std::fmt::Write as _;

use portcullis::password::{HashMemory, PasswordHashError, PasswordHasher};
use portcullis::{PasswordHash, Secret};
use sha2::{Digest as _, Sha256};

/// The name of the format, which says what it is worth.
const NAME: &str = "cheap-for-tests-alone";

/// Salted SHA-256: it verifies for real, and a thief would guess a thousand million passwords a second.
#[derive(Debug)]
pub(crate) struct CheapHasherForTestsAlone;

impl CheapHasherForTestsAlone {
    fn text(password: &Secret, salt: &str) -> String {
        let digest = Sha256::new().chain_update(salt).chain_update(password.expose_secret()).finalize();
        format!("{NAME}${salt}${}", hexadecimal(&digest))
    }
}

impl PasswordHasher for CheapHasherForTestsAlone {
    fn recognises(&self, hash: &PasswordHash) -> bool {
        hash.expose_secret().split('$').next() == Some(NAME)
    }

    fn hash(
        &self,
        password: &Secret,
        salt: &[u8; 16],
        _: &mut HashMemory,
    ) -> Result<PasswordHash, PasswordHashError> {
        Ok(PasswordHash::new(Self::text(password, &hexadecimal(salt))))
    }

    fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
        _: &mut HashMemory,
    ) -> Result<bool, PasswordHashError> {
        let salt = hash.expose_secret().split('$').nth(1).ok_or(PasswordHashError::Unreadable)?;
        // Compared in constant time, as `PasswordHash` is.
        Ok(PasswordHash::new(Self::text(password, salt)) == *hash)
    }

    fn needs_upgrade(&self, _: &PasswordHash) -> bool {
        false
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_verifies() {
        let mut memory = HashMemory::default();
        let hash = |password: &str, salt| {
            CheapHasherForTestsAlone
                .hash(&Secret::from(password), &[salt; 16], &mut HashMemory::default())
                .unwrap()
        };
        for (password, stored, verdict, name) in [
            ("right", hash("right", 1), true, "the right one"),
            ("right", hash("right", 2), true, "another salt"),
            ("Right", hash("right", 1), false, "another one"),
            ("right", PasswordHash::new(NAME.to_owned() + "$01$"), false, "a hash that was cut off"),
        ] {
            let verified = CheapHasherForTestsAlone.verify(&Secret::from(password), &stored, &mut memory);
            assert_eq!(verified, Ok(verdict), "{name}");
        }
        assert_ne!(hash("right", 1), hash("right", 2), "the salt counts");
        assert!(!CheapHasherForTestsAlone.recognises(&PasswordHash::new("$argon2id$v=19$".to_owned())));
    }
}
