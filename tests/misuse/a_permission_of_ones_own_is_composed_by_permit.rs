//! Operators stand on the types of Portcullis; `permit` lends them to one of your own.
//~ no implementation for `IsTeapot & IsAdminUser`

use portcullis_tests::crates::portcullis::{AuthRequest, Decision, IsAdminUser, Permission, Verdict, permit};
use portcullis_tests::crates::portcullis_axum::{Router, get};

pub struct IsTeapot;

impl Permission for IsTeapot {
    fn check(&self, request: &AuthRequest) -> Verdict<'_> {
        Decision::allow_if(request.headers().contains_key("teapot")).into()
    }
}

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.route("/tea", get(async || {}).require(IsTeapot & IsAdminUser))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    router.route("/tea", get(async || {}).require(permit(IsTeapot) & IsAdminUser))
}
