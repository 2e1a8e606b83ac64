//! Answers that a client of gRPC understands (gRPC over HTTP/2, "Responses").
//!
//! 1. A refusal is trailers-only: HTTP 200, `grpc-status`, `grpc-message`, no content; other headers stay.
//! 2. An error counts as one where the head tells it and nothing can follow; else it is a success, which owes a check.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use portcullis::Rejection;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const MEDIA_TYPE: &str = "application/grpc";
/// All but `%x20-%x24 / %x26-%x7E`.
const MESSAGE_ESCAPES: &AsciiSet = &CONTROLS.add(b'%');

const UNKNOWN: i32 = 2;
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNIMPLEMENTED: i32 = 12;
const INTERNAL: i32 = 13;
const UNAVAILABLE: i32 = 14;
const DATA_LOSS: i32 = 15;
const UNAUTHENTICATED: i32 = 16;

/// Returns the status code of gRPC for one of HTTP.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use portcullis_tower::grpc_code;
///
/// assert_eq!(grpc_code(StatusCode::UNAUTHORIZED), 16); // UNAUTHENTICATED
/// assert_eq!(grpc_code(StatusCode::FORBIDDEN), 7); // PERMISSION_DENIED
/// assert_eq!(grpc_code(StatusCode::SERVICE_UNAVAILABLE), 14); // UNAVAILABLE
/// ```
#[must_use]
pub const fn grpc_code(status: StatusCode) -> i32 {
    match status {
        StatusCode::BAD_REQUEST => INVALID_ARGUMENT,
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        StatusCode::FORBIDDEN => PERMISSION_DENIED,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => UNIMPLEMENTED,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => RESOURCE_EXHAUSTED,
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL,
        StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

/// Turns a handler's refusal into code and message of gRPC: an object that is not there, or hidden, is NOT_FOUND.
///
/// # Examples
///
/// ```
/// use portcullis_tower::grpc_status;
/// use portcullis_tower::portcullis::{Denial, Rejection};
///
/// let rejection: Rejection = Denial::new("Not today.").into();
/// let (code, message) = grpc_status(rejection); // tonic::Status::new(code.into(), message)
/// assert_eq!((code, message.as_str()), (7, "Not today."));
/// ```
#[must_use]
pub fn grpc_status(rejection: Rejection) -> (i32, String) {
    let (status, message) = match rejection.into_error() {
        Ok(error) => (error.status(), error.message().into_owned()),
        Err(answer) => (answer.status(), detail(&answer)),
    };
    if status == StatusCode::NOT_FOUND { (NOT_FOUND, message) } else { (grpc_code(status), message) }
}

/// Whether a request is a call of gRPC, and not one of a browser to the same port.
///
/// Calls are POST: a cache could keep the 200 that refuses a GET (RFC 9111 section 4.2.2).
pub(crate) fn is_call(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::POST
        && headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()))
}

pub(crate) fn trailers_only(response: Response<Bytes>) -> Response<Bytes> {
    let (code, message) = (grpc_code(response.status()), detail(&response));
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::OK;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.insert(STATUS, code.into());
    let message = utf8_percent_encode(&message, MESSAGE_ESCAPES).to_string();
    parts.headers.extend(HeaderValue::try_from(message).ok().map(|message| (MESSAGE, message)));
    Response::from_parts(parts, Bytes::new())
}

/// Returns the status of HTTP that stands for the error in the head of an answer; `None` where content may follow.
pub(crate) fn failure<R: Body>(response: &Response<R>) -> Option<StatusCode> {
    if response.status() != StatusCode::OK || !response.body().is_end_stream() {
        return None;
    }
    let code = response.headers().get(STATUS)?.to_str().ok()?.parse().ok()?;
    match code {
        0 => None,
        // Nothing is saved on a 5xx.
        UNKNOWN | INTERNAL | UNAVAILABLE | DATA_LOSS => Some(StatusCode::INTERNAL_SERVER_ERROR),
        _ => Some(StatusCode::BAD_REQUEST),
    }
}

/// The message in DRF's body, or what the status says where the application renders another one.
fn detail(response: &Response<Bytes>) -> String {
    let body: Option<serde_json::Value> = serde_json::from_slice(response.body()).ok();
    let detail = body.as_ref().and_then(|body| body.get("detail")).and_then(serde_json::Value::as_str);
    detail.or(response.status().canonical_reason()).unwrap_or_default().to_owned()
}
