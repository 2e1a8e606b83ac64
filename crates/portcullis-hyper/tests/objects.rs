//! `authorized` says what it found even to a handler that does not listen, and loads nothing without the guard.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use portcullis_hyper::portcullis::Unavailable;
use portcullis_hyper::{GuardService, LoadObject, Matched, Rejection, Request, Router, authorized, get};
use portcullis_testing::suite::adapter::{IsOwner, Note};
use portcullis_testing::{TwoUsers, request};

/// Notes 1 to 9.
struct Numbered(Note);

impl AsRef<Note> for Numbered {
    fn as_ref(&self) -> &Note {
        &self.0
    }
}

impl LoadObject<()> for Numbered {
    async fn load(head: &Parts, (): &()) -> Result<Option<Self>, Rejection> {
        let matched = Matched::<Page>::of(&head.extensions).unwrap();
        match matched.param("id").and_then(|id: Cow<'_, str>| id.parse().ok()) {
            None => Err(Rejection::answer(
                Response::builder().status(StatusCode::BAD_REQUEST).body("no number".into()).unwrap(),
            )),
            Some(100) => Err(Unavailable::new("the notes are away").into()),
            Some(id) => Ok((1..10).contains(&id).then_some(Self(Note(id)))),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Page {
    Reads,
    Ignores,
}

async fn handle(page: Page, request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Rejection> {
    let (head, _) = request.into_parts();
    let note: Result<Numbered, _> = authorized(&head, &()).await;
    if matches!(page, Page::Reads) {
        note?;
    }
    Ok(Response::new(Full::from("a note")))
}

#[tokio::test]
async fn a_refusal_that_a_handler_ignores_is_answered_all_the_same() {
    let world = TwoUsers::new().await;
    let owned = IsOwner::<Numbered>::new;
    let router = Router::new(world.guard())
        .route("/reads/{id}", get(Page::Reads).require(owned()))
        .route("/ignores/{id}", get(Page::Ignores).require(owned()));
    let service = GuardService::new(router, handle).unwrap();
    let denied = r#"{"detail":"You do not have permission to perform this action."}"#;
    let unknown = r#"{"detail":"Not found."}"#;
    let outage = r#"{"detail":"Service temporarily unavailable, try again later."}"#;
    for (path, status, body) in [
        ("/reads/1", 200, "a note"),
        ("/reads/2", 403, denied),
        ("/reads/99", 404, unknown),
        ("/reads/x", 400, "no number"),
        ("/reads/%ff", 400, "no number"),
        ("/reads/100", 503, outage),
        ("/ignores/1", 200, "a note"),
        ("/ignores/2", 403, denied),
        ("/ignores/99", 403, denied),
        ("/ignores/100", 403, denied),
    ] {
        let request = request("GET", path).token(&world.john).build().map(Full::new);
        let answer = service.call(request).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body, "{path}");
    }
}

#[tokio::test]
async fn without_the_guard_nothing_is_loaded() {
    struct Never;
    impl LoadObject<()> for Never {
        async fn load(_: &Parts, (): &()) -> Result<Option<Self>, Rejection> {
            unreachable!("it was loaded")
        }
    }
    let (head, ()) = http::Request::new(()).into_parts();
    let refused: Result<Never, _> = authorized(&head, &()).await;
    assert_eq!(refused.err().unwrap().into_response().status(), 500);
}
