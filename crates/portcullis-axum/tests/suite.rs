//! The contract that every adapter keeps.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use portcullis_axum::portcullis::permission::{AllowAny, IsAdminUser, IsAuthenticated};
use portcullis_axum::{
    Auth, Authorized, LoadObject, MaybeAuth, Rejection, RouteTable, Router, Session, any, get, on, post,
};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{
    self, Adapter, IsLocal, IsOwner, Member, Pieces, SeesFullPath, World,
};
use tower::ServiceExt;

#[tokio::test]
async fn axum_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(mount).await
}

struct Axum {
    table: RouteTable,
    router: axum::Router,
}

impl Adapter for Axum {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, mut request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 50_000))));
        }
        let response = self.router.clone().oneshot(request.map(Body::from_stream)).await.unwrap();
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }
}

async fn mount(world: &World) -> Axum {
    let rare = on(Method::PATCH, || async { "rare" }).on(Method::TRACE, || async { "rare" });
    let router = Router::new(world.guard())
        .route("/whoami", get(whoami))
        .route("/scheme", get(async |auth: Auth| adapter::scheme(&auth)))
        .route("/maybe", get(maybe).post(maybe).public())
        .route("/open", get(whoami).require(AllowAny))
        .route("/echo", post(echo).put(echo))
        .route("/pieces", post(pieces))
        .route("/any", any(method))
        .route("/both", any(method).get(method))
        .route("/rare", rare.authenticate_with(world.tokens().authenticator()))
        .route("/staff", get(|| async { "staff" }).require(IsAdminUser))
        .route("/local", get(|| async { "local" }).require(IsLocal))
        .route("/mixed", get(|| async { "read" }).public())
        .route("/mixed", post(|| async { "written" }).require(IsAdminUser))
        .route("/throttled", get(|| async { "counted" }).throttle(world.throttle()))
        .route("/free", get(|| async { "free" }).public().without_throttles())
        .route("/failing/{kind}", get(failing))
        .route("/teapot", get(teapot))
        .merge(objects(world))
        .merge(keepers(world))
        .merge(scopes(world))
        .merge(world.sessions().endpoints("/session"))
        .merge(world.tokens().endpoints("/tokens"))
        .merge(world.tokens().obtain_endpoint("/obtain"))
        .merge_public(unguarded());
    let router = match world.has_fallback() {
        true => router.require(IsAdminUser).fallback(|| async { "fallback" }),
        false => router,
    };
    Axum { table: router.table().unwrap(), router: router.into_router(()).unwrap() }
}

fn objects(world: &World) -> Router {
    Router::new(world.guard())
        .route("/notes/{id}", get(read).put(rename).require(IsAuthenticated & IsOwner::<Note>::new()))
        .route("/unchecked", get(unchecked).post(unchecked).require(IsOwner::<Note>::new()))
        .route("/checked", get(checked).require(IsOwner::<Note>::new()))
        .route("/swallowed", get(swallowed).require(IsOwner::<Note>::new()))
        .route("/listed", get(listed).post(listed).require(IsOwner::<Note>::new()).without_object())
        .route("/owed/{kind}", get(owed).require(IsOwner::<Note>::new()))
}

/// The routes whose handlers take a session, or what the guard has not.
fn keepers(world: &World) -> Router {
    Router::new(world.guard())
        .route("/count", get(count))
        .route("/count-and-fail", get(count_and_fail))
        .route("/count-and-refuse", get(count_and_refuse))
        .route("/count-and-panic", get(count_and_panic))
        .route("/count-and-wait", get(count_and_wait))
        .route("/cycle", post(cycle))
        .route("/log-out-and-fail", post(log_out_and_fail))
        .route("/visit", get(async |_: Session| "a session").public())
        .route("/member/auth", get(async |_: Auth<Member>| "a member"))
        .route("/member/maybe", get(async |_: MaybeAuth<Member>| "a member").public())
        .route("/member/session", get(async |_: Session<Member>| "a member"))
}

fn scopes(world: &World) -> Router {
    let inner = Router::new(world.guard())
        .route("/deep", get(|| async { "deep" }))
        .route("/path", get(|| async { "path" }).require(SeesFullPath));
    let few = Router::new(world.guard())
        .throttle(world.scope_throttle())
        .throttle(world.scope_throttle())
        .route("/silent", get(|| async { "silent" }).public());
    let strict = Router::new(world.guard())
        .require(IsAdminUser)
        .route("/", get(|| async { "strict" }))
        .route("/loose", get(|| async { "loose" }).public())
        .route("/listed", get(|| async { "listed" }).without_object())
        .nest("/inner", inner);
    Router::new(world.guard()).nest("/strict", strict).nest("/few", few)
}

fn unguarded() -> axum::Router {
    use axum::routing::get;
    axum::Router::new()
        .route("/unguarded/auth", get(whoami))
        .route("/unguarded/maybe", get(maybe))
        .route("/unguarded/session", get(|_: Session| async {}))
        .route("/unguarded/note", get(read))
}

async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn maybe(auth: MaybeAuth) -> String {
    auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

async fn pieces(mut body: Body) -> String {
    let mut pieces = 0;
    while body.frame().await.is_some_and(|frame| frame.is_ok()) {
        pieces += 1;
    }
    pieces.to_string()
}

async fn method(method: Method) -> String {
    method.to_string()
}

async fn echo(body: Body) -> Body {
    body
}

/// What is loaded is a type of this crate.
struct Note(adapter::Note);

impl AsRef<adapter::Note> for Note {
    fn as_ref(&self) -> &adapter::Note {
        &self.0
    }
}

impl<S: Send + Sync> LoadObject<S> for Note {
    async fn load(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(Rejection::answer)?;
        if id == "101" {
            return Err(Rejection::answer((StatusCode::GONE, "gone")));
        }
        Ok(adapter::Note::find(&id)?.map(Self))
    }
}

async fn read(Authorized(Note(note)): Authorized<Note>) -> String {
    note.0.to_string()
}

async fn rename(Authorized(Note(note)): Authorized<Note>, Json(name): Json<String>) -> String {
    format!("{} {name}", note.0)
}

async fn unchecked() -> &'static str {
    "a note"
}

async fn checked(auth: Auth) -> Result<&'static str, Rejection> {
    auth.check_object(&Note(adapter::Note(1))).await?;
    Ok("a note")
}

async fn swallowed(auth: Auth) -> &'static str {
    let _ = auth.check_object(&Note(adapter::Note(2))).await;
    "a note"
}

async fn listed(auth: Auth) -> Result<String, Rejection> {
    let [one, two] = [1, 2].map(|number| Note(adapter::Note(number)));
    Ok(format!("{} {}", auth.allows(&one).await?, auth.allows(&two).await?))
}

async fn owed(auth: MaybeAuth, Path(kind): Path<String>) -> impl IntoResponse {
    (adapter::owe(auth.access(), &kind, Note).await, [("location", "/notes/1")])
}

async fn failing(Path(kind): Path<String>) -> Rejection {
    adapter::failure(&kind).into()
}

async fn teapot() -> Rejection {
    Rejection::answer((StatusCode::IM_A_TEAPOT, "teapot"))
}

async fn count(session: Session) -> Result<String, Rejection> {
    Ok(adapter::count(&session).await?.to_string())
}

async fn count_and_fail(session: Session) -> Result<impl IntoResponse, Rejection> {
    adapter::count(&session).await?;
    Ok((StatusCode::BAD_GATEWAY, "failed"))
}

async fn count_and_refuse(session: Session) -> Result<impl IntoResponse, Rejection> {
    adapter::count(&session).await?;
    Ok((StatusCode::NOT_FOUND, "refused"))
}

async fn count_and_panic(session: Session) -> &'static str {
    adapter::count(&session).await.unwrap();
    panic!("a bug of the handler")
}

async fn count_and_wait(session: Session) -> &'static str {
    adapter::count(&session).await.unwrap();
    std::future::pending().await
}

async fn cycle(session: Session) -> Result<&'static str, Rejection> {
    session.cycle_id().await?;
    Ok("cycled")
}

async fn log_out_and_fail(session: Session) -> Result<impl IntoResponse, Rejection> {
    session.log_out().await?;
    Ok((StatusCode::INTERNAL_SERVER_ERROR, "failed"))
}
