//! What the guard completes has a head and a body.
//~ String` is not what a handler answers

use portcullis_tests::crates::hyper::body::Incoming;
use portcullis_tests::crates::portcullis_hyper::{GuardService, Request, RouteError, Router};
use portcullis_tests::crates::{bytes::Bytes, http::Response, http_body_util::Full};

#[cfg(wrong)]
async fn books(_: (), _: Request) -> String {
    String::new()
}

#[cfg(wrong)]
pub fn service(router: Router) -> Result<(), RouteError> {
    GuardService::new::<Incoming, _>(router, books).map(drop)
}

#[cfg(right)]
async fn books(_: (), _: Request) -> Response<Full<Bytes>> {
    Response::default()
}

#[cfg(right)]
pub fn service(router: Router) -> Result<(), RouteError> {
    GuardService::new::<Incoming, _>(router, books).map(drop)
}
