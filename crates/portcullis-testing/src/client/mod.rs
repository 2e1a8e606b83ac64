//! Who asks an application in a test: DRF's `APIClient`.

#[cfg(feature = "actix")]
mod actix;
mod jar;
#[cfg(feature = "tower")]
mod tower;

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use portcullis::{Account, User};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::jar::Jar;
use crate::force::ForceAuthenticate;
use crate::request::{RequestBuilder, request};

const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrftoken");

/// Sends requests to an application as a browser or a program would, and keeps cookies.
///
/// It is made of any way to send a request ([`Client::new`]), of a tower service (`Client::tower`, feature `tower`: axum,
/// hyper, tower) or of actix-web's test service (`Client::actix`, feature `actix`).
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use portcullis_testing::{Client, request};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // An application that sets a cookie and says what it was sent.
/// let client = Client::new(async |request: Request<Bytes>| {
///     let cookie = request.headers().get("cookie").map_or(&b"nothing"[..], |cookie| cookie.as_bytes());
///     let answer = Response::builder().header("set-cookie", "theme=dark; Path=/");
///     answer.body(Bytes::copy_from_slice(cookie)).unwrap()
/// });
/// assert_eq!(client.get("/").await.text(), "nothing");
/// assert_eq!(client.post("/books", &["a book"]).await.text(), "theme=dark");
/// assert_eq!(client.send(request("OPTIONS", "/books").bearer("a.b.c")).await.status(), 200);
/// # });
/// ```
///
/// Somebody without a credential, changed between two requests:
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// use portcullis::{Guard, Policy, Users, store::MemoryStore};
/// use portcullis_testing::{Client, ForceAuthenticate, account};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let force = ForceAuthenticate::nobody();
/// let users = Users::new(MemoryStore::new());
/// let guard = Guard::builder(users.clone()).authenticate(force.clone()).authenticate(users.basic()).build()?;
/// # let route = guard.route(&Policy::default())?;
/// # let application = async move |request: Request<Bytes>| {
/// #     route.admit(&mut request.into_parts().0, None).await.err().unwrap_or_default()
/// # };
/// let client = Client::new(application).with_force(force);
/// assert_eq!(client.get("/books").await.status(), 401);
/// client.force_authenticate(account(1, "john"));
/// assert_eq!(client.get("/books").await.status(), 200);
/// client.force_authenticate(None);
/// assert_eq!(client.get("/books").await.status(), 401);
/// # Ok::<(), portcullis::GuardError>(())
/// # }).unwrap();
/// ```
pub struct Client<U = Account> {
    send: Box<dyn Fn(Request<Bytes>) -> LocalBoxFuture<'static, Response<Bytes>>>,
    jar: Jar,
    credentials: Option<HeaderValue>,
    csrf: Option<String>,
    origin: String,
    force: Option<ForceAuthenticate<U>>,
}

/// What an application answered: an [`http::Response`] whose body is there.
///
/// # Examples
///
/// See [`Client`].
#[derive(Debug, Clone)]
pub struct Answer(Response<Bytes>);

impl Client {
    /// Takes a way to send a request.
    #[must_use]
    pub fn new(send: impl AsyncFn(Request<Bytes>) -> Response<Bytes> + 'static) -> Self {
        let send = std::rc::Rc::new(send);
        Self::over(move |request| {
            let send = std::rc::Rc::clone(&send);
            async move { send(request).await }.boxed_local()
        })
    }

    fn over(send: impl Fn(Request<Bytes>) -> LocalBoxFuture<'static, Response<Bytes>> + 'static) -> Self {
        Self {
            send: Box::new(send),
            jar: Jar::default(),
            credentials: None,
            csrf: None,
            origin: "http://localhost".to_owned(),
            force: None,
        }
    }
}

impl<U: User> Client<U> {
    /// Sends a token with every request, as DRF's `TokenAuthentication` takes it.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        self.with_credentials(|request| request.token(token))
    }

    /// Sends a token by the Bearer scheme with every request.
    #[must_use]
    pub fn with_bearer(self, token: &str) -> Self {
        self.with_credentials(|request| request.bearer(token))
    }

    /// Sends a username and a password by HTTP Basic with every request.
    #[must_use]
    pub fn with_basic(self, username: &str, password: &str) -> Self {
        self.with_credentials(|request| request.basic(username, password))
    }

    fn with_credentials(self, say: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        let credentials = say(request("GET", "/")).headers_mut().remove(AUTHORIZATION);
        Self { credentials, ..self }
    }

    /// Fetches a CSRF token from this path before every unsafe request that brings cookies and no credentials, as a
    /// page's script does; the path is that of [`Sessions::csrf_endpoint`](portcullis::Sessions::csrf_endpoint).
    #[must_use]
    pub fn with_csrf(self, path: &str) -> Self {
        Self { csrf: Some(path.to_owned()), ..self }
    }

    /// Replaces the origin that `Host` and `Origin` name, `http://localhost` unless told.
    #[must_use]
    pub fn with_origin(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }

    /// Takes the handle of the authenticator that stands first in the guard, for [`Client::force_authenticate`].
    #[must_use]
    pub fn with_force<V: User>(self, force: ForceAuthenticate<V>) -> Client<V> {
        let Self { send, jar, credentials, csrf, origin, force: _ } = self;
        Client { send, jar, credentials, csrf, origin, force: Some(force) }
    }

    /// Says who asks from now on, without a credential; with `None` nobody is forced (DRF `force_authenticate`).
    ///
    /// # Panics
    ///
    /// Without [`Client::with_force`]: a test that forces nobody would pass for the wrong reason.
    #[expect(clippy::expect_used, reason = "a test's own mistake should stop the test")]
    pub fn force_authenticate(&self, user: impl Into<Option<U>>) {
        self.force.as_ref().expect("`with_force` comes first").set(user);
    }

    /// Forgets the cookies, and so the session (DRF `logout`).
    pub fn forget_cookies(&self) {
        self.jar.clear();
    }

    /// Returns the value of a cookie that the application has set.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.get(name)
    }

    /// Keeps a cookie as if the application had set it.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar.set(name, value);
    }

    /// Logs in at [`Sessions::login_endpoint`](portcullis::Sessions::login_endpoint); the session is kept as a cookie.
    pub async fn log_in(&self, path: &str, username: &str, password: &str) -> Answer {
        self.post(path, &serde_json::json!({ "username": username, "password": password })).await
    }

    /// Sends GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path)).await
    }

    /// Sends HEAD.
    pub async fn head(&self, path: &str) -> Answer {
        self.send(request("HEAD", path)).await
    }

    /// Sends OPTIONS.
    pub async fn options(&self, path: &str) -> Answer {
        self.send(request("OPTIONS", path)).await
    }

    /// Sends DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request("DELETE", path)).await
    }

    /// Sends POST with JSON.
    pub async fn post(&self, path: &str, body: &(impl Serialize + ?Sized)) -> Answer {
        self.send(request("POST", path).json(body)).await
    }

    /// Sends PUT with JSON.
    pub async fn put(&self, path: &str, body: &(impl Serialize + ?Sized)) -> Answer {
        self.send(request("PUT", path).json(body)).await
    }

    /// Sends PATCH with JSON.
    pub async fn patch(&self, path: &str, body: &(impl Serialize + ?Sized)) -> Answer {
        self.send(request("PATCH", path).json(body)).await
    }

    /// Sends POST with a form.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(request("POST", path).form(fields)).await
    }

    /// Sends any request; what it says itself is not replaced by what the client would add.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let mut request = request.build();
        self.complete(&mut request);
        if let Some(path) = self.csrf.as_deref().filter(|_| owes_token(&request)) {
            let mut fetch = crate::request("GET", path).build();
            self.complete(&mut fetch);
            let token = self.exchange(fetch).await.csrf_token();
            request.headers_mut().extend(token.map(|token| (CSRF_HEADER, token)));
            // The answer may have set another cookie.
            request.headers_mut().remove(COOKIE);
            self.complete(&mut request);
        }
        self.exchange(request).await
    }

    async fn exchange(&self, request: Request<Bytes>) -> Answer {
        let answer = (self.send)(request).await;
        self.jar.keep(answer.headers());
        Answer(answer)
    }

    /// Adds what a client adds to every request.
    fn complete(&self, request: &mut Request<Bytes>) {
        let is_unsafe = is_unsafe(request.method());
        let headers = request.headers_mut();
        let host = self.origin.split_once("://").map_or(self.origin.as_str(), |(_, host)| host);
        let origin = is_unsafe.then_some(self.origin.as_str());
        let credentials = self.credentials.clone();
        let value = |text: &str| HeaderValue::from_str(text).ok();
        for (name, value) in [
            (HOST, value(host)),
            (ORIGIN, origin.and_then(value)),
            (AUTHORIZATION, credentials),
            (COOKIE, self.jar.header()),
        ] {
            if let Some(value) = value {
                headers.entry(name).or_insert(value);
            }
        }
    }
}

fn is_unsafe(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

fn owes_token(request: &Request<Bytes>) -> bool {
    let has = |name: HeaderName| request.headers().contains_key(name);
    is_unsafe(request.method()) && has(COOKIE) && !has(AUTHORIZATION) && !has(CSRF_HEADER)
}

impl<U> fmt::Debug for Client<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns the status as a number.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Returns the first header of this name, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.0.body()).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// When it is not JSON, or not of this type: the message shows it.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "an answer that a test does not expect should stop the test")]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(self.0.body()).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// Returns the response.
    #[must_use]
    pub fn into_inner(self) -> Response<Bytes> {
        self.0
    }

    fn csrf_token(&self) -> Option<HeaderValue> {
        let body: serde_json::Value = serde_json::from_slice(self.0.body()).ok()?;
        HeaderValue::from_str(body.get("csrfToken")?.as_str()?).ok()
    }
}

impl Deref for Answer {
    type Target = Response<Bytes>;

    fn deref(&self) -> &Response<Bytes> {
        &self.0
    }
}
