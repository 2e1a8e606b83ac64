//! A foreign router is behind a permission, or says that nothing stands in front of it.
//~ cannot be merged into this router
//~ `.merge_guarded(router, permission)`, or `.merge_public(router)`

use portcullis_tests::crates::axum;
use portcullis_tests::crates::portcullis::IsAdminUser;
use portcullis_tests::crates::portcullis_axum::Router;

#[cfg(wrong)]
pub fn routes(router: Router, metrics: axum::Router) -> Router {
    router.merge(metrics)
}

#[cfg(right)]
pub fn routes(router: Router, metrics: axum::Router) -> Router {
    router.merge_guarded(metrics, IsAdminUser)
}
