//! A resource of another `resource` function is behind no guard, and so is not taken.
//~ `actix_web::Resource` cannot be added to this router
//~ `.wrap(GuardMiddleware::new(route))`, or `.wrap(Public)`

use portcullis_tests::crates::actix_web::web;
use portcullis_tests::crates::portcullis_actix::{Router, get, resource};

#[cfg(wrong)]
pub fn routes(router: Router) -> Router {
    router.service(web::resource("/books").route(web::get().to(async || "ok")))
}

#[cfg(right)]
pub fn routes(router: Router) -> Router {
    let _ = web::resource("/books").route(web::get().to(async || "ok"));
    router.service(resource("/books").route(get().to(async || "ok")))
}
