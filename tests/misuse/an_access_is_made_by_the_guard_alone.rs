//! An identity proves nothing to a handler: only what a guard let through is an access.
//~ private

use portcullis_tests::crates::http::Extensions;
use portcullis_tests::crates::portcullis::{Access, Identity, Misconfigured};

#[cfg(wrong)]
pub fn access(identity: Identity, _: &Extensions) -> Result<Access, Misconfigured> {
    Ok(Access(identity))
}

#[cfg(right)]
pub fn access(_: Identity, extensions: &Extensions) -> Result<Access, Misconfigured> {
    Access::of(extensions)
}
