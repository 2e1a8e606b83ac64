//! What could never work is an error when the router is built, and the table tells who may do what.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::any::type_name;
use std::sync::Arc;

use common::TwoUsers;
use portcullis_testing::suite::adapter::{IsOwner, Note};
use portcullis_tower::portcullis::Account;
use portcullis_tower::portcullis::permission::{IsAdminUser, IsAuthenticated};
use portcullis_tower::{any, get, on, post};

/// The tags of this test say nothing.
type Router = portcullis_tower::Router<()>;
type MethodRouter = portcullis_tower::MethodRouter<()>;

#[tokio::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = TwoUsers::new().await;
    let route = |path: &str, methods: MethodRouter| {
        Router::new(world.guard()).route("/books", get(())).route(path, methods)
    };
    let nested = |prefix: &str, router: Router| Router::new(world.guard()).nest(prefix, router);
    let two_kinds = (IsOwner::<Note>::new(), IsOwner::<Arc<Note>>::new());
    let kinds = format!("/x: permissions on {} and on {}", type_name::<Note>(), type_name::<Arc<Note>>());
    for (name, router, message) in [
        ("one method twice", route("/books", get(())), "GET /books is routed twice"),
        ("two `any`", route("/x", any(())).route("/x", any(())), "* /x is routed twice"),
        ("twice in one", route("/x", get(()).get(())), "GET /x is routed twice"),
        ("two kinds of objects", route("/x", get(()).require(two_kinds)), &kinds),
        ("a method after a word", route("/x", get(()).public().post(())), "/x: a method comes after"),
        (
            "a method after `require`",
            route("/x", get(()).require(IsAdminUser).post(())),
            "/x: a method comes after",
        ),
        (
            "a permission that nobody can pass",
            route("/x", get(()).without_authenticators().require(IsAuthenticated)),
            "/x: a route without authenticators asks for",
        ),
        ("no slash", route("x", get(())), "x: a path begins with `/`"),
        ("an empty path", route("", get(())), ": a path begins with `/`"),
        ("axum's old captures", route("/:id", get(())), "/:id: a capture is written"),
        ("an unclosed capture", route("/{id", get(())), "/{id: "),
        ("two names of one capture", route("/{id}", get(())).route("/{name}", get(())), "/{name}: "),
        (
            "a prefix without a slash",
            nested("x", Router::new(world.guard()).route("/", get(()))),
            "x: a path begins",
        ),
        ("a nested fallback", nested("/x", Router::new(world.guard()).fallback(())), "one fallback"),
        (
            "a merged fallback",
            Router::new(world.guard()).merge(Router::new(world.guard()).fallback(())),
            "one fallback",
        ),
        ("two fallbacks", Router::new(world.guard()).fallback(()).fallback(()), "one fallback"),
    ] {
        let error = router.table().expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
        assert_eq!(router.into_layer().expect_err(name).to_string(), error, "{name}");
    }
}

#[tokio::test]
async fn the_table_is_a_text_to_compare() {
    let world = TwoUsers::new().await;
    let router = Router::new(world.guard())
        .route("/books", get(()).public())
        .route("/books", post(()))
        .route("/dav", on(http::Method::from_bytes(b"PROPFIND").unwrap(), ()))
        .route("/self", any(()).authenticate_with(world.sessions.authenticator()))
        .fallback(());
    let table = router.table().unwrap();
    let rows: Vec<_> = table.iter().map(|row| (row.method(), row.path(), row.permission())).collect();
    assert_eq!(
        rows,
        [
            ("GET", "/books", "AllowAny"),
            ("POST", "/books", "IsAuthenticated"),
            ("PROPFIND", "/dav", "IsAuthenticated"),
            ("*", "/self", "IsAuthenticated"),
            ("*", "*", "IsAuthenticated"),
        ]
    );
    assert_eq!(table.permission("POST", "/books"), Some("IsAuthenticated"));
    assert_eq!(table.permission("DELETE", "/books"), None);
    assert_eq!(table.iter().nth(3).unwrap().authenticators(), ["session"]);
    assert_eq!(table, router.table().unwrap());
    let printed = table.to_string();
    assert!(printed.contains("GET       /books  token, session  AllowAny\n"), "{printed}");
    assert!(printed.contains("*         /self   session         IsAuthenticated\n"), "{printed}");
    let _ = router.into_layer().unwrap();
}

#[tokio::test]
async fn debug_says_no_more_than_paths_and_methods() {
    let world = TwoUsers::new().await;
    let methods: portcullis_tower::MethodRouter<(), Account> = get(()).post(());
    assert_eq!(format!("{methods:?}"), r#"MethodRouter { methods: ["GET", "POST"], .. }"#);
    assert_eq!(
        format!("{:?}", Router::new(world.guard()).route("/books", methods)),
        r#"Router { paths: ["/books"], .. }"#
    );
}
