//! What the routes of this crate can do beyond those of every adapter opens nothing.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use bytes::Bytes;
use common::{
    Page, Router, TwoUsers, anonymous, empty, page, request, says, send, serve, text_of, with_token,
};
use http::StatusCode;
use portcullis_tower::portcullis::permission::permission_fn;
use portcullis_tower::portcullis::{Access, Account, AnyAccess, Auth, AuthRequest, Decision, MaybeAuth};
use portcullis_tower::{Matched, any, get, post};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn a_wildcard_opens_what_is_below_it_and_no_more() {
    let world = TwoUsers::new().await;
    let files = || {
        let files = get(says("secret")).options(says("secret")).head(says("secret"));
        Router::new(world.guard())
            .route("/files", files)
            .route("/files/{*path}", get(says("secret")).public())
    };
    let rest = serve(Router::new(world.guard()).route("/{*rest}", any(says("secret")).public()));
    let [with_fallback, without] = [serve(files().fallback(says("secret"))), serve(files())];
    for (method, uri, status, in_rest) in [
        ("GET", "/files/logo.png", [200, 200], 200),
        ("HEAD", "/files/logo.png", [200, 200], 200),
        ("PUT", "/files/logo.png", [405, 405], 200),
        ("GET", "/files", [401, 401], 200),
        ("HEAD", "/files", [401, 401], 200),
        ("OPTIONS", "/files", [401, 401], 200),
        ("A'B`C", "/files", [401, 401], 200),
        ("GET", "/", [401, 404], 404),
        ("OPTIONS", "*", [401, 404], 404),
        ("CONNECT", "localhost:80", [401, 404], 404),
        ("CONNECT", "files:80", [401, 404], 404),
        ("GET", "localhost:80", [401, 404], 404),
        ("GET", "*", [401, 404], 404),
    ] {
        let statuses = [(&with_fallback, status[0]), (&without, status[1]), (&rest, in_rest)];
        for (app, status) in statuses {
            let answer = send(app, anonymous(method, uri)).await;
            assert_eq!(answer.status, status, "{method} {uri}");
            assert_eq!(answer.body == "secret", status == 200 && method != "HEAD", "{method} {uri}");
        }
    }
}

#[tokio::test]
async fn head_tells_the_length_of_get() {
    let world = TwoUsers::new().await;
    let app = serve(
        Router::new(world.guard()).route("/books", get(says("secret"))).route("/new", post(says("secret"))),
    );
    for path in ["/books", "/unknown", "/new"] {
        for token in ["pct_bad", &world.john] {
            let [get, head] = ["GET", "HEAD"].map(|method| send(&app, with_token(method, path, token)));
            let (get, head) = (get.await, head.await);
            assert_eq!((get.status, head.body.as_str()), (head.status, ""), "{path}");
            // The body of a 405 names the method.
            let length = get.body.len() + usize::from(get.status == StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(head.header("content-length"), Some(&*length.to_string()), "{path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_request_does_not_reach_the_service() {
    let world = TwoUsers::new().await;
    let app =
        serve(Router::new(world.guard()).route("/known", get(page(|_| async { panic!("it was called") }))));
    for (method, path, status) in [
        ("GET", "/unknown", 404),
        ("PUT", "/known", 405),
        ("OPTIONS", "/known", 405),
        ("A'B`C", "/known", 405),
        ("GET", "/known/", 404),
    ] {
        assert_eq!(send(&app, with_token(method, path, &world.john)).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn head_tells_no_length_of_what_has_no_content() {
    let world = TwoUsers::new().await;
    let answer = |status: u16| {
        page(move |_| async move {
            let mut response = text_of("")?;
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        })
    };
    let app =
        serve(Router::new(world.guard()).route("/{id}", get(answer(304))).route("/none", get(answer(204))));
    for (path, status) in [("/1", 304), ("/none", 204)] {
        let head = send(&app, with_token("HEAD", path, &world.john)).await;
        assert_eq!((head.status.as_u16(), head.header("content-length")), (status, None), "{path}");
    }
}

#[tokio::test]
async fn a_refusal_is_200_for_calls_of_grpc_alone() {
    let world = TwoUsers::new().await;
    let router = Router::new(world.guard()).route("/svc/Read", any(says("secret")));
    let app = router.into_layer().unwrap().for_grpc().layer(common::Pages);
    for (method, path, kind, status, code) in [
        ("POST", "/svc/Read", "application/grpc", 200, Some("16")),
        ("POST", "/svc/Read", "application/grpc+proto", 200, Some("16")),
        ("POST", "/svc/None", "application/grpc", 200, Some("12")),
        ("POST", "/svc/Read", "application/json", 401, None),
        ("POST", "/svc/Read", "text/plain, application/grpc", 401, None),
        ("GET", "/svc/Read", "application/grpc", 401, None),
        ("HEAD", "/svc/Read", "application/grpc", 401, None),
        ("GET", "/svc/None", "application/grpc", 404, None),
    ] {
        let request = request(method, path).header("content-type", kind).body(empty()).unwrap();
        let answer = send(&app, request).await;
        let seen = (answer.status.as_u16(), answer.header("grpc-status"));
        assert_eq!(seen, (status, code), "{method} {path} {kind}");
        assert!(!answer.body.contains("secret"), "{method} {path} {kind}");
    }
}

#[tokio::test]
async fn a_permission_sees_the_full_path_whatever_was_nested() {
    let world = TwoUsers::new().await;
    let seen =
        permission_fn(|request: &AuthRequest<'_>| Decision::allow_if(request.uri().path() == "/inner/x"));
    let left = page(|request| async move { text_of(request.uri().path().to_owned()) });
    let inner = Router::new(world.guard()).route("/{name}", get(left).require(seen));
    let app = serve(Router::new(world.guard()).nest("/inner", inner));
    let answer = send(&app, with_token("GET", "/inner/x", &world.john)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "/inner/x"));
    for (path, status) in [("/inner/X", 403), ("/inner/%78", 403), ("/x", 404)] {
        assert_eq!(send(&app, with_token("GET", path, &world.john)).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn what_tells_the_route_is_no_admission() {
    let world = TwoUsers::new().await;
    let captured = page(|request| async move {
        let matched = Matched::<Page>::of(request.extensions()).unwrap().clone();
        Ok(http::Response::builder().extension(matched).body(Default::default()).unwrap())
    });
    let guarded = serve(Router::new(world.guard()).route("/", get(captured).public()));
    let told = guarded.oneshot(anonymous("GET", "/")).await.unwrap();
    let matched = told.extensions().get::<Matched<Page>>().unwrap();
    for mut request in [anonymous("GET", "/"), with_token("GET", "/", &world.john)] {
        let extensions = request.extensions_mut();
        extensions.insert(matched.clone());
        assert!(Matched::<Page>::of(extensions).is_some());
        assert_eq!(Auth::<Account>::of::<Bytes>(extensions).unwrap_err().into_response().status(), 500);
        assert_eq!(MaybeAuth::<Account>::of::<Bytes>(extensions).unwrap_err().into_response().status(), 500);
        assert!(Access::<Account>::of(extensions).is_err());
        assert!(AnyAccess::of(extensions).is_err());
    }
}

#[tokio::test]
async fn a_capture_is_decoded_once_and_is_utf_8_or_nothing() {
    let world = TwoUsers::new().await;
    let captured = page(|request| async move {
        let matched = Matched::<Page>::of(request.extensions()).unwrap();
        text_of(matched.param("id").map_or_else(|| "none".to_owned(), |id| format!("[{id}]")))
    });
    let app = serve(
        Router::new(world.guard())
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
