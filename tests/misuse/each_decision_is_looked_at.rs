//! What needs an object is neither allowed nor denied; who reads decisions says what becomes of it.
//~ non-exhaustive patterns: `&Decision::NeedsObject` not covered

use portcullis_tests::crates::portcullis::Decision;

#[cfg(wrong)]
pub fn is_open(decision: &Decision) -> bool {
    match decision {
        Decision::Allow => true,
        Decision::Deny(_) => false,
    }
}

#[cfg(right)]
pub fn is_open(decision: &Decision) -> bool {
    match decision {
        Decision::Allow => true,
        Decision::Deny(_) | Decision::NeedsObject => false,
    }
}
