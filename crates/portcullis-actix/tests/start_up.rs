//! What could never work is an error when the router is built, and the table tells who may do what.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::World;
use portcullis_actix::portcullis::permission::IsAdminUser;
use portcullis_actix::portcullis::{Account, AuthRequest, Decision, ObjectPermission, Verdict};
use portcullis_actix::{MethodRoute, Resource, any, get, post, put, resource, scope};

async fn ok() -> &'static str {
    "ok"
}

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

#[actix_web::test]
async fn a_wrong_route_is_an_error_that_names_it() {
    let world = World::new().await;
    let route = |path: &str, route: MethodRoute| {
        let books = resource("/books").route(get().to(ok));
        world.router().service(books).service(resource(path).route(route))
    };
    let objects = |route: MethodRoute| route.require((IsFirst, IsLong));
    let second = |path: &str| resource(path).route(post().to(ok));
    let fallback = || world.router().fallback(ok);
    for (name, router, message) in [
        ("one method twice", route("/books", get().to(ok)), "GET /books is routed twice"),
        (
            "two `any`",
            route("/x", any().to(ok)).service(resource("/x").route(any().to(ok))),
            "* /x is routed twice",
        ),
        ("two kinds of objects", route("/x", objects(get().to(ok))), "/x: permissions on u8"),
        ("no methods", world.router().service(resource("/x")), "/x: it has no methods"),
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
            world.router().service(scope("x").service(second("/"))),
            "x: a path begins",
        ),
        ("a fallback in a scope", world.router().service(scope("/x").service(fallback())), "one fallback"),
        ("a merged fallback", world.router().service(fallback()), "one fallback"),
        ("two fallbacks", fallback().fallback(ok), "one fallback"),
    ] {
        let error = router.build().expect_err(name).to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[actix_web::test]
async fn what_can_be_put_together_is() {
    let world = World::new().await;
    let admin = scope("/admin")
        .require(IsAdminUser)
        .service(resource("/").route(get().to(ok)))
        .service(resource("/{id}").route(get().to(ok)));
    let own = resource("/self").route(any().to(ok)).authenticate_with(world.sessions.authenticator());
    let routes = world
        .router()
        .service(resource("/books").route(get().to(ok)).public())
        .service(resource("/books").route(post().to(ok)))
        .service(resource("/books/{id}").route(get().to(ok)).route(put().to(ok)).require(IsFirst))
        .service(own)
        .service(admin)
        .service(world.tokens.endpoints("/api/login"))
        .fallback(ok)
        .build()
        .unwrap();
    let table = routes.table();
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
            ("*", "*", "IsAuthenticated"),
        ]
    );
    assert_eq!(table.permission("POST", "/books"), Some("IsAuthenticated"));
    assert_eq!(table.permission("DELETE", "/books"), None);
    assert_eq!(table.iter().nth(4).unwrap().authenticators(), ["session"]);
    let printed = table.to_string();
    assert!(printed.contains("GET   /books             token, session  AllowAny\n"), "{printed}");
    assert!(printed.contains("*     /self              session         IsAuthenticated\n"), "{printed}");
    assert_eq!(routes.clone().table(), table);
}

#[actix_web::test]
async fn debug_says_no_more_than_paths_and_methods() {
    let world = World::new().await;
    let route: MethodRoute<Account> = get().to(ok);
    assert_eq!(format!("{route:?}"), "MethodRoute { method: Some(GET), .. }");
    let books: Resource = resource("/books").route(route);
    let methods = r#"Methods { methods: ["GET"], .. }"#;
    assert_eq!(format!("{books:?}"), format!(r#"Resource {{ path: "/books", methods: {methods} }}"#));
    assert_eq!(format!("{:?}", world.router().service(books)), r#"Router(Routes { paths: ["/books"], .. })"#);
}

#[actix_web::test]
async fn routes_are_for_every_worker() {
    fn shared<T: Clone + Send + Sync>(_: &T) {}
    shared(&World::new().await.router().build().unwrap());
}
