//! Nothing answers 2xx to a stranger that was not opened by a word at the route.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use axum::extract::Request;
use common::{World, anonymous, request, send, with_token};
use http::StatusCode;
use portcullis_axum::portcullis::permission::{AllowAny, IsAdminUser, permission_fn};
use portcullis_axum::portcullis::{AuthRequest, Decision};
use portcullis_axum::{Router, any, get, post};

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

async fn ok() -> &'static str {
    "secret"
}

async fn app(world: &World) -> axum::Router {
    let inner = Router::new(world.guard()).route("/{id}", get(ok).put(ok)).route("/", get(ok));
    let deep = Router::new(world.guard()).nest("/inner", inner).route("/any", any(ok));
    let foreign = axum::Router::new()
        .route("/foreign", axum::routing::get(ok).post(ok))
        .nest("/foreign-nest", axum::Router::new().route("/x", axum::routing::any(ok)).fallback(ok));
    let files = axum::Router::new().route("/files/{*path}", axum::routing::get(ok));
    let metrics = axum::Router::new().route("/metrics", axum::routing::get(ok));
    world
        .router()
        .route("/books", get(ok).post(ok))
        .route("/files", get(ok).options(ok).head(ok))
        .route("/open", get(ok).public())
        .route("/mixed", get(ok).public())
        .route("/mixed", post(ok))
        .nest("/deep", deep)
        .merge(Router::new(world.guard()).route("/merged", post(ok)))
        .merge_guarded(foreign, IsAdminUser)
        .merge_public(files)
        .nest("/admin", Router::new(world.guard()).merge_guarded(metrics, IsAdminUser))
        .fallback(ok)
        .into_router(())
        .unwrap()
}

/// What a stranger may see.
fn is_open(method: &str, path: &str) -> bool {
    let reads = matches!(method, "GET" | "HEAD");
    match path {
        "/open" | "/mixed" => reads,
        path => reads && path.starts_with("/files/"),
    }
}

const PATHS: [&str; 36] = [
    "/books",
    "/books/",
    "//books",
    "/books//",
    "/./books",
    "/open/../books",
    "/open/..%2fbooks",
    "/%62ooks",
    "/books%20",
    "/books;a=b",
    "/books%00",
    "/books%0a",
    "/BOOKS",
    "/books?next=/open",
    "/books%3f/open",
    "/open/",
    "/open//",
    "/open%2f",
    "/open",
    "/mixed",
    "/merged",
    "/deep",
    "/deep/",
    "/deep/any",
    "/deep/inner",
    "/deep/inner/",
    "/deep/inner/1",
    "/deep/inner/1/",
    "/deep//inner/1",
    "/foreign",
    "/foreign-nest/x",
    "/foreign-nest/unknown",
    "/files",
    "/files/logo.png",
    "/admin/metrics",
    "/unknown",
];

#[tokio::test]
async fn a_stranger_sees_only_what_was_opened() {
    let world = World::new().await;
    let app = app(&world).await;
    for path in PATHS {
        for method in METHODS {
            for uri in [path.to_owned(), format!("http://localhost{path}")] {
                let answer = send(&app, anonymous(method, &uri)).await;
                let row = format!("{method} {uri}: {}", answer.status);
                assert_eq!(answer.status.is_success(), is_open(method, path), "{row}");
                assert!(is_open(method, path) || !answer.body.contains("secret"), "{row}");
                if answer.status == StatusCode::UNAUTHORIZED {
                    assert!(answer.headers.contains_key("www-authenticate"), "{row}");
                    assert!(!answer.headers.contains_key("allow"), "{row}: a stranger learns the methods");
                }
            }
        }
    }
}

#[tokio::test]
async fn other_forms_of_a_target_open_nothing() {
    let world = World::new().await;
    let app = app(&world).await;
    for (method, uri) in
        [("OPTIONS", "*"), ("CONNECT", "localhost:80"), ("GET", "localhost:80"), ("GET", "*")]
    {
        let answer = send(&app, anonymous(method, uri)).await;
        assert_eq!(answer.status, 401, "{method} {uri}");
    }
}

#[tokio::test]
async fn head_is_decided_as_get() {
    let world = World::new().await;
    let app = app(&world).await;
    for path in PATHS {
        for token in [None, Some(&world.john), Some(&world.mary)] {
            let one = |method| {
                token.map_or_else(|| anonymous(method, path), |token| with_token(method, path, token))
            };
            let (get, head) = (send(&app, one("GET")).await, send(&app, one("HEAD")).await);
            assert_eq!(get.status, head.status, "{path}");
            assert_eq!(head.body, "", "{path}");
        }
    }
}

#[tokio::test]
async fn no_header_opens_a_route() {
    let world = World::new().await;
    let app = app(&world).await;
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-original-url", "/open"),
        ("x-rewrite-url", "/open"),
        ("x-forwarded-uri", "/open"),
        ("x-forwarded-prefix", "/open"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-middleware-subrequest", "middleware"),
        ("remote-user", "john"),
        ("x-remote-user", "john"),
        ("user-agent", "kube-probe/1.30"),
        ("connection", "authorization"),
    ] {
        let answer =
            send(&app, request("GET", "/books").header(name, value).body(axum::body::Body::empty()).unwrap());
        assert_eq!(answer.await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn a_foreign_router_is_behind_its_permission_on_every_path_and_method() {
    let world = World::new().await;
    let app = app(&world).await;
    for (method, path, john, mary) in [
        ("GET", "/foreign", 403, 200),
        ("POST", "/foreign", 403, 200),
        ("DELETE", "/foreign", 403, 405),
        ("GET", "/foreign-nest/x", 403, 200),
        ("GET", "/foreign-nest/unknown", 403, 200),
        ("GET", "/admin/metrics", 403, 200),
        ("GET", "/admin/unknown", 200, 200),
        ("PUT", "/files/logo.png", 405, 405),
    ] {
        let answer = send(&app, with_token(method, path, &world.john)).await;
        assert_eq!(answer.status, john, "{method} {path} of John");
        assert_eq!(answer.headers.contains_key("allow"), john == 405, "{method} {path} of John");
        let answer = send(&app, with_token(method, path, &world.mary)).await;
        assert_eq!(answer.status, mary, "{method} {path} of Mary");
    }
}

#[tokio::test]
async fn a_permission_sees_the_full_path_whatever_was_nested() {
    let world = World::new().await;
    let seen = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.uri().path() == "/outer/inner/x")
    });
    let left = |request: Request| async move { request.uri().path().to_owned() };
    let inner = Router::new(world.guard()).route("/x", get(left).require(seen));
    let app = world.router().nest("/inner", inner).into_router(()).unwrap();
    let outer = axum::Router::new().nest("/outer", app);
    let answer = send(&outer, with_token("GET", "/outer/inner/x", &world.john)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (200, "/inner/x"),
        "the handler sees what axum left"
    );
    for path in ["/outer/inner/X", "/inner/x", "/x"] {
        assert_ne!(send(&outer, with_token("GET", path, &world.john)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_permission_sees_the_path_to_which_an_outer_router_has_rewritten() {
    let world = World::new().await;
    let by_path = permission_fn(|request: &AuthRequest<'_>| {
        let is_staff = request.user().is_some_and(|user| user.is_staff);
        Decision::allow_if(!request.uri().path().starts_with("/admin") || is_staff)
    });
    let app = world.router().require(by_path).route("/admin/x", get(ok)).into_router(()).unwrap();
    let rewrite = |mut request: Request| {
        *request.uri_mut() = http::Uri::from_static("/admin/x?a=b");
        request
    };
    let outer = axum::Router::new().fallback_service(tower::ServiceExt::<Request>::map_request(app, rewrite));
    for path in ["/public", "/admin/x", "/"] {
        assert_eq!(send(&outer, with_token("GET", path, &world.john)).await.status, 403, "{path}");
        assert_eq!(send(&outer, with_token("GET", path, &world.mary)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_public_route_refuses_a_bad_credential() {
    let world = World::new().await;
    let app = world.router().route("/open", get(ok).require(AllowAny)).into_router(()).unwrap();
    assert_eq!(send(&app, anonymous("GET", "/open")).await.status, 200);
    assert_eq!(send(&app, with_token("GET", "/open", "pct_wrong")).await.status, 401);
}
