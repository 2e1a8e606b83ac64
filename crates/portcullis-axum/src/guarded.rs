//! A handler behind the guard.
//!
//! 1. The guard wraps the handler that axum has matched, so that policy and route come from one match
//!    (CVE-2022-22978, CVE-2016-5007: two matchers that disagree let somebody through).
//! 2. Permissions see the full original URI, whatever an outer router has taken off it, and a rewritten one where
//!    something has rewritten it (CVE-2026-22753).
//! 3. A form body that was read to prove its origin reaches the handler byte for byte; other bodies are not touched.
//! 4. Session data is saved when the handler has answered; one that panics or is dropped saves nothing.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::handler::Handler;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use portcullis::endpoint::Endpoint;
use portcullis::{Admission, Admitted, Pending, Route, User};

/// A handler and the route that guards it.
pub(crate) struct Guarded<H, U> {
    route: Route<U>,
    handler: H,
}

/// A ready handler of Portcullis.
pub(crate) struct Mounted<U>(pub(crate) Endpoint<U>);

/// Marks an answer of the guard, for [`without_allow`].
#[derive(Clone)]
pub(crate) struct Refused;

impl<H, U> Guarded<H, U> {
    pub(crate) const fn new(route: Route<U>, handler: H) -> Self {
        Self { route, handler }
    }
}

impl<H: Clone, U> Clone for Guarded<H, U> {
    fn clone(&self) -> Self {
        Self { route: self.route.clone(), handler: self.handler.clone() }
    }
}

impl<U> Clone for Mounted<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H, T, S, U> Handler<T, S> for Guarded<H, U>
where
    H: Handler<T, S>,
    S: Send + 'static,
    U: User,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let Self { route, handler } = self;
        Box::pin(guard(route, request, |request| handler.call(request, state)))
    }
}

impl<S, U: User> Handler<Infallible, S> for Mounted<U> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, _: S) -> Self::Future {
        Box::pin(async move { call(&self.0, request).await })
    }
}

/// Answers with a ready handler of Portcullis, for a route that has handlers of its own beside it.
///
/// # Examples
///
/// ```
/// use axum::extract::Request;
/// use portcullis::{SessionConfig, Sessions, store::MemoryStore};
/// use portcullis_axum::{MethodRouter, call, post};
///
/// let sessions = Sessions::new(MemoryStore::new(), SessionConfig::default());
/// let login = sessions.login_endpoint("/login");
/// let log_in = async move |request: Request| call(&login, request).await;
/// async fn explain() -> &'static str {
///     "POST a username and a password"
/// }
/// let route: MethodRouter = post(log_in).get(explain).public();
/// # let _ = route;
/// ```
///
/// # Security
///
/// The endpoint's own policy does not count here: the route's does.
pub async fn call<U: User>(endpoint: &Endpoint<U>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match collect::<U>(body, Endpoint::<U>::LIMIT).await {
        Ok(body) => endpoint.call(Request::from_parts(parts, body)).await.map(Body::from),
        Err(answer) => answer.map(Body::from),
    }
}

/// Takes a request through the guard, and its answer back.
///
/// The request is taken apart outside of the future, which would else have room for it twice: beyond a kilobyte glibc
/// no longer keeps a box for the next request.
pub(crate) fn guard<U, F>(
    route: Route<U>,
    request: Request,
    handler: impl FnOnce(Request) -> F,
) -> impl Future<Output = Response>
where
    U: User,
    F: Future<Output = Response>,
{
    let (mut parts, body) = request.into_parts();
    let stripped = restore_uri(&mut parts);
    async move {
        // Nothing waits within a `match`: what it looks at would have room of its own in the future.
        let (admitted, body) = match admit(&route, &mut parts, body).await {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal.map(Body::from),
        };
        if let Some(stripped) = stripped {
            parts.uri = *stripped;
        }
        let response = handler(Request::from_parts(parts, body)).await;
        admitted.finish(response).await
    }
}

async fn admit<U: User>(
    route: &Route<U>,
    parts: &mut Parts,
    body: Body,
) -> Result<(Admitted<U>, Body), Response<Bytes>> {
    let peer = peer(parts);
    let pending = match route.admit(parts, peer).await? {
        Admission::Ready(admitted) => return Ok((admitted, body)),
        Admission::NeedsBody(pending) => pending,
    };
    // Boxed, so that the common request does not carry the room for it.
    Box::pin(admit_form(*pending, parts, body)).await
}

async fn admit_form<U: User>(
    pending: Pending<U>,
    parts: &mut Parts,
    body: Body,
) -> Result<(Admitted<U>, Body), Response<Bytes>> {
    let bytes = collect::<U>(body, Pending::<U>::LIMIT).await?;
    let admitted = pending.with_body(parts, &bytes).await?;
    Ok((admitted, Body::from(bytes)))
}

/// Puts the URI back that arrived, and returns what an outer router had left of it.
///
/// A URI that a layer within an outer router has rewritten stays: it is the one that was routed (CVE-2026-22753).
fn restore_uri(parts: &mut Parts) -> Option<Box<Uri>> {
    let OriginalUri(original) = parts.extensions.get()?;
    let routed = parts.uri.path();
    let is_left = routed == "/" || original.path().ends_with(routed);
    if *original == parts.uri || !is_left {
        return None;
    }
    Some(Box::new(std::mem::replace(&mut parts.uri, original.clone())))
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get().map(|ConnectInfo::<SocketAddr>(address)| address.ip())
}

async fn collect<U: User>(body: Body, limit: usize) -> Result<Bytes, Response<Bytes>> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Pending::<U>::too_large()),
        Err(_) => Err(Pending::<U>::unreadable()),
    }
}

/// Takes the `Allow` off a refusal that axum has put there: it tells strangers which methods there are.
pub(crate) async fn without_allow(mut response: Response) -> Response {
    if response.extensions().get::<Refused>().is_some() {
        response.headers_mut().remove(header::ALLOW);
    }
    response
}

#[cfg(test)]
mod tests {
    use portcullis::{Account, Guard, Policy, Users, store::MemoryStore};

    use super::*;

    #[test]
    fn the_future_of_a_request_is_small() {
        let users = Users::new(MemoryStore::new());
        let guarded = Guard::builder(users.clone()).authenticate(users.basic()).build().unwrap();
        let route: Route<Account> = guarded.route(&Policy::default()).unwrap();
        // A handler of axum waits in a box, and this one has a state of four words.
        let state = [1_usize; 4];
        let handler = move |_: Request| {
            std::hint::black_box(state);
            Box::pin(std::future::ready(Response::new(Body::empty())))
        };
        let size = size_of_val(&guard(route, Request::default(), handler));
        assert!(size <= 1032, "{size} bytes: glibc keeps no box of more than 1032 for the next request");
    }
}
