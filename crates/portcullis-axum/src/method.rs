//! The methods of one route and what they ask.
//!
//! 1. A policy holds for all methods of the route, also for those that it does not have (401 comes before 405).
//! 2. GET answers HEAD (RFC 9110 section 9.3.2) under the same policy; OPTIONS is a method like any other.
//! 3. A word about the policy comes after the last method. `get(a).public().post(b)` would read as if `b` were not
//!    public; it is an error when the router is built.

use std::fmt;

use axum::handler::Handler;
use axum::routing::{self, MethodFilter};
use http::Method;
use portcullis::authentication::Authenticator;
use portcullis::permission::IntoPermission;
use portcullis::{Account, Policy, Route, Throttle, User};

use crate::guarded::Guarded;

/// Makes the axum side of one method, as soon as its route is known.
pub(crate) type Mount<S, U> = Box<dyn FnOnce(Route<U>) -> routing::MethodRouter<S> + Send>;

/// Handlers by method, and the policy of them all.
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
pub struct MethodRouter<S = (), U = Account> {
    pub(crate) entries: Vec<Entry<S, U>>,
    pub(crate) policy: Policy<U>,
    /// A policy was spoken of, and a method came after it.
    pub(crate) late: bool,
    spoken: bool,
}

/// One handler; `None` answers every method that has no handler of its own.
pub(crate) struct Entry<S, U> {
    pub(crate) method: Option<Method>,
    pub(crate) mount: Mount<S, U>,
}

impl<S, U> fmt::Debug for MethodRouter<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.entries.iter().map(Entry::name).collect();
        f.debug_struct("MethodRouter").field("methods", &methods).finish_non_exhaustive()
    }
}

impl<S, U> Entry<S, U> {
    /// Names the method; `*` for all others.
    pub(crate) fn name(&self) -> &str {
        self.method.as_ref().map_or("*", Method::as_str)
    }
}

impl<S, U> Entry<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    pub(crate) fn new<H, T>(method: Option<Method>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = method.clone().and_then(|method| MethodFilter::try_from(method).ok());
        let mount: Mount<S, U> = Box::new(move |route| {
            let guarded = Guarded::new(route, handler);
            match filter {
                Some(filter) => routing::on(filter, guarded),
                None => routing::any(guarded),
            }
        });
        Self { method, mount }
    }

    /// Tells whether axum can tell the method from others.
    pub(crate) fn is_routable(&self) -> bool {
        self.method.clone().is_none_or(|method| MethodFilter::try_from(method).is_ok())
    }
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

methods! {
    get GET "GET and HEAD",
    post POST "POST",
    put PUT "PUT",
    patch PATCH "PATCH",
    delete DELETE "DELETE",
    head HEAD "HEAD apart from GET",
    options OPTIONS "OPTIONS"
}

/// Answers one method with a handler; see [`MethodRouter`].
pub fn on<H, T, S, U>(method: Method, handler: H) -> MethodRouter<S, U>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
    U: User,
{
    MethodRouter::with(Entry::new(Some(method), handler), Policy::default())
}

/// Answers every method with a handler, also invented ones; methods chained to it go first. See [`MethodRouter`].
pub fn any<H, T, S, U>(handler: H) -> MethodRouter<S, U>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
    U: User,
{
    MethodRouter::with(Entry::new(None, handler), Policy::default())
}

impl<S, U> MethodRouter<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    pub(crate) fn with(entry: Entry<S, U>, policy: Policy<U>) -> Self {
        Self { entries: vec![entry], policy, late: false, spoken: false }
    }

    /// Answers one more method; see [`MethodRouter`].
    pub fn on<H, T>(mut self, method: Method, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.late |= self.spoken;
        self.entries.push(Entry::new(Some(method), handler));
        self
    }

    /// Asks for a permission instead of the default; see [`MethodRouter`].
    pub fn require<M>(self, permission: impl IntoPermission<U, M>) -> Self {
        self.say(|policy| policy.require(permission))
    }

    /// Lets everybody in. A credential that is sent must be good all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis_axum::{MethodRouter, get};
    ///
    /// let health: MethodRouter = get(|| async { "ok" }).public();
    /// # let _ = health;
    /// ```
    pub fn public(self) -> Self {
        self.say(Policy::public)
    }

    /// Asks this authenticator instead of the guard's; called again, this one after the earlier ones.
    pub fn authenticate_with(self, authenticator: impl Authenticator<U>) -> Self {
        self.say(|policy| policy.authenticate_with(authenticator))
    }

    /// Asks no authenticator at all: nothing that is sent can be refused.
    pub fn without_authenticators(self) -> Self {
        self.say(Policy::without_authenticators)
    }

    /// Asks this throttle instead of the guard's; called again, this one as well as the earlier ones.
    ///
    /// A method that the route does not have counts, too (DRF: 405 comes after the throttles).
    pub fn throttle(self, throttle: Throttle) -> Self {
        self.say(|policy| policy.throttle(throttle))
    }

    /// Counts nobody, whatever the guard does.
    pub fn without_throttles(self) -> Self {
        self.say(Policy::without_throttles)
    }

    /// Says that the route has no object to check, so that its answers owe no check: a list, a creation.
    pub fn without_object(self) -> Self {
        self.say(Policy::without_object)
    }

    fn say(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { policy: word(self.policy), spoken: true, ..self }
    }
}
