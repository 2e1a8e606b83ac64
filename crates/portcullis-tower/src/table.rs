//! One table that gives the policy and the target of a request.
//!
//! 1. Both come from one match (CVE-2022-22978, CVE-2016-5007: two matchers that disagree let somebody through).
//! 2. What it does not know does not reach the service behind it.

use std::sync::Arc;

use http::{HeaderValue, Method};
use portcullis::endpoint::Endpoint;
use portcullis::routing::{Built, Found, Resource, RouteError, Unknown};
use portcullis::{Route, User};

use crate::matched::Matched;

/// What a method of a path is declared with.
pub(crate) enum Target<T, U> {
    /// The service behind the guard, told this.
    Tag(T),
    /// A ready handler of Portcullis.
    Endpoint(Arc<Endpoint<U>>),
}

/// What happens to a request that its route lets through.
pub(crate) enum Next<T, U> {
    Inner(Matched<T>),
    /// Boxed, so that the common request does not carry the room for it.
    Own(Box<Own<U>>),
}

/// What Portcullis answers by itself.
pub(crate) enum Own<U> {
    Endpoint(Arc<Endpoint<U>>),
    NotAllowed(Option<HeaderValue>),
}

pub(crate) struct Table<T, U> {
    paths: matchit::Router<Resource<Target<T, U>, U>>,
    unknown: Unknown<Target<T, U>, U>,
}

impl<T, U> From<Endpoint<U>> for Target<T, U> {
    fn from(endpoint: Endpoint<U>) -> Self {
        Self::Endpoint(Arc::new(endpoint))
    }
}

impl<T: Clone, U: User> Target<T, U> {
    fn next(&self, params: Option<&matchit::Params<'_, '_>>) -> Next<T, U> {
        match self {
            Self::Tag(tag) => Next::Inner(Matched::new(tag.clone(), params)),
            Self::Endpoint(endpoint) => Next::Own(Box::new(Own::Endpoint(Arc::clone(endpoint)))),
        }
    }
}

impl<T: Clone, U: User> Table<T, U> {
    pub(crate) fn new(built: Built<Target<T, U>, U>) -> Result<Self, RouteError> {
        let mut paths = matchit::Router::new();
        for resource in built.resources {
            let path = resource.path().to_owned();
            paths.insert(&*path, resource).map_err(|error| RouteError::path(&path, error.to_string()))?;
        }
        Ok(Self { paths, unknown: built.unknown })
    }

    /// Finds who guards a request and what comes then: nothing for an unknown path.
    pub(crate) fn find(&self, method: &Method, path: &str) -> (Route<U>, Option<Next<T, U>>) {
        let Ok(found) = self.paths.at(path) else {
            return match &self.unknown {
                Unknown::Fallback(route, target) => (route.clone(), Some(target.next(None))),
                Unknown::NotFound(route) => (route.clone(), None),
            };
        };
        let (route, next) = match found.value.find(method) {
            Found::Handler(route, target) => (route, target.next(Some(&found.params))),
            Found::NotAllowed(route) => {
                (route, Next::Own(Box::new(Own::NotAllowed(found.value.allow().cloned()))))
            }
        };
        (route.clone(), Some(next))
    }
}
