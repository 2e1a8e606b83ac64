//! A route whose permission looks at objects owes a check.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use common::{
    App, Outcome, Page, Request, Router, World, anonymous, page, says, send, serve, status_of, text_of,
    with_token,
};
use http::{Response, StatusCode};
use portcullis_tower::portcullis::{Auth, AuthRequest, Decision, MaybeAuth, ObjectPermission, Verdict};
use portcullis_tower::{MethodRouter, get};

/// The odd ones are John's.
struct Book(u32);

struct IsOwner;

impl ObjectPermission for IsOwner {
    type Object = Book;

    fn check_object(&self, request: &AuthRequest<'_>, book: &Book) -> Verdict<'_> {
        Decision::allow_if(request.user().is_some_and(|user| user.username == "john") && book.0 % 2 == 1)
            .into()
    }
}

async fn redirects(_: Request) -> Outcome {
    Ok(Response::builder().status(302).header("location", "/books/1").body(Default::default()).unwrap())
}

async fn checks(request: Request) -> Outcome {
    let auth: Auth = Auth::of(request.extensions())?;
    auth.check_object(&Book(1)).await?;
    text_of("a book")
}

/// Checks, and answers whatever came out.
fn ignores(books: &'static [u32]) -> Page {
    page(move |request| async move {
        let auth: Auth = Auth::of(request.extensions())?;
        for book in books {
            let _ = auth.check_object(&Book(*book)).await;
        }
        text_of("books")
    })
}

async fn asks(request: Request) -> Outcome {
    let auth: Auth = Auth::of(request.extensions())?;
    text_of(format!("{} {}", auth.allows(&Book(1)).await?, auth.allows(&Book(2)).await?))
}

async fn shows_an_arc(request: Request) -> Outcome {
    let auth: MaybeAuth = MaybeAuth::of(request.extensions())?;
    auth.check_object(&std::sync::Arc::new(Book(1))).await?;
    text_of("a book")
}

fn app(router: Router) -> App {
    let status = |status| page(move |_| std::future::ready(status_of(status)));
    let forgets = || says("a book");
    let rows: [(&str, MethodRouter<Page>); 11] = [
        ("/forgets", get(forgets()).post(forgets())),
        ("/redirects", get(page(redirects))),
        ("/switches", get(status(StatusCode::SWITCHING_PROTOCOLS))),
        ("/not-modified", get(status(StatusCode::NOT_MODIFIED))),
        ("/bad", get(status(StatusCode::BAD_REQUEST))),
        ("/checks", get(page(checks))),
        ("/ignores", get(ignores(&[2]))),
        ("/checks-both", get(ignores(&[1, 2]))),
        ("/checks-both-the-other-way", get(ignores(&[2, 1]))),
        ("/asks", get(page(asks))),
        ("/shows-an-arc", get(page(shows_an_arc))),
    ];
    let router =
        rows.into_iter().fold(router, |router, (path, methods)| router.route(path, methods.require(IsOwner)));
    let lists = get(page(asks)).post(forgets()).require(IsOwner).without_object();
    serve(router.route("/lists", lists))
}

#[tokio::test]
async fn an_answer_without_a_check_does_not_leave() {
    let world = World::new().await;
    let ours = app(world.router());
    let drf = app(Router::new(world.builder().drf().build().unwrap()));
    for (method, path, status, in_drf, body) in [
        ("GET", "/forgets", 403, 403, ""),
        ("HEAD", "/forgets", 403, 403, ""),
        ("POST", "/forgets", 403, 200, ""),
        ("GET", "/redirects", 403, 403, ""),
        ("GET", "/switches", 403, 403, ""),
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
