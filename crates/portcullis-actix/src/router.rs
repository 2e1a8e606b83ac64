//! Resources and scopes that are closed by default, and know what they ask.
//!
//! The rules are those of [`portcullis::routing`]. Scopes are flattened: actix-web gets each path whole, once, and without
//! routing guards.

use std::fmt;
use std::sync::Arc;

use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, web};
use portcullis::endpoint::{Endpoint, Endpoints};
use portcullis::routing::{self, Found, Methods, RouteError, RouteTable, Unknown};
use portcullis::{Account, Guard, Policy, Route, User};

use crate::convert::{self, answer, malformed};
use crate::guarded::{admit, finish};
use crate::method::{MethodRoute, Mount};
use crate::path;
use crate::sent::is_as_sent;

/// Routes requests to handlers, each behind the guard.
///
/// See [the crate](crate) for an example.
///
/// # Security
///
/// Middleware of the application wraps the `App`, and so runs before the guard. What a permission sees is the target as it
/// arrived, while actix-web matches what is left of it without percent-encoding. So that they agree, a path that escapes
/// text of a route without need (`/%61dmin`) is unknown; what a pattern captures is escaped at will: decide by routes, not
/// by `uri()`.
#[derive(Debug)]
#[must_use = "a router does nothing before it is built"]
pub struct Router<U: User = Account>(routing::Routes<Mount, U>);

/// The methods of one path; see [`resource`].
#[derive(Debug)]
#[must_use = "a resource does nothing before it is given to `service`"]
pub struct Resource<U = Account> {
    path: String,
    methods: Methods<Mount, U>,
}

/// Resources below a prefix; see [`scope`].
#[must_use = "a scope does nothing before it is given to `service`"]
pub struct Scope<U: User = Account> {
    prefix: String,
    default: Policy<U>,
    services: Vec<Box<Add<U>>>,
}

/// Adds one service to the router below the prefix.
type Add<U> = dyn FnOnce(Router<U>) -> Router<U>;

/// Routes that are fixed, for every worker; see [`Router`].
pub struct Routes<U = Account>(Arc<Fixed<U>>);

struct Fixed<U> {
    resources: Vec<Arc<routing::Resource<Mount, U>>>,
    unknown: Unknown<Mount, U>,
    table: RouteTable,
}

/// What can be given to [`Router::service`] and [`Scope::service`]: resources, scopes, the endpoints of a mechanism, and
/// other routers, which keep their guard.
///
/// See [`Router`] for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added to this router",
    label = "neither a resource, a scope, endpoints nor a router of Portcullis, of the same users",
    note = "`portcullis_actix::resource` and `portcullis_actix::scope` make what is guarded; the users here are `{U}`",
    note = "a service of actix-web enters at the `App`, by a visible word: `.wrap(GuardMiddleware::new(route))`, or `.wrap(Public)` with nothing in front of it"
)]
pub trait Merge<U: User>: 'static {
    /// Adds everything to a router.
    fn merge_into(self, router: Router<U>) -> Router<U>;
}

/// Begins the methods of a path in actix-web's notation; see [`Router`].
///
/// What the resource asks holds for all its methods, also for those that it does not have (401 comes before 405); a method
/// may ask something else. The same path may be declared again with another policy.
pub fn resource<U: User>(path: &str) -> Resource<U> {
    Resource { path: path.to_owned(), methods: Methods::none() }
}

/// Begins resources below a prefix, with a default of their own; see [`Router`].
pub fn scope<U: User>(prefix: &str) -> Scope<U> {
    Scope { prefix: prefix.to_owned(), default: Policy::default(), services: Vec::new() }
}

impl<U: User> fmt::Debug for Scope<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl<U> fmt::Debug for Routes<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Routes").field(&self.0.table).finish()
    }
}

impl<U> Clone for Routes<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U: User> Router<U> {
    /// Begins without routes; see [`Router`].
    pub fn new(guard: Guard<U>) -> Self {
        Self(routing::Routes::new(guard))
    }

    /// Adds a resource, a scope, endpoints or another router; see [`Router`].
    pub fn service(self, service: impl Merge<U>) -> Self {
        service.merge_into(self)
    }

    /// Answers unknown paths with a handler, behind the default permission; without one they are 404.
    pub fn fallback<H, Args>(self, handler: H) -> Self
    where
        H: Handler<Args, Output: Responder + 'static> + Send + Sync,
        Args: FromRequest + 'static,
    {
        Self(self.0.fallback(Mount::new(handler)))
    }

    portcullis::policy_words!(say_by_default);

    fn say_by_default(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self(self.0.say_by_default(word))
    }

    /// Fixes every route.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when something could never work; the message names the path.
    pub fn build(self) -> Result<Routes<U>, RouteError> {
        let table = self.0.table()?;
        let ranks = path::rank(self.0.paths())?;
        let built = self.0.build()?;
        let mut resources: Vec<_> = built.resources.into_iter().map(Arc::new).collect();
        resources.sort_by_key(|resource| ranks.get(resource.path()).copied());
        Ok(Routes(Arc::new(Fixed { resources, unknown: built.unknown, table })))
    }
}

impl<U: User> Resource<U> {
    /// Adds a method; see [`MethodRoute`].
    pub fn route(self, route: MethodRoute<U>) -> Self {
        let MethodRoute { method, policy, handler } = route;
        Self { methods: self.methods.with(method, policy, handler), ..self }
    }

    portcullis::policy_words!(say);

    fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { methods: self.methods.say(word), ..self }
    }
}

impl<U: User> Scope<U> {
    /// Adds a resource, a scope, endpoints or a router below the prefix; see [`scope`].
    pub fn service(mut self, service: impl Merge<U>) -> Self {
        self.services.push(Box::new(|router| service.merge_into(router)));
        self
    }

    portcullis::policy_words!(say_by_default);

    fn say_by_default(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { default: word(self.default), ..self }
    }
}

impl<U: User> Merge<U> for Resource<U> {
    fn merge_into(self, router: Router<U>) -> Router<U> {
        Router(router.0.route(&self.path, self.methods))
    }
}

impl<U: User> Merge<U> for Scope<U> {
    fn merge_into(self, router: Router<U>) -> Router<U> {
        let inner = Router::new(router.0.guard().clone()).policy(self.default);
        let inner = self.services.into_iter().fold(inner, |inner, service| service(inner));
        Router(router.0.nest(&self.prefix, inner.0))
    }
}

impl<U: User> Merge<U> for Router<U> {
    fn merge_into(self, router: Self) -> Self {
        Self(router.0.merge(self.0))
    }
}

impl<U: User> Merge<U> for Endpoint<U> {
    fn merge_into(self, router: Router<U>) -> Router<U> {
        Router(router.0.mount(self))
    }
}

impl<U: User> Merge<U> for Endpoints<U> {
    fn merge_into(self, router: Router<U>) -> Router<U> {
        Router(router.0.mount(self))
    }
}

impl<U: User> Routes<U> {
    /// Lists what every route asks.
    #[must_use]
    pub fn table(&self) -> &RouteTable {
        &self.0.table
    }

    /// Registers everything in an `App`, in the order in which actix-web must ask; see [`Router`].
    ///
    /// # Security
    ///
    /// actix-web asks what was registered first: a resource of its own on the same path, in front of this, answers without
    /// the guard. [`Seal`](crate::Seal) tells.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        for resource in &self.0.resources {
            let answer = self.answer(Some(Arc::clone(resource)));
            config.service(web::resource(resource.path()).route(web::to(answer)));
        }
        config.default_service(web::to(self.answer(None)));
    }

    fn answer(
        &self,
        resource: Option<Arc<routing::Resource<Mount, U>>>,
    ) -> impl Handler<(HttpRequest, web::Payload), Output = HttpResponse> + use<U> {
        let fixed = Arc::clone(&self.0);
        move |request, payload| respond(Arc::clone(&fixed), resource.clone(), request, payload)
    }
}

/// Answers the requests of one path, or without one those of all unknown paths.
async fn respond<U: User>(
    fixed: Arc<Fixed<U>>,
    resource: Option<Arc<routing::Resource<Mount, U>>>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let Some(parts) = convert::head(&request) else { return malformed() };
    let (route, handler) = match resource.as_deref().filter(|_| is_as_sent(&request)) {
        Some(resource) => match resource.find(&parts.method) {
            Found::Handler(route, handler) => (route, Ok(handler)),
            Found::NotAllowed(route) => (route, Err(answer(resource.not_allowed(&parts.method)))),
        },
        None => match &fixed.unknown {
            Unknown::Fallback(route, handler) => (route, Ok(handler)),
            Unknown::NotFound(route) => return answer(route.not_found()),
        },
    };
    guard(route, parts, request, payload, handler).await
}

/// Takes a request through the guard to its handler, or to the answer that stands in its place, and back.
async fn guard<U: User>(
    route: &Route<U>,
    parts: http::request::Parts,
    request: HttpRequest,
    payload: web::Payload,
    handler: Result<&Mount, HttpResponse>,
) -> HttpResponse {
    let (admitted, payload) = match admit(route, parts, &request, payload.into_inner()).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    let response = match handler {
        Ok(handler) => handler.call(request.clone(), payload).await,
        Err(response) => response,
    };
    finish(admitted, Some(&request), response).await
}
