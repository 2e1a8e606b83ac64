//! The `get` of actix-web knows no guard; an import of the wrong one does not open a route.
//~ expected `MethodRoute`, found `Route`

use portcullis_tests::crates::actix_web::web;
use portcullis_tests::crates::portcullis_actix::{Resource, get, resource};

#[cfg(wrong)]
pub fn books() -> Resource {
    resource("/books").route(web::get().to(async || "ok"))
}

#[cfg(right)]
pub fn books() -> Resource {
    let _ = web::get().to(async || "ok");
    resource("/books").route(get().to(async || "ok"))
}
