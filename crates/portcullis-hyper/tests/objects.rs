//! `authorized` loads and checks before the body is read; an answer without a check does not leave.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use bytes::Bytes;
use common::{Outcome, Page, Request, World, full, page, request, says, send, serve, text_of, with_token};
use http::request::Parts;
use http::{Response, StatusCode};
use portcullis_hyper::portcullis::permission::IsAuthenticated;
use portcullis_hyper::portcullis::{AuthRequest, Decision, ObjectPermission, Unavailable, Verdict};
use portcullis_hyper::{LoadObject, Matched, Rejection, authorized, collect, get};

/// Books 1 to 9; the odd ones are John's.
struct Book(u32);

struct IsOwner;

impl ObjectPermission for IsOwner {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.username == "john") && book.0 % 2 == 1)
            .into()
    }
}

fn status(status: StatusCode, text: &'static str) -> Rejection {
    Rejection::answer(Response::builder().status(status).body(Bytes::from_static(text.as_bytes())).unwrap())
}

impl LoadObject<()> for Book {
    async fn load(head: &Parts, (): &()) -> Result<Option<Self>, Rejection> {
        let matched = Matched::<Page>::of(&head.extensions).unwrap();
        match matched.param("id").and_then(|id| id.parse().ok()) {
            None => Err(status(StatusCode::BAD_REQUEST, "no number")),
            Some(100) => Err(Unavailable::new("the books are away").into()),
            Some(101) => Err(status(StatusCode::GONE, "gone")),
            Some(id) => Ok((1..10).contains(&id).then_some(Self(id))),
        }
    }
}

async fn update(request: Request) -> Outcome {
    let (head, body) = request.into_parts();
    let book: Book = authorized(&head, &()).await?;
    let title: String = serde_json::from_slice(&collect(body, 1024).await?)
        .map_err(|_| status(StatusCode::BAD_REQUEST, "junk"))?;
    text_of(format!("{} is {title}", book.0))
}

#[tokio::test]
async fn an_object_is_loaded_and_checked_before_the_body_is_read() {
    let world = World::new().await;
    let app = serve(
        world
            .router()
            .route("/books/{id}", get(page(update)).put(page(update)).require(IsAuthenticated & IsOwner)),
    );
    let denied = r#"{"detail":"You do not have permission to perform this action."}"#;
    let unknown = r#"{"detail":"Not found."}"#;
    let strange = r#"{"detail":"Authentication credentials were not provided."}"#;
    let (john, mary) = (Some(&world.john), Some(&world.mary));
    for (name, id, token, body, status, answer) in [
        ("his own", "1", john, r#""new""#, 200, "1 is new"),
        ("his own, and junk", "1", john, "\"", 400, "junk"),
        ("another's, and junk", "2", john, "\"", 403, denied),
        ("none, and junk", "99", john, "\"", 404, unknown),
        ("none, of a user who owns nothing", "99", mary, "\"", 404, unknown),
        ("another's", "1", mary, r#""new""#, 403, denied),
        ("a stranger's, none", "99", None, "{", 401, strange),
        ("no number", "x", john, "\"", 400, "no number"),
        ("no UTF-8", "%ff", john, "\"", 400, "no number"),
        (
            "an outage",
            "100",
            john,
            "\"",
            503,
            r#"{"detail":"Service temporarily unavailable, try again later."}"#,
        ),
        ("an answer of its own", "101", john, "\"", 410, "gone"),
    ] {
        let request = request("PUT", &format!("/books/{id}"));
        let request = match token {
            Some(token) => request.header("authorization", format!("Token {token}")),
            None => request,
        };
        let got = send(&app, request.body(full(body)).unwrap()).await;
        assert_eq!((got.status.as_u16(), got.body.as_str()), (status, answer), "{name}");
    }
}

#[tokio::test]
async fn an_answer_without_a_check_does_not_leave() {
    let world = World::new().await;
    let ignores = page(|request| async move {
        let (head, _) = request.into_parts();
        let _: Result<Book, _> = authorized(&head, &()).await;
        text_of("a book")
    });
    let app = serve(
        world
            .router()
            .route("/forgets", get(says("a book")).post(says("a book")).require(IsOwner))
            .route("/lists", get(says("a book")).require(IsOwner).without_object())
            .route("/ignores/{id}", get(ignores).require(IsOwner)),
    );
    for (method, path, status) in [
        ("GET", "/forgets", 403),
        ("HEAD", "/forgets", 403),
        ("POST", "/forgets", 403),
        ("GET", "/lists", 200),
        ("GET", "/ignores/1", 200),
        ("GET", "/ignores/2", 403),
        ("GET", "/ignores/99", 403),
        ("GET", "/ignores/100", 403),
    ] {
        let answer = send(&app, with_token(method, path, &world.john)).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.body == "a book", status == 200, "{method} {path}");
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
