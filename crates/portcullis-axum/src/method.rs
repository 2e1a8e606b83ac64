//! The methods of one route and what they ask.
//!
//! What they do is in [`portcullis::routing`].
//!
//! 1. A policy holds for all methods of the route, also for those that it does not have (401 comes before 405).
//! 2. GET answers HEAD (RFC 9110 section 9.3.2) under the same policy; OPTIONS is a method like any other.
//! 3. A word about the policy comes after the last method. `get(a).public().post(b)` would read as if `b` were not
//!    public; it is an error when the router is built.

use std::fmt;

use axum::handler::Handler;
use axum::routing::{self, MethodFilter};
use http::Method;
use portcullis::endpoint::Endpoint;
use portcullis::routing::{Entry, Methods};
use portcullis::{Account, Policy, Route, User};

use crate::guarded::{Guarded, Mounted};

type Make<S, U> = dyn FnOnce(Option<MethodFilter>, Route<U>) -> routing::MethodRouter<S> + Send;

/// Makes the axum side of one method, as soon as its route is known.
pub(crate) struct Mount<S, U>(Box<Make<S, U>>);

/// Handlers by method, and the policy of them all; the default has none yet.
///
/// # Examples
///
/// ```
/// use portcullis_axum::{MethodRouter, get};
/// use portcullis_axum::portcullis::permission::IsAdminUser;
///
/// async fn list() {}
/// async fn create() {}
/// let reports: MethodRouter = get(list).post(create).require(IsAdminUser);
/// # let _ = reports;
/// ```
#[must_use = "a method router does nothing before it is given to `Router::route`"]
pub struct MethodRouter<S = (), U = Account>(pub(crate) Methods<Mount<S, U>, U>);

impl<S, U: User> Default for MethodRouter<S, U> {
    fn default() -> Self {
        Self(Methods::none())
    }
}

impl<S, U: User> fmt::Debug for MethodRouter<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.0.entries().iter().map(Entry::name).collect();
        f.debug_struct("MethodRouter").field("methods", &methods).finish_non_exhaustive()
    }
}

impl<S, U> Mount<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    pub(crate) fn new<H, T>(handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self(Box::new(move |filter, route| {
            let guarded = Guarded::new(route, handler);
            match filter {
                Some(filter) => routing::on(filter, guarded),
                None => routing::any(guarded),
            }
        }))
    }

    pub(crate) fn at(self, method: Option<Method>, route: Route<U>) -> routing::MethodRouter<S> {
        (self.0)(method.and_then(|method| MethodFilter::try_from(method).ok()), route)
    }
}

impl<S, U> From<Endpoint<U>> for Mount<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn from(endpoint: Endpoint<U>) -> Self {
        Self::new(Mounted(endpoint))
    }
}

/// Tells whether axum can tell a method from others.
pub(crate) fn is_routable(method: &Method) -> bool {
    MethodFilter::try_from(method.clone()).is_ok()
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal),*) => {
        $(
            #[doc = concat!("Answers ", $text, " with a handler; see [`MethodRouter`].")]
            pub fn $name<H, T, S, U>(handler: H) -> MethodRouter<S, U>
            where
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
                U: User,
            {
                on(Method::$method, handler)
            }
        )*

        impl<S, U> MethodRouter<S, U>
        where
            S: Clone + Send + Sync + 'static,
            U: User,
        {
            $(
                #[doc = concat!("Answers ", $text, " as well; see [`MethodRouter`].")]
                pub fn $name<H, T>(self, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    self.on(Method::$method, handler)
                }
            )*
        }
    };
}

portcullis::method_words!(methods);

/// Answers one method with a handler; see [`MethodRouter`].
pub fn on<H, T, S, U>(method: Method, handler: H) -> MethodRouter<S, U>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
    U: User,
{
    MethodRouter(Methods::on(method, Mount::new(handler)))
}

/// Answers every method with a handler, also invented ones; methods chained to it go first. See [`MethodRouter`].
pub fn any<H, T, S, U>(handler: H) -> MethodRouter<S, U>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
    U: User,
{
    MethodRouter(Methods::any(Mount::new(handler)))
}

impl<S, U> MethodRouter<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    /// Answers one more method; see [`MethodRouter`].
    pub fn on<H, T>(self, method: Method, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self(self.0.and(method, Mount::new(handler)))
    }

    portcullis::policy_words!(say);

    fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self(self.0.say(word))
    }
}
