//! A secret does not print; its `Debug` is `Secret(..)`.
//~ `Secret` doesn't implement `Display`

use portcullis_tests::crates::portcullis::Secret;

#[cfg(wrong)]
pub fn log(password: &Secret) {
    println!("{password}");
}

#[cfg(right)]
pub fn log(password: &Secret) {
    println!("{password:?}");
}
