//! A hasher that costs nothing.

use portcullis::password::{HashMemory, PasswordHashError, PasswordHasher};
use portcullis::{Digest, PasswordHash, Secret};

/// Stores a digest. It is for the passwords of tests alone.
pub(crate) struct Cheap;

fn digest(password: &Secret) -> PasswordHash {
    PasswordHash::new(format!("cheap${}", Digest::of(password.expose_secret())))
}

impl PasswordHasher for Cheap {
    fn recognises(&self, hash: &PasswordHash) -> bool {
        hash.expose_secret().starts_with("cheap$")
    }

    fn hash(
        &self,
        password: &Secret,
        _: &[u8; 16],
        _: &mut HashMemory,
    ) -> Result<PasswordHash, PasswordHashError> {
        Ok(digest(password))
    }

    fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
        _: &mut HashMemory,
    ) -> Result<bool, PasswordHashError> {
        Ok(digest(password) == *hash)
    }

    fn needs_upgrade(&self, _: &PasswordHash) -> bool {
        false
    }
}
