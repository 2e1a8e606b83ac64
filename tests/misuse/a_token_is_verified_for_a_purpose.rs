//! A refresh token is not taken for an access token: whoever verifies says which it is.
//~ takes 3 arguments but 2 arguments were supplied
//~ argument #2 of type `Purpose` is missing

use portcullis_tests::crates::portcullis::UserId;
use portcullis_tests::crates::portcullis::jwt::{JwtError, JwtVerifier, Purpose};

#[cfg(wrong)]
pub fn who(verifier: &JwtVerifier, token: &str) -> Result<Option<UserId>, JwtError> {
    verifier.verify(token, |_| None)
}

#[cfg(right)]
pub fn who(verifier: &JwtVerifier, token: &str) -> Result<Option<UserId>, JwtError> {
    verifier.verify(token, Purpose::ACCESS, |claims| claims.user_id())
}
