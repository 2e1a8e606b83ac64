//! What could never work is an error when the router is built, and the table tells who may do what.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::any::type_name;
use std::sync::Arc;

use common::TwoUsers;
use portcullis_axum::portcullis::Account;
use portcullis_axum::portcullis::permission::IsAdminUser;
use portcullis_axum::{MethodRouter, Router, any, get, on};
use portcullis_testing::suite::adapter::{IsOwner, Note};

async fn ok() {}

#[tokio::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = TwoUsers::new().await;
    let route = |path: &str, methods: MethodRouter| {
        Router::new(world.guard()).route("/books", get(ok)).route(path, methods)
    };
    let nested = |prefix: &str, router: Router| Router::new(world.guard()).nest(prefix, router);
    let two_kinds = (IsOwner::<Note>::new(), IsOwner::<Arc<Note>>::new());
    let kinds = format!("/x: permissions on {} and on {}", type_name::<Note>(), type_name::<Arc<Note>>());
    let foreign = || Router::new(world.guard()).merge_public(axum::Router::new());
    for (name, router, message) in [
        ("one method twice", route("/books", get(ok)), "GET /books is routed twice"),
        ("two `any`", route("/x", any(ok)).route("/x", any(ok)), "* /x is routed twice"),
        ("twice in one", route("/x", get(ok).get(ok)), "GET /x is routed twice"),
        ("two kinds of objects", route("/x", get(ok).require(two_kinds)), &kinds),
        ("a method after a word", route("/x", get(ok).public().post(ok)), "/x: a method comes after"),
        (
            "a method after `require`",
            route("/x", get(ok).require(IsAdminUser).post(ok)),
            "/x: a method comes after",
        ),
        (
            "an invented method",
            route("/x", on(http::Method::from_bytes(b"PROPFIND").unwrap(), ok)),
            "use `any`",
        ),
        ("no slash", route("x", get(ok)), "x: a path begins with `/`"),
        ("an empty path", route("", get(ok)), ": a path begins with `/`"),
        ("axum's old captures", route("/:id", get(ok)), "/:id: a capture is written"),
        ("an unclosed capture", route("/{id", get(ok)), "/{id: "),
        ("two names of one capture", route("/{id}", get(ok)).route("/{name}", get(ok)), "/{name}: "),
        (
            "a prefix without a slash",
            nested("x", Router::new(world.guard()).route("/", get(ok))),
            "x: a path begins",
        ),
        ("a nested fallback", nested("/x", Router::new(world.guard()).fallback(ok)), "one fallback"),
        (
            "a merged fallback",
            Router::new(world.guard()).merge(Router::new(world.guard()).fallback(ok)),
            "one fallback",
        ),
        ("two fallbacks", Router::new(world.guard()).fallback(ok).fallback(ok), "one fallback"),
        ("a foreign router below a capture", nested("/{id}", foreign()), "plain segments"),
    ] {
        let error = router.table().expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
        assert_eq!(router.into_router(()).expect_err(name).to_string(), error, "{name}");
    }
}

#[tokio::test]
async fn the_table_tells_of_axums_own_routers() {
    let world = TwoUsers::new().await;
    let metrics = Router::new(world.guard()).merge_guarded(axum::Router::new(), IsAdminUser);
    let router = Router::new(world.guard())
        .route("/books", get(ok).public())
        .merge_guarded(axum::Router::new(), IsAdminUser)
        .merge_public(axum::Router::new())
        .nest("/metrics", metrics)
        .fallback(ok);
    let table = router.table().unwrap();
    let rows: Vec<_> = table.iter().map(|row| (row.method(), row.path(), row.permission())).collect();
    assert_eq!(
        rows,
        [
            ("GET", "/books", "AllowAny"),
            ("*", "*", "IsAdminUser"),
            ("*", "*", "public"),
            ("*", "/metrics*", "IsAdminUser"),
            ("*", "*", "IsAuthenticated"),
        ]
    );
    assert_eq!(table, router.table().unwrap());
    let _ = router.into_router(()).unwrap();
}

#[tokio::test]
async fn debug_says_no_more_than_paths_and_methods() {
    let world = TwoUsers::new().await;
    let methods: MethodRouter<(), Account> = get(ok).post(ok);
    assert_eq!(format!("{methods:?}"), r#"MethodRouter { methods: ["GET", "POST"], .. }"#);
    assert_eq!(
        format!("{:?}", Router::new(world.guard()).route("/books", methods)),
        r#"Router { paths: ["/books"], .. }"#
    );
}
