//! Secrets leave nowhere: not in logs at TRACE, `Debug`, `Display`, bodies of errors, events, or panics (threat T14,
//! CVE-2022-23469).

#![expect(clippy::unwrap_used, clippy::panic, reason = "whatever fails ends the test")]

use std::fmt::Write as _;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis::endpoint::Endpoint;
use portcullis::store::{MemoryStore, NewUser, UserStore};
use portcullis::{
    Access, Admission, Admitted, Credentials, Environment, Guard, Jwt, KeyRing, NewToken, Policy,
    SessionConfig, Sessions, Tokens, TracingSink, Users,
};
use portcullis_testing::{EventLog, RequestBuilder, request};
use tracing_subscriber::fmt::MakeWriter;

const PASSWORD: &str = "canary-password-Zx81";
const NEXT_PASSWORD: &str = "canary-next-password-Qv17";
const SIGNING_KEY: &str = "canary-signing-key-3VqhXkFZ0m4Rr1bYp7sT";

/// Everything that was printed.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Tape {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Tape {
    fn print(&self, what: &str, text: &str) {
        let mut copy = self.clone();
        io::Write::write_all(&mut copy, format!("{what}: {text}\n").as_bytes()).unwrap();
    }

    fn assert_free_of(&self, secrets: &[(&str, String)]) {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        for (name, secret) in secrets {
            assert!(secret.len() >= 8, "{name} is too short to be searched for");
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "the {name} stands in {line:?}");
        }
    }
}

struct Application {
    store: MemoryStore,
    users: Users,
    tokens: Tokens,
    sessions: Sessions,
    jwt: Jwt,
    guard: Guard,
    endpoints: Vec<Endpoint>,
    tape: Tape,
}

impl Application {
    fn new(tape: &Tape, config: SessionConfig, environment: &Environment) -> Arc<Self> {
        let store = MemoryStore::new();
        let users = Users::new(store.clone()).with_environment(environment.clone());
        let tokens = Tokens::new(store.clone()).with_environment(environment.clone());
        let sessions = Sessions::new(store.clone(), config).with_environment(environment.clone());
        let jwt = Jwt::new(KeyRing::from_secret(SIGNING_KEY).unwrap(), store.clone()).unwrap();
        let jwt = jwt.with_environment(environment.clone());
        let guard = Guard::builder(users.clone())
            .authenticate(jwt.authenticator())
            .authenticate(tokens.authenticator())
            .authenticate(sessions.authenticator())
            .authenticate(users.basic())
            .build()
            .unwrap();
        let endpoints = [tokens.endpoints("/tokens"), sessions.endpoints("/session"), jwt.endpoints("/jwt")];
        let endpoints = endpoints.into_iter().flatten().collect();
        let tape = tape.clone();
        Arc::new(Self { store, users, tokens, sessions, jwt, guard, endpoints, tape })
    }

    /// What an adapter does, with every public type printed on its way.
    async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        let endpoint = self.endpoints.iter().find(|endpoint| {
            endpoint.method() == request.method() && endpoint.path() == request.uri().path()
        });
        let policy =
            endpoint.map_or_else(|| Policy::default().public(), |endpoint| endpoint.policy().clone());
        let route = self.guard.route(&policy).unwrap();
        self.tape.print("route", &format!("{route:?} {policy:?} {endpoint:?}"));
        let (mut parts, body) = request.into_parts();
        let admission = match route.admit(&mut parts, None).await {
            Ok(admission) => admission,
            Err(response) => return self.refused(response),
        };
        self.tape.print("admission", &format!("{admission:?}"));
        let admitted = match admission {
            Admission::Ready(admitted) => admitted,
            Admission::NeedsBody(pending) => match pending.with_body(&mut parts, &body).await {
                Ok(admitted) => admitted,
                Err(response) => return self.refused(response),
            },
        };
        let access: Access = Access::of(&parts.extensions).unwrap();
        let session = access.session(&parts.headers).await.unwrap();
        self.tape.print("access", &format!("{access:?} {:?} {session:?}", access.identity()));
        self.tape.print("extensions", &format!("{:?}", parts.extensions));
        if parts.uri.path() == "/panic" {
            let done = AssertUnwindSafe(async { panic!("{access:?} {session:?} {:?}", access.identity()) })
                .catch_unwind();
            let panic = done.await.unwrap_err();
            self.tape.print("panic", panic.downcast_ref::<String>().unwrap());
        }
        let response = match endpoint {
            Some(endpoint) => endpoint.call(Request::from_parts(parts, body)).await,
            None => Response::default(),
        };
        let response = admitted.finish(response).await;
        if response.status().is_success() { response } else { self.refused(response) }
    }

    fn refused(&self, response: Response<Bytes>) -> Response<Bytes> {
        self.tape.print("refusal", &format!("{response:?}"));
        response
    }
}

/// A server on loopback.
async fn listen(application: Arc<Application>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let application = Arc::clone(&application);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let application = Arc::clone(&application);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let response = application.serve(Request::from_parts(parts, body)).await;
                    Ok::<_, hyper::Error>(response.map(Full::new))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    address
}

struct Client(std::net::SocketAddr);

impl Client {
    async fn send(&self, request: RequestBuilder) -> (StatusCode, http::HeaderMap, String) {
        let stream = tokio::net::TcpStream::connect(self.0).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = request.header("host", "shop.test").build().map(Full::new);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

fn cookie(headers: &http::HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let value = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).next()?;
    Some(value.split(';').next().unwrap().to_owned())
}

fn member(body: &str, name: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json.get(name)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_else(|| panic!("no {name} in {body}"))
        .to_owned()
}

#[tokio::test]
async fn no_secret_stands_in_logs_debug_errors_events_or_panics() {
    let tape = Tape::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(tape.clone())
        .with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    tracing::trace!("the tape runs");
    let events = EventLog::default();
    let sinks = [
        Environment::default().with_events(Arc::new(TracingSink)),
        Environment::default().with_events(Arc::new(events.clone())),
    ];
    let mut secrets = vec![
        ("password", PASSWORD.to_owned()),
        ("new password", NEXT_PASSWORD.to_owned()),
        ("signing key", SIGNING_KEY.to_owned()),
    ];
    for (config, name, environment) in [
        (SessionConfig::default(), "__Host-session", &sinks[0]),
        (SessionConfig::django(), "sessionid", &sinks[1]),
    ] {
        let application = Application::new(&tape, config, environment);
        secrets.extend(visit(&application, name, &tape).await);
    }
    for record in events.all() {
        tape.print("event", &format!("{record:?} {}", record.text));
    }
    let text = String::from_utf8_lossy(&tape.0.lock().unwrap()).into_owned();
    for heard in ["the tape runs", "LoginSucceeded", "CsrfFailed", "refusal: ", "panic: ", "event: "] {
        assert!(text.contains(heard), "nothing of `{heard}` was recorded");
    }
    tape.assert_free_of(&secrets);
}

/// Logs in and out, succeeds and fails in every way over a socket, and returns what nobody may see.
#[expect(clippy::too_many_lines, reason = "one table of everything a client can send")]
async fn visit(application: &Arc<Application>, name: &str, tape: &Tape) -> Vec<(&'static str, String)> {
    application.users.create("john", PASSWORD).await.unwrap();
    let client = Client(listen(Arc::clone(application)).await);
    let login = serde_json::json!({ "username": "john", "password": PASSWORD });
    let (status, headers, _) = client.send(request("POST", "/session/login").json(&login)).await;
    assert_eq!(status, 200);
    let session = cookie(&headers, name).unwrap();
    tape.print("headers", &format!("{headers:?}").replace(&session, "(the client's own copy)"));
    let (_, _, body) = client.send(request("POST", "/tokens").json(&login)).await;
    let token = member(&body, "token");
    let pair = visit_jwt(&client, &login, tape).await;
    let (_, headers, body) = client.send(request("GET", "/session/csrf").cookie(name, &session)).await;
    let (masked, secret) = (member(&body, "csrfToken"), cookie(&headers, "csrftoken"));
    let hash = application.store.login("john").await.unwrap().unwrap();
    tape.print("login record", &format!("{hash:?}"));
    let hash = hash.password.unwrap().expose_secret().to_owned();
    let basic = |password: &str| request("GET", "/").basic("john", password);
    let encoded =
        basic(PASSWORD).build().headers()["authorization"].to_str().unwrap()["Basic ".len()..].to_owned();
    let wrong_json = serde_json::json!({ "username": "john", "password": [PASSWORD] });
    let with_csrf = |request: RequestBuilder| {
        let request = request.cookie(name, &session).header("x-csrftoken", &masked);
        secret.iter().fold(request, |request, secret| request.cookie("csrftoken", secret))
    };
    let change = serde_json::json!({ "current_password": PASSWORD, "new_password": NEXT_PASSWORD });
    for (what, request, status) in
        [
            ("a token", request("GET", "/").token(&token), 200),
            ("a broken token", request("GET", "/").token(&format!("{token}x")), 401),
            ("a token with a space", request("GET", "/").token(&format!("{token} x")), 401),
            ("Basic", basic(PASSWORD), 200),
            ("a wrong password", basic(&format!("{PASSWORD}x")), 401),
            ("a NUL", basic(&format!("{PASSWORD}\0")), 401),
            ("broken base64", request("GET", "/").header("authorization", format!("Basic {encoded}*")), 401),
            ("a session", request("GET", "/").cookie(name, &session), 200),
            ("a forgery", request("POST", "/").cookie(name, &session), 403),
            (
                "a wrong CSRF token",
                request("POST", "/")
                    .cookie(name, &session)
                    .header("x-csrftoken", masked.replace(&masked[..1], "-")),
                403,
            ),
            (
                "a form",
                request("POST", "/")
                    .cookie(name, &session)
                    .form(&[("password", PASSWORD), ("csrfmiddlewaretoken", "x")]),
                403,
            ),
            ("a good form", with_csrf(request("POST", "/")), 200),
            ("a failing login", request("POST", "/session/login").json(&wrong_json), 400),
            (
                "a broken body",
                request("POST", "/session/login").body("application/json", login.to_string()[1..].to_owned()),
                400,
            ),
            ("a body of another type", request("POST", "/tokens").body("text/plain", login.to_string()), 415),
            ("a panic", request("GET", "/panic").token(&token), 200),
            ("the tokens", request("GET", "/tokens").token(&token), 200),
            ("the sessions", request("GET", "/session").cookie(name, &session), 200),
            (
                "a wrong change",
                with_csrf(request("POST", "/session/password").json(
                    &serde_json::json!({ "current_password": NEXT_PASSWORD, "new_password": PASSWORD }),
                )),
                400,
            ),
            ("a change", with_csrf(request("POST", "/session/password").json(&change)), 204),
        ]
    {
        let (found, _, body) = client.send(request).await;
        assert_eq!(found, status, "{what}: {body}");
        tape.print("body", &body);
    }
    print_types(application, tape, &token).await;
    let secrets = [
        ("token", token),
        ("session id", session),
        ("CSRF token", masked),
        ("hash", hash),
        ("Basic value", encoded),
    ];
    let csrf = secret.map(|secret| ("CSRF secret", secret));
    secrets.into_iter().chain(csrf).chain(pair).collect()
}

/// Obtains, uses, refreshes and replays JSON Web Tokens, and returns them.
async fn visit_jwt(client: &Client, login: &serde_json::Value, tape: &Tape) -> Vec<(&'static str, String)> {
    let (_, _, body) = client.send(request("POST", "/jwt").json(login)).await;
    let (access, refresh) = (member(&body, "access"), member(&body, "refresh"));
    let exchange = serde_json::json!({ "refresh": refresh });
    let (_, _, body) = client.send(request("POST", "/jwt/refresh").json(&exchange)).await;
    let (next_access, next_refresh) = (member(&body, "access"), member(&body, "refresh"));
    let next = serde_json::json!({ "refresh": next_refresh });
    let bearer = |token: &str| request("GET", "/").header("authorization", format!("Bearer {token}"));
    let wrong = serde_json::json!({ "username": "john", "password": NEXT_PASSWORD });
    for (what, request, status) in [
        ("an access token", bearer(&access), 200),
        ("a broken one", bearer(&access[..access.len() - 1]), 401),
        ("a refresh token in its place", bearer(&next_refresh), 401),
        ("two of them", bearer(&format!("{access} {next_access}")), 401),
        ("a panic", request("GET", "/panic").header("authorization", format!("Bearer {access}")), 200),
        ("a check", request("POST", "/jwt/verify").json(&serde_json::json!({ "token": next_access })), 200),
        ("a wrong password", request("POST", "/jwt").json(&wrong), 401),
        ("a body of another type", request("POST", "/jwt/refresh").body("text/plain", next.to_string()), 415),
        ("a replay", request("POST", "/jwt/refresh").json(&exchange), 401),
        ("the end of the family", request("POST", "/jwt/refresh").json(&next), 401),
        ("a revocation too late", request("POST", "/jwt/revoke").json(&next), 401),
    ] {
        let (found, _, body) = client.send(request).await;
        assert_eq!(found, status, "{what}: {body}");
        tape.print("body", &body);
    }
    vec![
        ("access token", access),
        ("refresh token", refresh),
        ("next access token", next_access),
        ("next refresh token", next_refresh),
    ]
}

/// Prints every public type that holds a secret, and the errors of the verbs that were given one.
async fn print_types(application: &Application, tape: &Tape, token: &str) {
    let Application { store, users, tokens, sessions, jwt, guard, .. } = application;
    let hash = store.login("john").await.unwrap().unwrap().password;
    let mut user = NewUser::new("jane");
    user.password.clone_from(&hash);
    let mut change = portcullis::store::UserChange::default();
    change.password = Some(hash.clone());
    change.if_password.clone_from(&hash);
    let secret = portcullis::Secret::from(token);
    let john = users.find_by_name("john").await.unwrap().unwrap();
    let mut text = String::new();
    write!(text, "{users:?} {tokens:?} {sessions:?} {jwt:?} {guard:?} {store:?} {user:?} {change:?} {secret:?} {hash:?} {john:?}").unwrap();
    write!(text, "{:?} {:?}", Credentials::new("john", PASSWORD), NewToken::default()).unwrap();
    write!(text, "{:?} {:?}", tokens.list(&john.id).await, sessions.list(&john.id).await).unwrap();
    let pair = jwt.issue(&john).await.unwrap();
    write!(text, "{pair:?} {:?} {:?}", jwt.list(&john.id).await, jwt.authenticator()).unwrap();
    write!(text, "{:?}", tokens.import(&john.id, &secret, NewToken::default()).await).unwrap();
    write!(text, "{:?} {:?}", users.basic(), tokens.authenticator()).unwrap();
    for error in [
        users
            .check(&Credentials::new("john", format!("{PASSWORD}\0")), portcullis::Origin::default())
            .await
            .unwrap_err(),
        users.check(&Credentials::new("nobody", PASSWORD), portcullis::Origin::default()).await.unwrap_err(),
    ] {
        write!(text, "{error} {error:?}").unwrap();
    }
    let error = users.create("john", PASSWORD).await.unwrap_err();
    write!(text, "{error} {error:?}").unwrap();
    let admitted: Option<Admitted> = None;
    write!(text, "{admitted:?}").unwrap();
    tape.print("types", &text);
}
