//! From our routes to axum's.

use std::collections::{BTreeMap, HashSet};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing;
use http::{HeaderValue, Method};
use portcullis::{Denial, Error, Policy, Route, User};

use super::{Foreign, Registered, Router, fix};
use crate::error::RouteError;
use crate::guarded::{Guarded, Refused, guard, method_not_allowed, without_allow};
use crate::method::Entry;

/// The order in which DRF names methods in `Allow` (`View.http_method_names`).
const ALLOW_ORDER: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

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
    pub fn into_router(mut self, state: S) -> Result<axum::Router, RouteError> {
        self.check()?;
        let mut rest = self.unknown_paths(&state)?;
        for foreign in self.foreign.into_iter().rev() {
            rest = enclose(foreign, &self.default, rest, &state)?;
        }
        let mut by_path: BTreeMap<String, Vec<Registered<S, U>>> = BTreeMap::new();
        for mut route in self.routes {
            route.default = route.default.or(&self.default);
            by_path.entry(route.path.clone()).or_default().push(route);
        }
        let mut router = axum::Router::new();
        for (path, routes) in by_path {
            router = router.route(&path, assemble(&path, routes)?);
        }
        Ok(router.with_state(state).fallback_service(rest))
    }

    fn unknown_paths(&mut self, state: &S) -> Result<axum::Router, RouteError> {
        if let Some(fallback) = self.fallback.take() {
            let route = fix(&self.guard, &self.default, "*")?;
            let handler = (fallback.mount)(route).with_state(state.clone());
            return Ok(axum::Router::new().fallback_service(handler));
        }
        let route = fix(&self.guard, &Policy::default().without_authenticators().public(), "*")?;
        let not_found = Error::Denied(Denial::default().hide());
        Ok(axum::Router::new().fallback(move || std::future::ready(route.render(&not_found).map(Body::from))))
    }

    /// Finds what axum would panic on, and what would not do what it says.
    pub(super) fn check(&self) -> Result<(), RouteError> {
        if self.misplaced_fallback {
            return Err(RouteError::Fallback);
        }
        let mut paths = HashSet::new();
        let mut methods = HashSet::new();
        let mut tree = matchit::Router::new();
        for Registered { path, methods: route, .. } in &self.routes {
            if paths.insert(path) {
                check_path(path)?;
                let unroutable = |error: matchit::InsertError| RouteError::Path {
                    path: path.clone(),
                    reason: error.to_string(),
                };
                tree.insert(path, ()).map_err(unroutable)?;
            }
            if route.late {
                return Err(RouteError::PolicyBeforeMethod(path.clone()));
            }
            for entry in &route.entries {
                if !methods.insert((path, entry.name())) {
                    return Err(RouteError::Twice { method: entry.name().to_owned(), path: path.clone() });
                }
                if let Some(method) = entry.method.as_ref().filter(|_| !entry.is_routable()) {
                    return Err(RouteError::UnknownMethod { method: method.clone(), path: path.clone() });
                }
            }
        }
        self.foreign.iter().map(|foreign| &foreign.prefix).filter(|prefix| !prefix.is_empty()).try_for_each(
            |prefix| {
                check_path(prefix)?;
                let is_plain = !prefix.ends_with('/') && !prefix.contains('{');
                let reason = "a router of axum's is nested below plain segments only".to_owned();
                if is_plain { Ok(()) } else { Err(RouteError::Path { path: prefix.clone(), reason }) }
            },
        )
    }
}

/// What axum says about a path by a panic (`validate_path`).
fn check_path(path: &str) -> Result<(), RouteError> {
    let reason = if !path.starts_with('/') {
        "a path begins with `/`"
    } else if path.split('/').any(|segment| segment.starts_with([':', '*'])) {
        "a capture is written `{name}` or `{*name}`"
    } else {
        return Ok(());
    };
    Err(RouteError::Path { path: path.to_owned(), reason: reason.to_owned() })
}

/// Makes axum's method router of one path, with our own answer to methods that it does not have.
fn assemble<S, U>(path: &str, routes: Vec<Registered<S, U>>) -> Result<routing::MethodRouter<S>, RouteError>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    let allow = allow(routes.iter().flat_map(|route| &route.methods.entries));
    let has_several = routes.len() > 1;
    let mut others = None;
    let mut methods = routing::MethodRouter::new();
    for Registered { guard, default, methods: route, .. } in routes {
        let fixed = fix(&guard, &route.policy.or(&default), path)?;
        if others.is_none() {
            others = Some(if has_several { fix(&guard, &default, path)? } else { fixed.clone() });
        }
        for entry in route.entries {
            methods = methods.merge((entry.mount)(fixed.clone()));
        }
    }
    let (Some(route), Some(allow)) = (others, allow) else { return Ok(methods) };
    let refuse = move |request: Request| std::future::ready(method_not_allowed(&request, allow));
    // `any`, so that axum adds no `Allow` of its own, which a stranger would get with the 401.
    Ok(routing::any(Guarded::new(route, refuse)).merge(methods))
}

/// Lists the methods of a path; `None` where one handler takes all.
fn allow<'a, S: 'a, U: 'a>(entries: impl Iterator<Item = &'a Entry<S, U>>) -> Option<HeaderValue> {
    let methods: Option<HashSet<_>> = entries.map(|entry| entry.method.clone()).collect();
    let mut methods = methods?;
    if methods.contains(&Method::GET) {
        methods.insert(Method::HEAD);
    }
    let names: Vec<_> =
        ALLOW_ORDER.iter().filter(|method| methods.contains(*method)).map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).ok()
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
