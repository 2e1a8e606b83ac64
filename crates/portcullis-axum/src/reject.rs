//! Why an extractor or a handler does not answer.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use portcullis::{
    Account, Admitted, Denial, Error, Misconfigured, Rejected, SessionError, Throttled, Unavailable,
};

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
pub struct Rejection(Kind);

#[derive(Debug)]
enum Kind {
    Error(Error),
    Misconfigured(Misconfigured),
    Answer(Box<Response>),
}

impl Rejection {
    /// Refuses with an answer of the application's own, such as a 404 with another body or the rejection of another
    /// extractor.
    #[must_use]
    pub fn answer(answer: impl IntoResponse) -> Self {
        Self(Kind::Answer(Box::new(answer.into_response())))
    }
}

impl From<Misconfigured> for Rejection {
    fn from(error: Misconfigured) -> Self {
        Self(Kind::Misconfigured(error))
    }
}

macro_rules! from_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for Rejection {
            fn from(error: $error) -> Self {
                Self(Kind::Error(error.into()))
            }
        })*
    };
}

from_errors!(Error, Rejected, Denial, Throttled, Unavailable, SessionError);

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self.0 {
            Kind::Error(error) => {
                let mut response = error.status().into_response();
                Admitted::<Account>::attach(error, &mut response);
                response
            }
            Kind::Misconfigured(error) => error.into_response().map(Body::from),
            Kind::Answer(answer) => *answer,
        }
    }
}
