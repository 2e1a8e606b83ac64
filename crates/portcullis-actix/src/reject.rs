//! Why an extractor or a handler does not answer.

use std::cell::RefCell;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;
use portcullis::Error;

use crate::convert::{answer, unwritable};

/// A refusal on its way out of an extractor or a handler.
///
/// See [the crate](crate) for an example.
///
/// # Security
///
/// Status and challenges are the route's own, added when the answer leaves the guard. An error of your own that holds a
/// `Rejection` hands [`ResponseError::error_response`] on to it.
#[derive(Debug)]
pub struct Rejection(Kind);

#[derive(Debug)]
enum Kind {
    Error(Error),
    /// Taken by the one answer that is made of it.
    Answer(RefCell<Option<Box<HttpResponse>>>),
}

/// The error that an answer stands for, until the guard renders it.
pub(crate) struct Refusal(pub(crate) Error);

impl Rejection {
    /// Refuses with an answer of the application's own, such as a 404 with another body or the error of another
    /// extractor.
    #[must_use]
    pub fn answer(answer: impl Into<HttpResponse>) -> Self {
        Self(Kind::Answer(RefCell::new(Some(Box::new(answer.into())))))
    }
}

impl<E: Into<portcullis::Rejection<Bytes>>> From<E> for Rejection {
    fn from(error: E) -> Self {
        match error.into().into_error() {
            Ok(error) => Self(Kind::Error(error)),
            Err(finished) => Self::answer(answer(*finished)),
        }
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        let Kind::Error(error) = &self.0 else { return StatusCode::INTERNAL_SERVER_ERROR };
        StatusCode::from_u16(error.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match &self.0 {
            Kind::Error(error) => {
                let mut response = HttpResponse::new(self.status_code());
                response.extensions_mut().insert(Refusal(error.clone()));
                response
            }
            Kind::Answer(answer) => answer.take().map_or_else(unwritable, |answer| *answer),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Error(error) => fmt::Display::fmt(error, f),
            Kind::Answer(_) => f.write_str("an answer of the application"),
        }
    }
}
