//! Nor does it enter below a prefix.
//~ expected `Router`, found `axum::Router`
//~ `axum::Router` is defined in crate `axum`

use portcullis_tests::crates::axum;
use portcullis_tests::crates::portcullis_axum::Router;

#[cfg(wrong)]
pub fn routes(router: Router, metrics: axum::Router) -> Router {
    router.nest("/metrics", metrics)
}

#[cfg(right)]
pub fn routes(router: Router, metrics: axum::Router) -> Router {
    router.merge_public(axum::Router::new().nest("/metrics", metrics))
}
