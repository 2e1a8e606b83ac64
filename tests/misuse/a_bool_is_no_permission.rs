//! What a route asks is a type with a name, which the table of routes shows.
//~ `bool` is not a permission
//~ `.public()`

use portcullis_tests::crates::portcullis_axum::{Router, get};

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.route("/health", get(async || {}).require(true))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    router.route("/health", get(async || {}).public())
}
