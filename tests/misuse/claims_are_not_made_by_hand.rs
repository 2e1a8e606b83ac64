//! Claims come out of a token whose signature was checked, and from nowhere else.
//~ private

use portcullis_tests::crates::portcullis::jwt::Claims;

#[cfg(wrong)]
pub fn claims<'a>(json: &'a str) -> Claims<'a> {
    Claims { json }
}

#[cfg(right)]
pub fn claims<'a>(verified: &'a Claims<'a>) -> &'a Claims<'a> {
    verified
}
