//! A route whose permission looks at objects owes a check; `Authorized` loads and checks before the body is read.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::Service;
use actix_web::test::TestRequest;
use actix_web::{App, FromRequest, HttpMessage, HttpRequest, HttpResponse, test, web};
use common::{TwoUsers, request, send, serve, served, with_token};
use portcullis_actix::portcullis::permission::IsAuthenticated;
use portcullis_actix::portcullis::{AuthRequest, Decision, ObjectPermission, Unavailable, Verdict};
use portcullis_actix::{Auth, Authorized, LoadObject, Rejection, Router, get, put, resource};

/// Books 1 to 9; the odd ones are John's, who is user 1.
struct Book(u32);

struct IsOwner;

impl ObjectPermission for IsOwner {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.username == "john") && book.0 % 2 == 1)
            .into()
    }
}

impl LoadObject for Book {
    async fn load(request: &HttpRequest) -> Result<Option<Self>, Rejection> {
        let id = web::Path::<u32>::extract(request).await.map_err(Rejection::answer)?.into_inner();
        // A store takes its time, and actix-web polls the other extractors meanwhile.
        tokio::time::sleep(Duration::from_millis(8)).await;
        match id {
            100 => Err(Unavailable::new("the books are away").into()),
            101 => Err(Rejection::answer(HttpResponse::Gone().body("gone"))),
            id => Ok((1..10).contains(&id).then_some(Self(id))),
        }
    }
}

async fn update(Authorized(book): Authorized<Book>, title: web::Json<String>) -> String {
    format!("{} is {title}", book.0)
}

async fn update_last(title: web::Json<String>, Authorized(book): Authorized<Book>) -> String {
    format!("{} is {title}", book.0)
}

async fn update_both(
    _: Authorized<Book>,
    title: web::Json<String>,
    Authorized(book): Authorized<Book>,
) -> String {
    format!("{} is {title}", book.0)
}

#[actix_web::test]
async fn an_object_is_loaded_and_checked_before_the_body_is_read() {
    let world = TwoUsers::new().await;
    let books = |path: &str| resource(path).require(IsAuthenticated & IsOwner);
    let router = Router::new(world.guard())
        .service(books("/first/{id}").route(put().to(update)))
        .service(books("/last/{id}").route(put().to(update_last)))
        .service(books("/both/{id}").route(put().to(update_both)));
    let app = serve(router).await;
    let denied = r#"{"detail":"You do not have permission to perform this action."}"#;
    for (name, id, token, body, status, answer) in [
        ("his own", "1", Some(&world.john), r#""new""#, 200, "1 is new"),
        ("his own, and junk", "1", Some(&world.john), "\"", 400, ""),
        ("another's, and junk", "2", Some(&world.john), "\"", 403, denied),
        ("none, and junk", "99", Some(&world.john), "\"", 404, r#"{"detail":"Not found."}"#),
        (
            "none, of a user who owns nothing",
            "99",
            Some(&world.mary),
            "\"",
            404,
            r#"{"detail":"Not found."}"#,
        ),
        ("another's", "1", Some(&world.mary), r#""new""#, 403, denied),
        (
            "a stranger's, none",
            "99",
            None,
            "{",
            401,
            r#"{"detail":"Authentication credentials were not provided."}"#,
        ),
        ("no number", "x", Some(&world.john), "\"", 404, ""),
        ("an outage", "100", Some(&world.john), "\"", 503, ""),
        ("an answer of its own", "101", Some(&world.john), "\"", 410, "gone"),
    ] {
        for (path, kind) in [
            ("first", "application/json"),
            ("last", "application/json"),
            ("both", "application/json"),
            ("first", "text/plain"),
            ("last", "text/plain"),
        ] {
            let row = format!("{name}, {path}, {kind}");
            let uri = format!("/{path}/{id}");
            let request = token.map_or_else(|| request("PUT", &uri), |token| with_token("PUT", &uri, token));
            let got = send(&app, request.insert_header(("content-type", kind)).set_payload(body)).await;
            if kind == "text/plain" && status < 401 {
                assert!(matches!(got.status.as_u16(), 400 | 415), "{row}: {}", got.status);
                continue;
            }
            assert_eq!(got.status, status, "{row}: {}", got.body);
            assert!(answer.is_empty() || got.body == answer, "{row}: {}", got.body);
            assert!(!got.body.contains("away"), "{row}: the reason of an outage is for logs");
        }
    }
}

#[actix_web::test]
async fn no_request_outlives_its_answer() {
    let world = TwoUsers::new().await;
    let books = resource("/books/{id}").route(put().to(update_last)).require(IsAuthenticated & IsOwner);
    let routes = Router::new(world.guard()).service(books).build().unwrap();
    let alive = Rc::new(());
    let kept = Rc::clone(&alive);
    let app = App::new().configure(|config| routes.configure(config)).wrap_fn(move |request, next| {
        request.extensions_mut().insert(Rc::clone(&kept));
        next.call(request)
    });
    let app = served(test::init_service(app).await, TestRequest::to_request);
    let before = Rc::strong_count(&alive);
    let put = |id: &str, body: &'static str| {
        let request = with_token("PUT", &format!("/books/{id}"), &world.john).set_payload(body);
        send(&app, request.insert_header(("content-type", "application/json")))
    };
    for (id, body, status) in [("1", "\"new\"", 200), ("2", "{", 403), ("1", "{", 400)] {
        assert_eq!(put(id, body).await.status, status, "{id}");
        assert_eq!(Rc::strong_count(&alive), before, "{id}: {status}");
    }
    let dropped = tokio::time::timeout(Duration::from_millis(1), put("1", "\"new\"")).await;
    assert!(dropped.is_err(), "a store takes longer");
    assert_eq!(Rc::strong_count(&alive), before, "the client has gone");
}

#[actix_web::test]
async fn nobody_learns_by_auth_what_there_is() {
    let world = TwoUsers::new().await;
    let read = |_: Auth, Authorized(book): Authorized<Book>| async move { book.0.to_string() };
    let app = serve(
        Router::new(world.guard()).service(resource("/books/{id}").route(get().to(read)).require(IsOwner)),
    )
    .await;
    for id in ["1", "2", "99", "100"] {
        assert_eq!(send(&app, request("GET", &format!("/books/{id}"))).await.status, 401, "{id}");
    }
}

async fn swallows(book: Option<Authorized<Book>>) -> &'static str {
    book.map_or("no book", |_| "a book")
}

#[actix_web::test]
async fn an_option_pays_no_check() {
    let world = TwoUsers::new().await;
    let router = |guard| {
        Router::new(guard).service(resource("/swallows/{id}").route(get().to(swallows)).require(IsOwner))
    };
    let ours = serve(router(world.guard())).await;
    let drf = serve(router(world.builder().drf().build().unwrap())).await;
    for (id, status) in [(1, 200), (2, 403), (99, 403), (100, 403)] {
        for (app, name) in [(&ours, "ours"), (&drf, "DRF's")] {
            let answer = send(app, with_token("GET", &format!("/swallows/{id}"), &world.john)).await;
            assert_eq!(answer.status, status, "{id}, {name}");
            assert_eq!(answer.body == "a book", status == 200, "{id}, {name}: {}", answer.body);
        }
    }
}
