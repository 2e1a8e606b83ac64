//! Between actix-web, which speaks `http` 0.2, and the core, which speaks `http` 1; nothing else here knows of both.
//!
//! 1. What one of them takes and the other does not is a 400, never a panic: `http` 1 refuses some targets, and maps of
//!    more than 32,768 headers.
//! 2. Every value of every header arrives, in its order, with bytes above 0x7F and the mark of a secret.
//! 3. The target keeps its form. In HTTP/2 it carries scheme and authority, which the check of the origin compares.

use actix_web::http as old;
use actix_web::http::header::HeaderMap as OldHeaders;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::{Bytes, BytesMut};
use http::header::{SET_COOKIE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use portcullis::{Account, Admitted, Pending};

use crate::reject::Refusal;

/// What `Admitted::finish` did to the body of an answer.
pub(crate) enum Body {
    Kept,
    Replaced(Bytes),
}

impl From<Bytes> for Body {
    fn from(body: Bytes) -> Self {
        Self::Replaced(body)
    }
}

/// Copies the head of a request; [`malformed`] answers one that cannot be.
pub(crate) fn head(request: &HttpRequest) -> Option<Parts> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    parts.uri = uri(request.uri())?;
    parts.version = version(request.version());
    parts.headers = headers(request.headers())?;
    Some(parts)
}

fn uri(uri: &old::Uri) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = uri.scheme_str().map(str::parse).transpose().ok()?;
    parts.authority = uri.authority().map(|authority| authority.as_str().parse()).transpose().ok()?;
    parts.path_and_query = uri.path_and_query().map(|target| target.as_str().parse()).transpose().ok()?;
    Uri::from_parts(parts).ok()
}

const fn version(version: old::Version) -> Version {
    match version {
        old::Version::HTTP_09 => Version::HTTP_09,
        old::Version::HTTP_10 => Version::HTTP_10,
        old::Version::HTTP_2 => Version::HTTP_2,
        old::Version::HTTP_3 => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// Copies headers; all values share one allocation.
fn headers(old: &OldHeaders) -> Option<HeaderMap> {
    let mut values = BytesMut::with_capacity(old.iter().map(|(_, value)| value.len()).sum());
    old.iter().for_each(|(_, value)| values.extend_from_slice(value.as_bytes()));
    let mut values = values.freeze();
    let mut headers = HeaderMap::try_with_capacity(old.len()).ok()?;
    for (name, old) in old {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        let mut value = HeaderValue::from_maybe_shared(values.split_to(old.len())).ok()?;
        value.set_sensitive(old.is_sensitive());
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

/// Answers a head that cannot be converted, in DRF's form.
pub(crate) fn malformed() -> HttpResponse {
    answer(Pending::<Account>::malformed())
}

/// Makes an answer of the core one of actix-web's; an error of a handler stays attached.
pub(crate) fn answer(mut response: Response<Bytes>) -> HttpResponse {
    let refusal = Admitted::<Account>::detach(&mut response).map(Refusal);
    let (parts, body) = response.into_parts();
    let Ok(status) = old::StatusCode::from_u16(parts.status.as_u16()) else { return unwritable() };
    let mut response = HttpResponseBuilder::new(status).body(body);
    refusal.into_iter().for_each(|refusal| {
        response.extensions_mut().insert(refusal);
    });
    if write(&parts.headers, response.headers_mut()) { response } else { unwritable() }
}

/// Takes of an answer what `Admitted::finish` looks at.
pub(crate) fn outline(response: &HttpResponse) -> Option<Response<Body>> {
    let mut outline = Response::new(Body::Kept);
    *outline.status_mut() = StatusCode::from_u16(response.status().as_u16()).ok()?;
    for value in response.headers().get_all(old::header::VARY) {
        outline.headers_mut().try_append(VARY, HeaderValue::from_bytes(value.as_bytes()).ok()?).ok()?;
    }
    Some(outline)
}

/// Brings to an answer what `Admitted::finish` did to its outline.
pub(crate) fn complete(mut response: HttpResponse, outline: Response<Body>) -> HttpResponse {
    let (parts, body) = outline.into_parts();
    match body {
        Body::Replaced(body) => answer(Response::from_parts(parts, body)),
        Body::Kept if write(&parts.headers, response.headers_mut()) => response,
        Body::Kept => unwritable(),
    }
}

/// Writes headers in place of those of their names, cookies beside those that are there.
#[must_use]
fn write(new: &HeaderMap, headers: &mut OldHeaders) -> bool {
    new.keys().all(|key| {
        let Ok(name) = old::header::HeaderName::from_bytes(key.as_str().as_bytes()) else { return false };
        if key != SET_COOKIE {
            headers.remove(&name);
        }
        new.get_all(key).iter().all(|value| {
            let value = old::header::HeaderValue::from_bytes(value.as_bytes());
            value.map(|value| headers.append(name.clone(), value)).is_ok()
        })
    })
}

/// Answers where an answer cannot be written down, so that half of it is not sent.
pub(crate) fn unwritable() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}

#[cfg(test)]
mod tests;
