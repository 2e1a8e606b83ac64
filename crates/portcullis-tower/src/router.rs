//! A table of routes that is closed by default, and knows what it asks.
//!
//! 1. A route that says nothing asks the default permission of its router, else the guard's.
//! 2. Routers are flattened when they are nested: no prefix is stripped, permissions see the full path.
//! 3. A method that a path does not have is refused before it is answered 405 with `Allow`: by the policy of the path,
//!    or by the default where its methods have several.
//! 4. An unknown path is 404 and needs no identity; a fallback of the application asks the default permission.
//! 5. What could never work is an error when the layer is built.

use std::fmt;

use portcullis::endpoint::{Endpoint, Endpoints};
use portcullis::routing::{RouteError, RouteTable, Routes, check_notation};
use portcullis::{Account, Guard, Policy, User};

use crate::layer::GuardLayer;
use crate::method::MethodRouter;
use crate::table::{Table, Target};

/// Paths and methods with tags of the application's, each behind the guard.
///
/// # Examples
///
/// ```
/// use portcullis_tower::portcullis::permission::IsAdminUser;
/// use portcullis_tower::portcullis::{Guard, Tokens, Users, store::MemoryStore};
/// use portcullis_tower::{Router, get};
///
/// #[derive(Clone)]
/// enum Page {
///     Whoami,
///     Health,
///     Reports,
/// }
///
/// let store = MemoryStore::new();
/// let tokens = Tokens::new(store.clone());
/// let guard = Guard::builder(Users::new(store)).authenticate(tokens.authenticator()).build()?;
/// let admin = Router::new(guard.clone()).require(IsAdminUser).route("/reports", get(Page::Reports));
/// let layer = Router::new(guard)
///     .route("/whoami", get(Page::Whoami))
///     .route("/health", get(Page::Health).public())
///     .nest("/admin", admin)
///     .merge(tokens.endpoints("/login"))
///     .into_layer()?;
/// // tower::ServiceBuilder::new().layer(layer).service(..): the service finds `Matched<Page>` and `Auth` in the request
/// # let _ = layer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// The service behind sees what the table knows, and nothing else. Layers that change the method or the URI of a request
/// go outside of the guard: behind it they would lead a request to another route than the one that let it through.
#[must_use = "a router does nothing before `into_layer`"]
pub struct Router<T = (), U = Account>(Routes<Target<T, U>, U>);

/// What can be merged into a [`Router`]: another one, and the endpoints of a mechanism.
///
/// See [`Router`] for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged into this router",
    label = "neither a Portcullis router nor endpoints, of the same tags and users",
    note = "the tags here are `{T}`, the users are `{U}`"
)]
pub trait Merge<T, U> {
    /// Adds everything to a router.
    fn merge_into(self, router: Router<T, U>) -> Router<T, U>;
}

impl<T, U: User> fmt::Debug for Router<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("paths", &self.0.paths().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl<T, U> Router<T, U>
where
    T: Clone + Send + Sync + 'static,
    U: User,
{
    /// Begins without routes; see [`Router`].
    pub fn new(guard: Guard<U>) -> Self {
        Self(Routes::new(guard))
    }

    /// Routes a path (`/books/{id}`, `/files/{*path}`); a second call for one path adds methods with a policy of their
    /// own. See [`Router`].
    pub fn route(self, path: &str, methods: MethodRouter<T, U>) -> Self {
        Self(self.0.route(path, methods.0))
    }

    /// Adds another router's routes, or the endpoints of a mechanism, which answer by themselves; see [`Router`].
    pub fn merge(self, other: impl Merge<T, U>) -> Self {
        other.merge_into(self)
    }

    /// Adds another router's routes below a prefix; see [`Router`].
    pub fn nest(self, prefix: &str, other: Self) -> Self {
        Self(self.0.nest(prefix, other.0))
    }

    /// Hands unknown paths to the service with a tag, behind the default permission; without one they are 404.
    pub fn fallback(self, tag: T) -> Self {
        Self(self.0.fallback(Target::Tag(tag)))
    }

    portcullis::policy_words!(say_by_default);

    /// Changes what routes of this router ask that say nothing.
    fn say_by_default(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self(self.0.say_by_default(word))
    }

    /// Lists what every route asks.
    ///
    /// # Errors
    ///
    /// [`RouteError`] as [`Router::into_layer`].
    pub fn table(&self) -> Result<RouteTable, RouteError> {
        self.check()?;
        self.0.table()
    }

    /// Builds the layer that guards all this.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when something could never work; the message names the path.
    pub fn into_layer(self) -> Result<GuardLayer<T, U>, RouteError> {
        self.check()?;
        Ok(GuardLayer::new(Table::new(self.0.build()?)?))
    }

    /// Finds the paths that cannot be told apart, or could never match.
    fn check(&self) -> Result<(), RouteError> {
        let mut tree = matchit::Router::new();
        self.0.paths().try_for_each(|path| {
            check_notation(path)?;
            tree.insert(path, ()).map_err(|error| RouteError::path(path, error.to_string()))
        })
    }
}

impl<T, U> Merge<T, U> for Router<T, U>
where
    T: Clone + Send + Sync + 'static,
    U: User,
{
    fn merge_into(self, router: Self) -> Self {
        Self(router.0.merge(self.0))
    }
}

impl<T, U: User> Merge<T, U> for Endpoint<U> {
    fn merge_into(self, router: Router<T, U>) -> Router<T, U> {
        Router(router.0.mount(self))
    }
}

impl<T, U: User> Merge<T, U> for Endpoints<U> {
    fn merge_into(self, router: Router<T, U>) -> Router<T, U> {
        Router(router.0.mount(self))
    }
}
