//! One path whose routes are fixed.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::guard::{Route, plain};
use crate::user::{Account, User};

/// The order in which DRF names methods in `Allow` (`View.http_method_names`).
const ALLOW_ORDER: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// One path with its methods, whose routes are fixed.
///
/// # Examples
///
/// See [`Routes`](super::Routes).
pub struct Resource<H, U = Account> {
    path: String,
    methods: Vec<(Option<Method>, Route<U>, H)>,
    others: Route<U>,
    allow: Option<HeaderValue>,
}

/// What a path has for a method.
///
/// # Examples
///
/// See [`Routes`](super::Routes).
pub enum Found<'a, H, U = Account> {
    /// A handler behind its route.
    Handler(&'a Route<U>, &'a H),
    /// None: what this route lets through is answered by [`Resource::not_allowed`].
    NotAllowed(&'a Route<U>),
}

impl<H, U> fmt::Debug for Resource<H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<H, U> fmt::Debug for Found<'_, H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Handler(..)) { "Handler" } else { "NotAllowed" })
    }
}

impl<H, U: User> Resource<H, U> {
    pub(super) fn new(path: String, methods: Vec<(Option<Method>, Route<U>, H)>, others: Route<U>) -> Self {
        let allow = allow(methods.iter().map(|(method, ..)| method.clone()));
        Self { path, methods, others, allow }
    }

    /// Returns the path, in the notation of the adapter.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Finds who answers a method.
    #[must_use]
    pub fn find(&self, method: &Method) -> Found<'_, H, U> {
        let named =
            |wanted: &Method| self.methods.iter().find(|(method, ..)| method.as_ref() == Some(wanted));
        let get = || named(&Method::GET).filter(|_| *method == Method::HEAD);
        let any = || self.methods.iter().find(|(method, ..)| method.is_none());
        match named(method).or_else(get).or_else(any) {
            Some((_, route, handler)) => Found::Handler(route, handler),
            None => Found::NotAllowed(&self.others),
        }
    }

    /// Answers a method that the path does not have (DRF `MethodNotAllowed`); it must pass the guard first.
    #[must_use]
    pub fn not_allowed(&self, method: &Method) -> Response<Bytes> {
        method_not_allowed(method, self.allow.clone())
    }

    /// Returns what guards the methods that the path does not have.
    #[must_use]
    pub const fn others(&self) -> &Route<U> {
        &self.others
    }

    /// Returns the methods for `Allow`; `None` where one handler takes all.
    #[must_use]
    pub const fn allow(&self) -> Option<&HeaderValue> {
        self.allow.as_ref()
    }

    /// Returns the handlers with their methods and routes, for adapters whose framework finds them.
    pub fn into_methods(self) -> impl Iterator<Item = (Option<Method>, Route<U>, H)> {
        self.methods.into_iter()
    }
}

/// Answers a method that a path does not have.
///
/// # Examples
///
/// ```
/// use http::{HeaderValue, Method};
/// use portcullis::routing::method_not_allowed;
///
/// let answer = method_not_allowed(&Method::PUT, Some(HeaderValue::from_static("GET, HEAD")));
/// assert_eq!((answer.status().as_u16(), &answer.headers()["allow"]), (405, &HeaderValue::from_static("GET, HEAD")));
/// assert_eq!(answer.body(), r#"{"detail":"Method \"PUT\" not allowed."}"#);
/// ```
#[must_use]
pub fn method_not_allowed(method: &Method, allow: Option<HeaderValue>) -> Response<Bytes> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, &format!("Method \"{method}\" not allowed."));
    response.headers_mut().extend(allow.map(|allow| (ALLOW, allow)));
    response
}

/// Lists the methods of a path; `None` where one handler takes all.
fn allow(methods: impl Iterator<Item = Option<Method>>) -> Option<HeaderValue> {
    let mut methods = methods.collect::<Option<HashSet<_>>>()?;
    if methods.contains(&Method::GET) {
        methods.insert(Method::HEAD);
    }
    let names: Vec<_> =
        ALLOW_ORDER.iter().filter(|method| methods.contains(*method)).map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).ok()
}
