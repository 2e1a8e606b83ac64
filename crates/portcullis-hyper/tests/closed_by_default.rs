//! Nothing answers 2xx to a stranger that was not opened by a word at the route.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::{App, Router, World, anonymous, empty, page, request, says, send, serve, text_of, with_token};
use http::StatusCode;
use portcullis_hyper::portcullis::permission::{AllowAny, IsAdminUser, permission_fn};
use portcullis_hyper::portcullis::{AuthRequest, Decision};
use portcullis_hyper::{Matched, any, get, post};

const METHODS: [&str; 11] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"];

fn router(world: &World) -> Router {
    let ok = || says("secret");
    let inner = Router::new(world.guard()).route("/{id}", get(ok()).put(ok())).route("/", get(ok()));
    let deep = Router::new(world.guard()).nest("/inner", inner).route("/any", any(ok()));
    let metrics = Router::new(world.guard()).require(IsAdminUser).route("/metrics", get(ok()));
    world
        .router()
        .route("/books", get(ok()).post(ok()))
        .route("/files", get(ok()).options(ok()).head(ok()))
        .route("/files/{*path}", get(ok()).public())
        .route("/open", get(ok()).public())
        .route("/mixed", get(ok()).public())
        .route("/mixed", post(ok()))
        .nest("/deep", deep)
        .merge(Router::new(world.guard()).route("/merged", post(ok())))
        .nest("/admin", metrics)
}

/// With a fallback of the application, and without one.
fn apps(world: &World) -> [App; 2] {
    [serve(router(world).fallback(says("secret"))), serve(router(world))]
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
    "/",
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
    "/%6Fpen",
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
    "/deep/inner/{id}",
    "/files",
    "/files/logo.png",
    "/admin/metrics",
    "/unknown",
];

#[tokio::test]
async fn a_stranger_sees_only_what_was_opened() {
    let world = World::new().await;
    for (app, path) in apps(&world).iter().flat_map(|app| PATHS.map(|path| (app, path))) {
        for method in METHODS {
            for uri in [path.to_owned(), format!("http://localhost{path}")] {
                let answer = send(app, anonymous(method, &uri)).await;
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
    let [with_fallback, without] = apps(&world);
    let rest = serve(world.router().route("/{*rest}", any(says("secret")).public()));
    for (method, uri) in [
        ("OPTIONS", "*"),
        ("CONNECT", "localhost:80"),
        ("CONNECT", "open:80"),
        ("GET", "localhost:80"),
        ("GET", "*"),
    ] {
        assert_eq!(send(&with_fallback, anonymous(method, uri)).await.status, 401, "{method} {uri}");
        assert_eq!(send(&without, anonymous(method, uri)).await.status, 404, "{method} {uri}");
        assert_eq!(send(&rest, anonymous(method, uri)).await.status, 404, "{method} {uri}");
    }
}

#[tokio::test]
async fn an_unknown_request_does_not_reach_the_service() {
    let world = World::new().await;
    let app = serve(world.router().route("/known", get(page(|_| async { panic!("it was called") }))));
    for (method, path, status) in [
        ("GET", "/unknown", 404),
        ("PUT", "/known", 405),
        ("OPTIONS", "/known", 405),
        ("GET", "/known/", 404),
    ] {
        assert_eq!(send(&app, with_token(method, path, &world.john)).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_decided_as_get() {
    let world = World::new().await;
    for (app, path) in apps(&world).iter().flat_map(|app| PATHS.map(|path| (app, path))) {
        for token in [None, Some(&world.john), Some(&world.mary)] {
            let one = |method| {
                token.map_or_else(|| anonymous(method, path), |token| with_token(method, path, token))
            };
            let (get, head) = (send(app, one("GET")).await, send(app, one("HEAD")).await);
            assert_eq!(get.status, head.status, "{path}");
            assert_eq!(head.body, "", "{path}");
            // The body of a 405 names the method.
            let length = get.body.len() + usize::from(get.status == StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(head.header("content-length"), Some(&*length.to_string()), "{path}");
        }
    }
}

#[tokio::test]
async fn no_header_opens_a_route() {
    let world = World::new().await;
    let [app, _] = apps(&world);
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
        ("content-type", "application/grpc"),
    ] {
        let request = request("GET", "/books").header(name, value).body(empty()).unwrap();
        assert_eq!(send(&app, request).await.status, 401, "{name}");
    }
}

#[tokio::test]
async fn a_permission_sees_the_full_path_whatever_was_nested() {
    let world = World::new().await;
    let seen =
        permission_fn(|request: &AuthRequest<'_>| Decision::allow_if(request.uri().path() == "/inner/x"));
    let left = page(|request| async move { text_of(request.uri().path().to_owned()) });
    let inner = Router::new(world.guard()).route("/{name}", get(left).require(seen));
    let app = serve(world.router().nest("/inner", inner));
    let answer = send(&app, with_token("GET", "/inner/x", &world.john)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "/inner/x"));
    for (path, status) in [("/inner/X", 403), ("/inner/%78", 403), ("/x", 404)] {
        assert_eq!(send(&app, with_token("GET", path, &world.john)).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_capture_is_decoded_once_and_is_utf_8_or_nothing() {
    let world = World::new().await;
    let captured = page(|request| async move {
        let matched = Matched::<common::Page>::of(request.extensions()).unwrap();
        text_of(matched.param("id").map_or_else(|| "none".to_owned(), |id| format!("[{id}]")))
    });
    let app = serve(
        world
            .router()
            .route("/books/{id}", get(captured.clone()))
            .route("/files/{*id}", get(captured.clone()))
            .route("/other/{name}", get(captured)),
    );
    for (path, captured) in [
        ("/books/1", "[1]"),
        ("/books/a%20b+c", "[a b+c]"),
        ("/books/%C3%A9", "[é]"),
        ("/books/a%2Fb", "[a/b]"),
        ("/books/%2541", "[%41]"),
        ("/books/%zz", "[%zz]"),
        ("/books/%ff", "none"),
        ("/files/a/b%2Fc", "[a/b/c]"),
        ("/other/1", "none"),
    ] {
        assert_eq!(send(&app, with_token("GET", path, &world.john)).await.body, captured, "{path}");
    }
}

#[tokio::test]
async fn a_public_route_refuses_a_bad_credential() {
    let world = World::new().await;
    let app = serve(world.router().route("/open", get(says("ok")).require(AllowAny)));
    assert_eq!(send(&app, anonymous("GET", "/open")).await.status, 200);
    assert_eq!(send(&app, with_token("GET", "/open", "pct_wrong")).await.status, 401);
}
