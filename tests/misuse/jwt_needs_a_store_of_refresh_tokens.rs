//! Without rows a refresh token could be neither rotated nor revoked.
//~ `NoUsers` does not keep refresh tokens
//~ `Mixed::new(records, users)`

use portcullis_tests::crates::portcullis::store::{MemoryStore, Mixed, NoUsers};
use portcullis_tests::crates::portcullis::{Jwt, KeyRing, jwt::JwtConfigError};

#[cfg(wrong)]
pub fn jwt(ring: KeyRing) -> Result<Jwt, JwtConfigError> {
    Jwt::new(ring, NoUsers)
}

#[cfg(right)]
pub fn jwt(ring: KeyRing) -> Result<Jwt, JwtConfigError> {
    Jwt::new(ring, Mixed::new(MemoryStore::new(), NoUsers))
}
