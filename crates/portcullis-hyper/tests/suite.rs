//! The contract that every adapter keeps.

#![expect(clippy::unwrap_used, reason = "what goes wrong here ends the test")]

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use portcullis_hyper::portcullis::permission::{IsAdminUser, IsAuthenticated};
use portcullis_hyper::{
    Access, Auth, GuardService, LoadObject, Matched, MaybeAuth, Rejection, Replay, RouteTable, Router,
    Session, any, authorized, collect, get, post,
};
use portcullis_testing::suite::Broken;
use portcullis_testing::suite::adapter::{self, Adapter, IsLocal, IsOwner, SeesFullPath, World};

/// A route is its name.
type Name = &'static str;
type Request = portcullis_hyper::Request<Full<Bytes>>;
type Answer = Result<Response<Full<Bytes>>, Rejection>;
type Handler = fn(Name, Request) -> BoxFuture<'static, Answer>;

#[tokio::test]
async fn hyper_keeps_the_contract() -> Result<(), Broken> {
    adapter::run(mount).await
}

struct Hyper {
    table: RouteTable,
    service: GuardService<Handler, Name>,
}

impl Adapter for Hyper {
    fn table(&self) -> RouteTable {
        self.table.clone()
    }

    async fn send(&self, request: http::Request<Bytes>, peer: Option<IpAddr>) -> Response<Bytes> {
        let request = request.map(Full::new);
        if let Some(name) = request.uri().path().strip_prefix("/unguarded/") {
            let name = ["auth", "maybe", "session", "note"].into_iter().find(|known| *known == name).unwrap();
            // hyper takes the body off an answer to HEAD; nobody else does here.
            let is_head = request.method() == http::Method::HEAD;
            let answer =
                handle(name, request.map(Replay::Right)).await.map(|answer| answer.map(|_| Bytes::new()));
            let answer = answer.unwrap_or_else(Rejection::into_response);
            return if is_head { answer.map(|_| Bytes::new()) } else { answer };
        }
        let service = match peer {
            Some(peer) => self.service.with_peer(SocketAddr::from((peer, 50_000))),
            None => self.service.clone(),
        };
        let (parts, body) = service.call(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }
}

async fn mount(world: &World) -> Hyper {
    let inner = Router::new(world.guard())
        .route("/deep", get("deep"))
        .route("/path", get("path").require(SeesFullPath));
    let strict = Router::new(world.guard())
        .require(IsAdminUser)
        .route("/", get("strict"))
        .route("/loose", get("loose").public())
        .nest("/inner", inner);
    let router = Router::new(world.guard())
        .route("/whoami", get("auth"))
        .route("/maybe", get("maybe").post("maybe").public())
        .route("/open", get("auth").public())
        .route("/echo", post("echo").put("echo"))
        .route("/any", any("any"))
        .route("/staff", get("staff").require(IsAdminUser))
        .route("/local", get("local").require(IsLocal))
        .route("/mixed", get("read").public())
        .route("/mixed", post("written"))
        .route("/throttled", get("counted").throttle(world.throttle()))
        .route("/notes/{id}", get("note").put("rename").require(IsAuthenticated & IsOwner::<Note>::new()))
        .route("/unchecked", get("a note").post("a note").require(IsOwner::<Note>::new()))
        .route("/checked", get("checked").require(IsOwner::<Note>::new()))
        .route("/swallowed", get("swallowed").require(IsOwner::<Note>::new()))
        .route("/listed", get("listed").require(IsOwner::<Note>::new()).without_object())
        .route("/failing/{kind}", get("failing"))
        .route("/teapot", get("teapot"))
        .route("/count", get("count"))
        .route("/count-and-fail", get("count-and-fail"))
        .route("/count-and-refuse", get("count-and-refuse"))
        .route("/cycle", post("cycle"))
        .route("/log-out-and-fail", post("log-out-and-fail"))
        .nest("/strict", strict)
        .merge(world.sessions().endpoints("/session"))
        .merge(world.tokens().endpoints("/tokens"));
    let table = router.table().unwrap();
    let handler: Handler = |name, request| Box::pin(handle(name, request));
    Hyper { table, service: GuardService::new(router, handler).unwrap() }
}

async fn handle(name: Name, request: Request) -> Answer {
    let method = request.method().to_string();
    let (head, body) = request.into_parts();
    let text = match name {
        "auth" => auth(&head)?.user().username.clone(),
        "maybe" => {
            let auth: MaybeAuth = MaybeAuth::of(&head.extensions)?;
            auth.user().map_or_else(|| "nobody".to_owned(), |user| user.username.clone())
        }
        "echo" => return Ok(Response::new(Full::new(collect(body, usize::MAX).await?))),
        "any" => method,
        "note" => authorized::<Note, _>(&head, &()).await?.0.0.to_string(),
        "rename" => {
            let note: Note = authorized(&head, &()).await?;
            let name: String = serde_json::from_slice(&collect(body, 4096).await?).map_err(|_| {
                Rejection::answer(plain(StatusCode::BAD_REQUEST, "no string").map(|_| Bytes::new()))
            })?;
            format!("{} {name}", note.0.0)
        }
        "checked" => {
            auth(&head)?.check_object(&Note(adapter::Note(1))).await?;
            "a note".to_owned()
        }
        "swallowed" => {
            let _ = auth(&head)?.check_object(&Note(adapter::Note(2))).await;
            "a note".to_owned()
        }
        "listed" => {
            let (auth, [one, two]) = (auth(&head)?, [1, 2].map(|number| Note(adapter::Note(number))));
            format!("{} {}", auth.allows(&one).await?, auth.allows(&two).await?)
        }
        "failing" => return Err(adapter::failure(&param(&head, "kind")).into()),
        "teapot" => {
            let mut teapot = Response::new(Bytes::from_static(b"teapot"));
            *teapot.status_mut() = StatusCode::IM_A_TEAPOT;
            return Err(Rejection::answer(teapot));
        }
        "count" | "count-and-fail" | "count-and-refuse" => {
            let count = adapter::count(&session(&head).await?).await?;
            match name {
                "count-and-fail" => return Ok(plain(StatusCode::BAD_GATEWAY, "failed")),
                "count-and-refuse" => return Ok(plain(StatusCode::NOT_FOUND, "refused")),
                _ => count.to_string(),
            }
        }
        "cycle" => {
            session(&head).await?.cycle_id().await?;
            "cycled".to_owned()
        }
        "log-out-and-fail" => {
            session(&head).await?.log_out().await?;
            return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, "failed"));
        }
        "session" => session(&head).await.map(|_| String::new())?,
        text => text.to_owned(),
    };
    Ok(plain(StatusCode::OK, text))
}

/// What is loaded is a type of this crate.
struct Note(adapter::Note);

impl AsRef<adapter::Note> for Note {
    fn as_ref(&self) -> &adapter::Note {
        &self.0
    }
}

impl LoadObject<()> for Note {
    async fn load(head: &Parts, (): &()) -> Result<Option<Self>, Rejection> {
        Ok(adapter::Note::find(&param(head, "id"))?.map(Self))
    }
}

fn param(head: &Parts, name: &str) -> String {
    let matched = Matched::<Name>::of(&head.extensions);
    matched.and_then(|matched| Some(matched.param(name)?.into_owned())).unwrap_or_default()
}

fn auth(head: &Parts) -> Result<Auth, Rejection> {
    Auth::of(&head.extensions)
}

async fn session(head: &Parts) -> Result<Session, Rejection> {
    Ok(Access::of(&head.extensions)?.session(&head.headers).await?)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
