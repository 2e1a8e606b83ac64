//! What the fuzz targets share: two sites over the memory store, one hardened and one as DRF's, both of which know John.
//!
//! A byte that cannot stand in a header stands for a good credential, so that a fuzzer, which cannot guess one, still
//! gets behind it: see [`Site::fill`].

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use portcullis::endpoint::Endpoint;
use portcullis::password::{Argon2id, HashPool, PasswordHashers};
use portcullis::store::MemoryStore;
use portcullis::{
    Admission, Guard, NewToken, Pending, Policy, Route, Scheme, Secret, SessionConfig, Sessions, TokenConfig,
    Tokens, Users,
};

/// John's password.
pub const PASSWORD: &str = "secret123";
/// John's token.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// One site and what John has of it.
pub struct Site {
    /// Whether it answers as DRF does.
    pub is_drf: bool,
    /// A route that lets everybody in, so that it shows who somebody is.
    pub open: Route,
    /// The endpoint that hands out a token for a username and a password.
    pub obtain: (Endpoint, Route),
    /// The name of the session cookie.
    pub cookie: &'static str,
    /// The value of John's session cookie.
    pub session: String,
    /// The value of John's CSRF cookie, which is empty on the hardened site.
    pub csrf_cookie: String,
    /// A CSRF token of John's session.
    pub csrf: String,
}

/// The hardened site and DRF's.
pub static SITES: LazyLock<[Site; 2]> = LazyLock::new(|| [Site::new(false), Site::new(true)]);

/// The hashers, which are cheap.
pub static HASHERS: LazyLock<PasswordHashers> =
    LazyLock::new(|| PasswordHashers::new(Argon2id::dangerous_cheap()).with_pool(HashPool::new(1, 8)));

impl Site {
    fn new(is_drf: bool) -> Self {
        let store = MemoryStore::new();
        let users = Users::new(store.clone()).with_hashers(HASHERS.clone());
        let john = block_on(users.create("john", PASSWORD)).unwrap();
        let (token_config, session_config, cookie) = match is_drf {
            true => (TokenConfig::drf(), SessionConfig::django(), "sessionid"),
            false => (TokenConfig::default().with_hexadecimal(), SessionConfig::default(), "__Host-session"),
        };
        let tokens = Tokens::new(store.clone()).with_config(token_config);
        block_on(tokens.import(&john.id, &Secret::from(TOKEN), NewToken::default())).unwrap();
        let sessions = Sessions::new(store, session_config);
        let builder = Guard::builder(users.clone())
            .authenticate(users.basic())
            .authenticate(tokens.authenticator())
            .authenticate(sessions.authenticator());
        let guard = if is_drf { builder.drf() } else { builder }.build().unwrap();
        let with_route = |endpoint: Endpoint| (endpoint.clone(), guard.route(endpoint.policy()).unwrap());
        let mut site = Self {
            is_drf,
            open: guard.route(&Policy::default().public().without_object()).unwrap(),
            obtain: with_route(tokens.obtain_endpoint("/token")),
            cookie,
            session: String::new(),
            csrf_cookie: String::new(),
            csrf: String::new(),
        };
        let login = with_route(sessions.login_endpoint("/login"));
        let body = format!(r#"{{"username": "john", "password": "{PASSWORD}"}}"#);
        let request =
            Request::post("/login").header(CONTENT_TYPE, "application/json").body(body.into()).unwrap();
        site.session = cookie_of(&call(&login, request), cookie).unwrap();
        let csrf = with_route(sessions.csrf_endpoint("/csrf"));
        let request = Request::get("/csrf").header("cookie", format!("{cookie}={}", site.session));
        let answer = call(&csrf, request.body(Bytes::new()).unwrap());
        site.csrf_cookie = cookie_of(&answer, "csrftoken").unwrap_or_default();
        let text = std::str::from_utf8(answer.body()).unwrap();
        site.csrf = text.split('"').nth(3).unwrap().to_owned();
        site
    }

    /// Puts John's credentials where their marks are: 1 is the token, 2 the password of Basic, 3 the session, 4 a token
    /// against forgery, 5 its cookie.
    #[must_use]
    pub fn fill(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        for byte in text {
            match byte {
                1 => filled.extend_from_slice(TOKEN.as_bytes()),
                2 => filled.extend_from_slice(b"am9objpzZWNyZXQxMjM="),
                3 => filled.extend_from_slice(self.session.as_bytes()),
                4 => filled.extend_from_slice(self.csrf.as_bytes()),
                5 => filled.extend_from_slice(self.csrf_cookie.as_bytes()),
                other => filled.push(*other),
            }
        }
        filled
    }

    /// Asks the open route who a request comes from: a scheme, nobody, or the status of a refusal.
    ///
    /// # Panics
    ///
    /// When the answer is 5xx, or somebody is not John.
    pub fn who(&self, request: Request<Bytes>) -> Result<Option<Scheme>, u16> {
        let (mut parts, body) = request.into_parts();
        let admitted = match block_on(self.open.admit(&mut parts, None)) {
            Ok(Admission::Ready(admitted)) => admitted,
            Ok(Admission::NeedsBody(_)) if body.len() > Pending::<portcullis::Account>::LIMIT => {
                return Err(413);
            }
            Ok(Admission::NeedsBody(pending)) => {
                block_on(pending.with_body(&mut parts, &body)).map_err(|answer| refused(&answer))?
            }
            Err(answer) => return Err(refused(&answer)),
        };
        let scheme = admitted.access().identity().map(|identity| {
            assert_eq!(identity.user().username, "john");
            identity.scheme()
        });
        let answer = block_on(admitted.finish(Response::new(Bytes::new())));
        assert_eq!(answer.status(), 200);
        Ok(scheme)
    }
}

/// Calls an endpoint behind its guard.
///
/// # Panics
///
/// When the answer is 5xx.
pub fn call((endpoint, route): &(Endpoint, Route), request: Request<Bytes>) -> Response<Bytes> {
    let (mut parts, body) = request.into_parts();
    let admitted = match block_on(route.admit(&mut parts, None)) {
        Ok(Admission::Ready(admitted)) => admitted,
        Ok(Admission::NeedsBody(_)) => panic!("the request has no session"),
        Err(answer) => {
            refused(&answer);
            return answer;
        }
    };
    let answer = block_on(endpoint.call(Request::from_parts(parts, body)));
    let answer = block_on(admitted.finish(answer));
    assert!(!answer.status().is_server_error(), "{answer:?}");
    answer
}

fn refused(answer: &Response<Bytes>) -> u16 {
    assert!(answer.status().is_client_error(), "{answer:?}");
    answer.status().as_u16()
}

fn cookie_of(answer: &Response<Bytes>, name: &str) -> Option<String> {
    let mut cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let value = cookies.find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.split(';').next()?.to_owned())
}

/// Makes headers of one name, one a line; a line that cannot be a header's value is left out, as a server would refuse it.
#[must_use]
pub fn lines(name: &HeaderName, text: &[u8]) -> HeaderMap {
    let values = text.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (name.clone(), value)).collect()
}

/// Makes a request without a body.
#[must_use]
pub fn get(headers: HeaderMap) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.headers_mut() = headers;
    request
}

/// Waits for a future on this thread; there is no runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
