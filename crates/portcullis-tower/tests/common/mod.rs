//! A service of pages, and requests to it.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
pub(crate) use portcullis_testing::TwoUsers;
use portcullis_tower::portcullis::{Access, Rejection, Session};
use portcullis_tower::{GuardService, Matched, Replay};
use tower::{Layer, Service, ServiceExt};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(crate) type Request = http::Request<Replay<Body>>;
pub(crate) type Outcome = Result<Response<Full<Bytes>>, Rejection>;
pub(crate) type Router = portcullis_tower::Router<Page>;
pub(crate) type App = GuardService<Pages, Page>;

type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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

/// The service behind the guard.
#[derive(Debug, Clone)]
pub(crate) struct Pages;

impl Service<Request> for Pages {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Waiting<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let page = Matched::<Page>::of(request.extensions()).unwrap().tag().clone();
        Box::pin(async move {
            Ok(page.run(request).await.unwrap_or_else(|rejection| rejection.into_response().map(Full::from)))
        })
    }
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

/// Finds the session of a request.
pub(crate) fn session(request: &Request) -> impl Future<Output = Result<Session, Rejection>> + use<> {
    let (access, headers) = (Access::of(request.extensions()), request.headers().clone());
    async move { Ok(access?.session(&headers).await?) }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) fn serve(router: Router) -> App {
    router.into_layer().unwrap().layer(Pages)
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

/// Sends a request through any stack of layers.
pub(crate) async fn send<S, R>(app: &S, request: http::Request<Body>) -> Answer
where
    S: Service<http::Request<Body>, Response = Response<R>, Error: fmt::Debug> + Clone,
    R: http_body::Body<Data = Bytes, Error: fmt::Debug>,
{
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
