//! Why an extractor or a handler does not answer.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
/// A refusal on its way out of an extractor or a handler.
///
/// # Examples
///
/// ```
/// use portcullis_axum::portcullis::Denial;
/// use portcullis_axum::{Auth, Rejection};
///
/// async fn publish(auth: Auth) -> Result<&'static str, Rejection> {
///     if auth.user().username == "john" {
///         return Err(Denial::new("John publishes nothing.").into());
///     }
///     Ok("published")
/// }
/// # let _ = publish;
/// ```
///
/// # Security
///
/// Status and challenges are the route's own, added when the answer leaves the guard.
#[derive(Debug)]
pub struct Rejection(portcullis::Rejection<Body>);

impl Rejection {
    /// Refuses with an answer of the application's own, such as a 404 with another body or the rejection of another
    /// extractor.
    #[must_use]
    pub fn answer(answer: impl IntoResponse) -> Self {
        Self(portcullis::Rejection::answer(answer.into_response()))
    }
}

impl<E: Into<portcullis::Rejection<Body>>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
