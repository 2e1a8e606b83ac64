//! What the router of every adapter does alike, so that they cannot differ.
//!
//! 1. A method asks what it says itself, else its path, else the scopes around it from the inside out, else the guard.
//! 2. GET answers HEAD (RFC 9110 section 9.3.2); OPTIONS is a method like any other.
//! 3. A method that a path does not have is refused before it is answered 405 with `Allow`: by what the path asks, or by
//!    the default of its scopes where the path was declared more than once.
//! 4. An unknown path is 404 and needs no identity; a fallback of the application asks the default permission.
//! 5. What could never work is an error when the router is built.
//! 6. Policy and handler come from one match (CVE-2022-22978, CVE-2016-5007: of two matchers that disagree, one lets
//!    somebody through).
//!
//! Applications use the routers of the adapters; this module is for those who write one.

mod error;
mod methods;
mod resource;
mod table;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

pub use error::RouteError;
pub use methods::{Entry, Methods};
pub use resource::{Found, Resource, method_not_allowed};
pub use table::{RouteRow, RouteTable};

use crate::endpoint::{Endpoint, Endpoints};
use crate::guard::{Guard, Policy, Route};
use crate::user::{Account, User};

/// Paths with their methods, each with what it asks and a handler of the adapter's kind.
///
/// # Examples
///
/// ```
/// use http::Method;
/// use portcullis::routing::{Found, Methods, Routes};
/// use portcullis::{Account, Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
/// let books = Methods::<_, Account>::on(Method::GET, "list").and(Method::POST, "create");
/// let routes = Routes::new(guard).route("/books", books).route("/health", Methods::on(Method::GET, "health").public());
/// assert_eq!(routes.table()?.permission("POST", "/books"), Some("IsAuthenticated"));
///
/// let built = routes.build()?;
/// let Found::Handler(route, handler) = built.resources[0].find(&Method::HEAD) else { panic!("GET answers HEAD") };
/// assert_eq!((*handler, route.permission().describe().as_str()), ("list", "IsAuthenticated"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "routes do nothing before they are built"]
pub struct Routes<H, U = Account> {
    guard: Guard<U>,
    default: Policy<U>,
    declared: Vec<Declared<H, U>>,
    fallback: Option<H>,
    has_misplaced_fallback: bool,
}

/// One call of `route`.
struct Declared<H, U> {
    path: String,
    guard: Guard<U>,
    /// The default of the scopes that it came through.
    default: Policy<U>,
    methods: Methods<H, U>,
}

/// Routes that are fixed.
///
/// # Examples
///
/// See [`Routes`].
#[derive(Debug)]
pub struct Built<H, U = Account> {
    /// Each path with its methods, in the order of the paths.
    pub resources: Vec<Resource<H, U>>,
    /// What answers unknown paths.
    pub unknown: Unknown<H, U>,
}

/// What answers unknown paths.
///
/// # Examples
///
/// See [`Route::not_found`].
pub enum Unknown<H, U = Account> {
    /// A fallback of the application, behind the default permission.
    Fallback(Route<U>, H),
    /// Nothing: [`Route::not_found`].
    NotFound(Route<U>),
}

impl<H, U> fmt::Debug for Routes<H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.declared.iter().map(|declared| &declared.path).collect();
        f.debug_struct("Routes").field("paths", &paths).finish_non_exhaustive()
    }
}

impl<H, U> fmt::Debug for Unknown<H, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Fallback(..)) { "Fallback" } else { "NotFound" })
    }
}

impl<H, U: User> Routes<H, U> {
    /// Begins without routes.
    pub fn new(guard: Guard<U>) -> Self {
        Self {
            guard,
            default: Policy::default(),
            declared: Vec::new(),
            fallback: None,
            has_misplaced_fallback: false,
        }
    }

    /// Adds a path; a second call for one path adds methods that may ask something else.
    pub fn route(mut self, path: &str, methods: Methods<H, U>) -> Self {
        let guard = self.guard.clone();
        self.declared.push(Declared { path: path.to_owned(), guard, default: Policy::default(), methods });
        self
    }

    /// Adds the routes of others, which keep their guard and their default.
    pub fn merge(mut self, other: Self) -> Self {
        for mut declared in other.declared {
            declared.default = declared.default.or(&other.default);
            self.declared.push(declared);
        }
        // A fallback would lose its default on the way: only the outermost may have one.
        self.has_misplaced_fallback |= other.has_misplaced_fallback || other.fallback.is_some();
        self
    }

    /// Adds the routes of others below a prefix.
    pub fn nest(self, prefix: &str, mut other: Self) -> Self {
        for declared in &mut other.declared {
            declared.path = below(prefix, &declared.path);
        }
        self.merge(other)
    }

    /// Adds ready handlers at their own paths, behind their own policies.
    pub fn mount(self, endpoints: impl Into<Endpoints<U>>) -> Self
    where
        H: From<Endpoint<U>>,
    {
        endpoints.into().into_iter().fold(self, |routes, endpoint| {
            let (path, policy) = (endpoint.path().to_owned(), endpoint.policy().clone());
            routes.route(&path, Methods::on(endpoint.method().clone(), endpoint.into()).policy(policy))
        })
    }

    /// Answers unknown paths with a handler, behind the default permission; without one they are 404.
    pub fn fallback(mut self, handler: H) -> Self {
        self.has_misplaced_fallback |= self.fallback.is_some();
        self.fallback = Some(handler);
        self
    }

    crate::policy_words!(say_by_default);

    /// Changes what routes ask that say nothing, for the words of an adapter's own type.
    pub fn say_by_default(self, word: impl FnOnce(Policy<U>) -> Policy<U>) -> Self {
        Self { default: word(self.default), ..self }
    }

    /// Lends the guard.
    #[must_use]
    pub const fn guard(&self) -> &Guard<U> {
        &self.guard
    }

    /// Lends what a route asks that says nothing.
    #[must_use]
    pub const fn default_policy(&self) -> &Policy<U> {
        &self.default
    }

    /// Lists the paths, each once.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        self.declared.iter().map(|declared| declared.path.as_str()).filter(move |path| seen.insert(*path))
    }

    /// Lists the handlers with their paths and methods.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry<H, U>)> {
        self.declared.iter().flat_map(|declared| {
            declared.methods.entries().iter().map(|entry| (declared.path.as_str(), entry))
        })
    }

    /// Lists what every route asks.
    ///
    /// # Errors
    ///
    /// [`RouteError`] as [`Routes::build`].
    pub fn table(&self) -> Result<RouteTable, RouteError> {
        self.table_with([])
    }

    /// Lists what every route asks, and in front of the fallback what else the framework answers.
    ///
    /// # Errors
    ///
    /// [`RouteError`] as [`Routes::build`].
    pub fn table_with(&self, foreign: impl IntoIterator<Item = RouteRow>) -> Result<RouteTable, RouteError> {
        self.check()?;
        let mut table = RouteTable::default();
        for declared in &self.declared {
            for entry in declared.methods.entries() {
                let route = declared.fix(entry, &self.default)?;
                table.push(RouteRow::new(entry.name(), &declared.path, &route));
            }
        }
        foreign.into_iter().for_each(|row| table.push(row));
        if self.fallback.is_some() {
            table.push(RouteRow::new("*", "*", &fix(&self.guard, &self.default, "*")?));
        }
        Ok(table)
    }

    /// Fixes every route.
    ///
    /// # Errors
    ///
    /// [`RouteError`] when something could never work; the message names the path.
    pub fn build(self) -> Result<Built<H, U>, RouteError> {
        self.check()?;
        let unknown = match self.fallback {
            Some(handler) => Unknown::Fallback(fix(&self.guard, &self.default, "*")?, handler),
            None => {
                let open = Policy::default().without_authenticators().without_throttles().public();
                Unknown::NotFound(fix(&self.guard, &open, "*")?)
            }
        };
        let mut by_path: BTreeMap<String, Vec<Declared<H, U>>> = BTreeMap::new();
        for declared in self.declared {
            by_path.entry(declared.path.clone()).or_default().push(declared);
        }
        let resources = by_path.into_iter().map(|(path, declared)| assemble(path, declared, &self.default));
        Ok(Built { resources: resources.collect::<Result<_, _>>()?, unknown })
    }

    fn check(&self) -> Result<(), RouteError> {
        if self.has_misplaced_fallback {
            return Err(RouteError::Fallback);
        }
        let mut methods = HashSet::new();
        for Declared { path, methods: declared, .. } in &self.declared {
            if !path.starts_with('/') {
                return Err(RouteError::path(path, "a path begins with `/`"));
            }
            if declared.entries().is_empty() {
                return Err(RouteError::path(path, "it has no methods"));
            }
            if declared.is_late() {
                return Err(RouteError::PolicyBeforeMethod(path.clone()));
            }
            for entry in declared.entries() {
                if !methods.insert((path, entry.name())) {
                    return Err(RouteError::Twice { method: entry.name().to_owned(), path: path.clone() });
                }
            }
        }
        Ok(())
    }
}

impl<H, U: User> Declared<H, U> {
    fn fix(&self, entry: &Entry<H, U>, default: &Policy<U>) -> Result<Route<U>, RouteError> {
        let policy = entry.policy().clone().or(self.methods.said()).or(&self.default).or(default);
        fix(&self.guard, &policy, &self.path)
    }
}

/// Puts the declarations of one path together.
fn assemble<H, U: User>(
    path: String,
    declared: Vec<Declared<H, U>>,
    default: &Policy<U>,
) -> Result<Resource<H, U>, RouteError> {
    let is_one = declared.len() == 1;
    let mut others = None;
    let mut methods = Vec::new();
    for declared in declared {
        if others.is_none() {
            let said = if is_one { declared.methods.said().clone() } else { Policy::default() };
            let policy = said.or(&declared.default).or(default);
            others = Some(fix(&declared.guard, &policy, &path)?);
        }
        let fixed: Vec<_> = declared
            .methods
            .entries()
            .iter()
            .map(|entry| declared.fix(entry, default))
            .collect::<Result<_, _>>()?;
        let entries = declared.methods.into_entries();
        methods.extend(entries.zip(fixed).map(|((method, handler), route)| (method, route, handler)));
    }
    let others = others.ok_or_else(|| RouteError::path(&path, "it was never declared"))?;
    Ok(Resource::new(path, methods, others))
}

/// Fixes a policy under a guard; an error names the path.
///
/// # Errors
///
/// [`RouteError::Policy`] when the policy can never work.
pub fn fix<U: User>(guard: &Guard<U>, policy: &Policy<U>, path: &str) -> Result<Route<U>, RouteError> {
    guard.route(policy).map_err(|source| RouteError::Policy { path: path.to_owned(), source })
}

/// Puts a path behind a prefix: `/` is the prefix itself.
///
/// # Examples
///
/// ```
/// use portcullis::routing::below;
///
/// assert_eq!(below("/api", "/books"), "/api/books");
/// assert_eq!(below("/api", "/"), "/api");
/// assert_eq!(below("/api/", "/"), "/api/");
/// ```
#[must_use]
pub fn below(prefix: &str, path: &str) -> String {
    match (prefix.strip_suffix('/'), path) {
        (Some(prefix), path) => format!("{prefix}{path}"),
        (None, "/") => prefix.to_owned(),
        (None, path) => format!("{prefix}{path}"),
    }
}

/// Refuses what is a capture in other notations than `{name}`, and would be a plain segment there.
///
/// # Examples
///
/// ```
/// use portcullis::routing::check_notation;
///
/// assert!(check_notation("/books/{id}").is_ok());
/// assert!(check_notation("/books/:id").is_err());
/// ```
///
/// # Errors
///
/// [`RouteError`] that names the path.
pub fn check_notation(path: &str) -> Result<(), RouteError> {
    let reason = if !path.starts_with('/') {
        "a path begins with `/`"
    } else if path.split('/').any(|segment| segment.starts_with([':', '*'])) {
        "a capture is written `{name}` or `{*name}`"
    } else {
        return Ok(());
    };
    Err(RouteError::path(path, reason))
}
