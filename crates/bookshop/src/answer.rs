//! The answers of views, in DRF's form.
//!
//! 1. JSON is compact UTF-8 with the type `application/json`; U+2028 and U+2029 are escaped, as DRF does.
//! 2. An error is `{"detail": "…"}`, or the errors by field.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use portcullis::Rejection;
use serde::Serialize;
use serde_json::json;

/// The answer of a view, or why there is none.
pub type Answer = Result<Response<Bytes>, Rejection>;

/// Answers a value.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    let Ok(body) = serde_json::to_string(value) else { return empty(StatusCode::INTERNAL_SERVER_ERROR) };
    let body = body.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers a status alone.
#[must_use]
pub fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Answers `{"detail": …}`.
#[must_use]
pub fn detail(status: StatusCode, message: &str) -> Response<Bytes> {
    answer(status, &json!({ "detail": message }))
}

/// Sends a browser on to another page (303).
#[must_use]
pub fn see_other(place: &'static str) -> Response<Bytes> {
    let mut response = empty(StatusCode::SEE_OTHER);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(place));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_separators_are_escaped() {
        let answer = answer(StatusCode::OK, &json!({ "title": "a\u{2028}b\u{2029}ë" }));
        assert_eq!(answer.body(), r#"{"title":"a\u2028b\u2029ë"}"#);
    }
}
