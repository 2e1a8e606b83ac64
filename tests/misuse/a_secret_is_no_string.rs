//! A secret becomes text by one word alone, which a review can search for.
//~ expected `String`, found `Secret`

use portcullis_tests::crates::portcullis::Secret;

#[cfg(wrong)]
pub fn label(token: Secret) -> String {
    token
}

#[cfg(right)]
pub fn label(token: Secret) -> String {
    token.expose_secret().clone()
}
