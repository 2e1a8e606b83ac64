//! The answers of views, in DRF's form.
//!
//! 1. JSON is compact UTF-8 with the type `application/json`; U+2028 and U+2029 are escaped, as DRF does.
//! 2. An error is `{"detail": "…"}`, or the errors by field.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

/// A status and a JSON body.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    body: Result<String, serde_json::Error>,
}

/// Answers a value.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_string(value);
    Answer {
        status,
        body: body.map(|body| body.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")),
    }
}

/// Answers `{"detail": …}`.
#[must_use]
pub fn detail(status: StatusCode, message: &str) -> Answer {
    answer(status, &json!({ "detail": message }))
}

impl Answer {
    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Ok(body) = self.body else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], Body::from(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_separators_are_escaped() {
        let answer = answer(StatusCode::OK, &json!({ "title": "a\u{2028}b\u{2029}ë" }));
        assert_eq!(answer.body.unwrap(), r#"{"title":"a\u2028b\u2029ë"}"#);
    }
}
