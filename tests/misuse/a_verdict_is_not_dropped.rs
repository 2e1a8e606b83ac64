//! A verdict that nobody looks at refuses nobody.
//! It is a warning, which denied warnings make an error.
//~ a verdict that nobody looks at refuses nobody

#![deny(unused_must_use)]

use portcullis_tests::crates::portcullis::{AuthRequest, Permissions, Verdict};

#[cfg(wrong)]
pub fn check<'a>(permissions: &'a Permissions, request: &'a AuthRequest<'a>) {
    permissions.check(request);
}

#[cfg(right)]
pub fn check<'a>(permissions: &'a Permissions, request: &'a AuthRequest<'a>) -> Verdict<'a> {
    permissions.check(request)
}
