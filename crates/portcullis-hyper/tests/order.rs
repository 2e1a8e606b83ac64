//! 401 before 405, 404 without a look at anybody.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::{Page, Router, World, anonymous, says, send, serve, with_token};
use portcullis_hyper::portcullis::Throttle;
use portcullis_hyper::portcullis::permission::IsAdminUser;
use portcullis_hyper::{any, get, on, post};

fn ok() -> Page {
    says("ok")
}

#[tokio::test]
async fn who_is_asked_before_how() {
    let world = World::new().await;
    let app = serve(
        world
            .router()
            .route("/books", get(ok()).post(ok()))
            .route("/reports", get(ok()).require(IsAdminUser))
            .route("/open", get(ok()).patch(ok()).public())
            .route("/mixed", get(ok()).public())
            .route("/mixed", post(ok()).require(IsAdminUser))
            .route("/any", any(ok()).get(ok()))
            .route("/trace", on(http::Method::TRACE, ok())),
    );
    let not_allowed = |method: &str| format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#);
    let strange = r#"{"detail":"Authentication credentials were not provided."}"#;
    let denied = r#"{"detail":"You do not have permission to perform this action."}"#;
    let unknown = r#"{"detail":"Not found."}"#;
    for (method, path, is_john, status, allow, body) in [
        ("GET", "/books", false, 401, None, strange),
        ("GET", "/books", true, 200, None, "ok"),
        ("PUT", "/books", false, 401, None, strange),
        ("PUT", "/books", true, 405, Some("GET, POST, HEAD"), &*not_allowed("PUT")),
        ("OPTIONS", "/books", false, 401, None, strange),
        ("OPTIONS", "/books", true, 405, Some("GET, POST, HEAD"), &*not_allowed("OPTIONS")),
        ("PROPFIND", "/books", false, 401, None, strange),
        ("PROPFIND", "/books", true, 405, Some("GET, POST, HEAD"), &*not_allowed("PROPFIND")),
        ("A'B`C", "/books", true, 405, Some("GET, POST, HEAD"), &*not_allowed("A'B`C")),
        ("PUT", "/reports", true, 403, None, denied),
        ("PUT", "/open", false, 405, Some("GET, PATCH, HEAD"), &*not_allowed("PUT")),
        ("GET", "/mixed", false, 200, None, "ok"),
        ("POST", "/mixed", false, 401, None, strange),
        ("POST", "/mixed", true, 403, None, denied),
        ("PUT", "/mixed", false, 401, None, strange),
        ("PUT", "/mixed", true, 405, Some("GET, POST, HEAD"), &*not_allowed("PUT")),
        ("PROPFIND", "/any", false, 401, None, strange),
        ("PROPFIND", "/any", true, 200, None, "ok"),
        ("TRACE", "/trace", false, 401, None, strange),
        ("GET", "/trace", true, 405, Some("TRACE"), &*not_allowed("GET")),
        ("GET", "/unknown", false, 404, None, unknown),
        ("GET", "/books/", false, 404, None, unknown),
        ("GET", "/unknown", true, 404, None, unknown),
    ] {
        let request = if is_john { with_token(method, path, &world.john) } else { anonymous(method, path) };
        let answer = send(&app, request).await;
        let row = format!("{method} {path}, John: {is_john}");
        assert_eq!(answer.status, status, "{row}");
        assert_eq!(answer.header("allow"), allow, "{row}");
        assert_eq!(answer.body, body, "{row}");
        let has_challenge = answer.headers.contains_key("www-authenticate");
        assert_eq!(has_challenge, status == 401, "{row}");
        assert!(status == 200 || answer.header("content-type") == Some("application/json"), "{row}");
    }
}

#[tokio::test]
async fn whatever_is_permitted_is_counted_and_405_comes_after() {
    for (method, path, is_john, statuses) in [
        ("GET", "/open", false, [200, 200, 429]),
        ("HEAD", "/open", false, [200, 200, 429]),
        ("PUT", "/open", false, [405, 405, 429]),
        ("PROPFIND", "/open", false, [405, 405, 429]),
        ("GET", "/books", false, [401, 401, 401]),
        ("PUT", "/books", true, [405, 405, 429]),
        ("GET", "/free", false, [200, 200, 200]),
        ("GET", "/unknown", false, [404, 404, 404]),
        ("GET", "/few/silent", false, [200, 429, 429]),
    ] {
        let world = World::new().await;
        let throttle = || Throttle::user(world.store.clone(), "2/min".parse().unwrap());
        let guard = world.builder().throttle(throttle()).build().unwrap();
        let one = Throttle::scoped(world.store.clone(), "few", "2/min".parse().unwrap());
        let few = Router::new(guard.clone())
            .throttle(one.clone())
            .throttle(one)
            .route("/silent", get(ok()).public());
        let app = serve(
            Router::new(guard)
                .route("/open", get(ok()).public().throttle(throttle()))
                .route("/books", get(ok()))
                .route("/free", get(ok()).public().without_throttles())
                .nest("/few", few),
        );
        for status in statuses {
            let request =
                if is_john { with_token(method, path, &world.john) } else { anonymous(method, path) };
            let answer = send(&app, request).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.header("retry-after"), (status == 429).then_some("30"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_asks_for_no_identity() {
    let world = World::new().await;
    let app = serve(world.router().route("/books", get(ok())));
    let answer = send(&app, with_token("GET", "/unknown", "pct_wrong")).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("vary"), None);
}

#[tokio::test]
async fn a_fallback_asks_the_default_permission() {
    let world = World::new().await;
    let app = serve(world.router().require(IsAdminUser).route("/books", get(ok())).fallback(ok()));
    for (path, token, status) in [
        ("/unknown", None, 401),
        ("/unknown", Some(&world.john), 403),
        ("/unknown", Some(&world.mary), 200),
        ("/books", Some(&world.john), 403),
    ] {
        let request = token.map_or_else(|| anonymous("GET", path), |token| with_token("GET", path, token));
        assert_eq!(send(&app, request).await.status, status, "{path} {token:?}");
    }
}

#[tokio::test]
async fn a_default_reaches_silent_routes_only() {
    let world = World::new().await;
    let admin = Router::new(world.guard())
        .require(IsAdminUser)
        .route("/silent", get(ok()))
        .route("/open", get(ok()).public())
        .route("/lists", get(ok()).without_object());
    let app = serve(world.router().nest("/admin", admin).route("/books", get(ok())));
    for (path, status) in
        [("/admin/silent", 403), ("/admin/open", 200), ("/admin/lists", 403), ("/books", 200)]
    {
        assert_eq!(send(&app, with_token("GET", path, &world.john)).await.status, status, "{path}");
    }
    assert_eq!(send(&app, with_token("PUT", "/admin/silent", &world.john)).await.status, 403);
}
