//! Requests to a router of axum's.

#![expect(dead_code, reason = "each test uses a part of it")]

use axum::body::Body;
use axum::response::Response;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
pub(crate) use portcullis_testing::TwoUsers;
use tower::ServiceExt;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
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

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
