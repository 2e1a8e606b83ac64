//! A key is made for one algorithm: what the header of a token says chooses nothing (RFC 8725 section 3.1).
//~ takes 2 arguments but 1 argument was supplied

use portcullis_tests::crates::portcullis::jwt::{Algorithm, Key, KeyError};

#[cfg(wrong)]
pub fn key(secret: &[u8]) -> Result<Key, KeyError> {
    Key::from_secret(secret)
}

#[cfg(right)]
pub fn key(secret: &[u8]) -> Result<Key, KeyError> {
    Key::from_secret(Algorithm::HS256, secret)
}
