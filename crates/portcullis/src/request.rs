//! What authenticators and permissions see of a request.
//!
//! 1. An authenticator sees the head and the connection ([`RequestHead`]); never the body.
//! 2. A permission sees what is left when the head is gone: method, full original URI, headers, identity
//!    ([`AuthRequest`]).
//! 3. Safe methods are GET, HEAD and OPTIONS (DRF's `SAFE_METHODS`); a method nobody listed is not safe.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use crate::event::Origin;
use crate::identity::Identity;
use crate::user::{Account, User};

/// The head of a request and where it came from; lends the [`Parts`] it was made of.
///
/// # Examples
///
/// ```
/// use portcullis::RequestHead;
///
/// let (parts, ()) = http::Request::get("/").header("x-device", "7").body(()).unwrap().into_parts();
/// let head = RequestHead::new(&parts, Some([127, 0, 0, 1].into()));
/// assert_eq!(head.headers["x-device"], "7");
/// assert!(head.peer().is_some_and(|peer| peer.is_loopback()));
/// ```
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    parts: &'a Parts,
    peer: Option<IpAddr>,
    client: Option<IpAddr>,
    is_https: bool,
}

impl<'a> RequestHead<'a> {
    /// Describes a request that came straight from `peer`, without TLS.
    #[must_use]
    pub const fn new(parts: &'a Parts, peer: Option<IpAddr>) -> Self {
        Self { parts, peer, client: peer, is_https: false }
    }

    /// Says who the client behind the trusted proxies is.
    #[must_use]
    pub(crate) const fn with_client(self, client: Option<IpAddr>) -> Self {
        Self { client, ..self }
    }

    /// Says whether the client speaks TLS, to us or to a trusted proxy.
    #[must_use]
    pub(crate) const fn with_https(self, is_https: bool) -> Self {
        Self { is_https, ..self }
    }

    /// Returns the address at the other end of the connection, where the adapter knows it.
    #[must_use]
    pub const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Returns the client's address: the right-most one that no trusted proxy added; `None` where it cannot be read.
    #[must_use]
    pub const fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// Tells whether the client speaks TLS, to us or to a trusted proxy.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns where the request came from, for events.
    #[must_use]
    pub fn origin(&self) -> Origin<'a> {
        Origin {
            client: self.client,
            method: Some(self.parts.method.as_str()),
            path: Some(self.parts.uri.path()),
        }
    }
}

impl Deref for RequestHead<'_> {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        self.parts
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.parts.method)
            .field("path", &self.parts.uri.path())
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// What a permission decides on.
///
/// # Examples
///
/// ```
/// use portcullis::{Account, AuthRequest};
///
/// let (parts, ()) = http::Request::get("/books/1").body(()).unwrap().into_parts();
/// let request: AuthRequest<'_, Account> = AuthRequest::new(&parts.method, &parts.uri, &parts.headers, None, None);
/// assert!(request.is_safe());
/// assert!(request.user().is_none());
/// ```
pub struct AuthRequest<'a, U = Account> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    identity: Option<&'a Identity<U>>,
    client: Option<IpAddr>,
}

impl<'a, U> AuthRequest<'a, U> {
    /// Describes a request; a guard does this, and a test of a permission.
    #[must_use]
    pub const fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        identity: Option<&'a Identity<U>>,
        client: Option<IpAddr>,
    ) -> Self {
        Self { method, uri, headers, identity, client }
    }

    /// Returns the method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// Tells whether the method only reads: GET, HEAD or OPTIONS.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Returns the full URI as it arrived, not what a nested router left of it.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// Returns the headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns who asks, and how we know; `None` for nobody.
    #[must_use]
    pub const fn identity(&self) -> Option<&'a Identity<U>> {
        self.identity
    }

    /// Returns the user who asks; `None` for nobody.
    #[must_use]
    pub fn user(&self) -> Option<&'a Arc<U>> {
        self.identity.map(Identity::user)
    }

    /// Returns the client's address: the right-most one that no trusted proxy added.
    #[must_use]
    pub const fn client(&self) -> Option<IpAddr> {
        self.client
    }
}

impl<U> Clone for AuthRequest<'_, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for AuthRequest<'_, U> {}

impl<U: User> fmt::Debug for AuthRequest<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
