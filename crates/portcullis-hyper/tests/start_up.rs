//! A wrong route is an error before anything is served, and a handler answers in its own way.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::service::Service;
use portcullis_hyper::portcullis::Unavailable;
use portcullis_hyper::{GuardService, Rejection, Request, Router, get};
use portcullis_testing::{TwoUsers, request};

#[tokio::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = TwoUsers::new().await;
    let router = || Router::new(world.guard());
    let handle = |(), _: Request<Full<Bytes>>| async { Response::new(Full::<Bytes>::default()) };
    for (name, router, message) in [
        ("one method twice", router().route("/x", get(()).get(())), "GET /x is routed twice"),
        (
            "a method after a word",
            router().route("/x", get(()).public().post(())),
            "/x: a method comes after",
        ),
        ("no slash", router().route("x", get(())), "x: a path begins with `/`"),
        ("old captures", router().route("/:id", get(())), "/:id: a capture is written"),
        ("two names of one capture", router().route("/{id}", get(())).route("/{name}", get(())), "/{name}: "),
        ("two fallbacks", router().fallback(()).fallback(()), "one fallback"),
    ] {
        let error = GuardService::new(router, handle).expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
    let service = GuardService::new(router().route("/x", get(())), handle).unwrap();
    assert_eq!(format!("{service:?}"), "GuardService { .. }");
}

/// An error type of an application.
struct ShopError;

impl From<ShopError> for Rejection {
    fn from(_: ShopError) -> Self {
        Unavailable::new("the shop is closed").into()
    }
}

#[tokio::test]
async fn a_handler_answers_with_a_response_or_an_error_of_its_own() {
    let world = TwoUsers::new().await;
    let router = || Router::new(world.guard()).route("/", get(()).public());
    let plain = |(), _: Request<Full<Bytes>>| async { Response::new(Full::<Bytes>::default()) };
    let fails = |(), _: Request<Full<Bytes>>| async { Err::<Response<Full<Bytes>>, _>(ShopError) };
    let plain =
        GuardService::new(router(), plain).unwrap().call(request("GET", "/").build().map(Full::new)).await;
    assert_eq!(plain.unwrap().status(), 200);
    let fails = GuardService::new(router(), fails)
        .unwrap()
        .call(request("GET", "/").build().map(Full::new))
        .await
        .unwrap();
    assert_eq!(fails.status(), 503);
    assert!(fails.headers().contains_key("retry-after"), "the guard has completed it");
}
