//! A router that is closed by default, and knows what it asks.
//!
//! 1. A route that says nothing asks the default permission of its router, else the guard's.
//! 2. Routers are flattened when they are nested: no prefix is stripped, permissions see the full path.
//! 3. A method that a path does not have is refused before it is answered 405 with `Allow`: by the policy of the path,
//!    or by the default where its methods have several.
//! 4. An unknown path is 404 and needs no identity; a fallback of the application asks the default permission.
//! 5. A foreign router enters by a visible word only, and answers only paths that this one does not know.
//! 6. What could never work is an error when the router is built.

mod build;

use std::fmt;

use axum::handler::Handler;
use portcullis::endpoint::{Endpoint, Endpoints};
use portcullis::permission::IntoPermission;
use portcullis::{Account, Guard, Policy, Route, Throttle, User};

use crate::error::RouteError;
use crate::guarded::Mounted;
use crate::method::{Entry, MethodRouter};
use crate::table::{RouteRow, RouteTable};

/// Routes requests to handlers, each behind the guard.
///
/// # Examples
///
/// ```
/// use portcullis_axum::portcullis::permission::IsAdminUser;
/// use portcullis_axum::portcullis::{Guard, Tokens, Users, store::MemoryStore};
/// use portcullis_axum::{Auth, Router, get};
///
/// async fn whoami(auth: Auth) -> String {
///     auth.user().username.clone()
/// }
///
/// let store = MemoryStore::new();
/// let tokens = Tokens::new(store.clone());
/// let guard = Guard::builder(Users::new(store)).authenticate(tokens.authenticator()).build()?;
/// let admin = Router::new(guard.clone()).require(IsAdminUser).route("/reports", get(|| async {}));
/// let app: axum::Router = Router::new(guard)
///     .route("/whoami", get(whoami))
///     .route("/health", get(|| async { "ok" }).public())
///     .nest("/admin", admin)
///     .merge(tokens.endpoints("/login"))
///     .into_router(())?;
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// Layers of the application go on the [`axum::Router`] that comes out, and so run before the guard; one that must
/// know who asks goes on a handler (`get(handler.layer(..))`).
#[must_use = "a router does nothing before `into_router`"]
pub struct Router<S = (), U = Account> {
    guard: Guard<U>,
    default: Policy<U>,
    routes: Vec<Registered<S, U>>,
    foreign: Vec<Foreign<S, U>>,
    fallback: Option<Entry<S, U>>,
    misplaced_fallback: bool,
}

/// One call of `route`.
struct Registered<S, U> {
    path: String,
    guard: Guard<U>,
    /// The default of the routers that it came through.
    default: Policy<U>,
    methods: MethodRouter<S, U>,
}

/// A router of axum's with what is asked in front of it; nothing for a public one.
struct Foreign<S, U> {
    prefix: String,
    router: axum::Router<S>,
    policy: Option<(Guard<U>, Policy<U>)>,
}

/// What can be merged into a [`Router`]: another one, and the endpoints of a mechanism.
///
/// See [`Router`] for an example.
pub trait Merge<S, U> {
    /// Adds everything to a router.
    fn merge_into(self, router: Router<S, U>) -> Router<S, U>;
}

impl<S, U> fmt::Debug for Router<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.routes.iter().map(|route| &route.path).collect();
        f.debug_struct("Router").field("paths", &paths).finish_non_exhaustive()
    }
}

impl<S, U> Router<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    /// Begins without routes; see [`Router`].
    pub fn new(guard: Guard<U>) -> Self {
        Self {
            guard,
            default: Policy::default(),
            routes: Vec::new(),
            foreign: Vec::new(),
            fallback: None,
            misplaced_fallback: false,
        }
    }

    /// Routes a path in axum's notation; a second call for one path adds methods with a policy of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis_axum::portcullis::{Guard, Tokens, Users, store::MemoryStore};
    /// # use portcullis_axum::{Router, get, post};
    /// # let store = MemoryStore::new();
    /// # let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
    /// let books: Router = Router::new(guard)
    ///     .route("/books", get(|| async {}).public())
    ///     .route("/books", post(|| async {}));
    /// # let _ = books;
    /// # Ok::<(), portcullis_axum::portcullis::GuardError>(())
    /// ```
    pub fn route(mut self, path: &str, methods: MethodRouter<S, U>) -> Self {
        let guard = self.guard.clone();
        self.routes.push(Registered { path: path.to_owned(), guard, default: Policy::default(), methods });
        self
    }

    /// Adds another router's routes, or the endpoints of a mechanism; see [`Router`].
    pub fn merge(self, other: impl Merge<S, U>) -> Self {
        other.merge_into(self)
    }

    /// Adds another router's routes below a prefix; see [`Router`].
    pub fn nest(self, prefix: &str, mut other: Self) -> Self {
        for route in &mut other.routes {
            route.path = below(prefix, &route.path);
        }
        for foreign in &mut other.foreign {
            foreign.prefix = below(prefix, &foreign.prefix);
        }
        other.misplaced_fallback |= other.fallback.is_some();
        self.merge(other)
    }

    /// Adds a router of axum's that is guarded by itself, or not at all; its own fallback is replaced.
    ///
    /// # Security
    ///
    /// Nothing stands in front of it; extractors of Portcullis in it answer 500.
    pub fn merge_public(mut self, router: axum::Router<S>) -> Self {
        self.foreign.push(Foreign { prefix: String::new(), router, policy: None });
        self
    }

    /// Adds a router of axum's behind a permission; its own fallback is replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis_axum::portcullis::{Guard, Tokens, Users, store::MemoryStore};
    /// use portcullis_axum::portcullis::permission::IsAdminUser;
    /// # use portcullis_axum::Router;
    /// # let store = MemoryStore::new();
    /// # let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
    /// let metrics = axum::Router::new().route("/metrics", axum::routing::get(|| async { "requests 1" }));
    /// let app: Router = Router::new(guard).merge_guarded(metrics, IsAdminUser);
    /// # let _ = app;
    /// # Ok::<(), portcullis_axum::portcullis::GuardError>(())
    /// ```
    pub fn merge_guarded<M>(
        mut self,
        router: axum::Router<S>,
        permission: impl IntoPermission<U, M>,
    ) -> Self {
        let policy = Some((self.guard.clone(), Policy::default().require(permission)));
        self.foreign.push(Foreign { prefix: String::new(), router, policy });
        self
    }

    /// Answers unknown paths with a handler, behind the default permission; without one they are 404.
    pub fn fallback<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.misplaced_fallback |= self.fallback.is_some();
        self.fallback = Some(Entry::new(None, handler));
        self
    }

    /// Asks for a permission wherever a route of this router says nothing, instead of the guard's default.
    pub fn require<M>(self, permission: impl IntoPermission<U, M>) -> Self {
        Self { default: self.default.require(permission), ..self }
    }

    /// Asks this throttle wherever a route of this router says nothing, instead of the guard's; called again, this one as
    /// well as the earlier ones.
    pub fn throttle(self, throttle: Throttle) -> Self {
        Self { default: self.default.throttle(throttle), ..self }
    }

    /// Counts nobody wherever a route of this router says nothing, whatever the guard does.
    pub fn without_throttles(self) -> Self {
        Self { default: self.default.without_throttles(), ..self }
    }

    /// Lists what every route asks.
    ///
    /// # Errors
    ///
    /// [`RouteError`] as [`Router::into_router`].
    pub fn table(&self) -> Result<RouteTable, RouteError> {
        self.check()?;
        let mut rows = Vec::new();
        for Registered { path, guard, methods, default } in &self.routes {
            let route = fix(guard, &methods.policy.clone().or(default).or(&self.default), path)?;
            rows.extend(methods.entries.iter().map(|entry| row(entry.name(), path, &route)));
        }
        for Foreign { prefix, policy, .. } in &self.foreign {
            let path = format!("{prefix}*");
            rows.push(match policy {
                Some((guard, policy)) => {
                    row("*", &path, &fix(guard, &policy.clone().or(&self.default), &path)?)
                }
                None => RouteRow::new("*", &path, Vec::new(), "public".to_owned()),
            });
        }
        if self.fallback.is_some() {
            rows.push(row("*", "*", &fix(&self.guard, &self.default, "*")?));
        }
        Ok(RouteTable::new(rows))
    }
}

fn row<U: User>(method: &str, path: &str, route: &Route<U>) -> RouteRow {
    RouteRow::new(method, path, route.authenticators().collect(), route.permission().describe())
}

fn fix<U: User>(guard: &Guard<U>, policy: &Policy<U>, path: &str) -> Result<Route<U>, RouteError> {
    guard.route(policy).map_err(|source| RouteError::Policy { path: path.to_owned(), source })
}

/// Puts a path behind a prefix, as axum's `nest` does: `/` is the prefix itself.
fn below(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (Some(prefix), path) => format!("{prefix}{path}"),
        (None, "/") => prefix.to_owned(),
        (None, path) => format!("{prefix}{path}"),
    }
}

impl<S, U> Merge<S, U> for Router<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, mut router: Self) -> Self {
        for mut route in self.routes {
            route.default = route.default.or(&self.default);
            router.routes.push(route);
        }
        for mut foreign in self.foreign {
            foreign.policy = foreign.policy.map(|(guard, policy)| (guard, policy.or(&self.default)));
            router.foreign.push(foreign);
        }
        // A fallback would lose its router's default on the way: only the outermost may have one.
        router.misplaced_fallback |= self.misplaced_fallback || self.fallback.is_some();
        router
    }
}

impl<S, U> Merge<S, U> for Endpoint<U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Router<S, U>) -> Router<S, U> {
        let (path, policy) = (self.path().to_owned(), self.policy().clone());
        let entry = Entry::new(Some(self.method().clone()), Mounted(self));
        router.route(&path, MethodRouter::with(entry, policy))
    }
}

impl<S, U> Merge<S, U> for Endpoints<U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Router<S, U>) -> Router<S, U> {
        self.into_iter().fold(router, Router::merge)
    }
}
