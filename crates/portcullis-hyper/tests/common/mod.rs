//! A small world that the tests share: two users with a token each, and a guard that knows tokens and sessions.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use portcullis_hyper::portcullis::store::{MemoryStore, NewUser};
use portcullis_hyper::portcullis::{Guard, GuardBuilder, NewToken, SessionConfig, Sessions, Tokens, Users};
use portcullis_hyper::{Access, GuardService, Rejection, Session, get, post};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(crate) type Request = portcullis_hyper::Request<Body>;
pub(crate) type Outcome = Result<Response<Full<Bytes>>, Rejection>;
pub(crate) type Router = portcullis_hyper::Router<Page>;
pub(crate) type App = GuardService<fn(Page, Request) -> Waiting<Outcome>, Page>;

pub(crate) type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The tag of a route: what answers it.
#[derive(Clone)]
pub(crate) struct Page(Arc<dyn Fn(Request) -> Waiting<Outcome> + Send + Sync>);

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl Page {
    pub(crate) fn run(&self, request: Request) -> Waiting<Outcome> {
        (self.0)(request)
    }
}

/// The handler behind the guard.
#[expect(clippy::needless_pass_by_value, reason = "a handler owns the tag")]
fn handle(page: Page, request: Request) -> Waiting<Outcome> {
    page.run(request)
}

/// Makes a tag of a handler.
pub(crate) fn page<F>(handler: impl Fn(Request) -> F + Send + Sync + 'static) -> Page
where
    F: Future<Output = Outcome> + Send + 'static,
{
    Page(Arc::new(move |request| Box::pin(handler(request))))
}

/// Makes a tag of a text.
pub(crate) fn says(text: &'static str) -> Page {
    page(move |_| std::future::ready(text_of(text)))
}

/// Answers with a text.
pub(crate) fn text_of(text: impl Into<Bytes>) -> Outcome {
    Ok(Response::new(Full::from(text.into())))
}

/// Answers with a status.
pub(crate) fn status_of(status: StatusCode) -> Outcome {
    Ok(Response::builder().status(status).body(Full::default()).unwrap())
}

/// Finds the session of a request.
pub(crate) fn session(request: &Request) -> impl Future<Output = Result<Session, Rejection>> + use<> {
    let (access, headers) = (Access::of(request.extensions()), request.headers().clone());
    async move { Ok(access?.session(&headers).await?) }
}

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) users: Users,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    /// John owns things.
    pub(crate) john: String,
    /// Mary is staff.
    pub(crate) mary: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let users = Users::new(store.clone());
        let tokens = Tokens::new(store.clone());
        let sessions = Sessions::new(store.clone(), SessionConfig::default());
        let mut issued = Vec::new();
        for user in [NewUser::new("john"), NewUser::new("mary").with_staff()] {
            let user = users.create_user(user, None).await.unwrap();
            let token = tokens.issue(&user.id, NewToken::default()).await.unwrap();
            issued.push(token.expose_secret().clone());
        }
        let mary = issued.pop().unwrap();
        let john = issued.pop().unwrap();
        Self { store, users, tokens, sessions, john, mary }
    }

    pub(crate) fn builder(&self) -> GuardBuilder {
        Guard::builder(self.users.clone())
            .authenticate(self.tokens.authenticator())
            .authenticate(self.sessions.authenticator())
    }

    pub(crate) fn guard(&self) -> Guard {
        self.builder().build().unwrap()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new(self.guard())
    }

    /// Adds a login without a password for tests, and the source of CSRF tokens.
    pub(crate) fn with_login(&self, router: Router) -> Router {
        let users = self.users.clone();
        let log_in = page(move |request| {
            let users = users.clone();
            async move {
                let john = users.find_by_name("john").await?.unwrap();
                session(&request).await?.log_in(&john).await?;
                text_of("")
            }
        });
        router.route("/log-in", post(log_in).public()).route("/csrf", get(page(csrf)))
    }
}

async fn csrf(request: Request) -> Outcome {
    let token = session(&request).await?.csrf_token().await?;
    text_of(token.map(|token| token.expose_secret().clone()).unwrap_or_default())
}

pub(crate) fn serve(router: Router) -> App {
    GuardService::new(router, handle as fn(Page, Request) -> Waiting<Outcome>).unwrap()
}

pub(crate) fn empty() -> Body {
    full("")
}

pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::from(body.into()).boxed_unsync()
}

/// Begins a request.
pub(crate) fn request(method: &str, uri: &str) -> http::request::Builder {
    http::Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(uri)
}

/// Makes a request with a token.
pub(crate) fn with_token(method: &str, uri: &str, token: &str) -> http::Request<Body> {
    request(method, uri).header(AUTHORIZATION, format!("Token {token}")).body(empty()).unwrap()
}

/// Makes a request of nobody.
pub(crate) fn anonymous(method: &str, uri: &str) -> http::Request<Body> {
    request(method, uri).body(empty()).unwrap()
}

/// Sends a request to the service of a connection.
pub(crate) async fn send(app: &App, request: http::Request<Body>) -> Answer {
    let (parts, body) = app.call(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

/// Logs John in and returns the `Cookie` header.
pub(crate) async fn log_in(app: &App) -> String {
    let answer = send(app, anonymous("POST", "/log-in")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.cookies()
}

/// Makes a request of a browser from our own site.
pub(crate) fn from_browser(method: &str, uri: &str, cookies: &str) -> http::request::Builder {
    request(method, uri)
        .header(COOKIE, cookies)
        .header("host", "localhost")
        .header("origin", "http://localhost")
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What a browser would send back.
    pub(crate) fn cookies(&self) -> String {
        let pairs = self.headers.get_all(SET_COOKIE).iter();
        let pairs: Vec<_> = pairs.map(|value| value.to_str().unwrap().split(';').next().unwrap()).collect();
        pairs.join("; ")
    }
}
