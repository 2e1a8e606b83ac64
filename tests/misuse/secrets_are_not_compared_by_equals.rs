//! `==` ends at the first byte that differs, and tells by its time how many were right.
//~ binary operation `==` cannot be applied to type `Secret`

use portcullis_tests::crates::portcullis::Secret;

#[cfg(wrong)]
pub fn is_right(sent: Secret, ours: Secret) -> bool {
    sent == ours
}

#[cfg(right)]
pub fn is_right(sent: Secret, ours: Secret) -> bool {
    ours.ct_eq(sent.expose_secret().as_bytes())
}
