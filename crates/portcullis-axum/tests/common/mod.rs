//! A small world that the tests share: two users with a token each, and a guard that knows tokens and sessions.

#![expect(dead_code, reason = "each test uses a part of it")]

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use portcullis_axum::portcullis::store::{MemoryStore, NewUser};
use portcullis_axum::portcullis::{Guard, GuardBuilder, NewToken, SessionConfig, Sessions, Tokens, Users};
use portcullis_axum::{Rejection, Router, Session, get, post};
use tower::ServiceExt;

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
        Self::with_sessions(SessionConfig::default()).await
    }

    pub(crate) async fn with_sessions(config: SessionConfig) -> Self {
        let store = MemoryStore::new();
        let users = Users::new(store.clone());
        let tokens = Tokens::new(store.clone());
        let sessions = Sessions::new(store.clone(), config);
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
        let log_in = move |session: Session| async move {
            let john = users.find_by_name("john").await?.unwrap();
            session.log_in(&john).await?;
            Ok::<_, Rejection>(())
        };
        router.route("/log-in", post(log_in).public()).route("/csrf", get(csrf))
    }
}

async fn csrf(session: Session) -> Result<String, Rejection> {
    let token = session.csrf_token().await?;
    Ok(token.map(|token| token.expose_secret().clone()).unwrap_or_default())
}

/// Begins a request.
pub(crate) fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(uri)
}

/// Makes a request with a token.
pub(crate) fn with_token(method: &str, uri: &str, token: &str) -> Request<Body> {
    request(method, uri).header(AUTHORIZATION, format!("Token {token}")).body(Body::empty()).unwrap()
}

/// Makes a request of nobody.
pub(crate) fn anonymous(method: &str, uri: &str) -> Request<Body> {
    request(method, uri).body(Body::empty()).unwrap()
}

pub(crate) async fn send(app: &axum::Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    answer(response).await
}

pub(crate) async fn answer(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

/// Logs John in and returns the `Cookie` header.
pub(crate) async fn log_in(app: &axum::Router) -> String {
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
