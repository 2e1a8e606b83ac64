//! A body that comes in pieces: the guard reads what it must of it, and the handler gets the same bytes.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use common::{TwoUsers, from_browser, request, send};
use http_body::Frame;
use http_body_util::BodyExt;
use portcullis_axum::{Router, post};

const FORM: &str = "application/x-www-form-urlencoded";

async fn echo(body: Bytes) -> Bytes {
    body
}

/// Says whether the body has come in more than one piece.
async fn pieces(body: Body) -> String {
    let mut body = body;
    let mut pieces = 0;
    while body.frame().await.is_some_and(|frame| frame.is_ok()) {
        pieces += 1;
    }
    pieces.to_string()
}

/// Logs John in: the application, the `Cookie` header and a CSRF token.
async fn log_in(world: &TwoUsers) -> (axum::Router, String, String) {
    let john = world.users.find_by_name("john").await.unwrap().unwrap();
    world.users.set_password(&john.id, "right").await.unwrap();
    let router = Router::new(world.guard()).route("/echo", post(echo)).route("/pieces", post(pieces));
    let app = router.merge(world.sessions.endpoints("/session")).into_router(()).unwrap();
    let login = from_browser("POST", "/session/login", "").header("content-type", "application/json");
    let login = login.body(Body::from(r#"{"username":"john","password":"right"}"#)).unwrap();
    let answer = send(&app, login).await;
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = from_browser("GET", "/session/csrf", &cookie).body(Body::empty()).unwrap();
    let token = send(&app, csrf).await.body.split('"').nth(3).unwrap().to_owned();
    (app, cookie, token)
}

/// A body in pieces that counts what was asked of it.
struct Pieces {
    rest: Vec<Bytes>,
    read: Arc<AtomicUsize>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.read.fetch_add(1, Ordering::SeqCst);
        let next = if self.rest.is_empty() { None } else { Some(self.rest.remove(0)) };
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }
}

fn in_pieces(pieces: &[&str]) -> (Body, Arc<AtomicUsize>) {
    let read = Arc::default();
    let rest = pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
    (Body::new(Pieces { rest, read: Arc::clone(&read) }), read)
}

#[tokio::test]
async fn a_form_that_proves_its_origin_reaches_the_handler_unchanged() {
    let world = TwoUsers::new().await;
    let (app, cookies, token) = log_in(&world).await;
    let form = format!("a=1&a=2&csrfmiddlewaretoken={token}&c=%zz&&d=%C3%A9;é=+");
    let multipart = format!(
        "--x\r\ncontent-disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n\r\n--x--\r\ntrailer"
    );
    for (name, kind, body) in
        [("a form", FORM, &form), ("multipart", "multipart/form-data; boundary=x", &multipart)]
    {
        let request = from_browser("POST", "/echo", &cookies).header("content-type", kind);
        let (first, last) = body.split_at(body.len() / 2);
        let answer = send(&app, request.body(in_pieces(&[first, last]).0).unwrap()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(&answer.body, body, "{name}");
    }
}

#[tokio::test]
async fn the_guard_stops_reading_after_64_kib() {
    let world = TwoUsers::new().await;
    let (app, cookies, _) = log_in(&world).await;
    let piece = "x".repeat(16 * 1024);
    let (body, read) = in_pieces(&[piece.as_str(); 64]);
    let request = from_browser("POST", "/echo", &cookies).header("content-type", FORM);
    assert_eq!(send(&app, request.body(body).unwrap()).await.status, 413);
    assert!(read.load(Ordering::SeqCst) <= 5, "it goes on reading: {read:?}");
}

#[tokio::test]
async fn an_upload_with_the_header_streams() {
    let world = TwoUsers::new().await;
    let (app, cookies, token) = log_in(&world).await;
    let bearer = || request("POST", "/pieces").header("authorization", format!("Token {}", world.john));
    for (name, request) in [
        ("a form with the header", from_browser("POST", "/pieces", &cookies).header("x-csrftoken", &token)),
        ("a form with a token of the API", bearer()),
    ] {
        let (body, _) = in_pieces(&["a=1", "&b=2", "&c=3"]);
        let answer = send(&app, request.header("content-type", FORM).body(body).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "3"), "{name}");
    }
}

#[tokio::test]
async fn the_body_of_a_refused_request_is_not_read() {
    let world = TwoUsers::new().await;
    let (app, cookies, _) = log_in(&world).await;
    for (name, request, status) in [
        ("a stranger", request("POST", "/echo"), 401),
        ("a bad token", request("POST", "/echo").header("authorization", "Token pct_bad"), 401),
        ("another site", from_browser("POST", "/echo", &cookies).header("sec-fetch-site", "cross-site"), 403),
        ("JSON without a token", from_browser("POST", "/echo", &cookies), 403),
        ("an unknown path", request("POST", "/unknown"), 404),
    ] {
        let (body, read) = in_pieces(&["a=1"]);
        let request = if name == "JSON without a token" {
            request.header("content-type", "application/json")
        } else {
            request.header("content-type", "text/plain")
        };
        assert_eq!(send(&app, request.body(body).unwrap()).await.status, status, "{name}");
        assert_eq!(read.load(Ordering::SeqCst), 0, "{name}");
    }
}
