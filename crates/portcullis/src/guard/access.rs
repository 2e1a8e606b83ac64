//! What a handler may know of its own request.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::lock::Mutex;
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Response, StatusCode, Uri};

use crate::error::{Denial, Error};
use crate::guard::answer::{not_authenticated, plain};
use crate::guard::{Guard, Route, Session};
use crate::identity::Identity;
use crate::permission::Decision;
use crate::request::{AuthRequest, RequestHead};
use crate::session::SessionState;
use crate::user::{Account, User};

/// The slot in a request's extensions. The type is private: what other code inserts is never found.
#[derive(Clone)]
struct Slot(Arc<dyn Erased>);

/// A request that a guard let through: who asks, the route's permission for object checks, the session.
///
/// Adapters hand it out as `Auth`, `MaybeAuth` and `Session`; cloning shares it.
///
/// # Examples
///
/// See [`Admitted`](crate::Admitted).
pub struct Access<U = Account>(pub(crate) Arc<Inner<U>>);

/// A request that a guard let through, whatever its user type: enough to check an object, and no more.
///
/// Adapters hand it out as `Authorized`, which so needs no user type.
///
/// # Examples
///
/// See [`Admitted`](crate::Admitted).
#[derive(Clone)]
pub struct AnyAccess(Arc<dyn Erased>);

/// An [`Inner`] that has forgotten its user type.
trait Erased: Any + Send + Sync {
    fn check_object<'a>(&'a self, object: &'a (dyn Any + Send + Sync)) -> BoxFuture<'a, Result<(), Error>>;
}

pub(crate) struct Inner<U> {
    pub(crate) route: Route<U>,
    pub(crate) identity: Option<Identity<U>>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) is_https: bool,
    pub(crate) state: Mutex<SessionState>,
    kept: Option<Kept>,
    debt: AtomicU8,
}

/// The head of a request, kept for a permission that looks at objects.
struct Kept {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

const NO_DEBT: u8 = 0;
const OWED: u8 = 1;
const PAID: u8 = 2;
const REFUSED: u8 = 3;

/// The program is put together wrongly: a 500 that lets nobody in.
///
/// # Examples
///
/// ```
/// use portcullis::{Access, Account, Misconfigured};
///
/// let unguarded = http::Extensions::new();
/// assert_eq!(Access::<Account>::of(&unguarded).unwrap_err(), Misconfigured::NoGuard);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misconfigured {
    /// The handler runs without a guard in front.
    #[error("no guard has seen this request: register the route on Portcullis' router")]
    NoGuard,
    /// The handler asks for another user type than the guard has.
    #[error("the guard's user type is not `{0}`, which the handler asks for")]
    OtherUser(&'static str),
    /// The handler asks for a session, and no authenticator of the guard reads sessions.
    #[error("the guard has no sessions: add `sessions.authenticator()` to it")]
    NoSessions,
}

impl Misconfigured {
    /// Makes the answer: a 500 that says nothing to the client, and why to the log.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        tracing::error!(target: "portcullis", error = %self, "a request could not be served");
        plain(StatusCode::INTERNAL_SERVER_ERROR, "A server error occurred.")
    }
}

impl<U> Clone for Access<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: User> fmt::Debug for Access<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("identity", &self.0.identity).finish_non_exhaustive()
    }
}

impl<U: User> Access<U> {
    pub(crate) fn new(
        route: Route<U>,
        parts: &Parts,
        head: &RequestHead<'_>,
        identity: Option<Identity<U>>,
        state: SessionState,
        owes: bool,
    ) -> Self {
        let kept = route.permission().looks_at_objects().then(|| Kept {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
        });
        let debt = AtomicU8::new(if owes { OWED } else { NO_DEBT });
        let (client, is_https) = (head.client(), head.is_https());
        Self(Arc::new(Inner { route, identity, client, is_https, state: Mutex::new(state), kept, debt }))
    }

    pub(crate) fn insert(&self, extensions: &mut Extensions) {
        extensions.insert(Slot(Arc::clone(&self.0) as Arc<dyn Erased>));
    }

    /// Finds what the guard left in a request's extensions.
    ///
    /// # Errors
    ///
    /// [`Misconfigured`] when no guard has seen the request, or one with another user type.
    ///
    /// # Security
    ///
    /// Nothing that other code inserts is found here.
    pub fn of(extensions: &Extensions) -> Result<Self, Misconfigured> {
        let slot = extensions.get::<Slot>().ok_or(Misconfigured::NoGuard)?;
        let inner: Arc<dyn Any + Send + Sync> = Arc::clone(&slot.0) as _;
        let inner = inner.downcast().map_err(|_| Misconfigured::OtherUser(std::any::type_name::<U>()))?;
        Ok(Self(inner))
    }

    /// Returns who asks; `None` for nobody.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity<U>> {
        self.0.identity.as_ref()
    }

    /// Returns who asks, or the refusal for nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when nobody asks.
    pub fn require_identity(&self) -> Result<&Identity<U>, Error> {
        self.identity().ok_or_else(not_authenticated)
    }

    /// Returns the client's address: the right-most one that no trusted proxy added.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.0.client
    }

    /// Tells whether the client speaks TLS, to us or to a trusted proxy.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// Lends the guard.
    #[must_use]
    pub fn guard(&self) -> &Guard<U> {
        self.0.route.guard()
    }

    /// Checks the route's own permission on an object, and pays the debt of the route when it allows.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] or [`Error::Rejected`] when it refuses; [`Error::Unavailable`] when it cannot tell. An object of
    /// another type than the permission's is refused, and logged.
    pub async fn check_object<T: Any + Send + Sync>(&self, object: &T) -> Result<(), Error> {
        self.0.check(object).await
    }

    /// Asks the route's own permission about an object without owing or paying anything; for lists.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it cannot tell.
    pub async fn allows<T: Any + Send + Sync>(&self, object: &T) -> Result<bool, Error> {
        match self.0.decide(object).await {
            Ok(()) => Ok(true),
            Err(Error::Unavailable(outage)) => Err(outage.into()),
            Err(Error::Rejected(_) | Error::Denied(_) | Error::Throttled(_)) => Ok(false),
        }
    }

    /// Returns the session of the request, which need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Misconfigured::NoSessions`] when the guard reads none.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Session<U>, Misconfigured> {
        Session::of(self.clone(), headers).await
    }

    pub(crate) fn owes_object_check(&self) -> bool {
        matches!(self.0.debt.load(Ordering::Acquire), OWED | REFUSED)
    }
}

impl<U: User> Inner<U> {
    /// Decides about an object, and pays or keeps the debt.
    async fn check(&self, object: &(dyn Any + Send + Sync)) -> Result<(), Error> {
        let decided = self.decide(object).await;
        // A refusal stays: it is not paid by another check, before or after.
        let (from, to): (&[u8], u8) =
            if decided.is_ok() { (&[OWED], PAID) } else { (&[OWED, PAID], REFUSED) };
        for from in from {
            let _ = self.debt.compare_exchange(*from, to, Ordering::AcqRel, Ordering::Acquire);
        }
        decided
    }

    async fn decide(&self, object: &(dyn Any + Send + Sync)) -> Result<(), Error> {
        let Self { route, identity, client, kept, .. } = self;
        let Some(Kept { method, uri, headers }) = kept else { return Ok(()) };
        let request = AuthRequest::new(method, uri, headers, identity.as_ref(), *client);
        match route.permission().check_object(&request, object).await? {
            Decision::Allow => Ok(()),
            Decision::Deny(denial) => Err(route.refusal(denial, identity.is_some())),
            Decision::NeedsObject => Err(route.refusal(Denial::default(), identity.is_some())),
        }
    }
}

impl<U: User> Erased for Inner<U> {
    fn check_object<'a>(&'a self, object: &'a (dyn Any + Send + Sync)) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.check(object))
    }
}

impl AnyAccess {
    /// Finds what the guard left in a request's extensions.
    ///
    /// # Errors
    ///
    /// [`Misconfigured::NoGuard`] when no guard has seen the request.
    ///
    /// # Security
    ///
    /// Nothing that other code inserts is found here.
    pub fn of(extensions: &Extensions) -> Result<Self, Misconfigured> {
        extensions.get::<Slot>().map(|slot| Self(Arc::clone(&slot.0))).ok_or(Misconfigured::NoGuard)
    }

    /// Checks the route's own permission on an object, as [`Access::check_object`] does.
    ///
    /// # Errors
    ///
    /// As [`Access::check_object`].
    pub async fn check_object<T: Any + Send + Sync>(&self, object: &T) -> Result<(), Error> {
        self.0.check_object(object).await
    }
}

impl fmt::Debug for AnyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyAccess").finish_non_exhaustive()
    }
}
