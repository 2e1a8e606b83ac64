//! Bodies that pass by, and those that are looked at.
//!
//! 1. Nobody's body is boxed: what passes has two arms, a few bytes of ours or the other's own.
//! 2. What is read has a limit (CWE-770): 413 beyond it, 400 where it breaks off.

use std::error::Error;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use portcullis::{Account, Pending, Rejection};

use crate::grpc;

/// The body of a request behind the guard: the bytes of a form that had to prove its origin, or what has come.
///
/// See the [crate](crate) for an example.
pub type Replay<B> = Either<Full<Bytes>, B>;

/// The body of an answer: a refusal or an endpoint of Portcullis', or what the service behind it answers.
///
/// See [`GuardLayer::answer`](crate::GuardLayer::answer) for an example.
pub type Reply<R> = Either<Full<Bytes>, R>;

/// Reads a body to its end, for handlers.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use portcullis_tower::collect;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// assert_eq!(collect(Full::<Bytes>::from("Dune"), 1024).await.unwrap(), "Dune");
/// let rejection = collect(Full::<Bytes>::from("Dune"), 3).await.unwrap_err();
/// assert_eq!(rejection.into_response().status(), 413);
/// # });
/// ```
///
/// # Errors
///
/// A [`Rejection`]: 413 for more than `limit` bytes, 400 for a body that breaks off.
pub async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Rejection>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    read(body, limit).await.map_err(Rejection::answer)
}

pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Bytes, Response<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Pending::<Account>::too_large()),
        Err(_) => Err(Pending::<Account>::unreadable()),
    }
}

/// A body on its way through the end of the guard, which may replace it.
pub(crate) enum Answer<R> {
    Ours(Bytes),
    Theirs(R),
}

impl<R> From<Bytes> for Answer<R> {
    fn from(bytes: Bytes) -> Self {
        Self::Ours(bytes)
    }
}

/// What the method and the protocol of a request ask of its answer.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) is_head: bool,
    pub(crate) is_grpc: bool,
}

impl Shape {
    /// Sends an answer of Portcullis' own.
    pub(crate) fn ours<R: Body<Data = Bytes>>(self, response: Response<Bytes>) -> Response<Reply<R>> {
        let response = if self.is_grpc { grpc::trailers_only(response) } else { response };
        self.cut(response.map(|body| Reply::Left(Full::new(body))))
    }

    /// Shows the guard what a service answered; with the service's own status, where the guard must see another one.
    pub(crate) fn judge<R: Body>(
        self,
        mut response: Response<R>,
    ) -> (Response<Answer<R>>, Option<StatusCode>) {
        let failure = self.is_grpc.then(|| grpc::failure(&response)).flatten();
        let status = failure.map(|failure| std::mem::replace(response.status_mut(), failure));
        (response.map(Answer::Theirs), status)
    }

    /// Sends what a service answered; `status` is its own, where another one told the guard of an error.
    pub(crate) fn theirs<R: Body<Data = Bytes>>(
        self,
        response: Response<Answer<R>>,
        status: Option<StatusCode>,
    ) -> Response<Reply<R>> {
        let (mut parts, body) = response.into_parts();
        match body {
            Answer::Ours(body) => self.ours(Response::from_parts(parts, body)),
            Answer::Theirs(body) => {
                parts.status = status.unwrap_or(parts.status);
                self.cut(Response::from_parts(parts, Reply::Right(body)))
            }
        }
    }

    /// Takes the content off an answer to HEAD, and leaves its length (RFC 9110 section 9.3.2): hyper does not over
    /// HTTP/2.
    fn cut<R: Body<Data = Bytes>>(self, mut response: Response<Reply<R>>) -> Response<Reply<R>> {
        if self.is_head {
            let hint = match response.body() {
                Reply::Left(body) => body.size_hint(),
                Reply::Right(body) => body.size_hint(),
            };
            // Without content to any method, 204 has no length, and that of 304 is another answer's (section 8.6).
            let has_content = !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            let is_new = has_content && !response.headers().contains_key(CONTENT_LENGTH);
            if let Some(length) = hint.exact().filter(|_| is_new) {
                response.headers_mut().insert(CONTENT_LENGTH, length.into());
            }
            *response.body_mut() = Reply::Left(Full::default());
        }
        response
    }
}
