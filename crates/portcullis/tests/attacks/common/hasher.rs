//! A hasher that costs nothing and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::password::{HashMemory, PasswordHashError, PasswordHasher};
use portcullis::{Digest, PasswordHash, Secret};

/// Counts every hash and every verification.
#[derive(Default)]
pub(crate) struct Counting(Arc<AtomicUsize>);

impl Counting {
    pub(crate) fn runs(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }
}

fn digest(password: &Secret) -> PasswordHash {
    PasswordHash::new(format!("counted${}", Digest::of(password.expose_secret())))
}

impl PasswordHasher for Counting {
    fn recognises(&self, hash: &PasswordHash) -> bool {
        hash.expose_secret().starts_with("counted$")
    }

    fn hash(
        &self,
        password: &Secret,
        _: &[u8; 16],
        _: &mut HashMemory,
    ) -> Result<PasswordHash, PasswordHashError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(digest(password))
    }

    fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
        _: &mut HashMemory,
    ) -> Result<bool, PasswordHashError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(digest(password) == *hash)
    }

    fn needs_upgrade(&self, _: &PasswordHash) -> bool {
        false
    }
}
