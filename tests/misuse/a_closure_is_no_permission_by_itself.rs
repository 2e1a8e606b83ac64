//! A closure is named as a permission where it stands.
//~ is not a permission
//~ a closure becomes one by `permission_fn(|request| ...)`

use portcullis_tests::crates::portcullis::{AuthRequest, Decision, permission_fn};
use portcullis_tests::crates::portcullis_axum::{Router, get};

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    let is_safe = |request: &AuthRequest<'_>| Decision::allow_if(request.is_safe());
    router.route("/books", get(async || {}).require(is_safe))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    let is_safe = |request: &AuthRequest<'_>| Decision::allow_if(request.is_safe());
    router.route("/books", get(async || {}).require(permission_fn(is_safe)))
}
