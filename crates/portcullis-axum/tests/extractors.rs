//! Extractors in a router of axum's alone, in one inside of another, and beside axum's own.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

mod common;

use axum::extract::{FromRequestParts, Path, Request};
use common::{TwoUsers, anonymous, send, with_token};
use http::StatusCode;
use http::request::Parts;
use portcullis_axum::portcullis::permission::IsAuthenticated;
use portcullis_axum::{Auth, Authorized, LoadObject, MaybeAuth, Rejection, Router, Session, get};
use portcullis_testing::suite::adapter::{IsOwner, Note};

struct Thing;

impl<S: Send + Sync> LoadObject<S> for Thing {
    async fn load(_: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(Some(Self))
    }
}

async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn maybe(auth: MaybeAuth) -> String {
    auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

const SERVER_ERROR: &str = r#"{"detail":"A server error occurred."}"#;

#[tokio::test]
async fn without_the_guard_nobody_is_served() {
    let world = TwoUsers::new().await;
    let app = axum::Router::new()
        .route("/auth", axum::routing::get(whoami))
        .route("/maybe", axum::routing::get(maybe))
        .route("/session", axum::routing::get(|_: Session| async {}))
        .route("/authorized", axum::routing::get(|_: Authorized<Thing>| async {}));
    for path in ["/auth", "/maybe", "/session", "/authorized"] {
        for request in [anonymous("GET", path), with_token("GET", path, &world.john)] {
            let answer = send(&app, request).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, SERVER_ERROR), "{path}");
        }
    }
}

#[tokio::test]
async fn an_access_of_another_request_is_replaced() {
    let world = TwoUsers::new().await;
    let inner = Router::new(world.guard()).route("/x/maybe", get(maybe).public()).into_router(()).unwrap();
    let outer = move |mut request: Request| async move {
        // An internal re-dispatch: the identity of the outer request does not count in the inner one.
        request.headers_mut().remove("authorization");
        tower::ServiceExt::oneshot(inner, request).await
    };
    let app = Router::new(world.guard()).route("/x/maybe", get(outer)).into_router(()).unwrap();
    let answer = send(&app, with_token("GET", "/x/maybe", &world.mary)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"));
}

/// A note whose number axum reads.
struct Numbered(Note);

impl AsRef<Note> for Numbered {
    fn as_ref(&self) -> &Note {
        &self.0
    }
}

impl<S: Send + Sync> LoadObject<S> for Numbered {
    async fn load(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(Rejection::answer)?;
        Ok(Some(Self(Note(id))))
    }
}

#[tokio::test]
async fn an_extractor_of_axums_refuses_in_a_loader() {
    let world = TwoUsers::new().await;
    let read = async |Authorized(note): Authorized<Numbered>, _: String| note.0.0.to_string();
    let notes = get(read).put(read).require(IsAuthenticated & IsOwner::<Numbered>::new());
    let app = Router::new(world.guard()).route("/notes/{id}", notes).into_router(()).unwrap();
    for (id, status) in [("1", StatusCode::OK), ("2", StatusCode::FORBIDDEN), ("x", StatusCode::BAD_REQUEST)]
    {
        let request = with_token("PUT", &format!("/notes/{id}"), &world.john);
        assert_eq!(send(&app, request).await.status, status, "{id}");
    }
}
