//! A guard without users would have nobody to know.
//~ takes 1 argument but 0 arguments were supplied
//~ argument #1 of type `Users` is missing

use portcullis_tests::crates::portcullis::{Guard, GuardBuilder, Users};

#[cfg(wrong)]
pub fn guard() -> GuardBuilder {
    Guard::builder()
}

#[cfg(right)]
pub fn guard(users: Users) -> GuardBuilder {
    Guard::builder(users)
}
