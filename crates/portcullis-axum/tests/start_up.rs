//! What could never work is an error when the router is built, and the table tells who may do what.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::World;
use portcullis_axum::portcullis::permission::IsAdminUser;
use portcullis_axum::portcullis::{Account, AuthRequest, Decision, ObjectPermission, Verdict};
use portcullis_axum::{MethodRouter, Router, any, get, on, post};

async fn ok() {}

struct IsFirst;

impl ObjectPermission for IsFirst {
    type Object = u8;

    fn check_object(&self, _: &AuthRequest<'_>, object: &u8) -> Verdict<'_> {
        Decision::allow_if(*object == 1).into()
    }
}

struct IsLong;

impl ObjectPermission for IsLong {
    type Object = String;

    fn check_object(&self, _: &AuthRequest<'_>, object: &String) -> Verdict<'_> {
        Decision::allow_if(object.len() > 9).into()
    }
}

#[tokio::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = World::new().await;
    let route =
        |path: &str, methods: MethodRouter| world.router().route("/books", get(ok)).route(path, methods);
    let nested = |prefix: &str, router: Router| world.router().nest(prefix, router);
    let foreign = || world.router().merge_public(axum::Router::new());
    for (name, router, message) in [
        ("one method twice", route("/books", get(ok)), "GET /books is routed twice"),
        ("two `any`", route("/x", any(ok)).route("/x", any(ok)), "* /x is routed twice"),
        ("twice in one", route("/x", get(ok).get(ok)), "GET /x is routed twice"),
        ("two kinds of objects", route("/x", get(ok).require((IsFirst, IsLong))), "/x: permissions on u8"),
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
        ("a merged fallback", world.router().merge(Router::new(world.guard()).fallback(ok)), "one fallback"),
        ("two fallbacks", world.router().fallback(ok).fallback(ok), "one fallback"),
        ("a foreign router below a capture", nested("/{id}", foreign()), "plain segments"),
    ] {
        let error = router.table().expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
        assert_eq!(router.into_router(()).expect_err(name).to_string(), error, "{name}");
    }
}

#[tokio::test]
async fn what_can_be_put_together_is() {
    let world = World::new().await;
    let admin = Router::new(world.guard()).require(IsAdminUser).route("/", get(ok)).route("/{id}", get(ok));
    let router = world
        .router()
        .route("/books", get(ok).public())
        .route("/books", post(ok))
        .route("/books/{id}", get(ok).put(ok).require(IsFirst))
        .route("/self", any(ok).authenticate_with(world.sessions.authenticator()))
        .nest("/admin", admin)
        .merge(world.tokens.endpoints("/api/login"))
        .merge_guarded(axum::Router::new(), IsAdminUser)
        .merge_public(axum::Router::new())
        .fallback(ok);
    let table = router.table().unwrap();
    let rows: Vec<_> = table.iter().map(|row| (row.method(), row.path(), row.permission())).collect();
    assert_eq!(
        rows,
        [
            ("GET", "/books", "AllowAny"),
            ("POST", "/books", "IsAuthenticated"),
            ("GET", "/books/{id}", "IsFirst"),
            ("PUT", "/books/{id}", "IsFirst"),
            ("*", "/self", "IsAuthenticated"),
            ("GET", "/admin", "IsAdminUser"),
            ("GET", "/admin/{id}", "IsAdminUser"),
            ("POST", "/api/login", "AllowAny"),
            ("GET", "/api/login", "IsAuthenticated"),
            ("POST", "/api/login/revoke", "IsAuthenticated"),
            ("*", "*", "IsAdminUser"),
            ("*", "*", "public"),
            ("*", "*", "IsAuthenticated"),
        ]
    );
    assert_eq!(table.permission("POST", "/books"), Some("IsAuthenticated"));
    assert_eq!(table.permission("DELETE", "/books"), None);
    assert_eq!(table.iter().nth(4).unwrap().authenticators(), ["session"]);
    assert_eq!(table, router.table().unwrap());
    let printed = table.to_string();
    assert!(printed.contains("GET   /books             token, session  AllowAny\n"), "{printed}");
    assert!(printed.contains("*     /self              session         IsAuthenticated\n"), "{printed}");
    let _ = router.into_router(()).unwrap();
}

#[tokio::test]
async fn debug_says_no_more_than_paths_and_methods() {
    let world = World::new().await;
    let methods: MethodRouter<(), Account> = get(ok).post(ok);
    assert_eq!(format!("{methods:?}"), r#"MethodRouter { methods: ["GET", "POST"], .. }"#);
    assert_eq!(
        format!("{:?}", world.router().route("/books", methods)),
        r#"Router { paths: ["/books"], .. }"#
    );
}
