//! A hundred requests is not a rate: in how long?
//~ expected `Rate`, found integer

use portcullis_tests::crates::portcullis::store::MemoryStore;
use portcullis_tests::crates::portcullis::{ParseRateError, Throttle};

#[cfg(wrong)]
pub fn throttle() -> Result<Throttle, ParseRateError> {
    Ok(Throttle::user(MemoryStore::new(), 100))
}

#[cfg(right)]
pub fn throttle() -> Result<Throttle, ParseRateError> {
    Ok(Throttle::user(MemoryStore::new(), "100/hour".parse()?))
}
