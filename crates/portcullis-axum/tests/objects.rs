//! A route whose permission looks at objects owes a check; `Authorized` loads and checks before the body is read.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::response::IntoResponse;
use common::{World, anonymous, request, send, with_token};
use http::StatusCode;
use http::request::Parts;
use portcullis_axum::portcullis::permission::IsAuthenticated;
use portcullis_axum::portcullis::{AuthRequest, Decision, ObjectPermission, Unavailable, Verdict};
use portcullis_axum::{Auth, Authorized, LoadObject, MaybeAuth, MethodRouter, Rejection, Router, get};

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

impl<S: Send + Sync> LoadObject<S> for Book {
    async fn load(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(Rejection::answer)?;
        match id {
            100 => Err(Unavailable::new("the books are away").into()),
            101 => Err(Rejection::answer((StatusCode::GONE, "gone"))),
            id => Ok((1..10).contains(&id).then_some(Self(id))),
        }
    }
}

async fn update(Authorized(book): Authorized<Book>, Json(title): Json<String>) -> String {
    format!("{} is {title}", book.0)
}

#[tokio::test]
async fn an_object_is_loaded_and_checked_before_the_body_is_read() {
    let world = World::new().await;
    let app = world
        .router()
        .route("/books/{id}", get(update).put(update).require(IsAuthenticated & IsOwner))
        .into_router(())
        .unwrap();
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
        ("no number", "x", Some(&world.john), "\"", 400, ""),
        ("an outage", "100", Some(&world.john), "\"", 503, ""),
        ("an answer of its own", "101", Some(&world.john), "\"", 410, "gone"),
    ] {
        let request = request("PUT", &format!("/books/{id}")).header("content-type", "application/json");
        let request = match token {
            Some(token) => request.header("authorization", format!("Token {token}")),
            None => request,
        };
        let got = send(&app, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(got.status, status, "{name}: {}", got.body);
        assert!(answer.is_empty() || got.body == answer, "{name}: {}", got.body);
        assert!(!got.body.contains("away"), "{name}: the reason of an outage is for logs");
    }
}

async fn forgets() -> &'static str {
    "a book"
}

async fn redirects() -> impl IntoResponse {
    (StatusCode::FOUND, [("location", "/books/1")])
}

async fn checks(auth: Auth) -> Result<&'static str, Rejection> {
    auth.check_object(&Book(1)).await?;
    Ok("a book")
}

async fn ignores(auth: Auth) -> &'static str {
    let _ = auth.check_object(&Book(2)).await;
    "a book"
}

async fn checks_both(auth: Auth) -> &'static str {
    let _ = auth.check_object(&Book(1)).await;
    let _ = auth.check_object(&Book(2)).await;
    "two books"
}

async fn checks_both_the_other_way(auth: Auth) -> &'static str {
    let _ = auth.check_object(&Book(2)).await;
    let _ = auth.check_object(&Book(1)).await;
    "two books"
}

async fn asks(auth: Auth) -> Result<String, Rejection> {
    Ok(format!("{} {}", auth.allows(&Book(1)).await?, auth.allows(&Book(2)).await?))
}

async fn shows_an_arc(auth: MaybeAuth) -> Result<&'static str, Rejection> {
    auth.check_object(&std::sync::Arc::new(Book(1))).await?;
    Ok("a book")
}

fn routes(router: Router, path: &str, methods: fn() -> MethodRouter) -> Router {
    router.route(path, methods().require(IsOwner))
}

#[tokio::test]
async fn an_answer_without_a_check_does_not_leave() {
    let world = World::new().await;
    let both = |router: Router| {
        let router = routes(router, "/forgets", || get(forgets).post(forgets));
        let router = routes(router, "/redirects", || get(redirects));
        let router = routes(router, "/not-modified", || get(|| async { StatusCode::NOT_MODIFIED }));
        let router = routes(router, "/bad", || get(|| async { StatusCode::BAD_REQUEST }));
        let router = routes(router, "/checks", || get(checks));
        let router = routes(router, "/ignores", || get(ignores));
        let router = routes(router, "/checks-both", || get(checks_both));
        let router = routes(router, "/checks-both-the-other-way", || get(checks_both_the_other_way));
        let router = routes(router, "/asks", || get(asks));
        let router = routes(router, "/shows-an-arc", || get(shows_an_arc));
        let router = routes(router, "/lists", || get(asks).post(forgets).without_object());
        router.into_router(()).unwrap()
    };
    let ours = both(world.router());
    let drf = both(Router::new(world.builder().drf().build().unwrap()));
    for (method, path, status, in_drf, body) in [
        ("GET", "/forgets", 403, 403, ""),
        ("HEAD", "/forgets", 403, 403, ""),
        ("POST", "/forgets", 403, 200, ""),
        ("GET", "/redirects", 403, 403, ""),
        ("GET", "/not-modified", 304, 304, ""),
        ("GET", "/bad", 400, 400, ""),
        ("GET", "/checks", 200, 200, "a book"),
        ("GET", "/ignores", 403, 403, ""),
        ("GET", "/checks-both", 403, 403, ""),
        ("GET", "/checks-both-the-other-way", 403, 403, ""),
        ("GET", "/asks", 403, 403, ""),
        ("GET", "/shows-an-arc", 403, 403, ""),
        ("GET", "/lists", 200, 200, "true false"),
        ("POST", "/lists", 200, 200, "a book"),
        ("PUT", "/forgets", 405, 405, ""),
    ] {
        for (app, status, name) in [(&ours, status, "ours"), (&drf, in_drf, "DRF's")] {
            let answer = send(app, with_token(method, path, &world.john)).await;
            assert_eq!(answer.status, status, "{method} {path}, {name}");
            assert!(body.is_empty() || answer.body == body, "{method} {path}, {name}: {}", answer.body);
            assert_eq!(answer.header("location"), None, "{method} {path}, {name}");
        }
    }
    // `IsOwner` alone cannot decide on a request, so that a stranger gets through to the handler, and no further.
    for path in ["/forgets", "/checks", "/shows-an-arc"] {
        assert_eq!(send(&ours, anonymous("GET", path)).await.status.as_u16() / 100, 4, "{path}");
    }
}
