//! What could never work is an error when the routes are built.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::any::type_name;
use std::sync::Arc;

use common::TwoUsers;
use portcullis_actix::portcullis::Account;
use portcullis_actix::{MethodRoute, Resource, Router, any, get, post, resource, scope};
use portcullis_testing::suite::adapter::{IsOwner, Note};

async fn ok() -> &'static str {
    "ok"
}

#[actix_web::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = TwoUsers::new().await;
    let route = |path: &str, route: MethodRoute| {
        let books = resource("/books").route(get().to(ok));
        Router::new(world.guard()).service(books).service(resource(path).route(route))
    };
    let two_kinds = (IsOwner::<Note>::new(), IsOwner::<Arc<Note>>::new());
    let kinds = format!("/x: permissions on {} and on {}", type_name::<Note>(), type_name::<Arc<Note>>());
    let second = |path: &str| resource(path).route(post().to(ok));
    let fallback = || Router::new(world.guard()).fallback(ok);
    for (name, router, message) in [
        ("one method twice", route("/books", get().to(ok)), "GET /books is routed twice"),
        (
            "two `any`",
            route("/x", any().to(ok)).service(resource("/x").route(any().to(ok))),
            "* /x is routed twice",
        ),
        ("two kinds of objects", route("/x", get().to(ok).require(two_kinds)), &kinds),
        ("no methods", Router::new(world.guard()).service(resource("/x")), "/x: it has no methods"),
        ("no slash", route("x", get().to(ok)), "x: a path begins with `/`"),
        ("an empty path", route("", get().to(ok)), ": a path begins with `/`"),
        ("axum's captures", route("/{*path}", get().to(ok)), "/{*path}: actix-web cannot read"),
        ("a tail without a name", route("/files/*", get().to(ok)), "/files/*: a tail is written"),
        ("an unclosed pattern", route("/{id", get().to(ok)), "/{id: actix-web cannot read"),
        (
            "two names of one pattern",
            route("/{id}", get().to(ok)).service(second("/{name}")),
            "/{name}: it matches the same as /{id}",
        ),
        (
            "a prefix without a slash",
            Router::new(world.guard()).service(scope("x").service(second("/"))),
            "x: a path begins",
        ),
        (
            "a fallback in a scope",
            Router::new(world.guard()).service(scope("/x").service(fallback())),
            "one fallback",
        ),
        ("a merged fallback", Router::new(world.guard()).service(fallback()), "one fallback"),
        ("two fallbacks", fallback().fallback(ok), "one fallback"),
    ] {
        let error = router.build().expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[actix_web::test]
async fn debug_says_no_more_than_paths_and_methods() {
    let world = TwoUsers::new().await;
    let route: MethodRoute<Account> = get().to(ok);
    assert_eq!(format!("{route:?}"), "MethodRoute { method: Some(GET), .. }");
    let books: Resource = resource("/books").route(route);
    let methods = r#"Methods { methods: ["GET"], .. }"#;
    assert_eq!(format!("{books:?}"), format!(r#"Resource {{ path: "/books", methods: {methods} }}"#));
    assert_eq!(
        format!("{:?}", Router::new(world.guard()).service(books)),
        r#"Router(Routes { paths: ["/books"], .. })"#
    );
}

#[actix_web::test]
async fn routes_are_for_every_worker() {
    fn shared<T: Clone + Send + Sync>(_: &T) {}
    shared(&Router::new(TwoUsers::new().await.guard()).build().unwrap());
}
