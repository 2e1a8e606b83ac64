//! Middleware for what stands beside our resources: services of actix-web's own.
//!
//! 1. [`Seal`] lets no answer out that no guard has decided about. It is an alarm for mistakes, not the lock.
//! 2. [`Public`] says that a foreign service needs no guard; [`GuardMiddleware`] puts one in front of it.
//! 3. What any of them marks is of a private type: nothing that other code inserts is believed.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::{Error, HttpResponse};
use futures_util::future::LocalBoxFuture;
use portcullis::{Account, Misconfigured, Route, User};

use crate::convert::{self, answer, malformed};
use crate::guarded::{admit, finish, leaves_open, mark_decided, undecided};

/// Replaces answers by a 500 that no guard has decided about: 1xx to 3xx, apart from 304.
///
/// See [the crate](crate) for an example.
///
/// # Security
///
/// Wrap the whole `App`, last, so that it stands outside. The handler of a service without a guard has run all the same.
/// What a middleware outside of it answers is not seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seal;

/// Says that a resource or a scope of actix-web's own needs no guard; see [`Seal`].
///
/// # Security
///
/// Nothing stands in front of it; extractors of Portcullis in it answer 500. What Portcullis guards within it stays closed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Public;

/// Puts a guard in front of a resource or a scope of actix-web's own; see [`Seal`].
///
/// # Security
///
/// It is the one policy of everything below, and nothing below can loosen it. A resource of the same path that is registered
/// beside it is not behind it.
#[derive(Debug)]
pub struct GuardMiddleware<U: User = Account>(Route<U>);

impl<U: User> GuardMiddleware<U> {
    /// Guards with a route that [`Guard::route`](portcullis::Guard::route) has fixed.
    #[must_use]
    pub const fn new(route: Route<U>) -> Self {
        Self(route)
    }
}

/// One of the middlewares around a service.
#[derive(Debug)]
#[expect(unnameable_types, reason = "actix-web's `wrap` asks for it, and nobody else")]
pub struct Around<M, S> {
    middleware: M,
    next: Rc<S>,
}

type Answered = Result<ServiceResponse, Error>;
type Next<'a> = &'a dyn Fn(ServiceRequest) -> LocalBoxFuture<'static, Answered>;

/// What a middleware does with a request.
trait Pass: Clone + 'static {
    async fn pass(&self, request: ServiceRequest, next: Next<'_>) -> Answered;
}

impl Pass for Seal {
    async fn pass(&self, request: ServiceRequest, next: Next<'_>) -> Answered {
        match next(request).await {
            Ok(response) => {
                let error = undecided(response.request());
                Ok(match error.filter(|_| leaves_open(response.status().as_u16())) {
                    Some(error) => response.into_response(answer(error.into_response())),
                    None => response,
                })
            }
            // The request is gone, and with it what was decided: an error that opens something is none. Some errors
            // give their answer only once, so that it goes on as it is.
            Err(error) => {
                let response = HttpResponse::from_error(error);
                let is_open = leaves_open(response.status().as_u16());
                Err(as_error(if is_open { answer(Misconfigured::NoGuard.into_response()) } else { response }))
            }
        }
    }
}

impl Pass for Public {
    async fn pass(&self, request: ServiceRequest, next: Next<'_>) -> Answered {
        mark_decided(&request);
        next(request).await
    }
}

impl<U: User> Pass for Route<U> {
    async fn pass(&self, request: ServiceRequest, next: Next<'_>) -> Answered {
        let (request, payload) = request.into_parts();
        let Some(parts) = convert::head(&request) else {
            return Ok(ServiceResponse::new(request, malformed()));
        };
        let (admitted, payload) = match admit(self, parts, &request, payload).await {
            Ok(admitted) => admitted,
            Err(refusal) => return Ok(ServiceResponse::new(request, refusal)),
        };
        match next(ServiceRequest::from_parts(request, payload)).await {
            Ok(response) => {
                let (request, response) = response.into_parts();
                let response = finish(admitted, Some(&request), response).await;
                Ok(ServiceResponse::new(request, response))
            }
            Err(error) => Err(as_error(finish(admitted, None, HttpResponse::from_error(error)).await)),
        }
    }
}

/// Sends an answer out the way that an error came.
fn as_error(response: HttpResponse) -> Error {
    InternalError::from_response("a service of actix-web's answered with an error", response).into()
}

macro_rules! middlewares {
    ($([$($user:ident)?] $name:ty, $pass:ty, $get:expr;)*) => {
        $(impl<S, B $(, $user: User)?> Transform<S, ServiceRequest> for $name
        where
            S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
            B: MessageBody + 'static,
        {
            type Response = ServiceResponse;
            type Error = Error;
            type Transform = Around<$pass, S>;
            type InitError = ();
            type Future = Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, service: S) -> Self::Future {
                let get: fn(&Self) -> $pass = $get;
                ready(Ok(Around { middleware: get(self), next: Rc::new(service) }))
            }
        })*
    };
}

middlewares! {
    [] Seal, Seal, |_| Seal;
    [] Public, Public, |_| Public;
    [U] GuardMiddleware<U>, Route<U>, |guard| guard.0.clone();
}

impl<M, S, B> Service<ServiceRequest> for Around<M, S>
where
    M: Pass,
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Answered>;

    forward_ready!(next);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (middleware, service) = (self.middleware.clone(), Rc::clone(&self.next));
        Box::pin(async move {
            let next = |request| -> LocalBoxFuture<'static, Answered> {
                let answered = service.call(request);
                Box::pin(async { Ok(answered.await?.map_into_boxed_body()) })
            };
            middleware.pass(request, &next).await
        })
    }
}
