//! What the attacks share: a guard over a store that can fail, and an adapter of thirty lines.

mod hasher;
mod store;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use portcullis::authentication::Authenticator;
use portcullis::endpoint::{Endpoint, Endpoints};
use portcullis::{
    Access, Admission, Environment, Guard, GuardBuilder, NewToken, PasswordHashers, Pending, Policy, Random,
    Session, SessionConfig, Sessions, SystemRandom, TokenConfig, Tokens, UserId, Users,
};
use portcullis_testing::{EventLog, FixedClock, RequestBuilder, request};

pub(crate) use hasher::Counting;
pub(crate) use store::Shaky;

pub(crate) const PASSWORD: &str = "correct horse battery";
/// The cookie of hardened sessions.
pub(crate) const HARDENED: &str = "__Host-session";
/// The cookie of Django's.
pub(crate) const DJANGO: &str = "sessionid";

/// A whole application without a framework. Its people: `john`, `jane`, `gone` (inactive), `robot` (no password).
pub(crate) struct World {
    pub(crate) store: Shaky,
    pub(crate) clock: FixedClock,
    pub(crate) events: EventLog,
    pub(crate) runs: Arc<AtomicUsize>,
    pub(crate) users: Users,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) guard: Guard,
    pub(crate) peer: Option<IpAddr>,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    fn new(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The value that a cookie is set to; an empty one is taken back.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = values.next()?.split(';').next().unwrap().trim_matches('"');
        assert_eq!(values.next(), None, "a cookie is set twice");
        Some(value.to_owned())
    }

    pub(crate) fn all(&self, header: &str) -> Vec<&str> {
        self.headers.get_all(header).iter().map(|line| line.to_str().unwrap()).collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a `World` is made of before its guard is.
pub(crate) struct Mechanisms<'a> {
    pub(crate) users: &'a Users,
    pub(crate) tokens: &'a Tokens,
    pub(crate) sessions: &'a Sessions,
}

impl Mechanisms<'_> {
    /// Tokens, sessions, Basic, in this order.
    pub(crate) fn all(&self) -> GuardBuilder {
        self.only(self.tokens.authenticator())
            .authenticate(self.sessions.authenticator())
            .authenticate(self.users.basic())
    }

    pub(crate) fn only(&self, authenticator: impl Authenticator) -> GuardBuilder {
        Guard::builder(self.users.clone()).authenticate(authenticator)
    }
}

impl World {
    /// Hardened, with all mechanisms.
    pub(crate) async fn new() -> Self {
        Self::with(SessionConfig::default(), |mechanisms| mechanisms.all()).await
    }

    /// The preset of DRF, with all mechanisms.
    pub(crate) async fn drf() -> Self {
        Self::with(SessionConfig::django(), |mechanisms| mechanisms.all().drf()).await
    }

    pub(crate) async fn with(
        config: SessionConfig,
        build: impl FnOnce(Mechanisms<'_>) -> GuardBuilder,
    ) -> Self {
        Self::with_random(Arc::new(SystemRandom), config, build).await
    }

    pub(crate) async fn with_random(
        random: Arc<dyn Random>,
        config: SessionConfig,
        build: impl FnOnce(Mechanisms<'_>) -> GuardBuilder,
    ) -> Self {
        let (store, clock, events) = (Shaky::default(), FixedClock::default(), EventLog::default());
        let environment =
            Environment::default().with_clock(Arc::new(clock.clone())).with_events(Arc::new(events.clone()));
        let hasher = Counting::default();
        let runs = hasher.runs();
        let hashers = PasswordHashers::new(hasher);
        let users =
            Users::new(store.clone()).with_hashers(hashers.clone()).with_environment(environment.clone());
        for (name, password) in [("john", true), ("jane", true), ("gone", true), ("robot", false)] {
            let password = password.then_some(PASSWORD);
            let user = portcullis::store::NewUser::new(name);
            let user = users.create_user(user, password).await.unwrap();
            if name == "gone" {
                users.deactivate(&user.id).await.unwrap();
            }
        }
        let environment = environment.with_random(random);
        let users = users.with_environment(environment.clone());
        let tokens = Tokens::new(store.clone())
            .with_config(TokenConfig::default().with_hexadecimal())
            .with_environment(environment.clone());
        let sessions = Sessions::new(store.clone(), config).with_environment(environment);
        let mechanisms = Mechanisms { users: &users, tokens: &tokens, sessions: &sessions };
        let guard = build(mechanisms).build().unwrap();
        let _ = events.take();
        runs.store(0, Ordering::SeqCst);
        let peer = Some([203, 0, 113, 7].into());
        Self { store, clock, events, runs, users, tokens, sessions, guard, peer }
    }

    /// Sends a request to a route; what it lets through is answered by the handler.
    pub(crate) async fn send<F, R>(&self, policy: &Policy, request: Request<Bytes>, handler: F) -> Answer
    where
        F: FnOnce(Access, HeaderMap) -> R,
        R: Future<Output = Response<Bytes>>,
    {
        let route = self.guard.route(policy).unwrap();
        let (mut parts, body) = request.into_parts();
        let admitted = match route.admit(&mut parts, self.peer).await {
            Err(response) => return Answer::new(response),
            Ok(Admission::Ready(admitted)) => admitted,
            Ok(Admission::NeedsBody(_)) if body.len() > Pending::<portcullis::Account>::LIMIT => {
                return Answer::new(Pending::<portcullis::Account>::too_large());
            }
            Ok(Admission::NeedsBody(pending)) => match pending.with_body(&mut parts, &body).await {
                Err(response) => return Answer::new(response),
                Ok(admitted) => admitted,
            },
        };
        let access = Access::of(&parts.extensions).unwrap();
        let response = handler(access, parts.headers).await;
        Answer::new(admitted.finish(response).await)
    }

    /// Sends a request to a route that tells who asks: `name by scheme`, or `nobody`.
    pub(crate) async fn ask(&self, policy: &Policy, request: RequestBuilder) -> Answer {
        self.send(policy, request.build(), async |access, _| who(&access)).await
    }

    /// Asks a route with the guard's default permission.
    pub(crate) async fn private(&self, request: RequestBuilder) -> Answer {
        self.ask(&Policy::default(), request).await
    }

    /// Asks a route that lets everybody in.
    pub(crate) async fn public(&self, request: RequestBuilder) -> Answer {
        self.ask(&Policy::default().public(), request).await
    }

    /// Lets a handler use the session, on a route that is open.
    pub(crate) async fn with_session<R>(
        &self,
        request: RequestBuilder,
        handler: impl FnOnce(Session) -> R,
    ) -> Answer
    where
        R: Future<Output = Response<Bytes>>,
    {
        let policy = Policy::default().public();
        self.send(&policy, request.build(), async |access, headers| {
            handler(access.session(&headers).await.unwrap()).await
        })
        .await
    }

    /// Calls an endpoint as an adapter does.
    pub(crate) async fn call(&self, endpoint: &Endpoint, request: RequestBuilder) -> Answer {
        let request = request.build();
        assert_eq!(request.method(), endpoint.method(), "an adapter matches methods");
        let route = self.guard.route(endpoint.policy()).unwrap();
        let (mut parts, body) = request.into_parts();
        let admitted = match route.admit(&mut parts, self.peer).await {
            Err(response) => return Answer::new(response),
            Ok(Admission::Ready(admitted)) => admitted,
            Ok(Admission::NeedsBody(pending)) => match pending.with_body(&mut parts, &body).await {
                Err(response) => return Answer::new(response),
                Ok(admitted) => admitted,
            },
        };
        let response = endpoint.call(Request::from_parts(parts, body)).await;
        Answer::new(admitted.finish(response).await)
    }

    /// The endpoints of both mechanisms.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let all: [Endpoints; 2] = [self.tokens.endpoints("/tokens"), self.sessions.endpoints("/session")];
        all.into_iter().flatten().collect()
    }

    pub(crate) fn endpoint(&self, method: &str, path: &str) -> Endpoint {
        let found = |endpoint: &Endpoint| endpoint.method() == method && endpoint.path() == path;
        self.endpoints().into_iter().find(found).expect("an endpoint")
    }

    pub(crate) async fn id(&self, name: &str) -> UserId {
        self.users.find_by_name(name).await.unwrap().expect("a user").id.clone()
    }

    /// Logs somebody in by the endpoint, and returns the answer.
    pub(crate) async fn log_in(&self, name: &str) -> Answer {
        let endpoint = self.endpoint("POST", "/session/login");
        let login = request("POST", "/session/login").header("host", "shop.test");
        let answer = self.call(&endpoint, login.json(&credentials(name, PASSWORD))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// Logs somebody in without a password, and returns the hardened cookie.
    pub(crate) async fn session_of(&self, name: &str) -> String {
        let user = self.users.find_by_name(name).await.unwrap().unwrap();
        let answer = self
            .with_session(request("GET", "/"), async |session: Session| {
                session.log_in(&user).await.unwrap();
                Response::default()
            })
            .await;
        answer.cookie(HARDENED).or_else(|| answer.cookie(DJANGO)).expect("a session")
    }

    pub(crate) async fn token_of(&self, name: &str) -> String {
        let id = self.id(name).await;
        self.tokens.issue(&id, NewToken::default()).await.unwrap().expose_secret().clone()
    }

    /// A CSRF token of the session, as a page of ours would hold it.
    pub(crate) async fn csrf_of(&self, cookie: &str) -> String {
        let page = request("GET", "/session/csrf").cookie(HARDENED, cookie);
        let answer = self.call(&self.endpoint("GET", "/session/csrf"), page).await;
        answer.json()["csrfToken"].as_str().expect("a token").to_owned()
    }

    pub(crate) fn hashes(&self) -> usize {
        self.runs.swap(0, Ordering::SeqCst)
    }
}

pub(crate) fn credentials(username: &str, password: &str) -> serde_json::Value {
    serde_json::json!({ "username": username, "password": password })
}

pub(crate) fn who(access: &Access) -> Response<Bytes> {
    let who = access.identity().map_or_else(
        || "nobody".to_owned(),
        |identity| format!("{} by {}", identity.user().username, identity.scheme()),
    );
    Response::new(who.into())
}

pub(crate) fn status(status: u16) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    response
}
