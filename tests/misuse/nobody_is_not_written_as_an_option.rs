//! An extractor in an `Option` turns refusals and outages into nobody; `MaybeAuth` does not.
//~ fn(Option<Auth>) -> impl Future<Output = ()> {greet}: Handler<_, _>` is not satisfied

use portcullis_tests::crates::portcullis_axum::{Auth, MaybeAuth, Router, get};

#[cfg(wrong)]
async fn greet(_: Option<Auth>) {}

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.route("/", get(greet).public())
}

#[cfg(right)]
async fn greet(_: MaybeAuth) {}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    router.route("/", get(greet).public())
}
