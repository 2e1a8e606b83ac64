//! What a handler may answer.

use std::error::Error;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::Full;
use portcullis::Rejection;
use portcullis_tower::Reply;

/// An answer of a handler: a response, or a response or what becomes a [`Rejection`].
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use http_body_util::Full;
/// use portcullis_hyper::portcullis::Denial;
/// use portcullis_hyper::{IntoAnswer, Rejection};
///
/// let refused: Result<Response<Full<Bytes>>, Rejection> = Err(Denial::new("Not today.").into());
/// assert_eq!(refused.into_answer().status(), 403);
/// ```
///
/// # Security
///
/// Status and challenges of a refusal are the route's own, added when the answer leaves the guard.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a handler answers",
    label = "not an `IntoAnswer`",
    note = "a handler answers with a `Response` of a body, or a `Result` of one and what becomes a `Rejection`"
)]
pub trait IntoAnswer {
    /// The body of the handler's own answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Makes an answer that the guard completes.
    fn into_answer(self) -> Response<Reply<Self::Body>>;
}

impl<R> IntoAnswer for Response<R>
where
    R: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Body = R;

    fn into_answer(self) -> Response<Reply<R>> {
        self.map(Reply::Right)
    }
}

impl<R, E> IntoAnswer for Result<Response<R>, E>
where
    R: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    E: Into<Rejection>,
{
    type Body = R;

    fn into_answer(self) -> Response<Reply<R>> {
        match self {
            Ok(response) => response.into_answer(),
            Err(error) => error.into().into_response().map(|body| Reply::Left(Full::new(body))),
        }
    }
}
