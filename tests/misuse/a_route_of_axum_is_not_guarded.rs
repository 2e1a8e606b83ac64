//! The `get` of axum knows no guard; an import of the wrong one does not open a route.
//~ expected `MethodRouter`
//~ `MethodRouter<_>` is defined in crate `axum`
//~ `MethodRouter` is defined in crate `portcullis_axum`

use portcullis_tests::crates::axum::routing;
use portcullis_tests::crates::portcullis_axum::{Router, get};

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.route("/books", routing::get(async || {}))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    let _: routing::MethodRouter = routing::get(async || {});
    router.route("/books", get(async || {}))
}
