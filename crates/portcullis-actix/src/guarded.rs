//! A handler behind the guard.
//!
//! 1. The guard wraps what answers one path, and finds the method itself, so that policy and handler come from one match
//!    (CVE-2022-22978, CVE-2016-5007: two matchers that disagree let somebody through).
//! 2. Permissions see the full URI that arrived, in whatever scope the routes stand.
//! 3. A form body that was read to prove its origin reaches the handler byte for byte; other bodies are not touched.
//! 4. Session data is saved when the handler has answered; one that panics or is dropped saves nothing.
//! 5. What extractors believe lies in the request under a private type; nothing that other code inserts is found.
//! 6. Where an extractor could not tell who asks, no handler's answer leaves, also where actix-web turned the error into
//!    a `None`.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::Response;
use http::request::Parts;
use portcullis::endpoint::Endpoint;
use portcullis::{Access, Admission, Admitted, AnyAccess, Misconfigured, Pending, Route, User};

use crate::convert::{answer, complete, outline, unwritable};
use crate::reject::Refusal;

/// The head that a guard let through.
struct Seen(Rc<Parts>);

/// Marks a request that a guard has decided about, or that stands outside of all guards by a visible word.
struct Decided;

/// Marks a request whose handler asked for what could not be told.
struct Misused(Misconfigured);

/// Says that what answers this request needs no guard, or has had one.
pub(crate) fn mark_decided(request: &impl HttpMessage) {
    request.extensions_mut().insert(Decided);
}

/// Why no answer of a handler may leave.
pub(crate) fn misused(request: &HttpRequest) -> Option<Misconfigured> {
    request.extensions().get().map(|Misused(error)| error.clone())
}

/// Why no answer may leave which no guard has decided about.
pub(crate) fn undecided(request: &HttpRequest) -> Option<Misconfigured> {
    let is_decided = request.extensions().get::<Decided>().is_some();
    misused(request).or_else(|| (!is_decided).then_some(Misconfigured::NoGuard))
}

/// Notes that an extractor could not tell.
pub(crate) fn misuse(request: &HttpRequest, error: Misconfigured) -> Misconfigured {
    request.extensions_mut().insert(Misused(error.clone()));
    error
}

/// Finds the head that a guard let through.
pub(crate) fn seen(request: &HttpRequest) -> Result<Rc<Parts>, Misconfigured> {
    let seen = request.extensions().get().map(|Seen(parts)| Rc::clone(parts));
    seen.ok_or_else(|| misuse(request, Misconfigured::NoGuard))
}

/// Finds what a guard knows of the request, for one user type.
pub(crate) fn access<U: User>(request: &HttpRequest) -> Result<(Rc<Parts>, Access<U>), Misconfigured> {
    let parts = seen(request)?;
    let access = Access::of(&parts.extensions).map_err(|error| misuse(request, error))?;
    Ok((parts, access))
}

/// Finds what a guard knows of the request, whatever its user type.
pub(crate) fn any_access(request: &HttpRequest) -> Result<AnyAccess, Misconfigured> {
    AnyAccess::of(&seen(request)?.extensions).map_err(|error| misuse(request, error))
}

/// Takes a request through the guard.
///
/// `parts` are its converted head; the payload that comes back is for the handler.
pub(crate) async fn admit<U: User>(
    route: &Route<U>,
    mut parts: Parts,
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Admitted<U>, Payload), HttpResponse> {
    mark_decided(request);
    let peer = request.peer_addr().map(|address| address.ip());
    let (admitted, payload) = match route.admit(&mut parts, peer).await.map_err(answer)? {
        Admission::Ready(admitted) => (admitted, payload),
        Admission::NeedsBody(pending) => {
            let bytes = collect::<U>(payload, Pending::<U>::LIMIT).await.map_err(answer)?;
            (pending.with_body(&mut parts, &bytes).await.map_err(answer)?, Payload::from(bytes))
        }
    };
    request.extensions_mut().insert(Seen(Rc::new(parts)));
    Ok((admitted, payload))
}

/// Takes an answer back through the guard; its request may have been lost to an error.
pub(crate) async fn finish<U: User>(
    admitted: Admitted<U>,
    request: Option<&HttpRequest>,
    mut response: HttpResponse,
) -> HttpResponse {
    let error = request.map_or(Some(Misconfigured::NoGuard), misused);
    if let Some(error) = error.filter(|_| leaves_open(response.status().as_u16())) {
        response = answer(error.into_response());
    }
    let Some(mut outline) = outline(&response) else { return unwritable() };
    if let Some(Refusal(error)) = response.extensions_mut().remove() {
        Admitted::<U>::attach(error, &mut outline);
    }
    complete(response, admitted.finish(outline).await)
}

/// Whether an answer gives something away: all but errors and 304; 101 opens a stream.
pub(crate) const fn leaves_open(status: u16) -> bool {
    status < 400 && status != 304
}

/// Answers with a ready handler of Portcullis, for a resource that has handlers of its own beside it.
///
/// See [the crate](crate) for an example.
///
/// # Security
///
/// The endpoint's own policy does not count here: the route's does.
pub async fn call<U: User>(
    endpoint: &Endpoint<U>,
    request: &HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let parts = match seen(request) {
        Ok(parts) => Parts::clone(&parts),
        Err(error) => return answer(error.into_response()),
    };
    answer(match collect::<U>(payload.into_inner(), Endpoint::<U>::LIMIT).await {
        Ok(body) => endpoint.call(http::Request::from_parts(parts, body)).await,
        Err(refusal) => refusal,
    })
}

async fn collect<U: User>(mut payload: Payload, limit: usize) -> Result<Bytes, Response<Bytes>> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Pending::<U>::unreadable())?;
        if chunk.len() > limit - body.len() {
            return Err(Pending::<U>::too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
