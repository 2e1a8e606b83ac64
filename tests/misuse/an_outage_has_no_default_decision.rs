//! A store that does not answer decides nothing; the request is answered 503.
//~ `Decision: Default` is not satisfied

use portcullis_tests::crates::portcullis::{Decision, Unavailable};

#[cfg(wrong)]
pub fn decide(asked: Result<Decision, Unavailable>) -> Result<Decision, Unavailable> {
    Ok(asked.unwrap_or_default())
}

#[cfg(right)]
pub fn decide(asked: Result<Decision, Unavailable>) -> Result<Decision, Unavailable> {
    Ok(asked?)
}
