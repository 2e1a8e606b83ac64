//! What is wrong with a router, told when it is built.

use http::Method;

use crate::guard::GuardError;

/// A router that could never work, or not as it reads.
///
/// # Examples
///
/// ```
/// use http::Method;
/// use portcullis::routing::{Methods, Routes};
/// use portcullis::{Guard, Tokens, Users, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let guard = Guard::builder(Users::new(store.clone())).authenticate(Tokens::new(store).authenticator()).build()?;
/// let home = || Methods::on(Method::GET, "home");
/// let twice = Routes::new(guard).route("/", home()).route("/", home());
/// assert_eq!(twice.build().unwrap_err().to_string(), "GET / is routed twice");
/// # Ok::<(), portcullis::GuardError>(())
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The policy of a route can never work.
    #[error("{path}: {source}")]
    Policy {
        /// The path of the route.
        path: String,
        /// What is wrong with it.
        source: GuardError,
    },
    /// A path cannot be routed, or no other beside it.
    #[error("{path}: {reason}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// One method of one path has two handlers.
    #[error("{method} {path} is routed twice")]
    Twice {
        /// The method; `*` for `any`.
        method: String,
        /// The path.
        path: String,
    },
    /// A method was added after a word about the policy of the route.
    #[error(
        "{0}: a method comes after a word about the policy, which holds for all methods: say it last, or give the method a `.route` of its own"
    )]
    PolicyBeforeMethod(String),
    /// The framework cannot route this method by itself.
    #[error("{method} {path}: the framework cannot route this method: use `any`")]
    UnknownMethod {
        /// The method.
        method: Method,
        /// The path.
        path: String,
    },
    /// Two routers that were put together have a fallback each, or one that is nested has one.
    #[error("one router has one fallback, and it is the outermost router's")]
    Fallback,
}

impl RouteError {
    /// Says what is wrong with a path.
    #[must_use]
    pub fn path(path: &str, reason: impl Into<String>) -> Self {
        Self::Path { path: path.to_owned(), reason: reason.into() }
    }
}
