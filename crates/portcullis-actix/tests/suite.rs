//! The contract that every adapter keeps.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::{IpAddr, SocketAddr};

use actix_http::Request as ActixRequest;
use actix_web::body::to_bytes;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Json, Path};
use actix_web::{App, Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use http::{Request, Response};
use portcullis_actix::portcullis::permission::{AllowAny, IsAdminUser, IsAuthenticated};
use portcullis_actix::{
    Auth, Authorized, LoadObject, MaybeAuth, Rejection, RouteTable, Router, Session, any, get, on, patch,
    post, put, resource, scope,
};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{
    self, Adapter, IsLocal, IsOwner, Member, Pieces, SeesFullPath, World,
};

#[actix_web::test]
async fn actix_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(mount).await
}

type Serve = dyn Fn(ActixRequest) -> LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

struct Actix {
    table: RouteTable,
    serve: Box<Serve>,
}

impl Adapter for Actix {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, request: Request<Pieces>, peer: Option<IpAddr>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let is_head = head.method == http::Method::HEAD;
        let method = actix_web::http::Method::from_bytes(head.method.as_str().as_bytes()).unwrap();
        let mut converted = TestRequest::default().method(method).uri(&head.uri.to_string());
        for (name, value) in &head.headers {
            converted = converted.append_header((name.as_str(), value.as_bytes()));
        }
        if let Some(peer) = peer {
            converted = converted.peer_addr(SocketAddr::from((peer, 50_000)));
        }
        let body = body.map(|piece| Ok::<_, PayloadError>(piece.unwrap()));
        let (converted, _) =
            converted.to_request().replace_payload(Payload::Stream { payload: Box::pin(body) as _ });
        converted.extensions_mut().insert(head.extensions);
        let answer = match (self.serve)(converted).await {
            Ok(answer) => answer.into_parts().1,
            Err(error) => error.error_response(),
        };
        let mut response = Response::builder().status(answer.status().as_u16());
        for (name, value) in answer.headers() {
            response = response.header(name.as_str(), value.as_bytes());
        }
        // actix-web's server takes the body off an answer to HEAD.
        let body = to_bytes(answer.into_body()).await.unwrap();
        response.body(if is_head { Bytes::new() } else { body }).unwrap()
    }
}

macro_rules! text {
    ($text:literal) => {
        || async { $text }
    };
}

async fn mount(world: &World) -> Actix {
    let rare =
        resource("/rare").route(patch().to(text!("rare"))).route(on(http::Method::TRACE).to(text!("rare")));
    let routes = Router::new(world.guard())
        .service(resource("/whoami").route(get().to(whoami)))
        .service(resource("/scheme").route(get().to(|auth: Auth| async move { adapter::scheme(&auth) })))
        .service(resource("/maybe").route(get().to(maybe)).route(post().to(maybe)).public())
        .service(resource("/open").route(get().to(whoami)).require(AllowAny))
        .service(resource("/echo").route(post().to(echo)).route(put().to(echo)))
        .service(resource("/pieces").route(post().to(pieces)))
        .service(resource("/any").route(any().to(method)))
        .service(resource("/both").route(any().to(method)).route(get().to(method)))
        .service(rare.authenticate_with(world.tokens().authenticator()))
        .service(resource("/staff").route(get().to(text!("staff"))).require(IsAdminUser))
        .service(resource("/local").route(get().to(text!("local"))).require(IsLocal))
        .service(resource("/mixed").route(get().to(text!("read"))).public())
        .service(resource("/mixed").route(post().to(text!("written"))).require(IsAdminUser))
        .service(resource("/throttled").route(get().to(text!("counted"))).throttle(world.throttle()))
        .service(resource("/free").route(get().to(text!("free"))).public().without_throttles())
        .service(resource("/failing/{kind}").route(get().to(failing)))
        .service(resource("/teapot").route(get().to(teapot)))
        .service(objects(world))
        .service(keepers(world))
        .service(scopes(world))
        .service(world.sessions().endpoints("/session"))
        .service(world.tokens().endpoints("/tokens"))
        .service(world.tokens().obtain_endpoint("/obtain"));
    let routes = match world.has_fallback() {
        true => routes.require(IsAdminUser).fallback(text!("fallback")),
        false => routes,
    };
    let routes = routes.build().unwrap();
    let app = App::new()
        .route("/unguarded/auth", web::route().to(whoami))
        .route("/unguarded/maybe", web::route().to(maybe))
        .route("/unguarded/session", web::route().to(|_: Session| async { "" }))
        .route("/unguarded/note", web::route().to(read))
        .configure(|config| routes.configure(config));
    let service = init_service(app).await;
    Actix {
        table: routes.table().clone(),
        serve: Box::new(move |request| service.call(request).boxed_local()),
    }
}

fn objects(world: &World) -> Router {
    let notes = resource("/notes/{id}").route(get().to(read)).route(put().to(rename));
    let unchecked = resource("/unchecked").route(get().to(text!("a note"))).route(post().to(text!("a note")));
    let owned = || IsOwner::<Note>::new();
    Router::new(world.guard())
        .service(notes.require(IsAuthenticated & owned()))
        .service(unchecked.require(owned()))
        .service(resource("/checked").route(get().to(checked)).require(owned()))
        .service(resource("/swallowed").route(get().to(swallowed)).require(owned()))
        .service(
            resource("/listed")
                .route(get().to(listed))
                .route(post().to(listed))
                .require(owned())
                .without_object(),
        )
        .service(resource("/owed/{kind}").route(get().to(owed)).require(owned()))
}

/// The routes whose handlers take a session, or what the guard has not.
fn keepers(world: &World) -> Router {
    Router::new(world.guard())
        .service(resource("/count").route(get().to(count)))
        .service(resource("/count-and-fail").route(get().to(count_and_fail)))
        .service(resource("/count-and-refuse").route(get().to(count_and_refuse)))
        .service(resource("/count-and-panic").route(get().to(count_and_panic)))
        .service(resource("/count-and-wait").route(get().to(count_and_wait)))
        .service(resource("/cycle").route(post().to(cycle)))
        .service(resource("/log-out-and-fail").route(post().to(log_out_and_fail)))
        .service(resource("/visit").route(get().to(|_: Session| async { "a session" })).public())
        .service(resource("/member/auth").route(get().to(|_: Auth<Member>| async { "a member" })))
        .service(
            resource("/member/maybe").route(get().to(|_: MaybeAuth<Member>| async { "a member" })).public(),
        )
        .service(resource("/member/session").route(get().to(|_: Session<Member>| async { "a member" })))
}

fn scopes(world: &World) -> Router {
    let inner = scope("/inner")
        .service(resource("/deep").route(get().to(text!("deep"))))
        .service(resource("/path").route(get().to(text!("path"))).require(SeesFullPath));
    let strict = scope("/strict")
        .require(IsAdminUser)
        .service(resource("/").route(get().to(text!("strict"))))
        .service(resource("/loose").route(get().to(text!("loose"))).public())
        .service(resource("/listed").route(get().to(text!("listed"))).without_object())
        .service(inner);
    let few = scope("/few")
        .throttle(world.scope_throttle())
        .throttle(world.scope_throttle())
        .service(resource("/silent").route(get().to(text!("silent"))).public());
    Router::new(world.guard()).service(strict).service(few)
}

async fn whoami(auth: Auth) -> String {
    auth.user().username.clone()
}

async fn maybe(auth: MaybeAuth) -> String {
    auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
}

async fn pieces(mut body: web::Payload) -> String {
    let mut pieces = 0;
    while body.next().await.is_some_and(|piece| piece.is_ok()) {
        pieces += 1;
    }
    pieces.to_string()
}

async fn method(request: HttpRequest) -> String {
    request.method().to_string()
}

async fn echo(body: web::Payload) -> HttpResponse {
    HttpResponse::Ok().streaming(body)
}

/// What is loaded is a type of this crate.
struct Note(adapter::Note);

impl AsRef<adapter::Note> for Note {
    fn as_ref(&self) -> &adapter::Note {
        &self.0
    }
}

impl LoadObject for Note {
    async fn load(request: &HttpRequest) -> Result<Option<Self>, Rejection> {
        let id = Path::<String>::extract(request).await.map_err(Rejection::answer)?;
        if *id == "101" {
            return Err(Rejection::answer(HttpResponse::Gone().body("gone")));
        }
        Ok(adapter::Note::find(&id)?.map(Self))
    }
}

async fn read(Authorized(Note(note)): Authorized<Note>) -> String {
    note.0.to_string()
}

async fn rename(Authorized(Note(note)): Authorized<Note>, name: Json<String>) -> String {
    format!("{} {}", note.0, *name)
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

async fn owed(auth: MaybeAuth, kind: Path<String>) -> HttpResponse {
    let status = adapter::owe(auth.access(), &kind, Note).await.as_u16();
    HttpResponse::build(status.try_into().unwrap()).insert_header(("location", "/notes/1")).finish()
}

async fn failing(kind: Path<String>) -> Result<&'static str, Rejection> {
    Err(adapter::failure(&kind).into())
}

async fn teapot() -> Result<&'static str, Rejection> {
    Err(Rejection::answer(HttpResponse::ImATeapot().body("teapot")))
}

async fn count(session: Session) -> Result<String, Rejection> {
    Ok(adapter::count(&session).await?.to_string())
}

async fn count_and_fail(session: Session) -> Result<HttpResponse, Rejection> {
    adapter::count(&session).await?;
    Ok(HttpResponse::BadGateway().body("failed"))
}

async fn count_and_refuse(session: Session) -> Result<HttpResponse, Rejection> {
    adapter::count(&session).await?;
    Ok(HttpResponse::NotFound().body("refused"))
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

async fn log_out_and_fail(session: Session) -> Result<HttpResponse, Rejection> {
    session.log_out().await?;
    Ok(HttpResponse::InternalServerError().body("failed"))
}
