//! Why a handler does not answer.

use bytes::Bytes;
use http::Response;

use crate::error::{Denial, Error, Rejected, Throttled, Unavailable};
use crate::guard::{Admitted, Misconfigured, SessionError};
use crate::user::Account;

/// A refusal on its way out of a handler: one of the four errors, or an answer of the application's own.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use portcullis::{Auth, Denial, Rejection};
///
/// /// A handler of hyper's.
/// async fn publish(request: Request<Bytes>) -> Result<Response<Bytes>, Rejection> {
///     let auth: Auth = Auth::of(request.extensions())?;
///     if auth.user().username == "john" {
///         return Err(Denial::new("John publishes nothing.").into());
///     }
///     Ok(Response::new("published".into()))
/// }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // Nobody has guarded this request: nobody is served.
/// let answer = publish(Request::default()).await.unwrap_err().into_response();
/// assert_eq!(answer.status(), 500);
/// # });
/// ```
///
/// # Security
///
/// Status and challenges are the route's own, added when the answer leaves the guard.
#[derive(Debug)]
pub struct Rejection<B = Bytes>(Kind<B>);

#[derive(Debug)]
enum Kind<B> {
    Error(Error),
    Answer(Box<Response<B>>),
}

impl<B> Rejection<B> {
    /// Refuses with an answer of the application's own, such as a 404 with another body.
    #[must_use]
    pub fn answer(answer: Response<B>) -> Self {
        Self(Kind::Answer(Box::new(answer)))
    }

    /// Takes it apart, for adapters: the error, or the finished answer.
    ///
    /// # Errors
    ///
    /// The answer, where it is one.
    pub fn into_error(self) -> Result<Error, Box<Response<B>>> {
        match self.0 {
            Kind::Error(error) => Ok(error),
            Kind::Answer(answer) => Err(answer),
        }
    }
}

impl<B: From<Bytes>> Rejection<B> {
    /// Makes an answer that [`Admitted::finish`] completes.
    #[must_use]
    pub fn into_response(self) -> Response<B> {
        match self.0 {
            Kind::Error(error) => {
                let mut response = Response::new(B::from(Bytes::new()));
                *response.status_mut() = error.status();
                Admitted::<Account>::attach(error, &mut response);
                response
            }
            Kind::Answer(answer) => *answer,
        }
    }
}

impl<B: From<Bytes>> From<Misconfigured> for Rejection<B> {
    /// A 500 that says nothing to the client, and why to the log.
    fn from(error: Misconfigured) -> Self {
        Self::answer(error.into_response().map(B::from))
    }
}

macro_rules! from_errors {
    ($($error:ty),*) => {
        $(impl<B> From<$error> for Rejection<B> {
            fn from(error: $error) -> Self {
                Self(Kind::Error(error.into()))
            }
        })*
    };
}

from_errors!(Error, Rejected, Denial, Throttled, Unavailable, SessionError);

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn an_error_waits_for_its_route_and_an_answer_is_finished() {
        let denied: Rejection = Denial::default().into();
        assert!(matches!(denied.into_error(), Ok(Error::Denied(_))));
        let mut teapot = Response::new(Bytes::new());
        *teapot.status_mut() = StatusCode::IM_A_TEAPOT;
        assert_eq!(Rejection::answer(teapot).into_response().status(), 418);
        let misconfigured: Rejection = Misconfigured::NoGuard.into();
        assert_eq!(misconfigured.into_error().unwrap_err().status(), 500);
    }
}
