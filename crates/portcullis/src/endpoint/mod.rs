//! Ready handlers over `Request<Bytes> -> Response<Bytes>`, which an adapter mounts in one line.
//!
//! 1. A mechanism makes its own: [`Tokens::endpoints`](crate::Tokens::endpoints),
//!    [`Sessions::endpoints`](crate::Sessions::endpoints), [`Jwt::endpoints`](crate::Jwt::endpoints).
//! 2. No GET changes anything or hands out a credential (CVE-2021-21241).
//! 3. Bodies are JSON, forms and multipart, at most 64 KiB; field errors are DRF's.
//! 4. An answer with a credential in it is `no-store` (RFC 6750 section 5.3).

#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
mod jwt;
mod session;
mod token;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::authentication::Authenticator;
use crate::body::{Body, BodyError};
use crate::guard::{Access, Policy, Rejection, Session};
use crate::permission::IntoPermission;
use crate::request::RequestHead;
use crate::user::{Account, User};

/// A ready handler with its method, path and policy.
///
/// # Examples
///
/// ```
/// use portcullis::{SessionConfig, Sessions, store::MemoryStore};
///
/// let sessions = Sessions::new(MemoryStore::new(), SessionConfig::default());
/// let csrf = sessions.csrf_endpoint("/api/csrf/");
/// assert_eq!(csrf.path(), "/api/csrf/");
/// ```
pub struct Endpoint<U = Account> {
    method: Method,
    path: String,
    policy: Policy<U>,
    handler: Arc<dyn Handle<U>>,
}

#[async_trait]
pub(crate) trait Handle<U>: Send + Sync + 'static {
    async fn handle(&self, call: Call<U>) -> Result<Response<Bytes>, Rejection>;
}

/// One call of an endpoint.
pub(crate) struct Call<U> {
    pub(crate) access: Access<U>,
    parts: Parts,
    body: Bytes,
}

impl<U> Clone for Endpoint<U> {
    fn clone(&self) -> Self {
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            policy: self.policy.clone(),
            handler: Arc::clone(&self.handler),
        }
    }
}

impl<U> fmt::Debug for Endpoint<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<U: User> Endpoint<U> {
    /// The most that an adapter may read of the body, in bytes; a longer one is answered 413.
    pub const LIMIT: usize = 64 * 1024;

    pub(crate) fn new(
        method: Method,
        path: impl Into<String>,
        policy: Policy<U>,
        handler: impl Handle<U>,
    ) -> Self {
        Self { method, path: path.into(), policy, handler: Arc::new(handler) }
    }

    /// Returns the method it answers.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path it answers.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what it asks of a request.
    #[must_use]
    pub const fn policy(&self) -> &Policy<U> {
        &self.policy
    }

    /// Asks for another permission.
    #[must_use]
    pub fn require<M>(self, permission: impl IntoPermission<U, M>) -> Self {
        Self { policy: self.policy.require(permission), ..self }
    }

    /// Asks this authenticator instead of the guard's; called again, this one after the earlier ones.
    #[must_use]
    pub fn authenticate_with(self, authenticator: impl Authenticator<U>) -> Self {
        Self { policy: self.policy.authenticate_with(authenticator), ..self }
    }

    /// Answers a request that a guard let through; the answer must pass [`Admitted::finish`](crate::Admitted::finish).
    pub async fn call(&self, request: Request<Bytes>) -> Response<Bytes> {
        let access = match Access::of(request.extensions()) {
            Ok(access) => access,
            Err(error) => return error.into_response(),
        };
        let (parts, body) = request.into_parts();
        match self.handler.handle(Call { access, parts, body }).await {
            Ok(response) => response,
            Err(rejection) => rejection.into_response(),
        }
    }
}

/// The endpoints of one mechanism.
///
/// # Examples
///
/// ```
/// use portcullis::{Tokens, store::MemoryStore};
///
/// let tokens = Tokens::new(MemoryStore::new());
/// let paths: Vec<_> = tokens.endpoints("/api/login").iter().map(|endpoint| endpoint.path().to_owned()).collect();
/// assert_eq!(paths, ["/api/login", "/api/login", "/api/login/revoke"]);
/// ```
#[derive(Debug)]
pub struct Endpoints<U = Account>(Vec<Endpoint<U>>);

impl<U> Endpoints<U> {
    /// Puts endpoints together.
    #[must_use]
    pub fn new(endpoints: Vec<Endpoint<U>>) -> Self {
        Self(endpoints)
    }

    /// Lists the endpoints.
    pub fn iter(&self) -> std::slice::Iter<'_, Endpoint<U>> {
        self.0.iter()
    }
}

impl<U> From<Endpoint<U>> for Endpoints<U> {
    fn from(endpoint: Endpoint<U>) -> Self {
        Self(vec![endpoint])
    }
}

impl<U> IntoIterator for Endpoints<U> {
    type Item = Endpoint<U>;
    type IntoIter = std::vec::IntoIter<Endpoint<U>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, U> IntoIterator for &'a Endpoints<U> {
    type Item = &'a Endpoint<U>;
    type IntoIter = std::slice::Iter<'a, Endpoint<U>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Puts a name behind a base path; where the base ends with a slash, so does the result.
pub(crate) fn below(base: &str, name: &str) -> String {
    let slash = if base.ends_with('/') { "/" } else { "" };
    format!("{}/{name}{slash}", base.trim_end_matches('/'))
}

impl<U: User> Call<U> {
    pub(crate) fn body(&self) -> Result<Body, Rejection> {
        Ok(Body::parse(&self.parts.headers, &self.body)?)
    }

    pub(crate) async fn session(&self) -> Result<Session<U>, Rejection> {
        Ok(self.access.session(&self.parts.headers).await?)
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        let client = self.access.client();
        RequestHead::new(&self.parts, client).with_client(client).with_https(self.access.is_https())
    }
}

/// Answers with JSON that no cache may keep.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Bytes> {
    answer_json(status, value.to_string())
}

/// Answers with a text that is JSON already, and that no cache may keep.
pub(crate) fn answer_json(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Answers 204.
pub(crate) fn no_content() -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Answers 400 with one field's error, as a DRF serializer does.
pub(crate) fn field_error(field: &str, message: &str) -> Rejection {
    let answer = json(StatusCode::BAD_REQUEST, &serde_json::json!({ field: [message] }));
    Rejection::answer(answer)
}

/// DRF's answer for whatever is wrong with a username and a password.
pub(crate) fn wrong_credentials() -> Rejection {
    field_error("non_field_errors", "Unable to log in with provided credentials.")
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        Self::answer(error.into_response())
    }
}
