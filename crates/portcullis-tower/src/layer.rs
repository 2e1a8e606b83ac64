//! The guard as a layer of tower's.
//!
//! 1. Permissions see the URI that arrives here: what rewrites URIs stands outside of the guard, never between it and
//!    the service (CVE-2026-22753).
//! 2. A form body that was read to prove its origin reaches the service byte for byte; other bodies are not touched.
//! 3. Session data is saved when the service has answered; one that fails, panics or is dropped saves nothing.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use portcullis::endpoint::Endpoint;
use portcullis::routing::method_not_allowed;
use portcullis::{Account, Admission, Admitted, Pending, Route, User};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Replay, Reply, Shape, read};
use crate::grpc;
use crate::table::{Next, Own, Table};

type Peer = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Puts the guard with its table of routes in front of a service; made by [`Router::into_layer`](crate::Router::into_layer).
///
/// # Examples
///
/// See [`Router`](crate::Router).
///
/// # Security
///
/// Without [`GuardLayer::with_peer`] no peer is known: no proxy is trusted, and no address counts.
#[must_use = "a layer does nothing before it is given a service"]
pub struct GuardLayer<T = (), U = Account> {
    table: Arc<Table<T, U>>,
    peer: Option<Arc<Peer>>,
    is_grpc: bool,
}

/// A service behind the guard; made by [`GuardLayer`].
///
/// # Examples
///
/// See [`Router`](crate::Router).
pub struct GuardService<S, T = (), U = Account> {
    inner: S,
    layer: GuardLayer<T, U>,
}

impl<T, U> Clone for GuardLayer<T, U> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), peer: self.peer.clone(), is_grpc: self.is_grpc }
    }
}

impl<S: Clone, T, U> Clone for GuardService<S, T, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<T, U> fmt::Debug for GuardLayer<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer").field("is_grpc", &self.is_grpc).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, T, U> fmt::Debug for GuardService<S, T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<T, U> GuardLayer<T, U>
where
    T: Clone + Send + Sync + 'static,
    U: User,
{
    pub(crate) fn new(table: Table<T, U>) -> Self {
        Self { table: Arc::new(table), peer: None, is_grpc: false }
    }

    /// Tells how the server hands over the other end of the connection.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis_tower::portcullis::{Guard, Tokens, Users, store::MemoryStore};
    /// # use portcullis_tower::{Router, get};
    /// # use std::net::SocketAddr;
    /// # let store = MemoryStore::new();
    /// # let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
    /// let layer = Router::new(guard)
    ///     .route("/books", get(()))
    ///     .into_layer()?
    ///     .with_peer(|parts| parts.extensions.get::<SocketAddr>().map(SocketAddr::ip));
    /// # let _ = layer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Security
    ///
    /// It is the server's word, and never a header's: those count from trusted proxies alone, which the guard knows.
    pub fn with_peer(self, peer: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self { peer: Some(Arc::new(peer)), ..self }
    }

    /// Refuses calls of gRPC in its own way: HTTP 200 with `grpc-status`, as [`grpc_code`](crate::grpc_code) says.
    ///
    /// What is no call of gRPC, by its method and its `Content-Type`, is answered as ever, and endpoints answer as ever to
    /// whom they let in.
    pub fn for_grpc(self) -> Self {
        Self { is_grpc: true, ..self }
    }

    /// Takes a request through the guard to a handler, and its answer back; for who writes an adapter.
    ///
    /// The handler runs only for a request that is let through. What it fails with is passed on, and nothing is saved.
    ///
    /// The request is taken apart outside of the future, which would else have room for it twice.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis_tower::portcullis::{Guard, Tokens, Users, store::MemoryStore};
    /// # use portcullis_tower::{Router, get};
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// # let store = MemoryStore::new();
    /// # let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    ///
    /// let layer = Router::new(guard).route("/books", get("list")).into_layer()?;
    /// let request = Request::get("/books").body(Full::<Bytes>::default())?;
    /// let answer = layer.answer(request, |tag, _| async move { Ok::<_, http::Error>(Response::new(Full::from(tag))) });
    /// assert_eq!(answer.await?.status(), 401);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What the handler fails with.
    pub fn answer<B, R, E, F, H>(
        &self,
        request: Request<B>,
        handler: H,
    ) -> impl Future<Output = Result<Response<Reply<R>>, E>> + use<B, R, E, F, H, T, U>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
        R: Body<Data = Bytes>,
        F: Future<Output = Result<Response<R>, E>>,
        H: FnOnce(T, Request<Replay<B>>) -> F,
    {
        let (mut parts, body) = request.into_parts();
        let (route, next) = self.table.find(&parts.method, parts.uri.path());
        let peer = self.peer.as_ref().and_then(|peer| peer(&parts));
        let shape = Shape {
            is_head: parts.method == Method::HEAD,
            is_grpc: self.is_grpc && grpc::is_call(&parts.method, &parts.headers),
        };
        async move {
            let Some(next) = next else { return Ok(shape.ours(route.not_found())) };
            // Boxed: beyond a kilobyte glibc no longer keeps the room of a request for the next one.
            let (admitted, body) = match Box::pin(admit(&route, &mut parts, body, peer)).await {
                Ok(admitted) => admitted,
                Err(refusal) => return Ok(shape.ours(refusal)),
            };
            let matched = match next {
                Next::Inner(matched) => matched,
                Next::Own(own) => {
                    return Ok(Box::pin(answer_itself(*own, admitted, parts, body, shape)).await);
                }
            };
            let response = handler(matched.insert(&mut parts.extensions), Request::from_parts(parts, body));
            let (response, status) = shape.judge(response.await?);
            Ok(shape.theirs(admitted.finish(response).await, status))
        }
    }
}

async fn admit<B, U>(
    route: &Route<U>,
    parts: &mut Parts,
    body: B,
    peer: Option<IpAddr>,
) -> Result<(Admitted<U>, Replay<B>), Response<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    U: User,
{
    match route.admit(parts, peer).await? {
        Admission::Ready(admitted) => Ok((admitted, Either::Right(body))),
        // Boxed, so that the common request does not carry the room for it.
        Admission::NeedsBody(pending) => Box::pin(prove(pending, parts, body)).await,
    }
}

/// Proves the origin of a request by its form, whose bytes are handed on.
async fn prove<B, U>(
    pending: Box<Pending<U>>,
    parts: &mut Parts,
    body: B,
) -> Result<(Admitted<U>, Replay<B>), Response<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    U: User,
{
    let bytes = read(body, Pending::<U>::LIMIT).await?;
    let admitted = pending.with_body(parts, &bytes).await?;
    Ok((admitted, Either::Left(Full::new(bytes))))
}

/// Answers an endpoint, and a method that the path does not have.
async fn answer_itself<B, R, U>(
    own: Own<U>,
    admitted: Admitted<U>,
    parts: Parts,
    body: Replay<B>,
    shape: Shape,
) -> Response<Reply<R>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Body<Data = Bytes>,
    U: User,
{
    let (response, shape) = match own {
        Own::Endpoint(endpoint) => {
            let response = match read(body, Endpoint::<U>::LIMIT).await {
                Ok(body) => endpoint.call(Request::from_parts(parts, body)).await,
                Err(answer) => answer,
            };
            (response, Shape { is_grpc: false, ..shape })
        }
        Own::NotAllowed(allow) => (method_not_allowed(&parts.method, allow), shape),
    };
    shape.ours(admitted.finish(response).await)
}

impl<S, T, U> Layer<S> for GuardLayer<T, U> {
    type Service = GuardService<S, T, U>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, layer: self.clone() }
    }
}

impl<S, B, R, T, U> Service<Request<B>> for GuardService<S, T, U>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: Body<Data = Bytes> + Send + 'static,
    T: Clone + Send + Sync + 'static,
    U: User,
{
    type Response = Response<Reply<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled is the one that is called; its clone waits for the next request.
        let waiting = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, waiting);
        Box::pin(self.layer.answer(request, move |_, request| inner.call(request)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use portcullis::{Guard, Users, store::MemoryStore};

    use super::*;
    use crate::{Router, get};

    #[test]
    fn the_future_of_a_request_is_small() {
        let users = Users::new(MemoryStore::new());
        let guarded = Guard::builder(users.clone()).authenticate(users.basic()).build().unwrap();
        let layer = Router::<_, Account>::new(guarded).route("/", get(1_u8)).into_layer().unwrap();
        // A handler that waits in a box and has a state of four words, as in axum's test.
        let state = [1_usize; 4];
        let handler = move |_: u8, _: Request<Replay<Full<Bytes>>>| {
            std::hint::black_box(state);
            let answer: Result<_, Infallible> = Ok(Response::new(Full::<Bytes>::default()));
            Box::pin(std::future::ready(answer))
        };
        let size = size_of_val(&layer.answer(Request::new(Full::default()), handler));
        assert!(size <= 1032, "{size} bytes: glibc keeps no box of more than 1032 for the next request");
    }
}
