//! From our routes to axum's.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing;
use portcullis::routing::{Resource, RouteError, Unknown, check_notation, fix, method_not_allowed};
use portcullis::{Policy, Route, User};

use super::{Foreign, Router};
use crate::guarded::{Guarded, Refused, guard, without_allow};
use crate::method::{Mount, is_routable};

impl<S, U> Router<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    /// Builds the router of axum's that serves all this, with the state of the handlers.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when something could never work; the message names the path.
    pub fn into_router(self, state: S) -> Result<axum::Router, RouteError> {
        self.check()?;
        let default = self.routes.default_policy().clone();
        let built = self.routes.build()?;
        let mut rest = match built.unknown {
            Unknown::Fallback(route, handler) => {
                axum::Router::new().fallback_service(handler.at(None, route).with_state(state.clone()))
            }
            Unknown::NotFound(route) => {
                axum::Router::new().fallback(move || std::future::ready(route.not_found().map(Body::from)))
            }
        };
        for foreign in self.foreign.into_iter().rev() {
            rest = enclose(foreign, &default, rest, &state)?;
        }
        let router = built.resources.into_iter().fold(axum::Router::new(), |router, resource| {
            let path = resource.path().to_owned();
            router.route(&path, assemble(resource))
        });
        Ok(router.with_state(state).fallback_service(rest))
    }

    /// Finds what axum would panic on.
    pub(super) fn check(&self) -> Result<(), RouteError> {
        let mut tree = matchit::Router::new();
        for path in self.routes.paths() {
            check_notation(path)?;
            tree.insert(path, ()).map_err(|error| RouteError::path(path, error.to_string()))?;
        }
        for (path, entry) in self.routes.entries() {
            if let Some(method) = entry.method().filter(|method| !is_routable(method)) {
                return Err(RouteError::UnknownMethod { method: method.clone(), path: path.to_owned() });
            }
        }
        self.foreign.iter().map(|foreign| &foreign.prefix).filter(|prefix| !prefix.is_empty()).try_for_each(
            |prefix| {
                check_notation(prefix)?;
                let is_plain = !prefix.ends_with('/') && !prefix.contains('{');
                let reason = "a router of axum's is nested below plain segments only";
                if is_plain { Ok(()) } else { Err(RouteError::path(prefix, reason)) }
            },
        )
    }
}

/// Makes axum's method router of one path, with our own answer to methods that it does not have.
fn assemble<S, U>(resource: Resource<Mount<S, U>, U>) -> routing::MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    let (others, allow) = (resource.others().clone(), resource.allow().cloned());
    let methods =
        resource.into_methods().fold(routing::MethodRouter::new(), |methods, (method, route, mount)| {
            methods.merge(mount.at(method, route))
        });
    let Some(allow) = allow else { return methods };
    let refuse = move |request: Request| {
        std::future::ready(method_not_allowed(request.method(), Some(allow)).map(Body::from))
    };
    // `any`, so that axum adds no `Allow` of its own, which a stranger would get with the 401.
    routing::any(Guarded::new(others, refuse)).merge(methods)
}

/// Puts a foreign router in front of `rest`, which answers what it does not know.
fn enclose<S, U>(
    foreign: Foreign<S, U>,
    default: &Policy<U>,
    rest: axum::Router,
    state: &S,
) -> Result<axum::Router, RouteError>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    let Foreign { prefix, router, policy } = foreign;
    let below = |router| if prefix.is_empty() { router } else { axum::Router::new().nest(&prefix, router) };
    let router = router.with_state(state.clone());
    let Some((guard, policy)) = policy else { return Ok(below(router).fallback_service(rest)) };
    let route = fix(&guard, &policy.or(default), &format!("{prefix}*"))?;
    let router = below(router.layer(from_fn_with_state(route, guard_foreign::<U>))).fallback_service(rest);
    // The outer router is there for its layer, which sees the `Allow` that axum adds behind the guard's back.
    Ok(axum::Router::new().fallback_service(router).layer(map_response(without_allow)))
}

async fn guard_foreign<U: User>(State(route): State<Route<U>>, request: Request, next: Next) -> Response {
    let mut is_refused = true;
    let run = |request| {
        is_refused = false;
        next.run(request)
    };
    let mut response = guard(route, request, run).await;
    if is_refused {
        response.extensions_mut().insert(Refused);
    }
    response
}
