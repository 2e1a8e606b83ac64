//! The guard and a handler as a service of hyper's.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use hyper::body::Incoming;
use portcullis::{Account, User};
use portcullis_tower::{GuardLayer, Replay, Reply, RouteError, Router};

use crate::answer::IntoAnswer;

/// A request as a handler gets it: behind the guard, with who asks and the route in its extensions.
///
/// # Examples
///
/// See [`GuardService`].
pub type Request<B = Incoming> = http::Request<Replay<B>>;

/// A handler behind the guard, for HTTP/1 and HTTP/2; cloning shares the table of routes.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use http_body_util::Full;
/// use portcullis_hyper::portcullis::{Guard, Tokens, Users, store::MemoryStore};
/// use portcullis_hyper::{Auth, GuardService, Rejection, Request, Router, get};
///
/// #[derive(Clone)]
/// enum Page {
///     Whoami,
///     Health,
/// }
///
/// async fn handle(page: Page, request: Request) -> Result<Response<Full<Bytes>>, Rejection> {
///     let text = match page {
///         Page::Whoami => {
///             let auth: Auth = Auth::of(request.extensions())?;
///             auth.user().username.clone()
///         }
///         Page::Health => "ok".to_owned(),
///     };
///     Ok(Response::new(text.into()))
/// }
///
/// let store = MemoryStore::new();
/// let tokens = Tokens::new(store.clone());
/// let guard = Guard::builder(Users::new(store)).authenticate(tokens.authenticator()).build()?;
/// let router = Router::new(guard)
///     .route("/whoami", get(Page::Whoami))
///     .route("/health", get(Page::Health).public())
///     .merge(tokens.endpoints("/login"));
/// let service = GuardService::new(router, handle)?;
/// // For each connection: http1::Builder::new().serve_connection(io, service.with_peer(peer))
/// # let _ = service;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a service does nothing before it serves a connection"]
pub struct GuardService<H, T = (), U = Account> {
    layer: GuardLayer<T, U>,
    handler: H,
}

impl<H: Clone, T, U> Clone for GuardService<H, T, U> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), handler: self.handler.clone() }
    }
}

impl<H, T, U> fmt::Debug for GuardService<H, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").finish_non_exhaustive()
    }
}

impl<H, T, U> GuardService<H, T, U>
where
    T: Clone + Send + Sync + 'static,
    U: User,
{
    /// Puts the guard with its routes in front of a handler, which gets the tag of the route and the request.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when something could never work; the message names the path.
    pub fn new<B, F>(router: Router<T, U>, handler: H) -> Result<Self, RouteError>
    where
        H: Fn(T, Request<B>) -> F,
        F: Future<Output: IntoAnswer>,
    {
        Ok(Self { layer: router.into_layer()?, handler })
    }

    /// Makes the service of one connection.
    ///
    /// # Security
    ///
    /// Without it no peer is known: no proxy is trusted, and no address counts.
    pub fn with_peer(&self, peer: SocketAddr) -> Self
    where
        H: Clone,
    {
        let layer = self.layer.clone().with_peer(move |_| Some(peer.ip()));
        Self { layer, handler: self.handler.clone() }
    }
}

impl<H, F, B, T, U> hyper::service::Service<http::Request<B>> for GuardService<H, T, U>
where
    H: Fn(T, Request<B>) -> F + Clone + Send + 'static,
    F: Future<Output: IntoAnswer> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    T: Clone + Send + Sync + 'static,
    U: User,
{
    type Response = Response<Reply<Reply<<F::Output as IntoAnswer>::Body>>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: http::Request<B>) -> Self::Future {
        let handler = self.handler.clone();
        Box::pin(self.layer.answer(request, move |tag, request| {
            let answered = handler(tag, request);
            async move { Ok(answered.await.into_answer()) }
        }))
    }
}
