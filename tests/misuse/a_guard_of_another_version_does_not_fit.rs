//! Two versions of the core in one program do not mix: the adapter lends the one that it speaks.
//~ expected `Guard`, found `other::Guard`
//~ `Guard` is defined in crate `portcullis`

use portcullis_tests::crates::portcullis_axum::{Router, portcullis};

/// What cargo links when a program names another version than its adapter.
pub mod other {
    pub struct Guard;
}

#[cfg(wrong)]
pub fn router(guard: other::Guard) -> Router {
    Router::new(guard)
}

#[cfg(right)]
pub fn router(guard: portcullis::Guard) -> Router {
    Router::new(guard)
}
