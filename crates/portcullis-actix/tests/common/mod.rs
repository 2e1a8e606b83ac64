//! A small world that the tests share: two users with a token each, and a guard that knows tokens and sessions.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::rc::Rc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::{App, Error, body::MessageBody, test};
use futures_util::future::LocalBoxFuture;
use portcullis_actix::portcullis::store::{MemoryStore, NewUser};
use portcullis_actix::portcullis::{Guard, GuardBuilder, NewToken, SessionConfig, Sessions, Tokens, Users};
use portcullis_actix::{Rejection, Router, Seal, Session, get, post, resource};

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

/// A whole application of actix-web's.
pub(crate) struct Served(Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>);

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
        let log_in = move |session: Session| {
            let users = users.clone();
            async move {
                let john = users.find_by_name("john").await?.unwrap();
                session.log_in(&john).await?;
                Ok::<_, Rejection>("")
            }
        };
        router
            .service(resource("/log-in").route(post().to(log_in)).public())
            .service(resource("/csrf").route(get().to(csrf)))
    }
}

async fn csrf(session: Session) -> Result<String, Rejection> {
    let token = session.csrf_token().await?;
    Ok(token.map(|token| token.expose_secret().clone()).unwrap_or_default())
}

/// Starts an application of these routes and a seal.
pub(crate) async fn serve(router: Router) -> Served {
    let routes = router.build().unwrap();
    let app = App::new().configure(|config| routes.configure(config)).wrap(Seal);
    served(test::init_service(app).await, TestRequest::to_request)
}

/// Hides the type of an application, with [`TestRequest::to_request`] for the request that has no public name.
pub(crate) fn served<R, S, B>(service: S, make: fn(TestRequest) -> R) -> Served
where
    R: 'static,
    S: Service<R, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    let service = Rc::new(service);
    Served(Box::new(move |request| {
        let service = Rc::clone(&service);
        Box::pin(async move {
            let response = match service.call(make(request)).await {
                Ok(response) => response.map_into_boxed_body().into_parts().1,
                Err(error) => error.error_response(),
            };
            let (status, headers) = (response.status(), response.headers().clone());
            let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
            Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
        })
    }))
}

/// Begins a request.
pub(crate) fn request(method: &str, uri: &str) -> TestRequest {
    TestRequest::with_uri(uri).method(Method::from_bytes(method.as_bytes()).unwrap())
}

/// Makes a request with a token.
pub(crate) fn with_token(method: &str, uri: &str, token: &str) -> TestRequest {
    request(method, uri).insert_header((AUTHORIZATION, format!("Token {token}")))
}

pub(crate) async fn send(app: &Served, request: TestRequest) -> Answer {
    (app.0)(request).await
}

/// Logs John in and returns the `Cookie` header.
pub(crate) async fn log_in(app: &Served) -> String {
    let answer = send(app, request("POST", "/log-in")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.cookies()
}

/// Makes a request of a browser from our own site.
pub(crate) fn from_browser(method: &str, uri: &str, cookies: &str) -> TestRequest {
    request(method, uri)
        .insert_header((COOKIE, cookies))
        .insert_header(("host", "localhost"))
        .insert_header(("origin", "http://localhost"))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What a browser would send back.
    pub(crate) fn cookies(&self) -> String {
        let pairs = self.headers.get_all(SET_COOKIE);
        let pairs: Vec<_> = pairs.map(|value| value.to_str().unwrap().split(';').next().unwrap()).collect();
        pairs.join("; ")
    }
}
