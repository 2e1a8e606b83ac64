//! What axum's own routers bring in, and what stands around ours, opens nothing.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use axum::extract::Request;
use common::{TwoUsers, anonymous, send, with_token};
use http::StatusCode;
use portcullis_axum::portcullis::permission::{IsAdminUser, permission_fn};
use portcullis_axum::portcullis::{AuthRequest, Decision};
use portcullis_axum::{Router, get};

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "A'B`C"];

async fn ok() -> &'static str {
    "secret"
}

async fn app(world: &TwoUsers) -> axum::Router {
    let foreign = axum::Router::new()
        .route("/foreign", axum::routing::get(ok).post(ok))
        .nest("/foreign-nest", axum::Router::new().route("/x", axum::routing::any(ok)).fallback(ok));
    let files = axum::Router::new().route("/files/{*path}", axum::routing::get(ok));
    let metrics = axum::Router::new().route("/metrics", axum::routing::get(ok));
    Router::new(world.guard())
        .route("/files", get(ok).options(ok).head(ok))
        .merge_guarded(foreign, IsAdminUser)
        .merge_public(files)
        .nest("/admin", Router::new(world.guard()).merge_guarded(metrics, IsAdminUser))
        .fallback(ok)
        .into_router(())
        .unwrap()
}

/// What a stranger may see.
fn is_open(method: &str, path: &str) -> bool {
    matches!(method, "GET" | "HEAD") && path.starts_with("/files/")
}

const PATHS: [&str; 10] = [
    "/foreign",
    "/foreign/",
    "/foreign-nest/x",
    "/foreign-nest/unknown",
    "/files",
    "/files/logo.png",
    "/files/../foreign",
    "/admin/metrics",
    "/admin/unknown",
    "/unknown",
];

#[tokio::test]
async fn a_stranger_sees_only_what_was_opened() {
    let world = TwoUsers::new().await;
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
async fn head_is_decided_as_get() {
    let world = TwoUsers::new().await;
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
async fn a_foreign_router_is_behind_its_permission_on_every_path_and_method() {
    let world = TwoUsers::new().await;
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
        ("PUT", "/files", 405, 405),
        ("A'B`C", "/files", 405, 405),
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
    let world = TwoUsers::new().await;
    let seen = permission_fn(|request: &AuthRequest<'_>| {
        Decision::allow_if(request.uri().path() == "/outer/inner/x")
    });
    let left = |request: Request| async move { request.uri().path().to_owned() };
    let inner = Router::new(world.guard()).route("/x", get(left).require(seen));
    let app = Router::new(world.guard()).nest("/inner", inner).into_router(()).unwrap();
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
    let world = TwoUsers::new().await;
    let by_path = permission_fn(|request: &AuthRequest<'_>| {
        let is_staff = request.user().is_some_and(|user| user.is_staff);
        Decision::allow_if(!request.uri().path().starts_with("/admin") || is_staff)
    });
    let app = Router::new(world.guard()).require(by_path).route("/admin/x", get(ok)).into_router(()).unwrap();
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
