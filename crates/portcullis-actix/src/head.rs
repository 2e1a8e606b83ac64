//! For code of an application that speaks `http` 1, as the core does.

use std::ops::Deref;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use bytes::Bytes;
use http::request::Parts;
use std::future::{Ready, ready};

use crate::convert::answer;
use crate::guarded::seen;
use crate::reject::Rejection;

/// The head of the request as the guard saw it: method, whole URI and headers in `http` 1.
///
/// See [the crate](crate) for an example.
#[derive(Debug, Clone)]
pub struct Head(Rc<Parts>);

impl Deref for Head {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRequest for Head {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(seen(request).map(Self).map_err(Rejection::from))
    }
}

/// Makes an answer in `http` 1 one of actix-web's; see [`Head`].
#[must_use]
pub fn response(response: http::Response<Bytes>) -> HttpResponse {
    answer(response)
}
