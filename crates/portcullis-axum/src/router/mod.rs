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
use portcullis::routing::{RouteError, RouteRow, RouteTable, Routes, below, fix};
use portcullis::{Account, Guard, Policy, User};

use crate::method::{MethodRouter, Mount};

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
    routes: Routes<Mount<S, U>, U>,
    foreign: Vec<Foreign<S, U>>,
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged into this router",
    label = "neither a Portcullis router nor endpoints, of the same state and users",
    note = "a router of axum enters by a visible word: `.merge_guarded(router, permission)`, or `.merge_public(router)` with nothing in front of it",
    note = "the state here is `{S}`, the users are `{U}`"
)]
pub trait Merge<S, U> {
    /// Adds everything to a router.
    fn merge_into(self, router: Router<S, U>) -> Router<S, U>;
}

impl<S, U: User> fmt::Debug for Router<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.routes.paths().collect();
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
        Self { routes: Routes::new(guard), foreign: Vec::new() }
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
    pub fn route(self, path: &str, methods: MethodRouter<S, U>) -> Self {
        Self { routes: self.routes.route(path, methods.0), ..self }
    }

    /// Adds another router's routes, or the endpoints of a mechanism; see [`Router`].
    pub fn merge(self, other: impl Merge<S, U>) -> Self {
        other.merge_into(self)
    }

    /// Adds another router's routes below a prefix; see [`Router`].
    pub fn nest(self, prefix: &str, mut other: Self) -> Self {
        let default = other.routes.default_policy().clone();
        for foreign in &mut other.foreign {
            foreign.prefix = below(prefix, &foreign.prefix);
        }
        let (routes, foreign) = (self.routes.nest(prefix, other.routes), other.foreign);
        Self { routes, ..self }.with_foreign(foreign, &default)
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
        let policy = Some((self.routes.guard().clone(), Policy::default().require(permission)));
        self.foreign.push(Foreign { prefix: String::new(), router, policy });
        self
    }

    /// Answers unknown paths with a handler, behind the default permission; without one they are 404.
    pub fn fallback<H, T>(self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        Self { routes: self.routes.fallback(Mount::new(handler)), ..self }
    }

    portcullis::policy_words!(say_by_default);

    /// Changes what routes of this router ask that say nothing.
    fn say_by_default(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { routes: self.routes.say_by_default(word), ..self }
    }

    fn with_foreign(mut self, foreign: Vec<Foreign<S, U>>, default: &Policy<U>) -> Self {
        for mut foreign in foreign {
            foreign.policy = foreign.policy.map(|(guard, policy)| (guard, policy.or(default)));
            self.foreign.push(foreign);
        }
        self
    }

    /// Lists what every route asks.
    ///
    /// # Errors
    ///
    /// [`RouteError`] as [`Router::into_router`].
    pub fn table(&self) -> Result<RouteTable, RouteError> {
        self.check()?;
        let foreign = self.foreign.iter().map(|Foreign { prefix, policy, .. }| {
            let path = format!("{prefix}*");
            let Some((guard, policy)) = policy else { return Ok(RouteRow::unguarded(&path)) };
            let policy = policy.clone().or(self.routes.default_policy());
            Ok(RouteRow::new("*", &path, &fix(guard, &policy, &path)?))
        });
        self.routes.table_with(foreign.collect::<Result<Vec<_>, _>>()?)
    }
}

impl<S, U> Merge<S, U> for Router<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Self) -> Self {
        let default = self.routes.default_policy().clone();
        let routes = router.routes.merge(self.routes);
        Self { routes, ..router }.with_foreign(self.foreign, &default)
    }
}

impl<S, U> Merge<S, U> for Endpoint<U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Router<S, U>) -> Router<S, U> {
        Router { routes: router.routes.mount(self), ..router }
    }
}

impl<S, U> Merge<S, U> for Endpoints<U>
where
    S: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Router<S, U>) -> Router<S, U> {
        Router { routes: router.routes.mount(self), ..router }
    }
}
