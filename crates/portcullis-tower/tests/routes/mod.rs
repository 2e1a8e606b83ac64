//! The routes of the contract of adapters on this router: a route is the name of its handler.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Method, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use portcullis_testing::suite::adapter::{self, IsLocal, IsOwner, Pieces, SeesFullPath, World};
use portcullis_tower::portcullis::Rejection;
use portcullis_tower::portcullis::permission::{AllowAny, IsAdminUser, IsAuthenticated};
use portcullis_tower::{Matched, Replay, Router, any, collect, get, on, post};

pub(crate) type Name = &'static str;

pub(crate) fn router(world: &World) -> Router<Name> {
    let rare = on(Method::PATCH, "rare").on(Method::TRACE, "rare");
    let router = Router::new(world.guard())
        .route("/whoami", get("whoami"))
        .route("/scheme", get("scheme"))
        .route("/maybe", get("maybe").post("maybe").public())
        .route("/open", get("whoami").require(AllowAny))
        .route("/echo", post("echo").put("echo"))
        .route("/pieces", post("pieces"))
        .route("/any", any("method"))
        .route("/both", any("method").get("method"))
        .route("/rare", rare.authenticate_with(world.tokens().authenticator()))
        .route("/staff", get("staff").require(IsAdminUser))
        .route("/local", get("local").require(IsLocal))
        .route("/mixed", get("read").public())
        .route("/mixed", post("written").require(IsAdminUser))
        .route("/throttled", get("counted").throttle(world.throttle()))
        .route("/free", get("free").public().without_throttles())
        .route("/failing/{kind}", get("failing"))
        .route("/teapot", get("teapot"))
        .route("/count", get("count"))
        .route("/count-and-fail", get("count-and-fail"))
        .route("/count-and-refuse", get("count-and-refuse"))
        .route("/count-and-panic", get("count-and-panic"))
        .route("/count-and-wait", get("count-and-wait"))
        .route("/cycle", post("cycle"))
        .route("/log-out-and-fail", post("log-out-and-fail"))
        .route("/visit", get("session").public())
        .route("/member/auth", get("member-auth"))
        .route("/member/maybe", get("member-maybe").public())
        .route("/member/session", get("member-session"))
        .merge(objects(world))
        .merge(scopes(world))
        .merge(world.sessions().endpoints("/session"))
        .merge(world.tokens().endpoints("/tokens"))
        .merge(world.tokens().obtain_endpoint("/obtain"));
    if world.has_fallback() { router.require(IsAdminUser).fallback("fallback") } else { router }
}

fn objects(world: &World) -> Router<Name> {
    let owned = IsOwner::<Note>::new;
    Router::new(world.guard())
        .route("/notes/{id}", get("note").put("rename").require(IsAuthenticated & owned()))
        .route("/unchecked", get("a note").post("a note").require(owned()))
        .route("/checked", get("checked").require(owned()))
        .route("/swallowed", get("swallowed").require(owned()))
        .route("/listed", get("listed").post("listed").require(owned()).without_object())
        .route("/owed/{kind}", get("owed").require(owned()))
}

fn scopes(world: &World) -> Router<Name> {
    let inner = Router::new(world.guard())
        .route("/deep", get("deep"))
        .route("/path", get("path").require(SeesFullPath));
    let strict = Router::new(world.guard())
        .require(IsAdminUser)
        .route("/", get("strict"))
        .route("/loose", get("loose").public())
        .route("/listed", get("a list").without_object())
        .nest("/inner", inner);
    let few = Router::new(world.guard())
        .throttle(world.scope_throttle())
        .throttle(world.scope_throttle())
        .route("/silent", get("silent").public());
    Router::new(world.guard()).nest("/strict", strict).nest("/few", few)
}

/// The body of a request of the contract.
pub(crate) struct Body(pub(crate) Pieces);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.piece().map(|piece| Ok(Frame::data(piece))))
    }
}

/// What is loaded is a type of this crate.
pub(crate) struct Note(pub(crate) adapter::Note);

impl AsRef<adapter::Note> for Note {
    fn as_ref(&self) -> &adapter::Note {
        &self.0
    }
}

impl Note {
    /// Finds the note that the path names.
    pub(crate) fn find(extensions: &Extensions) -> Result<Option<Self>, Rejection> {
        let matched = Matched::<Name>::of(extensions);
        let id = matched.and_then(|matched| Some(matched.param("id")?.into_owned())).unwrap_or_default();
        if id == "101" {
            return Err(answer(StatusCode::GONE, "gone"));
        }
        Ok(adapter::Note::find(&id)?.map(Self))
    }
}

/// Answers by the name of a handler; `authorize` loads and checks a note as the adapter does.
pub(crate) async fn handle(
    name: Name,
    request: http::Request<Replay<Body>>,
    authorize: impl AsyncFnOnce(&Parts) -> Result<Note, Rejection>,
) -> Result<Response<Full<Bytes>>, Rejection> {
    let (head, body) = request.into_parts();
    let text = match name {
        "note" => authorize(&head).await?.0.0.to_string(),
        "rename" => {
            let note = authorize(&head).await?.0.0;
            let name: String = serde_json::from_slice(&collect(body, 4096).await?)
                .map_err(|_| answer(StatusCode::BAD_REQUEST, "no string"))?;
            format!("{note} {name}")
        }
        "pieces" => {
            let (mut body, mut pieces) = (body, 0);
            while body.frame().await.is_some_and(|frame| frame.is_ok()) {
                pieces += 1;
            }
            pieces.to_string()
        }
        name => {
            let body = collect(body, usize::MAX).await?;
            return Ok(adapter::handle(name, &head, body, Note).await?.map(Full::new));
        }
    };
    Ok(Response::new(Full::from(text)))
}

fn answer(status: StatusCode, text: &'static str) -> Rejection {
    Rejection::answer(Response::builder().status(status).body(Bytes::from_static(text.as_bytes())).unwrap())
}

/// Refuses a request of a path outside of the router as its handler does and its server would; others come back.
pub(crate) async fn unguarded(
    request: http::Request<Body>,
    authorize: impl AsyncFnOnce(&Parts) -> Result<Note, Rejection>,
) -> Result<http::Request<Body>, Response<Bytes>> {
    let known = [("auth", "whoami"), ("maybe", "maybe"), ("session", "session"), ("note", "note")];
    let name = request.uri().path().strip_prefix("/unguarded/");
    let Some((_, handler)) = known.into_iter().find(|(path, _)| Some(*path) == name) else {
        return Ok(request);
    };
    let is_head = request.method() == Method::HEAD;
    let refused = handle(handler, request.map(Replay::Right), authorize).await.unwrap_err().into_response();
    // hyper takes the body off an answer to HEAD; nobody else does here.
    Err(if is_head { refused.map(|_| Bytes::new()) } else { refused })
}
