//! The methods of one resource and what they ask.
//!
//! The rules are those of [`portcullis::routing`], and one more: what extractors refuse has the order of DRF, 404 and 403 of
//! an object, only then the 400 of a body. actix-web takes the first error of the extractors, which it polls side by side.

use std::fmt;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, Responder, web};
use futures_util::future::LocalBoxFuture;
use http::Method;
use portcullis::endpoint::Endpoint;
use portcullis::{Account, Policy, User};

use crate::extract::Checks;
use crate::guarded::call;
use crate::reject::Rejection;

type Call = dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, HttpResponse> + Send + Sync;

/// A handler with its extractors, of whatever kind.
pub(crate) struct Mount(Box<Call>);

impl Mount {
    pub(crate) fn new<H, Args>(handler: H) -> Self
    where
        H: Handler<Args, Output: Responder + 'static> + Send + Sync,
        Args: FromRequest + 'static,
    {
        Self(Box::new(move |request, payload| {
            let handler = handler.clone();
            Box::pin(async move {
                match extract(&request, payload).await {
                    Ok(args) => handler.call(args).await.respond_to(&request).map_into_boxed_body(),
                    Err(error) => HttpResponse::from_error(error),
                }
            })
        }))
    }

    pub(crate) async fn call(&self, request: HttpRequest, payload: Payload) -> HttpResponse {
        (self.0)(request, payload).await
    }
}

impl<U: User> From<Endpoint<U>> for Mount {
    fn from(endpoint: Endpoint<U>) -> Self {
        Self::new(move |request: HttpRequest, payload: web::Payload| {
            let endpoint = endpoint.clone();
            async move { call(&endpoint, &request, payload).await }
        })
    }
}

/// Extracts what a handler asks for; a refusal of ours goes before an error of another extractor.
async fn extract<Args: FromRequest>(request: &HttpRequest, mut payload: Payload) -> Result<Args, Error> {
    let checks = Checks::begin(request);
    let error = match Args::from_request(request, &mut payload).await {
        Ok(args) => return Ok(args),
        Err(error) => error.into(),
    };
    if error.as_error::<Rejection>().is_some() {
        return Err(error);
    }
    Err(checks.refusal().await.map_or(error, Error::from))
}

/// One method, which waits for its handler; see [`Router`](crate::Router).
#[derive(Debug)]
#[must_use = "a method does nothing without a handler"]
pub struct OnMethod(Option<Method>);

/// A handler of one method, and what it asks where that is not what its resource asks; see [`Router`](crate::Router).
#[must_use = "a route does nothing before it is given to `Resource::route`"]
pub struct MethodRoute<U = Account> {
    pub(crate) method: Option<Method>,
    pub(crate) policy: Policy<U>,
    pub(crate) handler: Mount,
}

impl<U> fmt::Debug for MethodRoute<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodRoute").field("method", &self.method).finish_non_exhaustive()
    }
}

impl OnMethod {
    /// Answers with a handler; see [`Router`](crate::Router).
    pub fn to<H, Args, U>(self, handler: H) -> MethodRoute<U>
    where
        H: Handler<Args, Output: Responder + 'static> + Send + Sync,
        Args: FromRequest + 'static,
        U: User,
    {
        MethodRoute { method: self.0, policy: Policy::default(), handler: Mount::new(handler) }
    }
}

impl<U: User> MethodRoute<U> {
    portcullis::policy_words!(say);

    fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { policy: word(self.policy), ..self }
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal),*) => {
        $(
            #[doc = concat!("Answers ", $text, "; see [`Router`](crate::Router).")]
            pub fn $name() -> OnMethod {
                on(Method::$method)
            }
        )*
    };
}

portcullis::method_words!(methods);

/// Answers one method, of `http` 1 as [`Method`](crate::Method) is; see [`Router`](crate::Router).
pub fn on(method: Method) -> OnMethod {
    OnMethod(Some(method))
}

/// Answers every method that has no handler of its own, also invented ones; see [`Router`](crate::Router).
pub fn any() -> OnMethod {
    OnMethod(None)
}
