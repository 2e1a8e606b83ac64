//! What counts as an answer in gRPC, byte by byte: a refusal never looks like a success, nor the other way.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use bytes::Bytes;
use common::{
    Answer, App, Outcome, Page, Pages, Request, Router, TwoUsers, page, request, says, send, session,
};
use http::Response;
use http_body_util::Full;
use portcullis_tower::portcullis::{AuthRequest, Decision, Denial, ObjectPermission, Rejection, Verdict};
use portcullis_tower::{grpc_code, grpc_status, post};
use tower::Layer;

struct IsTwo;

impl ObjectPermission for IsTwo {
    type Object = u8;

    fn check_object(&self, _: &AuthRequest<'_>, number: &u8) -> Verdict<'_> {
        Decision::allow_if(*number == 2).into()
    }
}

/// Answers 200 with some `grpc-status` and a body.
fn answers(status: Option<&'static str>, body: &'static str) -> Page {
    page(move |_| {
        let response = Response::builder().header("content-type", "application/grpc");
        let response =
            status.into_iter().fold(response, |response, status| response.header("grpc-status", status));
        std::future::ready(Ok(response.body(Full::from(body)).unwrap()))
    })
}

fn call(path: &str, token: &str) -> http::request::Builder {
    request("POST", path)
        .header("content-type", "application/grpc+proto")
        .header("authorization", format!("Token {token}"))
}

async fn outcome(app: &App, request: http::request::Builder) -> Answer {
    send(app, request.body(common::empty()).unwrap()).await
}

#[tokio::test]
async fn an_error_without_content_owes_nothing_and_all_else_does() {
    let world = TwoUsers::new().await;
    for (name, status, body, is_plain, is_kept) in [
        ("an error", Some("5"), "", false, true),
        ("an outage", Some("14"), "", false, true),
        ("an error with content", Some("5"), "a book", false, false),
        ("a success", Some("0"), "", false, false),
        ("a success with content", None, "a book", false, false),
        ("nothing said", None, "", false, false),
        ("nonsense", Some("five"), "", false, false),
        ("nothing", Some(""), "", false, false),
        ("zero in other words", Some("00"), "", false, false),
        ("an error where gRPC is not spoken", Some("5"), "", true, false),
    ] {
        let layer = Router::new(world.guard())
            .route("/", post(answers(status, body)).require(IsTwo))
            .into_layer()
            .unwrap();
        let app = if is_plain { layer } else { layer.for_grpc() }.layer(Pages);
        let answer = outcome(&app, call("/", &world.john)).await;
        assert_eq!(answer.status, if is_plain { 403 } else { 200 }, "{name}");
        let code = if is_plain { None } else { Some("7") };
        assert_eq!(answer.header("grpc-status"), if is_kept { status } else { code }, "{name}");
        assert!(!answer.body.contains("book"), "{name}");
    }
}

async fn counts(request: Request, status: &'static str) -> Outcome {
    let session = session(&request).await?;
    session.insert("count", &1).await?;
    Ok(Response::builder().header("grpc-status", status).body(Full::default()).unwrap())
}

#[tokio::test]
async fn a_session_is_saved_unless_the_call_failed() {
    for (status, is_saved) in [("0", true), ("5", true), ("13", false), ("14", false)] {
        let world = TwoUsers::new().await;
        let layer = Router::new(world.guard())
            .route("/", post(page(move |request| counts(request, status))).public())
            .into_layer()
            .unwrap();
        let app = layer.for_grpc().layer(Pages);
        let answer = outcome(&app, request("POST", "/").header("content-type", "application/grpc")).await;
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, Some(status)));
        assert_eq!(answer.headers.contains_key("set-cookie"), is_saved, "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_trailers_only() {
    let world = TwoUsers::new().await;
    let refuses = |refuse: fn() -> Rejection| page(move |_| std::future::ready(Err(refuse())));
    let router = Router::new(world.guard())
        .route("/ok", post(says("ok")))
        .route("/denied", post(refuses(|| Denial::new("100 % zoë\n").into())))
        .merge(world.tokens.endpoints("/login"));
    let app = router.into_layer().unwrap().for_grpc().layer(Pages);
    for (path, token, code, message) in [
        ("/ok", "pct_wrong", "16", "Invalid token."),
        ("/denied", &*world.john, "7", "100 %25 zo%C3%AB%0A"),
        ("/unknown", &world.john, "12", "Not found."),
    ] {
        let answer = outcome(&app, call(path, token)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/grpc"), "{path}");
        assert_eq!(answer.header("grpc-status"), Some(code), "{path}");
        assert_eq!(answer.header("grpc-message"), Some(message), "{path}");
        assert_eq!(answer.header("content-length"), None, "{path}");
        assert_eq!(answer.headers.contains_key("www-authenticate"), code == "16", "{path}");
    }
    // A call is a POST: a cache may keep the 200 of a GET.
    let other = outcome(&app, call("/ok", &world.john).method("GET")).await;
    assert_eq!((other.header("grpc-status"), other.status.as_u16()), (None, 405));

    // On the same port, what is no call of gRPC is answered as ever, and so are endpoints.
    for (path, kind, status) in [
        ("/ok", "application/json", 401),
        ("/ok", "text/plain; application/grpc", 401),
        ("/unknown", "", 404),
        ("/login", "application/json", 400),
        ("/login", "application/grpc", 400),
    ] {
        let answer = outcome(&app, request("POST", path).header("content-type", kind)).await;
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (status, None), "{path} {kind}");
    }
}

#[tokio::test]
async fn another_rendering_leaves_the_message_to_the_status() {
    use portcullis_tower::portcullis::{Error, Rendering};
    let world = TwoUsers::new().await;
    let problem = |_: &Error, _: http::StatusCode| Rendering::json(r#"{"title":"no"}"#);
    let guard = world.builder().render(problem).build().unwrap();
    let layer = Router::new(guard).route("/", post(says("ok"))).into_layer().unwrap();
    let app = layer.for_grpc().layer(Pages);
    let answer = outcome(&app, request("POST", "/").header("content-type", "application/grpc")).await;
    assert_eq!(
        (answer.header("grpc-status"), answer.header("grpc-message")),
        (Some("16"), Some("Unauthorized"))
    );
}

#[test]
fn every_status_has_a_code() {
    for (status, code) in [
        (400, 3),
        (401, 16),
        (403, 7),
        (404, 12),
        (405, 12),
        (413, 8),
        (429, 8),
        (500, 13),
        (503, 14),
        (200, 2),
        (418, 2),
    ] {
        assert_eq!(grpc_code(http::StatusCode::from_u16(status).unwrap()), code, "{status}");
    }
    let hidden: Rejection = Denial::default().hide().into();
    assert_eq!(grpc_status(hidden), (5, "Not found.".to_owned()));
    let own = Response::builder().status(404).body(Bytes::from_static(b"gone")).unwrap();
    assert_eq!(grpc_status(Rejection::answer(own)), (5, "Not Found".to_owned()));
}
