//! A wrong route is an error before anything is served, and the table tells who may do what.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use bytes::Bytes;
use common::{Body, Outcome, Page, Request, Router, World, anonymous, says};
use http::Response;
use http_body_util::Full;
use hyper::service::Service;
use portcullis_hyper::portcullis::permission::IsAdminUser;
use portcullis_hyper::portcullis::{Rejection, Unavailable};
use portcullis_hyper::{GuardService, any, get, post};

async fn handle(page: Page, request: Request) -> Outcome {
    page.run(request).await
}

#[tokio::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = World::new().await;
    let ok = || says("ok");
    for (name, router, message) in [
        ("one method twice", world.router().route("/x", get(ok()).get(ok())), "GET /x is routed twice"),
        (
            "a method after a word",
            world.router().route("/x", get(ok()).public().post(ok())),
            "/x: a method comes after",
        ),
        ("no slash", world.router().route("x", get(ok())), "x: a path begins with `/`"),
        ("old captures", world.router().route("/:id", get(ok())), "/:id: a capture is written"),
        (
            "two names of one capture",
            world.router().route("/{id}", get(ok())).route("/{name}", get(ok())),
            "/{name}: ",
        ),
        ("two fallbacks", world.router().fallback(ok()).fallback(ok()), "one fallback"),
    ] {
        let error = GuardService::new(router, handle).expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[tokio::test]
async fn the_table_tells_who_may_do_what() {
    let world = World::new().await;
    let ok = || says("ok");
    let router = world
        .router()
        .route("/books", get(ok()).public())
        .route("/books", post(ok()))
        .nest("/admin", Router::new(world.guard()).require(IsAdminUser).route("/", any(ok())))
        .merge(world.tokens.endpoints("/login"))
        .fallback(ok());
    let table = router.table().unwrap();
    let rows: Vec<_> = table.iter().map(|row| (row.method(), row.path(), row.permission())).collect();
    assert_eq!(
        rows,
        [
            ("GET", "/books", "AllowAny"),
            ("POST", "/books", "IsAuthenticated"),
            ("*", "/admin", "IsAdminUser"),
            ("POST", "/login", "AllowAny"),
            ("GET", "/login", "IsAuthenticated"),
            ("POST", "/login/revoke", "IsAuthenticated"),
            ("*", "*", "IsAuthenticated"),
        ]
    );
    let service = GuardService::new(router, handle).unwrap();
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
    let world = World::new().await;
    let router = || portcullis_hyper::Router::new(world.guard()).route("/", get(()).public());
    let plain = |(), _: portcullis_hyper::Request<Body>| async { Response::new(Full::<Bytes>::default()) };
    let fails = |(), _: portcullis_hyper::Request<Body>| async { Err::<Response<Full<Bytes>>, _>(ShopError) };
    let plain = GuardService::new(router(), plain).unwrap().call(anonymous("GET", "/")).await;
    assert_eq!(plain.unwrap().status(), 200);
    let fails = GuardService::new(router(), fails).unwrap().call(anonymous("GET", "/")).await.unwrap();
    assert_eq!(fails.status(), 503);
    assert!(fails.headers().contains_key("retry-after"), "the guard has completed it");
}
