//! A part that is none is found however deep it stands.
//~ `Or<IsSuperuser, And<IsAuthenticated, &str>>` is not a permission
//~ for each part of a composition

use portcullis_tests::crates::portcullis::{InGroup, IsAuthenticated, IsSuperuser};
use portcullis_tests::crates::portcullis_axum::{Router, get};

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.route("/books", get(async || {}).require(IsSuperuser | (IsAuthenticated & "Authors")))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    router
        .route("/books", get(async || {}).require(IsSuperuser | (IsAuthenticated & InGroup::new("Authors"))))
}
