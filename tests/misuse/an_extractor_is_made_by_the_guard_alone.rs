//! A handler cannot be called with an `Auth` that somebody put together.
//~ private

use portcullis_tests::crates::portcullis::{self, Rejection};
use portcullis_tests::crates::portcullis_axum::Auth;
use portcullis_tests::crates::{bytes::Bytes, http::Extensions};

#[cfg(wrong)]
pub fn somebody(core: portcullis::Auth) -> Auth {
    Auth(core)
}

#[cfg(right)]
pub fn somebody(extensions: &Extensions) -> Result<portcullis::Auth, Rejection<Bytes>> {
    portcullis::Auth::of(extensions)
}
